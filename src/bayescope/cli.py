"""The command line: results on stdout, progress and errors on stderr, one exit code for each kind of end."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import typer

from bayescope import __version__
from bayescope.errors import BayescopeError, StrictError

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Configs = Annotated[
    list[Path], typer.Argument(metavar="CONFIG...", help="YAML files to read.", show_default=False)
]
Overrides = Annotated[
    list[str],
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Override a key: --set 'model.priors.sigma=HalfNormal(1)'."
    ),
]
Seed = Annotated[int | None, typer.Option(min=0, help="Replace the seed of the configuration.")]
RunDir = Annotated[Path, typer.Argument(metavar="RUN_DIR", help="A run folder.", show_default=False)]


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"bayescope {__version__}")
        raise typer.Exit


@app.callback()
def root(
    _version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version.")
    ] = False,
) -> None:
    """One YAML file, every answer: MLE, MAP, exact posterior and NUTS, checked against each other."""


@app.command()
def run(  # noqa: PLR0917  typer makes options of them
    configs: Configs,
    out: Annotated[Path, typer.Option(help="Folder in which the run folders are made.")] = Path("runs"),
    seed: Seed = None,
    overrides: Overrides = [],  # noqa: B006  typer reads the default and never changes it
    as_json: Annotated[bool, typer.Option("--json", help="Print run.json instead of the tables.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 4 when a check fails.")] = False,
) -> None:
    """Fit by every method named, compare, check and report."""
    from bayescope import pipeline
    from bayescope.reports.terminal import print_run

    loaded = _each(configs, lambda path: pipeline.read_config(path, seed=seed, overrides=overrides))
    failed, silent = [], []
    for config, path in zip(loaded, configs, strict=True):
        with _progress(quiet) as progress:
            finished = pipeline.execute(config, progress=progress, command=_command(path, seed, overrides))
        if not as_json:
            print_run(finished.record, finished.fits, sys.stdout)
        folder = finished.save(out)
        print(
            (folder / "run.json").read_text(encoding="utf-8")
            if as_json
            else f"\nreport: {folder / 'report.html'}\n"
        )
        if any(check.verdict == "fail" for check in finished.checks):
            failed.append(finished.record.name)
        if not any(fit.answered for fit in finished.fits):
            silent.append(finished.record.name)
    if silent:
        raise BayescopeError(f"no method gave an answer in {', '.join(silent)} (each says why above)")
    if strict and failed:
        raise StrictError(f"a check failed in {', '.join(failed)} (see the verdict and the report)")


@app.command()
def validate(configs: Configs, overrides: Overrides = []) -> None:  # noqa: B006
    """Check configuration, data and model; fit nothing."""
    from bayescope import pipeline

    def check(path: Path) -> None:
        loaded = pipeline.read_config(path, overrides=overrides)
        table, model = pipeline.prepare(loaded)
        methods = ", ".join(recipe.name for recipe in loaded.config.inference)
        dropped = f" ({table.dropped:,} rows dropped: missing values)" if table.dropped else ""
        print(
            f"{path}: fine: {model.likelihood.name}, {table.observations:,} observations{dropped}, "
            f"unknowns: {len(model.names)}, methods: {methods}"
        )

    _each(configs, check)


@app.command()
def compare(
    run_dirs: Annotated[list[Path], typer.Argument(metavar="RUN_DIR RUN_DIR...", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of the table.")] = False,
) -> None:
    """Bayes factors and model probabilities of finished runs."""
    from bayescope.pipeline import compare_models
    from bayescope.reports.terminal import evidence_table

    rows = compare_models(run_dirs)
    print(json.dumps([row.model_dump() for row in rows], indent=2) if as_json else evidence_table(rows))


@app.command()
def report(run_dir: RunDir) -> None:
    """Write the report of a run folder anew, without fitting."""
    from bayescope.reports.writer import rebuild_report

    rebuild_report(run_dir)
    print(f"report: {run_dir / 'report.html'}")


@app.command()
def schema() -> None:
    """Print the JSON Schema of configurations, for editors."""
    from bayescope.config.jsonschema import json_schema
    from bayescope.inference.registry import SETTINGS

    print(json.dumps(json_schema(SETTINGS), indent=2))


@app.command()
def init(directory: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")]) -> None:
    """Lay out a project: models, inference, configs, reports."""
    from bayescope.project import make_project

    make_project(directory)
    print(f"Made {directory}. Try: cd {shlex.quote(str(directory))} && bayescope run configs/coin.yaml")


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with the code that DESIGN and the README list."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        app(args=arguments, standalone_mode=True)
    except BayescopeError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("Interrupted: nothing was written for the run in progress.", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        # The reader of stdout went away (`| head`): nothing is left to say to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        print(f"{error.strerror or error}: {error.filename or ''}".rstrip(": "), file=sys.stderr)
        sys.exit(1)
    sys.exit(0)


def _each[Result](paths: Sequence[Path], action: Callable[[Path], Result]) -> list[Result]:
    """Do `action` for every path; what is wrong with any of them is told, the last as an error."""
    results: list[Result] = []
    errors: list[BayescopeError] = []
    for path in paths:
        try:
            results.append(action(path))
        except BayescopeError as error:
            errors.append(error)
    for earlier in errors[:-1]:
        print(earlier, file=sys.stderr)
    if errors:
        raise errors[-1]
    return results


def _terminate(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(143)


@contextmanager
def _progress(quiet: bool) -> Iterator[Callable[[str], None]]:
    """A function that shows a line of progress: in place on a terminal, line by line elsewhere."""
    if quiet:
        yield lambda _message: None
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda message: print(message, file=sys.stderr, flush=True)
        return
    with console.status("") as status:
        yield lambda message: status.update(Text(message))


def _command(path: Path, seed: int | None, overrides: Sequence[str]) -> str:
    """The command that makes this run again."""
    parts = ["bayescope", "run", str(path)]
    parts += ["--seed", str(seed)] if seed is not None else []
    parts += [part for override in overrides for part in ("--set", override)]
    return shlex.join(parts)
