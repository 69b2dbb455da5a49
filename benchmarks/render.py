"""results.md and results.svg / .png, from what the sections have found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness import Row, Section, load, spread

FOLDER = Path(__file__).parent
TITLES = {
    "points": "Point estimates",
    "paths": "Path of penalties",
    "sampling": "NUTS",
    "samplers": "Samplers, whole processes to 400 effective draws",
    "approximations": "Approximations",
    "startup": "The first second",
    "streaming": "Files larger than memory need be",
    "scaling": "Rows and columns",
}
_HEADER = (
    "| task | size | best peer | ours | peer | ratio: median (min to max) | target | met | answers agree |\n"
    "|---|---|---|---:|---:|---:|---|---|---|"
)
_INTRODUCTION = """# Benchmarks

Made by `make bench`; do not edit. Times are medians of runs that alternate (ours, the peers', ours, ...),
after one run of each to warm up, or two; what takes milliseconds runs up to 20 times in a turn, and their
median counts. Every ratio is ours over the peer's of the same turn, so below 1 is faster, but for effective
draws a second (ESS/s), where above 1 is. A row counts only if the answers agree: objectives within 1e-5 nats
and equal zeros, or posterior means within five Monte Carlo errors. BLAS has one thread, for everyone;
samplers run their chains as they do by default.
"""


def render() -> Path:
    """Write the table and the plot of every section that was run."""
    sections = {name: found for name in TITLES if (found := load(name)) is not None}
    parts = [_INTRODUCTION, _machine(load("machine"))]
    for name, found in sections.items():
        if found.rows:
            parts.append(f"## {TITLES[name]}\n\n{table(found.rows)}")
        if "seconds" in found.facts:
            parts.append(f"## {TITLES[name]}\n\n{cold_and_warm(found.facts['seconds'])}")
    curves = sections["scaling"].facts["curves"] if "scaling" in sections else {}
    if curves:
        draw(curves, FOLDER / "results")
        parts.append(f"## {TITLES['scaling']}\n\n![Seconds of map against rows and columns](results.png)")
    bandwidth = _facts(load("machine")).get("bandwidth")
    if "points" in sections and bandwidth:
        parts.append(f"## Passes over the data\n\n{passes(sections['points'].rows, bandwidth)}")
    skipped = [line for found in sections.values() for line in found.skipped]
    skipped += [f"{TITLES[name]}: not run" for name in TITLES if name not in sections]
    skipped += (load("machine") or Section()).skipped
    if skipped:
        parts.append("## Not run\n\n" + "\n".join(f"- {line}" for line in skipped))
    path = FOLDER / "results.md"
    path.write_text("\n\n".join(part.strip() for part in parts) + "\n", encoding="utf-8")
    return path


def table(rows: Iterable[Row]) -> str:
    """The rows as a Markdown table; what is to be said of one stands below it."""
    rows = tuple(rows)
    notes = [f"- {row.task}, {row.size}: {row.note}" for row in rows if row.note]
    lines = "\n".join([_HEADER, *map(_line, rows)])
    return lines + ("\n\n" + "\n".join(notes) if notes else "")


def _line(row: Row) -> str:
    ratio = ""
    if row.ratios:
        least, middle, largest = spread(row.ratios)
        ratio = f"**{middle:.3g}** ({least:.3g} to {largest:.3g})"
    cells = (
        row.task,
        row.size,
        row.peer,
        _amount(row.ours, row.unit),
        _amount(row.peers, row.unit),
        ratio,
        "" if row.target is None else str(row.target),
        {None: "", True: "yes", False: "**no**"}[row.met],
        _agreement(row),
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _agreement(row: Row) -> str:
    if row.agreed is None:
        return row.agreement
    return f"{'yes' if row.agreed else '**no**'}: {row.agreement}"


def _amount(values: Sequence[float], unit: str) -> str:
    if not values:
        return ""
    middle = spread(values)[1]
    if unit == "s":
        return f"{middle * 1e3:.3g} ms" if middle < 1 else f"{middle:.3g} s"
    return f"{middle:.3g} {unit}"


def cold_and_warm(seconds: Mapping[str, Mapping[str, Sequence[float]]]) -> str:
    """A row for each run, a column for each sampler: seconds of a cold process and of a warm one."""
    samplers = list(dict.fromkeys(sampler for found in seconds.values() for sampler in found))
    lines = [f"| cold / warm | {' | '.join(samplers)} |", f"|---|{'---:|' * len(samplers)}"]
    for name, found in seconds.items():
        fastest = [min(times) for times in zip(*found.values(), strict=True)]
        cells = [_seconds(found[sampler], fastest) if sampler in found else "" for sampler in samplers]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _seconds(times: Sequence[float], fastest: Sequence[float]) -> str:
    """`1.9 / 1.8`, the fastest of their kind in bold."""
    marked = [
        f"**{one:.1f}**" if one == least else f"{one:.1f}" for one, least in zip(times, fastest, strict=True)
    ]
    return " / ".join(marked)


def passes(rows: Iterable[Row], bandwidth: float) -> str:
    """How many times the design matrix could have been read in the time of each fit."""
    lines = [
        f"One core reads {bandwidth / 1e9:.1f} GB/s. In the time of a fit it could have read X so often:\n",
        "| task | size | X | one pass | ours | passes |\n|---|---|---:|---:|---:|---:|",
    ]
    for row in rows:
        if not row.ours:
            continue
        n, d = (float(part) for part in row.size.split(" x "))
        once = 8.0 * n * d / bandwidth
        if n >= 1e5:
            seconds = spread(row.ours)[1]
            lines.append(
                f"| {row.task} | {row.size} | {8e-6 * n * d:.0f} MB | {once * 1e3:.1f} ms | "
                f"{seconds * 1e3:.1f} ms | {seconds / once:.1f} |"
            )
    return "\n".join(lines)


def draw(curves: Mapping[str, Sequence[Sequence[float]]], stem: Path) -> None:
    """Log-log plots of seconds against rows (20 predictors) and against predictors (20,000 rows)."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, sharey=True)
    models = list(dict.fromkeys(name.partition(": ")[0] for name in curves))
    for name, points in curves.items():
        model, _, contender = name.partition(": ")
        look = {
            "color": f"C{models.index(model)}",
            "linestyle": "-" if contender == "bayescope" else ":",
            "marker": "o" if contender == "bayescope" else "x",
            "markersize": 4,
            "label": name,
        }
        by_rows = sorted((n, seconds) for n, d, seconds in points if d == 20 and n != 20_000)
        by_columns = sorted((d, seconds) for n, d, seconds in points if n == 20_000)
        left.loglog(*zip(*by_rows, strict=True), **look)
        right.loglog(*zip(*by_columns, strict=True), **look)
    left.set(xlabel="rows (20 predictors)", ylabel="seconds of one fit")
    right.set(xlabel="predictors (20,000 rows)")
    left.legend(fontsize=7, frameon=False)
    with mpl.rc_context({"svg.hashsalt": "bayescope"}):
        figure.savefig(stem.with_suffix(".svg"), metadata={"Date": None})
        figure.savefig(stem.with_suffix(".png"), dpi=120, metadata={"Software": None})


def _facts(section: Section | None) -> Mapping[str, Any]:
    return {} if section is None else section.facts


def _machine(section: Section | None) -> str:
    facts = _facts(section)
    if not facts:
        return ""
    versions = ", ".join(f"{name} {number}" for name, number in facts["versions"].items())
    return (
        f"{facts['processor']}, {facts['cores']} cores, {facts['memory_gb']} GB; {facts['system']}. "
        f"One core reads {facts['bandwidth'] / 1e9:.1f} GB/s from memory.\n\nVersions: {versions}."
    )
