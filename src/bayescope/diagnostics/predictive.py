"""The posterior predictive check: could the fitted model have made data like these?

Replicated data sets are drawn from p(y_rep | y) = E[p(y_rep | theta)] over the posterior and
compared with the data by test statistics and by a histogram: Gelman et al., Bayesian Data
Analysis, 3rd edition (2013), section 6.3.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import starmap
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from bayescope.diagnostics.estimates import INTERVAL
from bayescope.diagnostics.predictive_vectors import mean_and_sd, reduction
from bayescope.diagnostics.records import PredictiveCheck, PredictiveKind
from bayescope.distributions.supports import BINARY
from bayescope.inference.fit import Fit
from bayescope.models.density import psi
from bayescope.models.model import Model
from bayescope.models.rows import take

type Floats = NDArray[np.float64]
type Indices = NDArray[np.intp]

REPLICATES = 400
MAX_ROWS = 100_000
MAX_BINS = 40


type _Prepare = Callable[[Model, Fit, np.random.Generator], tuple[_Comparison, str]]


@dataclass(frozen=True)
class _Comparison:
    """How data sets of one kind are reduced, and made anew.

    Attributes:
        statistics: names of the k test statistics.
        edges: ends of the b bins, shape (b + 1,).
        observed: the data, as `reduce` takes it.
        reduce: data -> (test statistics, shape (k,); counts in the bins, shape (b,)).
        replicate: (generator, theta) -> a replicated data set like `observed`.
        quantity: what the bins count, where that is not the response itself.
        labels: names of the bins, where each is a category.
    """

    statistics: tuple[str, ...]
    edges: Floats
    observed: Floats
    reduce: Callable[[Floats], tuple[Floats, Floats]]
    replicate: Callable[[np.random.Generator, Floats], Floats]
    quantity: str = ""
    labels: tuple[str, ...] = ()


def kind_of(model: Model) -> PredictiveKind:
    """Return what sort of response a model has, which decides how it is compared and drawn."""
    head = model.likelihood
    if head.multivariate:
        return "vectors"
    if head.response == BINARY:
        return "binary"
    if model.response.levels:
        return "categories"
    return "counts" if head.response.integer else "amounts"


def posterior_predictive_check(model: Model, fit: Fit, seed: int) -> PredictiveCheck | None:
    """Compare the data with 400 data sets replicated from the posterior draws of `fit`.

    A binary response is compared by its success rate, overall and in thirds of the rows by
    predicted probability; a repeated row is replicated as a Binomial count. Any other response
    is compared by mean, sd, min and max (of counts also the share of zeros), its repeated rows as single
    observations; one of several columns as `predictive_vectors.reduction` says. What a weight has beyond a
    whole number is one more observation that counts so much. Beyond 100,000 rows (or such observations) a
    random sample of that many is checked, and `note` says so: time and memory are bounded. Equal seeds give
    equal results. None for a fit without draws.
    """
    if fit.draws is None or not fit.draws.size:
        return None
    rng = np.random.default_rng([seed, 1])
    flat = fit.draws.reshape(-1, fit.draws.shape[2])
    thetas = flat[rng.choice(len(flat), min(REPLICATES, len(flat)), replace=False)]
    kind = kind_of(model)
    comparison, note = _PREPARE[kind](model, fit, rng)
    with np.errstate(all="ignore"):
        reduced = [comparison.reduce(comparison.replicate(rng, theta)) for theta in thetas]
        return _record(fit.name, comparison, reduced, note).model_copy(update={"kind": kind})


def _record(
    method: str, comparison: _Comparison, reduced: Sequence[tuple[Floats, Floats]], note: str
) -> PredictiveCheck:
    observed, counts = comparison.reduce(comparison.observed)
    replicated = np.array([statistics for statistics, _ in reduced])
    lower, median, upper = _band(np.array([bins for _, bins in reduced]))
    summaries = starmap(_summary, zip(observed, replicated.T, strict=True))
    return PredictiveCheck(
        method=method,
        replicates=len(reduced),
        statistics=dict(zip(comparison.statistics, summaries, strict=True)),
        edges=tuple(comparison.edges.tolist()),
        observed=tuple(counts.tolist()),
        lower=tuple(lower.tolist()),
        median=tuple(median.tolist()),
        upper=tuple(upper.tolist()),
        note=note,
        quantity=comparison.quantity,
        labels=comparison.labels,
    )


def _summary(observed: float, replicated: Floats) -> dict[str, float]:
    """Summarise one test statistic; the p-value counts ties half, so that discrete data are not extreme."""
    lower, _, upper = _band(replicated)
    p = np.mean(replicated > observed) + np.mean(replicated == observed) / 2
    values = {"observed": observed, "mean": replicated.mean(), "lower": lower, "upper": upper, "p": p}
    return {name: float(value) for name, value in values.items()}


def _band(replicated: Floats) -> Floats:
    """Return the ends and the middle of the central 89 % of the replicates (along the first axis)."""
    return np.asarray(np.quantile(replicated, [INTERVAL[0], 0.5, INTERVAL[1]], axis=0))


def _binary(model: Model, fit: Fit, rng: np.random.Generator) -> tuple[_Comparison, str]:
    """Compare numbers of successes: of w repetitions of a row they are Binomial(w, p), without expansion."""
    rows = len(model.response.values)
    note = _sample_note(rows, "rows")
    if note:
        model = take(model, rng.choice(rows, MAX_ROWS, replace=False))
    values, weights = model.response.values, model.response.weights
    repeats = np.ones(len(values)) if weights is None else np.asarray(weights, dtype=np.float64)
    whole, rest = _whole_and_rest(repeats)
    names, groups = _thirds(model, np.asarray(fit.estimate), repeats)

    def replicate(rng: np.random.Generator, theta: Floats) -> Floats:
        p = _success(model, theta)
        once = rng.random(len(p)) < p
        if weights is None:  # a tenth of the time of a Binomial draw
            return once.astype(np.float64)
        return rng.binomial(whole, p) + rest * once

    def reduce(successes: Floats) -> tuple[Floats, Floats]:
        total, tried = successes.sum(), repeats.sum()
        rates = np.bincount(groups, successes)[list(names)] / np.bincount(groups, repeats)[list(names)]
        bins = np.array([tried - total, total])
        return np.array([total / tried, *(rates if len(names) > 1 else ())]), bins

    labels = tuple(f"success rate of {name} third" for name in names.values()) if len(names) > 1 else ()
    comparison = _Comparison(
        statistics=("success rate", *labels),
        edges=np.array([-0.5, 0.5, 1.5]),
        observed=values * repeats,
        reduce=reduce,
        replicate=replicate,
    )
    return comparison, note


def _thirds(model: Model, theta: Floats, repeats: Floats) -> tuple[dict[int, str], Indices]:
    """Divide the rows into thirds by predicted probability: (names of those in use, third of each row)."""
    predicted = _success(model, theta)
    groups = np.searchsorted(np.quantile(predicted, [1 / 3, 2 / 3]), predicted)
    sizes = np.bincount(groups, repeats, minlength=3)
    names = ("lowest", "middle", "highest")
    return {third: name for third, name in enumerate(names) if sizes[third] > 0}, groups


def _success(model: Model, theta: Floats) -> Floats:
    """Return the probability of a 1 in each row, shape (n,), whatever the parameters of the head are."""
    ones = np.ones_like(model.response.values)
    density = np.exp(model.likelihood.log_density(ones, None, psi(model, theta)))
    return np.broadcast_to(np.clip(density, 0.0, 1.0), ones.shape)


def _general(model: Model, _fit: Fit, rng: np.random.Generator) -> tuple[_Comparison, str]:
    """Compare single observations by mean, sd, smallest and largest value, or categories by their shares."""
    model, times, note = _observations(model, rng)
    values, trials = model.response.values, model.response.trials
    edges, counts = _edges(model), kind_of(model) == "counts"

    def replicate(rng: np.random.Generator, theta: Floats) -> Floats:
        vectors = np.shape(psi(model, theta)[0]) if model.likelihood.categorical else ()
        parameters = tuple(np.broadcast_to(value, values.shape + vectors) for value in psi(model, theta))
        return model.likelihood.sample(rng, trials, parameters)

    def reduce(values: Floats) -> tuple[Floats, Floats]:
        mean, sd = mean_and_sd(values, times)
        zeros = [np.average(values == 0, weights=times)] if counts else []
        return np.array([mean, sd, values.min(), values.max(), *zeros]), _histogram(values, times, edges)

    def shares(values: Floats) -> tuple[Floats, Floats]:
        counts = np.bincount(values.astype(np.intp), times, minlength=len(levels))
        return counts / counts.sum(), counts

    if levels := model.response.levels:
        names = tuple(f"share of {level}" for level in levels)
        return _Comparison(
            names, np.arange(-0.5, len(levels)), values, shares, replicate, labels=levels
        ), note
    names = ("mean", "sd", "min", "max", *(("share of zeros",) if counts else ()))
    return _Comparison(names, edges, values, reduce, replicate), note


def _vectors(model: Model, _fit: Fit, rng: np.random.Generator) -> tuple[_Comparison, str]:
    """Compare rows of several columns."""
    model, times, note = _observations(model, rng)
    values, trials = model.response.values, model.response.trials

    def replicate(rng: np.random.Generator, theta: Floats) -> Floats:
        location, *others = psi(model, theta)
        return model.likelihood.sample(rng, trials, (np.broadcast_to(location, values.shape), *others))

    found = reduction(model, times)
    labels = () if found.quantity else model.response.levels
    return _Comparison(
        found.statistics, found.edges, values, found.reduce, replicate, found.quantity, labels
    ), note


_PREPARE: Mapping[PredictiveKind, _Prepare] = MappingProxyType(
    {"binary": _binary, "categories": _general, "counts": _general, "amounts": _general, "vectors": _vectors}
)


def _observations(model: Model, rng: np.random.Generator) -> tuple[Model, Floats, str]:
    """The model on single observations, how much each counts, and a note if they are a random sample."""
    rows, weights = len(model.response.values), model.response.weights
    if weights is None:
        places = np.arange(rows) if rows <= MAX_ROWS else np.sort(rng.choice(rows, MAX_ROWS, replace=False))
        return take(model, places), np.ones(len(places)), _sample_note(rows, "observations")
    whole, rest = _whole_and_rest(np.asarray(weights, dtype=np.float64))
    more = rest.nonzero()[0]
    size = int(whole.sum()) + len(more)
    if size > MAX_ROWS:
        # with replacement: of so many repetitions hardly one would be drawn twice
        places = np.repeat(np.arange(rows), rng.multinomial(MAX_ROWS, weights / weights.sum()))
        return take(model, places), np.ones(len(places)), _sample_note(size, "observations")
    places = np.concatenate([np.repeat(np.arange(rows), whole), more])
    return take(model, places), np.concatenate([np.ones(size - len(more)), rest[more]]), ""


def _whole_and_rest(weights: Floats) -> tuple[Indices, Floats]:
    """Return the whole number in each weight, and what is left of it."""
    whole = np.floor(weights)
    return whole.astype(np.int64), weights - whole


def _edges(model: Model) -> Floats:
    """Choose bins over the observed range and a quarter of it on both sides, shape (b + 1,).

    Their number follows the Rice rule, 2 n^(1/3) over the observed range; whole numbers are centred.
    """
    values, support = model.response.values, model.likelihood.response
    low, high = float(values.min()), float(values.max())
    margin = (high - low) / 4 or max(abs(low), 1.0) / 4
    ends = max(low - margin, support.lower), min(high + margin, support.upper)
    if support.integer:
        start, stop = math.floor(ends[0]), math.ceil(ends[1]) + 1
        step = math.ceil((stop - start) / MAX_BINS)
        count = math.ceil((stop - start) / step)
        return np.linspace(start - 0.5, start - 0.5 + step * count, count + 1)
    bins = math.ceil(1.5 * min(max(2 * len(values) ** (1 / 3), 5), MAX_BINS / 1.5))
    return np.linspace(*ends, bins + 1)


def _histogram(values: Floats, times: Floats, edges: Floats) -> Floats:
    """Count the values in bins of equal width; values outside are not counted."""
    position = (values - edges[0]) / (edges[1] - edges[0])
    inside = (position >= 0) & (position < len(edges) - 1)
    return np.bincount(position[inside].astype(np.intp), times[inside], minlength=len(edges) - 1)


def _sample_note(size: float, what: str) -> str:
    return f"Checked on a random sample of {MAX_ROWS:,} of {size:,} {what}." if size > MAX_ROWS else ""
