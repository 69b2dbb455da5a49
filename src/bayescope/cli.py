"""The command line: results on stdout, progress and errors on stderr, one exit code for each kind of end."""

from __future__ import annotations

import atexit
import gc
import io
import json
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, NoReturn, cast

import typer

from bayescope import __version__
from bayescope.config.paths import shell_line
from bayescope.console import (
    for_each,
    json_of,
    judge,
    open_closed_streams,
    print_error,
    progress_line,
    run_command,
    save_run,
    say,
    show_answers,
    update_command,
    writable,
)
from bayescope.errors import BayescopeError, ConfigError, Problem, StrictError

if TYPE_CHECKING:
    from bayescope.config.load import LoadedConfig
    from bayescope.inference.predictions import Kind
    from bayescope.runs import Run

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
Out = Annotated[
    Path, typer.Option(file_okay=False, callback=writable, help="Folder to make the run's folder in.")
]
Seed = Annotated[int | None, typer.Option(min=0, help="Replace the seed of the configuration.")]
Json = Annotated[bool, typer.Option("--json", help="Print run.json instead of the tables.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")]
Strict = Annotated[bool, typer.Option("--strict", help="Exit with 4 when a check fails.")]
NoCache = Annotated[
    bool, typer.Option("--no-cache", help="Fit anew, and keep no fit for the next time.", show_default=False)
]
RunDir = Annotated[Path, typer.Argument(metavar="RUN_DIR", help="A run folder.", show_default=False)]


def _command() -> str:
    """What was typed."""
    return shell_line(["bayescope", *sys.argv[1:]])


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
    out: Out = Path("runs"),
    seed: Seed = None,
    overrides: Overrides = [],  # noqa: B006  typer reads the default and never changes it
    as_json: Json = False,
    quiet: Quiet = False,
    strict: Strict = False,
    no_cache: NoCache = False,
) -> None:
    """Fit by every method named, compare, check and report."""
    from bayescope.preparation import read_config

    loaded = for_each(configs, lambda path: read_config(path, seed=seed, overrides=overrides))
    from bayescope import pipeline  # after the configurations are known to be right

    cache = None if no_cache else pipeline.open_cache()

    def fit(config: LoadedConfig, path: Path) -> Run:
        with progress_line(quiet) as progress:
            finished = pipeline.execute(
                config,
                progress=progress,
                command=run_command(path, seed, overrides),
                cache=cache,
                show=show_answers(progress, as_json=as_json),
                points=False,
            )
        save_run(finished, out, as_json=as_json)
        return finished

    pairs = list(zip(loaded, configs, strict=True))
    judge(for_each(pairs, lambda pair: fit(*pair)), strict=strict)


@app.command()
def update(  # noqa: PLR0917  typer makes options of them
    run_dir: RunDir,
    data: Annotated[
        list[Path],
        typer.Argument(metavar="DATA...", help="Files of new rows, each a step.", show_default=False),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            file_okay=False, help="Folder in which the new run folder is made; that of RUN_DIR if left out."
        ),
    ] = None,
    seed: Seed = None,
    by_row: Annotated[bool, typer.Option("--by-row", help="Make a step of every row.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
    strict: Strict = False,
    no_cache: NoCache = False,
) -> None:
    """Add new rows to a finished run: its posterior is the new prior."""
    from bayescope import pipeline, runs

    before = runs.load(run_dir)
    beside = writable(Path(os.path.relpath(run_dir.resolve().parent)) if out is None else out)
    with progress_line(quiet) as progress:
        finished = pipeline.update(
            before,
            data,
            by_row=by_row,
            seed=seed,
            progress=progress,
            command=update_command(run_dir, data, seed, by_row=by_row),
            cache=None if no_cache else pipeline.open_cache(),
            show=show_answers(progress, as_json=as_json),
        )
    save_run(finished, beside, as_json=as_json)
    judge([finished], strict=strict)


@app.command()
def predict(  # noqa: PLR0917  typer makes options of them
    run_dir: RunDir,
    data: Annotated[
        Path | None,
        typer.Argument(
            metavar="[DATA]",
            help="A file of new rows; none for one new observation of a model without predictors.",
            show_default=False,
        ),
    ] = None,
    kind: Annotated[str, typer.Option(help="mean, interval or draws.")] = "mean",
    method: Annotated[
        str | None, typer.Option(help="The recipe to predict by; the run's reference if left out.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="A .csv, .json, .parquet or .feather file, in place of CSV on stdout.")
    ] = None,
    probability: Annotated[
        float | None, typer.Option(help="Of the intervals; 0.89 if left out.", show_default=False)
    ] = None,
    draws: Annotated[
        int | None, typer.Option(help="Responses drawn for each row; 100 if left out.", show_default=False)
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Replace the seed of the run.")] = None,
    trials: Annotated[
        int | None, typer.Option(help="The number of trials, where there is no file of new rows.")
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(help="Draw likelier labels of categories (< 1) or less likely ones (> 1).")
    ] = None,
    top_k: Annotated[int | None, typer.Option(help="Draw of the k most probable labels.")] = None,
    top_p: Annotated[
        float | None, typer.Option(help="Draw of the fewest labels that have this probability together.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of CSV.")] = False,
) -> None:
    """Predict new rows: the rows with mean, intervals or draws."""
    from bayescope.inference.predictions import Wanted, predictions
    from bayescope.reports.formatting import printable
    from bayescope.reports.predictions import file_format, write_csv, write_file, write_json
    from bayescope.runs import load

    if out is not None:
        file_format(out)
        if as_json:
            raise ConfigError([Problem(("json",), f"prints JSON; leave it out, or {out} out")])
    before = load(run_dir)
    try:
        fit = before.answer_of(method)
    except KeyError as error:
        raise ConfigError([Problem(("method",), error.args[0])]) from None
    wanted = Wanted(
        kind=cast("Kind", kind),  # checked with the other settings
        probability=probability,
        draws=draws,
        seed=before.record.seed if seed is None else seed,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
    )
    found = predictions(fit, data, wanted, trials)
    if out is not None:
        write_file(found, out)
    elif sys.stdout.isatty():
        shown = io.BytesIO()
        (write_json if as_json else write_csv)(found, shown)
        say(printable(shown.getvalue().decode()))
    else:
        (write_json if as_json else write_csv)(found, sys.stdout.buffer)


@app.command()
def path(  # noqa: PLR0917  typer makes options of them
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="A YAML file.", show_default=False)],
    prior: Annotated[str, typer.Option(help="The line of priors whose scale varies.")] = "coefficients",
    grid: Annotated[int, typer.Option(min=2, max=10_000, help="Number of scales.")] = 100,
    folds: Annotated[int, typer.Option(min=0, max=100, help="Folds of the cross-validation; 0: none.")] = 5,
    out: Out = Path("runs"),
    seed: Seed = None,
    overrides: Overrides = [],  # noqa: B006
    as_json: Annotated[bool, typer.Option("--json", help="Print path.json instead of the table.")] = False,
    quiet: Quiet = False,
) -> None:
    """The regularisation path: the mode as the prior of the coefficients gets wider."""
    from bayescope.paths import follow_path, save_path
    from bayescope.preparation import read_config
    from bayescope.reports.path_report import path_text

    loaded = read_config(config, seed=seed, overrides=overrides)
    with progress_line(quiet) as progress:
        record = follow_path(
            loaded, prior=prior, grid=grid, folds=folds, progress=progress, command=_command()
        )
    folder = save_path(record, out)
    say(json_of(folder / "path.json") if as_json else path_text(record))
    if not as_json:
        say(f"\nreport: {folder / 'path.html'}\n")


@app.command()
def sbc(  # noqa: PLR0917  typer makes options of them
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="A YAML file.", show_default=False)],
    simulations: Annotated[int, typer.Option(min=20, max=100_000, help="Simulated data sets.")] = 200,
    method: Annotated[
        str | None,
        typer.Option(help="Recipes, as exact,laplace,nuts; those of CONFIG with draws if left out."),
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, max=256, help="Processes at work at once.")] = 1,
    out: Out = Path("runs"),
    seed: Seed = None,
    overrides: Overrides = [],  # noqa: B006
    as_json: Annotated[bool, typer.Option("--json", help="Print sbc.json instead of the table.")] = False,
    quiet: Quiet = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 4 when ranks leave their bands.")
    ] = False,
) -> None:
    """Calibrate methods on your model: truths from the prior, ranked among their draws; goes on if killed."""
    from bayescope.calibration import sbc as calibrate
    from bayescope.reports.sbc_report import sbc_text

    with progress_line(quiet) as progress:
        record = calibrate(
            config,
            simulations=simulations,
            methods=[name.strip() for name in method.split(",")] if method else (),
            jobs=jobs,
            out=out,
            seed=seed,
            overrides=overrides,
            progress=progress,
            command=_command(),
        )
    say(json_of(record.folder / "sbc.json") if as_json else sbc_text(record))
    if not as_json:
        say(f"\nreport: {record.folder / 'sbc.html'}\n")
    if strict and not record.calibrated:
        raise StrictError("ranks leave their bands, and --strict was given")


@app.command()
def recover(  # noqa: PLR0917  typer makes options of them
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="A YAML file.", show_default=False)],
    out: Out = Path("runs"),
    seed: Seed = None,
    overrides: Overrides = [],  # noqa: B006
    as_json: Json = False,
    quiet: Quiet = False,
    strict: Strict = False,
) -> None:
    """Fit data simulated with a known truth by every method; the truth is marked."""
    from bayescope.preparation import read_config
    from bayescope.recovery import recovered

    loaded = read_config(config, seed=seed, overrides=overrides)
    with progress_line(quiet) as progress:
        finished = recovered(
            loaded,
            progress=progress,
            command=_command(),
            show=show_answers(progress, as_json=as_json),
        )
    save_run(finished, out, as_json=as_json)
    judge([finished], strict=strict)


@app.command()
def validate(configs: Configs, overrides: Overrides = []) -> None:  # noqa: B006
    """Check configuration, data and model; fit nothing."""
    from bayescope.config.counts import counted
    from bayescope.preparation import prepare, read_config

    def check(path: Path) -> None:
        loaded = read_config(path, overrides=overrides)
        table, model = prepare(loaded, in_batches=True)
        methods = ", ".join(recipe.name for recipe in loaded.config.inference)
        dropped = f" ({counted(table.dropped, 'row')} dropped: missing values)" if table.dropped else ""
        say(
            f"{path}: fine: {model.likelihood.name}, {counted(table.observations, 'observation')}{dropped}, "
            f"unknowns: {len(model.names)}, methods: {methods}"
        )

    for_each(configs, check)


@app.command()
def compare(
    run_dirs: Annotated[list[Path], typer.Argument(metavar="RUN_DIR RUN_DIR...", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of the table.")] = False,
) -> None:
    """Finished runs of the same data: leave-one-out scores, stacking weights, Bayes factors."""
    from bayescope.reports.models_compared import comparison_text
    from bayescope.runs import compare_models

    rows = compare_models(run_dirs)
    if as_json:
        say(json.dumps([json.loads(row.model_dump_json()) for row in rows], indent=2))
    else:
        say(comparison_text(rows))


@app.command()
def report(run_dir: RunDir) -> None:
    """Write the report of a run folder anew, without fitting."""
    from bayescope.reports.writer import rebuild_report

    rebuild_report(run_dir)
    say(f"report: {run_dir / 'report.html'}")


@app.command()
def cache(
    clear: Annotated[bool, typer.Option("--clear", help="Remove every fit that is kept.")] = False,
) -> None:
    """Where the fits of earlier runs are kept, how many, how large."""
    from bayescope.pipeline import open_cache

    kept = open_cache()
    if clear:
        kept.clear()
    say(f"{kept.folder}: {len(kept.entries())} fits, {kept.size() / 1e6:.1f} MB of {kept.largest / 1e6:,.0f}")


@app.command()
def schema() -> None:
    """Print the JSON Schema of configurations, for editors."""
    from bayescope.config.jsonschema import json_schema
    from bayescope.inference.registry import SETTINGS

    say(json.dumps(json_schema(SETTINGS), indent=2))


@app.command()
def init(directory: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")]) -> None:
    """Lay out a project: models, inference, configs, reports."""
    from bayescope.project import make_project

    make_project(directory)
    say(f"Made {directory}. Try: cd {shlex.quote(str(directory))} && bayescope run configs/coin.yaml")


_INTERRUPTED, _TERMINATED = 130, 143
_SIGNALS = {_INTERRUPTED: "Interrupted", _TERMINATED: "Terminated"}
_STOPPED = "{}: nothing was written for the run in progress; start it again to go on."


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with the code that DESIGN and the README list."""
    open_closed_streams()
    signal.signal(signal.SIGTERM, _terminate)
    # Imports make many objects and little rubbish: to look for it is a fifth of the first second.
    gc.set_threshold(50_000)
    atexit.register(gc.freeze)
    try:
        app(args=arguments, standalone_mode=True)
    except BayescopeError as error:
        print_error(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print(_STOPPED.format("Interrupted"), file=sys.stderr)
        sys.exit(_INTERRUPTED)
    except SystemExit as end:
        if end.code in _SIGNALS:  # ours, or Typer's answer to a KeyboardInterrupt
            print(_STOPPED.format(_SIGNALS[end.code]), file=sys.stderr)
        raise
    except BrokenPipeError:
        # The reader of stdout went away (`| head`): nothing is left to say to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        print(f"{error.strerror or error}: {error.filename or ''}".rstrip(": "), file=sys.stderr)
        sys.exit(1)
    sys.exit(0)


def _terminate(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(_TERMINATED)
