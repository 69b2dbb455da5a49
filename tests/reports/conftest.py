"""A made-up regression with the answers of four methods, as a record and fits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from bayescope.data.table import Table
from bayescope.diagnostics.records import Check, ComparisonRow, Estimate, PredictiveCheck, Verdict
from bayescope.distributions.likelihoods import LIKELIHOODS
from bayescope.distributions.supports import POSITIVE, REAL, UNIT
from bayescope.inference.fit import Fit, Outcome
from bayescope.inference.marginals import Draws, Normal
from bayescope.models.model import Block, Model, Predictor, Prior, Response
from bayescope.reports.loss import loss_view
from bayescope.reports.record import RunRecord
from bayescope.reports.style import house_style
from bayescope.reports.summary import data_summary, model_summary


def regression(
    X,
    y,
    names: Sequence[str],
    *,
    likelihood: str = "Normal",
    intercept: Prior | None = None,
    slopes: Prior | None = None,
    sigma: Prior | float = 1.0,
    weights=None,
    trials=None,
) -> Model:
    """A regression on the columns of X with an intercept (unless its prior is None)."""
    X = np.asarray(X, dtype=float)
    head = LIKELIHOODS[likelihood]
    blocks, columns = [], []
    slopes = slopes or Prior("Flat", {})
    if intercept is not None:
        blocks.append(Block("Intercept", ("Intercept",), True, intercept, 0, REAL, "given"))
        columns.append("Intercept")
        X = np.column_stack([np.ones(len(X)), X])
    start = len(columns)
    blocks.append(Block("coefficients", tuple(names), False, slopes, start, REAL, "given"))
    columns += names
    link = "identity" if likelihood == "Normal" else "logit"
    predictors = [Predictor(head.location, link, X, np.arange(len(columns)), tuple(columns))]
    fixed: dict[str, float] = {}
    if likelihood == "Normal" and isinstance(sigma, Prior):
        d = len(columns)
        blocks.append(Block("sigma", ("sigma",), True, sigma, d, POSITIVE, "default"))
        predictors.append(Predictor("sigma", "identity", None, np.array([d]), ("sigma",)))
    elif likelihood == "Normal":
        fixed["sigma"] = float(sigma)
        predictors.append(Predictor("sigma", "identity", None, np.array([], dtype=int), (), float(sigma)))
    formula = "y ~ " + " + ".join(names)
    response = Response(
        "y",
        np.asarray(y, dtype=float),
        trials,
        weights,
        trials_name=None if trials is None else "n",
        weights_name=None if weights is None else "w",
    )
    return Model(head, response, tuple(predictors), tuple(blocks), fixed, formula)


def coin(flips, prior: Prior) -> Model:
    block = Block("p", ("p",), True, prior, 0, UNIT, "given")
    predictor = Predictor("p", "identity", None, np.array([0]), ("p",))
    return Model(
        LIKELIHOODS["Bernoulli"],
        Response("flip", np.asarray(flips, dtype=float)),
        (predictor,),
        (block,),
        {},
        None,
    )


def point_fit(name: str, model: Model, estimate, sd=None, method: str | None = None) -> Fit:
    covariance = None if sd is None else np.diag(np.square(sd))
    return Fit(
        name, method or name, "point", model.names, estimate=np.asarray(estimate, dtype=float),
        covariance=covariance, timings={"total": 0.0021},
    )  # fmt: skip


def posterior_fit(name: str, model: Model, mean, sd, draws=None, **more: Any) -> Fit:
    if draws is None:
        marginals = {n: Normal(float(m), float(s)) for n, m, s in zip(model.names, mean, sd, strict=True)}
    else:
        marginals = {name: Draws(draws[:, :, k]) for k, name in enumerate(model.names)}
    return Fit(
        name, name, "posterior", model.names, estimate=np.asarray(mean), covariance=np.diag(np.square(sd)),
        marginals=marginals, draws=draws, timings={"total": 4.2, "compile": 1.1, "sample": 3.1}, **more,
    )  # fmt: skip


def estimates_of(fits: Sequence[Fit]) -> tuple[Estimate, ...]:
    rows = []
    for fit in fits:
        if fit.estimate is None:
            continue
        sds = [None] * len(fit.names) if fit.sd is None else fit.sd
        for name, value, sd in zip(fit.names, fit.estimate, sds, strict=True):
            sampled = fit.draws is not None
            rows.append(
                Estimate(
                    parameter=name, method=fit.name, estimate=value, sd=sd,
                    lower=None if sd is None else value - 1.598 * sd, upper=None if sd is None else value + 1.598 * sd,
                    median=value if fit.kind == "posterior" else None, mode=value,
                    ess_bulk=3210.4 if sampled else None, ess_tail=2890.2 if sampled else None,
                    r_hat=1.0012 if sampled else None, mcse_mean=sd / 60 if sampled else None,
                )
            )  # fmt: skip
    return tuple(rows)


def record_of(model: Model, fits: Sequence[Fit], **changes: Any) -> RunRecord:
    names = model.names
    answered = [fit for fit in fits if fit.answered]
    reference = answered[-1].name if answered else ""
    comparison = tuple(
        ComparisonRow(
            parameter=name, method=fit.name, reference=reference, mean_shift_in_sd=0.0123, sd_ratio=1.002,
            wasserstein_1_in_sd=0.0134, kl_nats=1.2e-5, z=0.734 if fit.draws is not None else None,
        )
        for fit in answered
        for name in names
    )  # fmt: skip
    table = Table(
        {model.response.name: model.response.values}, "data/made-up.csv", "c0ffee" * 10 + "beef",
        np.arange(1, len(model.response.values) + 1), model.response.weights,
    )  # fmt: skip
    content: dict[str, Any] = {
        "name": "made-up",
        "title": "made-up",
        "created": "2026-11-20T12:00:00+00:00",
        "command": "bayescope run configs/made-up.yaml",
        "config": {"name": "made-up", "model": {"likelihood": model.likelihood.name}, "seed": 20261120},
        "seed": 20261120,
        "versions": {"bayescope": "0.1.0", "pymc": "6.4.0"},
        "timings": {"config": 0.012, "data": 0.03, "fit": 4.5},
        "data": data_summary(table, [model.response.name]),
        "model": model_summary(model),
        "loss": loss_view(model, fits),
        "estimates": estimates_of(fits),
        "comparison": comparison,
        "checks": (
            Check(method="nuts", name="R-hat", verdict="pass", value=1.0012, threshold=1.01, parameter=names[0]),
            Check(
                method="map", name="distance from the mean", verdict="fail", value=1.6, threshold=1.0, parameter=names[-1],
                message="The mode is 1.6 sd from the posterior mean.", advice="Report the posterior, not its mode.",
            ),
        ),
        "predictive": PredictiveCheck(
            method="exact", replicates=500,
            statistics={"mean": {"observed": 1.0, "mean": 1.1, "lower": 0.8, "upper": 1.3, "p": 0.61}},
            edges=(0.0, 1.0, 2.0, 3.0), observed=(4, 9, 2), lower=(2, 6, 1), median=(4, 8, 3), upper=(7, 11, 5),
        ),
        "verdict": Verdict(status="fail", sentence="One of 2 checks failed: distance from the mean."),
    }  # fmt: skip
    return RunRecord(**{**content, **changes})


def sampler_draws(mean, sd, seed: int = 1, chains: int = 4, draws: int = 100):
    return np.random.default_rng(seed).normal(mean, sd, size=(chains, draws, len(mean)))


def sampler_tree(draws, seed: int = 2):
    import xarray as xr

    energy = np.random.default_rng(seed).normal(100, 2, size=draws.shape[:2])
    posterior = xr.Dataset({"theta": (("chain", "draw", "parameter"), draws)})
    statistics = xr.Dataset({"energy": (("chain", "draw"), energy)})
    return xr.DataTree.from_dict({"posterior": posterior, "sample_stats": statistics})


@dataclass(frozen=True)
class Workshop:
    """What tests build models, fits and records with."""

    regression: Callable[..., Model] = regression
    coin: Callable[..., Model] = coin
    point_fit: Callable[..., Fit] = point_fit
    posterior_fit: Callable[..., Fit] = posterior_fit
    record: Callable[..., RunRecord] = record_of
    draws: Callable[..., Any] = sampler_draws
    tree: Callable[..., Any] = sampler_tree

    def run(
        self, names: Sequence[str] = ("mom_hs", "mom_iq"), **changes: Any
    ) -> tuple[RunRecord, tuple[Fit, ...]]:
        """A regression on `names` with mle, map, exact, nuts, and one method that does not apply."""
        rng = np.random.default_rng(20261120)
        X = rng.normal(size=(40, len(names)))
        y = 20 + X @ rng.normal(size=len(names)) + rng.normal(size=40)
        model = self.regression(
            X, y, names, intercept=Prior("Normal", {"mu": 0.0, "sigma": 100.0}),
            slopes=Prior("Laplace", {"mu": 0.0, "b": 1.0}), sigma=Prior("HalfCauchy", {"beta": 2.5}),
        )  # fmt: skip
        mean = np.append(np.linspace(20.0, 0.5, len(names) + 1), 1.1)
        sd = np.append(np.linspace(0.2, 0.06, len(names) + 1), 0.12)
        modes = mean * 0.98
        modes[1] = 0.0
        draws = self.draws(mean, sd)
        fits = (
            self.point_fit("mle", model, mean * 1.01, sd),
            self.point_fit("map", model, modes, sd),
            self.posterior_fit("exact", model, mean, sd, log_evidence=-71.25),
            self.posterior_fit("nuts", model, mean * 1.001, sd, draws, tree=self.tree(draws)),
            Fit(
                "grid", "grid", "posterior", model.names,
                Outcome("not applicable", "A grid has at most 3 axes.", "Use exact or nuts."),
            ),
        )  # fmt: skip
        return self.record(model, fits, **changes), fits


@pytest.fixture(scope="session")
def workshop() -> Workshop:
    return Workshop()


@pytest.fixture
def drawn_figure(monkeypatch) -> Callable[..., Any]:
    """Call a function of figures and return the figure itself, laid out, instead of its picture."""

    def draw(function, *arguments):
        kept = []
        with monkeypatch.context() as patch, house_style():
            patch.setattr(f"{function.__module__}.picture", lambda figure, *_, **__: kept.append(figure))
            function(*arguments)
            kept[0].draw_without_rendering()
        return kept[0]

    return draw


@pytest.fixture
def names_nothing_covers(drawn_figure) -> Callable[..., tuple[str, ...]]:
    """Return the names in the legend of a figure, which must lie on nothing that is drawn."""

    def names(function, *arguments):
        figure = drawn_figure(function, *arguments)
        (axes,) = figure.axes
        legend = axes.get_legend()
        covered = [axes.patch.get_window_extent(), axes._left_title.get_window_extent()]
        box = legend.get_window_extent().shrunk(0.99, 0.8)
        assert not [each for each in covered if box.overlaps(each)]
        return tuple(text.get_text() for text in legend.get_texts())

    return names
