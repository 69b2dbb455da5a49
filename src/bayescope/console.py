"""What the commands of the command line have in common: progress, answers, verdicts, errors."""

from __future__ import annotations

import math
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bayescope.config.paths import shell_line
from bayescope.errors import BayescopeError, RunFolderError, StrictError

if TYPE_CHECKING:
    from bayescope.assembly import Show
    from bayescope.inference.fit import Fit
    from bayescope.reports.record import RunRecord
    from bayescope.runs import Run

_SECONDS = 10.0  # between lines of progress in a log


def open_closed_streams() -> None:
    """Let stdout and stderr lead nowhere where they are None, as when a shell has closed them (`>&-`)."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_WRONLY)  # open until the process ends
            setattr(sys, name, os.fdopen(nowhere, "w", encoding="utf-8", closefd=False))


def show_answers(progress: Callable[[str], None], *, as_json: bool) -> Show:
    """What prints the answers of a run as soon as they are there; nothing where JSON is printed."""
    from bayescope.assembly import unseen
    from bayescope.reports.terminal import print_answers

    def show(record: RunRecord, fits: Sequence[Fit]) -> None:
        progress("")  # the line of progress makes room
        print_answers(record, fits, sys.stdout)

    return unseen if as_json else show


def writable(out: Path) -> Path:
    """Return the folder `out`, which need not be there yet, if something can be written to it.

    Raises:
        RunFolderError: it cannot, which is better said before a fit than after.
    """
    above = (out.absolute(), *out.absolute().parents)
    probe = next(folder for folder in above if folder.exists()) / f".bayescope-{os.getpid()}"
    try:
        probe.mkdir()
        probe.rmdir()
    except OSError as error:
        raise RunFolderError(f"{out}: cannot be written: {error.strerror or error}.") from None
    return out


def save_run(finished: Run, out: Path, *, as_json: bool) -> None:
    """Print the verdict, write the run folder, and print where its report is, or run.json."""
    from bayescope.pipeline import with_points
    from bayescope.reports.terminal import print_verdict

    if not as_json:
        print_verdict(finished.record, finished.fits, sys.stdout)
    finished = with_points(finished)
    folder = finished.save(out)
    say(json_of(folder / "run.json") if as_json else f"report: {folder / 'report.html'}\n")


def json_of(path: Path) -> str:
    """The text of a JSON file, fit for a terminal."""
    from bayescope.reports.formatting import printable_json

    return printable_json(path.read_text(encoding="utf-8"), _encoding())


def say(text: str) -> None:
    """Print text on stdout, or what the encoding of stdout has in its place."""
    if not text.isascii():
        from bayescope.reports.formatting import encodable

        text = encodable(text, _encoding())
    print(text)


def _encoding() -> str:
    return sys.stdout.encoding or "utf-8"


def judge(runs: Sequence[Run], *, strict: bool) -> None:
    """Raise an error if a run has no answer at all, or, if `strict`, a check that failed."""
    silent = [run.record.name for run in runs if not any(fit.answered for fit in run.fits)]
    failed = [run.record.name for run in runs if any(check.verdict == "fail" for check in run.checks)]
    if silent:
        raise BayescopeError(f"no method gave an answer in {', '.join(silent)} (each says why above)")
    if strict and failed:
        raise StrictError(f"a check failed in {', '.join(failed)} (see the verdict and the report)")


def for_each[Item, Result](items: Sequence[Item], action: Callable[[Item], Result]) -> list[Result]:
    """Do `action` for every item; what is wrong with any of them is told, the last as an error."""
    results: list[Result] = []
    errors: list[BayescopeError] = []
    for item in items:
        try:
            results.append(action(item))
        except BayescopeError as error:
            errors.append(error)
    for earlier in errors[:-1]:
        print_error(earlier)
    if errors:
        raise errors[-1]
    return results


def print_error(error: BayescopeError) -> None:
    """Print a message, which may have names of the user in it, and none that commands the terminal."""
    from bayescope.reports.formatting import printable

    print(printable(str(error)), file=sys.stderr)


@contextmanager
def progress_line(quiet: bool) -> Iterator[Callable[[str], None]]:
    """A function that shows a line of progress: in place on a terminal, elsewhere by `line_by_line`.

    An empty line ends what is shown in place, so that something else can be printed.
    """
    if quiet:
        yield lambda _message: None
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True)
    if not console.is_terminal:
        tell = line_by_line()
        yield tell
        tell("")
        return

    def show(message: str) -> None:
        status.update(Text(message))
        (status.start if message else status.stop)()

    with console.status("") as status:
        yield show


def line_by_line() -> Callable[[str], None]:
    """A function that prints lines of progress, one in ten seconds of those that differ in numbers only.

    An empty line prints the last of them.
    """
    last, printed, held = "", -math.inf, ""

    def tell(message: str) -> None:
        nonlocal last, printed, held
        words, now = re.sub(r"\d+", "", message), time.monotonic()
        if message and words == last and now - printed < _SECONDS:
            held = message
        elif line := message or held:
            print(line, file=sys.stderr, flush=True)
            last, printed, held = re.sub(r"\d+", "", line), now, ""

    return tell


def run_command(path: Path, seed: int | None, overrides: Sequence[str]) -> str:
    """The command that makes this run again."""
    parts = ["bayescope", "run", str(path)]
    parts += ["--seed", str(seed)] if seed is not None else []
    parts += [part for override in overrides for part in ("--set", override)]
    return shell_line(parts)


def update_command(run_dir: Path, data: Sequence[Path], seed: int | None, *, by_row: bool) -> str:
    """The command that makes this update again."""
    parts = ["bayescope", "update", str(run_dir), *map(str, data)]
    parts += ["--seed", str(seed)] if seed is not None else []
    return shell_line([*parts, *(["--by-row"] if by_row else [])])
