"""Hard numbers: of every case each method gives a right answer or a refusal that says why, and never a bug.

A table of cases; each names the truth by a closed form and what the methods without that truth have to say.
"""

import math
import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pytest
import scipy

from bayescope.diagnostics.convergence import monte_carlo_errors
from bayescope.errors import DataError
from bayescope.inference.method import Context
from bayescope.inference.registry import METHODS, SETTINGS, run_method
from bayescope.pipeline import prepare, read_config

POINTS = ("mle", "map")
POSTERIORS = ("exact", "grid", "laplace", "importance", "nuts")
RNG = np.random.default_rng(20261120)
X, NOISE = RNG.normal(size=(2, 12)) / 4
WIDE = RNG.normal(size=(3, 6))

EXACT_FIT = "the mean fits every row exactly, so the density is unbounded as sigma -> 0"
IMPROPER = (
    "fits the data perfectly, and the prior .* does not keep sigma away from 0: the posterior is improper"
)
TOO_MANY = "grid is for at most 3 unknowns"
NO_CLOSED_FORM = "has no closed form"
BLURRED = "rounding moves their sum by .* nats, and it falls by half a nat in a whole sd"
TOO_CLOSE = "p is so close to an end of its range that double precision does not tell it from its neighbours"
AT_THE_END = "mass closer to an end of its range than double precision can tell"
WHOLE = "an answer of its own"  # finite; what it approximates is not the truth of the case
PERFECT = dict.fromkeys([*POINTS, "laplace", "importance"], EXACT_FIT) | dict.fromkeys(
    ["exact", "grid", "nuts"], IMPROPER
)


class Answer(NamedTuple):
    """Means (or points) and sds of the unknowns; nan where there is no sd."""

    mean: np.ndarray
    sd: np.ndarray


class Case(NamedTuple):
    """Data, the model, the posterior; by method another answer, or a pattern of what is said instead."""

    data: dict
    model: dict
    posterior: Answer | None = None
    others: Mapping = MappingProxyType({})


def columns(**named):
    return {"columns": {name: np.asarray(values).tolist() for name, values in named.items()}}


def normal(design, y, sigma, prior_sd):
    """The posterior of coefficients with a known sigma and Normal(0, prior_sd) priors; no prior: least squares."""
    scale = np.sqrt((design**2).sum(axis=0))
    scaled = design / scale
    precision = scaled.T @ scaled + np.diag((sigma / scale / prior_sd) ** 2)
    covariance = np.linalg.inv(precision)
    return Answer(
        covariance @ (scaled.T @ (y / sigma)) * sigma / scale, np.sqrt(np.diag(covariance)) * sigma / scale
    )


def beta(heads, tails):
    a, b = heads + 1, tails + 1
    return Answer(np.array([a / (a + b)]), np.array([math.sqrt(a * b / (a + b + 1)) / (a + b)]))


def line(x_scale, y_scale):
    """A regression with a known sigma whose columns are as large or as small as may be."""
    x, y = x_scale * X, y_scale * (0.5 + 0.3 * X + 0.2 * NOISE)
    design, sigma = np.column_stack([np.ones(12), x]), 0.2 * y_scale
    sds = [10 * y_scale, 10 * y_scale / x_scale]
    priors = {"Intercept": f"Normal(0, {sds[0]!r})", "x": f"Normal(0, {sds[1]!r})", "sigma": sigma}
    flat = normal(design, y, sigma, np.inf)
    posterior = normal(design, y, sigma, np.array(sds))
    model = {"likelihood": "Normal", "formula": "y ~ x", "priors": priors}
    return Case(columns(y=y, x=x), model, posterior, {"mle": flat, "map": posterior})


def coin(heads, tails, **others):
    """Counts, never expanded, under Beta(1, 1), whose mode is the MLE."""
    n, p = heads + tails, heads / (heads + tails)
    sd = math.sqrt(p * (1 - p) / n) if 0 < p < 1 else math.nan
    point = Answer(np.array([p]), np.array([sd]))
    data = {"counts": {"flip": {value: count for value, count in ((1, heads), (0, tails)) if count}}}
    model = {"likelihood": "Bernoulli", "response": "flip"}
    return Case(data, model, beta(heads, tails), {"mle": point, "map": point, "laplace": WHOLE} | others)


def counts(rows):
    """Poisson counts under Gamma(2, 1e-15): closed forms, not one term of which is beyond 2^53."""
    shape, rate = sum(rows) + 2, len(rows) + 1e-15

    def gamma(a, b):
        return Answer(np.array([a / b]), np.array([math.sqrt(a) / b]))

    model = {"likelihood": "Poisson", "response": "y", "priors": {"mu": "Gamma(2, 1e-15)"}}
    mode, mle = gamma(shape - 1, rate), gamma(sum(rows), len(rows))
    return Case(columns(y=rows), model, gamma(shape, rate), {"mle": mle, "map": mode, "laplace": WHOLE})


def counts_on_a_line():
    """Counts of 1e15 through a log link, whose log density is rounded to nats."""
    data = columns(y=[10**15, 2 * 10**15, 3 * 10**15], x=[0.0, 1.0, 2.0])
    others = {"mle": "the MLE was not found: stalled", "map": "the posterior mode was not found: stalled"}
    others |= {"exact": NO_CLOSED_FORM, "laplace": WHOLE}
    others |= dict.fromkeys(["grid", "importance", "nuts"], BLURRED)
    return Case(data, {"likelihood": "Poisson", "formula": "y ~ x"}, None, others)


def single_normal():
    """One row y = 2 with mu ~ Normal(0, 3) and sigma ~ Exponential(1): by quadrature over sigma."""

    def moment(f):
        density = lambda s: math.exp(-s) * scipy.stats.norm.pdf(2, 0, math.hypot(3, s))  # noqa: E731
        return scipy.integrate.quad(lambda s: f(s) * density(s), 0, 60, epsabs=0, epsrel=1e-11, limit=200)[0]

    mean_mu, square_mu = (
        (lambda s: 18 / (9 + s**2)),
        (lambda s: (18 / (9 + s**2)) ** 2 + 9 * s**2 / (9 + s**2)),
    )
    total = moment(lambda _: 1.0)
    mu, sigma = moment(mean_mu) / total, moment(lambda s: s) / total
    second = np.array([moment(square_mu), moment(lambda s: s**2)]) / total
    posterior = Answer(np.array([mu, sigma]), np.sqrt(second - np.square([mu, sigma])))
    model = {
        "likelihood": "Normal",
        "response": "y",
        "priors": {"mu": "Normal(0, 3)", "sigma": "Exponential(1)"},
    }
    grid = {"grid": "max_points"}
    return Case(
        columns(y=[2.0]),
        model,
        posterior,
        grid | dict.fromkeys([*POINTS, "laplace", "importance"], EXACT_FIT),
    )


def more_coefficients_than_rows():
    y, names = np.array([1.0, 2.0, 4.0]), [f"x{k}" for k in range(6)]
    priors = {"coefficients": "Normal(0, 1)", "sigma": 0.5}
    model = {"likelihood": "Normal", "formula": f"y ~ 0 + {' + '.join(names)}", "priors": priors}
    posterior = normal(WIDE, y, 0.5, np.ones(6))
    others = {"mle": "3 rows cannot tell 6 coefficients apart", "map": posterior, "grid": TOO_MANY}
    return Case(columns(y=y, **dict(zip(names, WIDE.T, strict=True))), model, posterior, others)


def narrow_prior():
    """A prior 1e8 times narrower than the distance of the data from it."""
    y = 100 + NOISE
    posterior = normal(np.ones((12, 1)), y, 1.0, np.array([1e-6]))
    mle = normal(np.ones((12, 1)), y, 1.0, np.inf)
    model = {"likelihood": "Normal", "response": "y", "priors": {"mu": "Normal(0, 1e-06)", "sigma": 1.0}}
    return Case(columns(y=y), model, posterior, {"mle": mle, "map": posterior})


def linear(y, **model):
    return columns(y=y, x=X), {"likelihood": "Normal", "formula": "y ~ x", **model}


def nearly_perfect():
    """A known sigma of 1e-9: sds of 1e-9 around coefficients near 1."""
    design, y = np.column_stack([np.ones(12), X]), 1 + 2 * X + 1e-9 * NOISE
    posterior = normal(design, y, 1e-9, np.array([10.0, 10.0]))
    data, model = linear(y, priors={"Intercept": "Normal(0, 10)", "x": "Normal(0, 10)", "sigma": 1e-9})
    return Case(data, model, posterior, {"mle": normal(design, y, 1e-9, np.inf), "map": posterior})


def constant_classes(likelihood, value):
    """A response that never varies: the MLE is at infinity, the posterior proper."""
    data = columns(y=np.full(12, value), x=X)
    others = {"mle": "the MLE does not exist: complete separation", "exact": NO_CLOSED_FORM}
    others |= dict.fromkeys(["map", "grid", "laplace", "importance", "nuts"], WHOLE)
    return Case(data, {"likelihood": likelihood, "formula": "y ~ x"}, None, others)


CASES = {
    "x at 1e99": line(1e99, 1.0),
    "x at 1e-99": line(1e-99, 1.0),
    "y at 1e99": line(1.0, 1e99),
    "y at 1e-99": line(1.0, 1e-99),
    "y at 1e40 and x at 1e-40": line(1e-40, 1e40),
    "one row of a coin": coin(1, 0),
    "one row of a Normal": single_normal(),
    "more coefficients than rows": more_coefficients_than_rows(),
    "a perfect fit": Case(*linear(1 + 2 * X), None, PERFECT),
    "nearly a perfect fit": nearly_perfect(),
    "1e7 flips": coin(7_000_000, 3_000_000),
    "1e7 heads": coin(10_000_000, 0),
    "1e12 heads": coin(10**12, 0, grid=AT_THE_END),
    "1e14 heads": coin(10**14, 0, grid=AT_THE_END, laplace=TOO_CLOSE, importance=TOO_CLOSE),
    "1e15 tails": coin(0, 10**15),
    "1e15 flips": coin(7 * 10**14, 3 * 10**14, grid="Rounding moves the log density by 0.0.* nats"),
    "counts of 1e15": counts([10**15, 10**15 + 10**7, 10**15 - 10**7]),
    "counts of 1e15 on a line": counts_on_a_line(),
    "a constant response": Case(*linear(np.full(12, 3.0)), None, PERFECT),
    "only successes": constant_classes("Bernoulli", 1),
    "no events": constant_classes("Poisson", 0),
    "a narrow prior": narrow_prior(),
}

SAMPLED = (
    "more coefficients than rows",
    "a perfect fit",
    "a constant response",
    "1e15 flips",
    "counts of 1e15",
    "counts of 1e15 on a line",
)
"""The cases that `make test` asks nuts about: it compiles every other model anew."""


def asked():
    for case in CASES:
        for method in (*POINTS, *POSTERIORS):
            slow = method == "nuts" and case not in SAMPLED
            yield pytest.param(case, method, marks=[pytest.mark.slow] if slow else [])


@cache
def model_of(case):
    config = {"name": "hard", "data": CASES[case].data, "model": CASES[case].model, "inference": ["mle"]}
    return prepare(read_config(config))[1]


@pytest.mark.parametrize(("case", "method"), list(asked()))
def test_a_right_answer_or_a_refusal_that_says_why(case, method):
    settings = SETTINGS[method](**({"draws": 1000, "tune": 500, "chains": 2} if method == "nuts" else {}))
    fit = run_method(method, METHODS[method], settings, model_of(case), Context(seed=1))
    expected = CASES[case].others.get(method, CASES[case].posterior)
    if isinstance(expected, str) and expected != WHOLE:
        assert not fit.answered
        assert re.search(expected, fit.outcome.message)
        assert fit.outcome.advice
        return
    assert fit.outcome.status in {"ok", "flagged"}, fit.outcome
    assert np.isfinite(fit.estimate).all()
    if expected != WHOLE:
        np.testing.assert_array_less(np.abs(fit.estimate - expected.mean), allowed(fit, expected)[0])
        known = np.isfinite(expected.sd)
        assert (np.isfinite(fit.sd) == known).all()
        np.testing.assert_array_less(np.abs(fit.sd - expected.sd)[known], allowed(fit, expected)[1][known])


def allowed(fit, expected):
    """Errors of means and sds: five Monte Carlo errors, or what a method promises, in sds; rounding besides.

    The sd of a point on the boundary stands for its size.
    """
    scale = np.where(np.isfinite(expected.sd), expected.sd, np.abs(expected.mean))
    rounding = 1e-14 * np.abs(expected.mean) + np.finfo(np.float64).tiny
    if fit.method in ("importance", "nuts"):
        means, sds = monte_carlo_errors(fit)
        return 5 * means + rounding, 5 * sds
    promise = {"grid": 1e-5}.get(fit.method, 1e-7)
    return promise * scale + rounding, promise * scale


TINY, HUGE = "is nowhere as large as 1e-100; rescale the column", "is beyond 1e100; check that it is a value"


@pytest.mark.parametrize(("scale", "refusal"), [(1e308, HUGE), (1e-308, TINY)])
@pytest.mark.parametrize("column", ["x", "y"])
@pytest.mark.parametrize("likelihood", ["Normal", "StudentT", "Gamma"])
def test_columns_whose_squares_are_no_numbers_are_refused_by_name(likelihood, column, scale, refusal):
    table = {"x": np.linspace(0.5, 1, 12), "y": np.linspace(1, 0.5, 12) + NOISE / 10}
    table[column] = table[column] * scale
    model = {"likelihood": likelihood, "formula": "y ~ x"}
    config = {"name": "hard", "data": columns(**table), "model": model, "inference": ["mle"]}
    with pytest.raises(DataError, match=f"column '{column}'.*{refusal}"):
        prepare(read_config(config))


@pytest.mark.parametrize(
    ("likelihood", "formula", "scales", "column"),
    [
        ("Normal", "y ~ x", (1e80, 1e-80), "x"),
        ("Normal", "y ~ x", (1e-80, 1e80), "x"),
        ("StudentT", "y ~ x", (1e-80, 1e80), "x"),
        ("Normal", "y ~ x + I(x**2)", (1e80, 1.0), "I(x ** 2)"),
        ("Gamma", "y ~ x + I(x**2)", (1e-80, 1.0), "I(x ** 2)"),
    ],
)
def test_coefficients_whose_squares_are_no_numbers_are_refused_by_name(likelihood, formula, scales, column):
    """NUTS gave slopes of 1e14 for 1e180, and said ok."""
    table = {
        "x": scales[0] * np.linspace(0.5, 1, 12),
        "y": scales[1] * (np.linspace(1, 0.5, 12) + NOISE / 10),
    }
    model = {"likelihood": likelihood, "formula": formula}
    config = {"name": "hard", "data": columns(**table), "model": model, "inference": ["mle"]}
    with pytest.raises(DataError) as raised:
        prepare(read_config(config))
    assert re.findall("`(.*?)` is of size", str(raised.value)) == [column]
    assert str(raised.value).endswith("rescale one of them")


@pytest.mark.parametrize(("x", "y"), [(1e70, 1e-70), (1e-70, 1e70)])
def test_units_within_them_give_the_answer_of_other_units(x, y):
    def posterior(by_x, by_y):
        data = columns(x=by_x * np.linspace(-1, 1, 12), y=by_y * (np.linspace(1, 0.5, 12) + NOISE / 10))
        model = {"likelihood": "Normal", "formula": "y ~ x"}
        config = {"name": "hard", "data": data, "model": model, "inference": ["exact"]}
        built = prepare(read_config(config))[1]
        return run_method("exact", METHODS["exact"], SETTINGS["exact"](), built, Context(seed=1))

    found = posterior(1.0, 1.0), posterior(x, y)
    units = np.array([y, y / x, y])
    np.testing.assert_allclose(found[1].estimate, found[0].estimate * units, rtol=1e-9)
    np.testing.assert_allclose(found[1].sd, found[0].sd * units, rtol=1e-9)


@pytest.mark.slow
def test_ten_million_rows_are_what_their_counts_are():
    heads = 7_000_000
    data = columns(flip=np.repeat([1, 0], [heads, 10_000_000 - heads]).astype(np.int8))
    config = {
        "name": "coin",
        "data": data,
        "model": {"likelihood": "Bernoulli", "response": "flip"},
        "inference": ["exact"],
    }
    fit = run_method(
        "exact", METHODS["exact"], SETTINGS["exact"](), prepare(read_config(config))[1], Context(seed=1)
    )
    expected = beta(heads, 10_000_000 - heads)
    np.testing.assert_allclose(fit.estimate, expected.mean, rtol=1e-12)
    np.testing.assert_allclose(fit.sd, expected.sd, rtol=1e-9)
