"""A finished run: its tables, fits and predictions; runs read back from their folders, and compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from bayescope.assembly import run_folder_name
from bayescope.config.hypotheses import parse_hypothesis
from bayescope.diagnostics.comparison import choose_reference
from bayescope.diagnostics.evidence import (
    ComparedModel,
    compare_evidence,
    refuse_comparison,
    require_same_data,
    require_same_measure,
)
from bayescope.diagnostics.model_comparison import compare_scores
from bayescope.diagnostics.records import Check, ComparisonRow, Estimate
from bayescope.errors import RunFolderError
from bayescope.inference.fit import Fit
from bayescope.models.model import Model
from bayescope.preparation import as_path
from bayescope.reports.record import RunRecord
from bayescope.reports.summary import told_apart
from bayescope.updating import Source

if TYPE_CHECKING:
    import pandas as pd
    import pymc as pm
    from numpy.typing import ArrayLike

    from bayescope.inference.predictions import Kind
    from bayescope.inference.predictive import Predictive
    from bayescope.inference.predictive_vectors import VectorPredictive


@dataclass(frozen=True)
class Run:
    """One finished run.

    Attributes:
        record: what run.json holds: estimates, comparison, checks, verdict, provenance.
        fits: one `Fit` a method, in the order of the configuration.
        model: the model with its data; None for a run loaded from a folder.
        folder: where the run is stored, if it is.
    """

    record: RunRecord
    fits: tuple[Fit, ...]
    model: Model | None = None
    folder: Path | None = None

    def __repr__(self) -> str:
        """What `bayescope run` prints: the answers side by side and the verdict."""
        from bayescope.reports.terminal import render

        return render(self.record, self.fits).rstrip()

    def __getitem__(self, name: str) -> Fit:
        """The fit of the recipe `name`."""
        for fit in self.fits:
            if fit.name == name:
                return fit
        raise KeyError(f"no method {name!r} in this run; it has: {', '.join(fit.name for fit in self.fits)}")

    @cached_property
    def estimates(self) -> pd.DataFrame:
        """estimates.csv as a DataFrame: one row a parameter and method."""
        return _frame(Estimate, self.record.estimates)

    @cached_property
    def comparison(self) -> pd.DataFrame:
        """comparison.csv as a DataFrame: every method against the reference."""
        return _frame(ComparisonRow, self.record.comparison)

    @property
    def checks(self) -> tuple[Check, ...]:
        """All checks of all methods."""
        return self.record.checks

    @cached_property
    def graph(self) -> pm.Model:
        """The model as an ordinary `pm.Model`, with named dims and coords.

        Raises:
            RunFolderError: the run was loaded from a folder, which holds no data.
        """
        if self.model is None:
            raise RunFolderError(
                "a run loaded from its folder has no data to build a graph on: run its config again"
            )
        from bayescope.models.graph import compile_graph

        return compile_graph(self.model)

    def report(self) -> str:
        """The report as one self-contained HTML page."""
        from bayescope.reports.figures import figures
        from bayescope.reports.html import render_html

        return render_html(self.record, self.fits, figures(self.record, self.fits))

    def predictive(
        self, new_data: Any = None, *, method: str | None = None, trials: ArrayLike | None = None
    ) -> Predictive | VectorPredictive:
        """The distribution of new responses by one method, the reference if none is named.

        Raises:
            KeyError: there is no such method in this run.
            DataError: the new rows do not fit the model.
            BayescopeError: no method has an answer, or the model needs new data or trials.
        """
        return self.answer_of(method).predictive(new_data, trials=trials)

    def answer_of(self, method: str | None = None) -> Fit:
        """The fit of the recipe `method`; if none is named the reference, else a posterior, else a point."""
        if method is not None:
            return self[method]
        posteriors_first = sorted(self.fits, key=lambda fit: (not fit.answered, fit.kind != "posterior"))
        return choose_reference(self.fits) or posteriors_first[0]

    def predict(
        self,
        new_data: Any = None,
        *,
        kind: Kind = "mean",
        method: str | None = None,
        probability: float | None = None,
        draws: int | None = None,
        seed: int | None = None,
        temperature: float | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        trials: ArrayLike | None = None,
    ) -> pd.DataFrame:
        """Predict new rows: these rows with the columns of docs/prediction.md, such as `mean`.

        Args:
            new_data: a pandas DataFrame, a mapping of columns, or the path of a file; it may have further
                columns. None: one new observation of a model without predictors.
            kind: "mean"; "interval": that of the mean and that of a response, too; "draws" of responses.
            method: the recipe to predict by; the reference if left out.
            probability: of the intervals; 0.89 if left out.
            draws: how many responses of each row; 100 if left out.
            seed: of the draws; that of the run if left out.
            temperature: of the labels that are drawn of a categorical response, as are `top_k` and `top_p`.
            top_k: draw of the k most probable labels.
            top_p: draw of the fewest labels that have this probability together.
            trials: in place of new data, as of `Fit.predictive`.

        Raises:
            KeyError: there is no such method in this run.
            ConfigError: a setting is out of its range, or not for this likelihood.
            DataError: the new rows do not fit the model.
            BayescopeError: no method has an answer.
        """
        from bayescope.inference.predictions import Wanted, predictions
        from bayescope.reports.predictions import to_frame

        wanted = Wanted(
            kind=kind,
            probability=probability,
            draws=draws,
            seed=self.record.seed if seed is None else seed,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
        )
        return to_frame(predictions(self.answer_of(method), new_data, wanted, trials), new_data)

    def update(
        self,
        *data: Source,
        by_row: bool = False,
        out: str | Path | None = None,
        seed: int | None = None,
    ) -> Run:
        """The run after more data have arrived: this posterior is the prior of what comes.

        Args:
            data: the new rows, each a step: a path, a pandas DataFrame, or a mapping of columns.
            by_row: make a step of every row.
            out: folder to make the run folder in; None writes nothing.
            seed: replaces the seed of this run.

        Raises:
            DataError: the rows are refused, or old rows are needed and not at hand.
            ConfigError: more steps than a report can show.
        """
        from bayescope.pipeline import update

        updated = update(self, data, by_row=by_row, seed=seed)
        return updated if out is None else replace(updated, folder=updated.save(out))

    def save(self, parent: str | Path = "runs") -> Path:
        """Write the run folder under `parent`, whole or not at all, and return its path."""
        from bayescope.reports.writer import write_run_folder

        destination = Path(parent) / run_folder_name(self.record)
        write_run_folder(self.record, self.fits, destination)
        return destination


def load(folder: str | Path) -> Run:
    """Read a run folder back; every file is checked against the hashes in run.json.

    Raises:
        RunFolderError: it is not a run folder, or a file in it was changed.
        ConfigError: it is no path.
    """
    from bayescope.reports.writer import read_run_folder

    path = as_path(folder, "the path of a run folder")
    return Run(*read_run_folder(path), folder=path)


def compare_models(folders: Sequence[str | Path]) -> tuple[ComparedModel, ...]:
    """Compare finished runs of one response: by leave-one-out scores, and by exact evidence.

    Each where all runs have it; the best by scores comes first, else the best by evidence.

    Raises:
        BayescopeError: the runs are of different data, have different units, or neither in common.
    """
    runs = {Path(folder).name: load(folder) for folder in folders}
    require_same_data({name: run.record.data.response_fingerprint for name, run in runs.items()})
    require_same_measure({name: _likelihood(run) for name, run in runs.items()})
    scores = {name: run.record.loo for name, run in runs.items() if run.record.loo is not None}
    evidence = {name: value for name, run in runs.items() if (value := _evidence(run)) is not None}
    unscored, unknown = ([name for name in runs if name not in known] for known in (scores, evidence))
    if unscored and unknown:
        answered = {name: {fit.method: fit.answered for fit in run.fits} for name, run in runs.items()}
        refuse_comparison(unscored, unknown, answered)
    by_scores = () if unscored else compare_scores(scores)
    by_evidence = {} if unknown else {row.run: row for row in compare_evidence(evidence)}
    models = told_apart({name: run.record.model for name, run in runs.items()})
    return tuple(
        row.model_copy(
            update={**_known(by_evidence.get(row.run)), **_known(row), "model": models.get(row.run, "")}
        )
        for row in by_scores or by_evidence.values()
    )


def _likelihood(run: Run) -> str:
    """The likelihood of a run; of one that weighs hypotheses that of the first, for all are of one kind."""
    model = run.record.model
    written = next(iter(model.blueprint.get("hypotheses", {}).values()), None)
    return model.likelihood if written is None else parse_hypothesis(written).likelihood


def _evidence(run: Run) -> float | None:
    return next((fit.log_evidence for fit in run.fits if fit.method == "exact"), None)


def _known(row: ComparedModel | None) -> dict[str, Any]:
    return {} if row is None else row.model_dump(exclude_none=True)


def _frame(row_type: type[BaseModel], rows: Sequence[BaseModel]) -> pd.DataFrame:
    """One row a record; columns of numbers are float64, nan where undefined, rows or none."""
    import pandas as pd

    frame = pd.DataFrame([row.model_dump() for row in rows], columns=list(row_type.model_fields))
    texts = {name for name, field in row_type.model_fields.items() if field.annotation is str}
    return frame.astype({name: "float64" for name in frame.columns if name not in texts})
