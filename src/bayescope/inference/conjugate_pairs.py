"""The table of conjugate pairs: how data turn a prior of a family into a posterior of the same family.

A pair is one entry; docs/conjugate.md has the rules with their sources. Data enter by sufficient
statistics, which are pooled over rows, repeated rows and parts of the data alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from bayescope.distributions.heads import log_choose, log_failures_choose
from bayescope.inference.conjugate_families import Arguments
from bayescope.inference.named_marginals import number_text

type Floats = NDArray[np.float64]
type Known = Mapping[str, float]

_NOTHING_REQUIRED: Mapping[str, float] = MappingProxyType({})


class Summary(NamedTuple):
    """A distribution of one new response, by what it is called, and its moments."""

    text: str
    mean: float
    sd: float


@dataclass(frozen=True)
class ConjugatePair:
    """One pair of a likelihood and a family of priors.

    Statistics are arrays whose first axis runs along `statistics`; everything is vectorised along
    the others, so that rows are statistics of one observation each.

    Attributes:
        likelihood: name in the table of likelihoods.
        parameter: the unknown, by the name its prior has; the likelihood's other parameters are known.
        family: name in the table of families.
        statistics: names of the sufficient statistics; a single name is of one for each category.
        rows: (y, trials, known) -> the statistics of each row, shape (k, n).
        update: (arguments of the prior, statistics, known) -> arguments of the posterior.
        log_base: (statistics, known) -> the part of log p(y | parameter) without the parameter.
        predictive: (arguments, known, trials) -> one new response; categories have no moments.
        maximum: the formula of the MLE.
        rule: `update` as the books write it.
        source: where it is derived.
        pool: (statistics of parts, shape (k, n); how often each part occurs, shape (n,)) -> the
            statistics of all, shape (k,).
        log_evidence: (prior, statistics, known) -> log p(y), where the difference of two normalising
            constants would cancel; None: that difference.
        requires: values that known parameters must have.
    """

    likelihood: str
    parameter: str
    family: str
    statistics: tuple[str, ...]
    rows: Callable[[Floats, Floats | None, Known], Floats]
    update: Callable[[Arguments, Floats, Known], Arguments]
    log_base: Callable[[Floats, Known], Floats]
    predictive: Callable[[Arguments, Known, float], Summary]
    maximum: str
    rule: str
    source: str
    pool: Callable[[Floats, Floats], Floats] = lambda parts, times: parts @ times
    log_evidence: Callable[[Arguments, Floats, Known], Floats] | None = None
    requires: Mapping[str, float] = _NOTHING_REQUIRED

    @property
    def name(self) -> str:
        """The prior and the likelihood: "Beta-Bernoulli"."""
        return f"{self.family}-{self.likelihood}"


def _summary(text: str, mean: float, square: float) -> Summary:
    """Make the summary of a mean and a mean square."""
    return Summary(text, mean, math.sqrt(square - mean**2) if math.isfinite(square) else math.inf)


def _call(name: str, *arguments: float) -> str:
    return f"{name}({', '.join(map(number_text, arguments))})"


def _stack(y: Floats, *rows: Floats | float) -> Floats:
    return np.stack([np.broadcast_to(row, y.shape) for row in rows])


def _add_outcomes(prior: Arguments, statistics: Floats, _: Known) -> Arguments:
    return prior[0] + statistics[1], prior[1] + statistics[2]


def _last(statistics: Floats, _: Known) -> Floats:
    return np.asarray(statistics[-1])


# Success and failure


def _binomial_rows(y: Floats, trials: Floats | None, _: Known) -> Floats:
    if trials is None:
        return _stack(y, 1.0, y, 1.0 - y, 0.0)
    return _stack(y, 1.0, y, trials - y, log_choose(trials, y))


def _binomial_predictive(arguments: Arguments, _: Known, trials: float) -> Summary:
    a, b = arguments
    p = a / (a + b)
    text = _call("Bernoulli", p) if trials == 1 else _call("BetaBinomial", trials, a, b)
    variance = trials * p * (1 - p) * (a + b + trials) / (a + b + 1)
    return Summary(text, trials * p, math.sqrt(variance))


def _inverse_moments(a: float, b: float) -> tuple[float, float]:
    """E 1/p and E 1/p^2 under Beta(a, b); inf where they diverge."""
    first = (a + b - 1) / (a - 1) if a > 1 else math.inf
    return first, first * (a + b - 2) / (a - 2) if a > 2 else math.inf


def _geometric_predictive(arguments: Arguments, _: Known, __: float) -> Summary:
    first, second = _inverse_moments(*arguments)
    text = f"1 + {_call('BetaNegativeBinomial', 1.0, *arguments)}"
    return _summary(text, first, 2 * second - first if math.isfinite(second) else math.inf)


def _negative_binomial_rows(y: Floats, _: Floats | None, known: Known) -> Floats:
    return _stack(y, 1.0, known["n"], y, log_failures_choose(y, known["n"]))


def _negative_binomial_predictive(arguments: Arguments, known: Known, _: float) -> Summary:
    n, (first, second) = known["n"], _inverse_moments(*arguments)
    square = n * (second - first) + n**2 * (second - 2 * first + 1) if math.isfinite(second) else math.inf
    return _summary(_call("BetaNegativeBinomial", n, *arguments), n * (first - 1), square)


def _category_rows(y: Floats, _: Floats | None, known: Known) -> Floats:
    return np.asarray(y == np.arange(known["categories"])[:, np.newaxis], dtype=np.float64)


def _category_predictive(arguments: Arguments, _: Known, __: float) -> Summary:
    p = arguments[0] / arguments[0].sum()
    return Summary(f"Categorical([{', '.join(map(number_text, p))}])", math.nan, math.nan)


# Rates


def _poisson_rows(y: Floats, _: Floats | None, __: Known) -> Floats:
    return _stack(y, 1.0, y, -scipy.special.gammaln(y + 1.0))


def _poisson_predictive(arguments: Arguments, _: Known, __: float) -> Summary:
    a, b = arguments
    return Summary(_call("NegativeBinomial", a, b / (b + 1)), a / b, math.sqrt(a / b + a / b**2))


def _exponential_rows(y: Floats, _: Floats | None, __: Known) -> Floats:
    return _stack(y, 1.0, y)


def _scaled_beta_prime(text: str, shape: float, arguments: Arguments) -> Summary:
    """Gamma(shape, rate) with rate ~ Gamma(a, b): moments of b times a beta prime."""
    a, b = arguments
    mean = shape * b / (a - 1) if a > 1 else math.inf
    square = shape * (shape + 1) * b**2 / ((a - 1) * (a - 2)) if a > 2 else math.inf
    return _summary(text, mean, square)


def _gamma_rows(y: Floats, _: Floats | None, __: Known) -> Floats:
    return _stack(y, 1.0, y, np.log(y))


def _gamma_base(statistics: Floats, known: Known) -> Floats:
    alpha = known["alpha"]
    return np.asarray((alpha - 1) * statistics[2] - statistics[0] * scipy.special.gammaln(alpha))


# Location and range


def _pool_moments(parts: Floats, times: Floats) -> Floats:
    """Pool (number, mean, sum of squares about the mean): Chan, Golub and LeVeque (1983), Am. Stat. 37."""
    numbers = times * parts[0]
    number = numbers.sum()
    mean = numbers @ parts[1] / number if number > 0 else 0.0
    return np.array([number, mean, times @ parts[2] + numbers @ (parts[1] - mean) ** 2])


def _normal_update(prior: Arguments, statistics: Floats, known: Known) -> Arguments:
    """Weigh the prior and the data by their precisions; the mean moves by a share of its distance."""
    mu, sigma = prior
    number, mean = statistics[0], statistics[1]
    ratio = np.square(known["sigma"] / sigma)  # how many observations the prior is worth
    return mu + (mean - mu) * (number / (number + ratio)), known["sigma"] / np.sqrt(number + ratio)


def _normal_log_evidence(prior: Arguments, statistics: Floats, known: Known) -> Floats:
    """Compute the density of n observations, with covariance sigma^2 I + s^2 11'."""
    (mu, s), sigma = prior, known["sigma"]
    number, mean, squares = statistics
    spread = np.square(s / sigma)
    distance = np.square((mean - mu) / sigma) * number / (1 + number * spread)
    constant = number * math.log(2 * math.pi) + 2 * number * math.log(sigma) + np.log1p(number * spread)
    return np.asarray(-0.5 * (constant + squares / sigma**2 + distance))


def _student_predictive(arguments: Arguments, known: Known, _: float) -> Summary:
    a, b = arguments
    sd = math.sqrt(b / (a - 1)) if a > 1 else math.inf
    return Summary(_call("StudentT", 2 * a, known["mu"], math.sqrt(b / a)), known["mu"], sd)


def _pool_maximum(parts: Floats, times: Floats) -> Floats:
    return np.array([parts[0] @ times, np.max(parts[1], where=times > 0, initial=0.0)])


def _uniform_predictive(arguments: Arguments, _: Known, __: float) -> Summary:
    a, m = arguments
    inside = f"{_call('Uniform', 0.0, m)} with probability {number_text(a / (a + 1))}"
    text = f"{inside}, else {_call('Pareto', a, m)}"
    mean = a * m / (2 * (a - 1)) if a > 1 else math.inf
    return _summary(text, mean, a * m**2 / (3 * (a - 2)) if a > 2 else math.inf)


_BDA = "Gelman et al., Bayesian Data Analysis, 3rd ed. (2013), section"
_DEGROOT = "DeGroot, Optimal Statistical Decisions (1970), section"
_OUTCOMES = ("observations", "successes", "failures", "log_orders")

_ENTRIES = (
    *(
        ConjugatePair(
            likelihood, "p", "Beta", _OUTCOMES,
            rows=_binomial_rows,
            update=_add_outcomes,
            log_base=_last,
            predictive=_binomial_predictive,
            maximum="p = h / N",
            rule="Beta(alpha + successes, beta + failures)",
            source=f"{_BDA} 2.4",
        )
        for likelihood in ("Bernoulli", "Binomial")
    ),
    ConjugatePair(
        "Geometric", "p", "Beta", ("observations", "successes", "failures"),
        rows=lambda y, _, __: _stack(y, 1.0, 1.0, y - 1.0),
        update=_add_outcomes,
        log_base=lambda statistics, _: np.zeros_like(statistics[0]),
        predictive=_geometric_predictive,
        maximum="p = N / sum(y)",
        rule="Beta(alpha + N, beta + sum(y) - N)",
        source=f"{_DEGROOT} 9.2",
    ),
    ConjugatePair(
        "NegativeBinomial", "p", "Beta", _OUTCOMES,
        rows=_negative_binomial_rows,
        update=_add_outcomes,
        log_base=_last,
        predictive=_negative_binomial_predictive,
        maximum="p = n N / (n N + sum(y))",
        rule="Beta(alpha + n N, beta + sum(y))",
        source=f"{_DEGROOT} 9.2",
    ),
    ConjugatePair(
        "Categorical", "p", "Dirichlet", ("count",),
        rows=_category_rows,
        update=lambda prior, statistics, _: (
            prior[0].reshape(-1, *(1,) * (statistics.ndim - 1)) + statistics,
        ),
        log_base=lambda statistics, _: np.zeros_like(statistics[0]),
        predictive=_category_predictive,
        maximum="p[k] = count[k] / N",
        rule="Dirichlet(a + counts)",
        source=f"{_BDA} 3.4",
    ),
    ConjugatePair(
        "Poisson", "mu", "Gamma", ("observations", "sum", "log_base"),
        rows=_poisson_rows,
        update=lambda prior, statistics, _: (prior[0] + statistics[1], prior[1] + statistics[0]),
        log_base=_last,
        predictive=_poisson_predictive,
        maximum="mu = sum(y) / N",
        rule="Gamma(alpha + sum(y), beta + N)",
        source=f"{_BDA} 2.6",
    ),
    ConjugatePair(
        "Exponential", "lam", "Gamma", ("observations", "sum"),
        rows=_exponential_rows,
        update=lambda prior, statistics, _: (prior[0] + statistics[0], prior[1] + statistics[1]),
        log_base=lambda statistics, _: np.zeros_like(statistics[0]),
        predictive=lambda arguments, _, __: _scaled_beta_prime(_call("Lomax", *arguments), 1.0, arguments),
        maximum="lam = N / sum(y)",
        rule="Gamma(alpha + N, beta + sum(y))",
        source=f"{_BDA} 2.6",
    ),
    ConjugatePair(
        "Gamma", "beta", "Gamma", ("observations", "sum", "sum_of_logs"),
        rows=_gamma_rows,
        update=lambda prior, statistics, known: (
            prior[0] + known["alpha"] * statistics[0], prior[1] + statistics[1],
        ),
        log_base=_gamma_base,
        predictive=lambda arguments, known, _: _scaled_beta_prime(
            f"{number_text(arguments[1])} * {_call('BetaPrime', known['alpha'], arguments[0])}",
            known["alpha"],
            arguments,
        ),
        maximum="beta = alpha N / sum(y)",
        rule="Gamma(a + alpha N, b + sum(y))",
        source=f"{_DEGROOT} 9.5",
    ),
    ConjugatePair(
        "Normal", "mu", "Normal", ("observations", "mean", "squares_about_mean"),
        rows=lambda y, _, __: _stack(y, 1.0, y, 0.0),
        update=_normal_update,
        log_base=lambda statistics, _: np.zeros_like(statistics[0]),
        predictive=lambda arguments, known, _: Summary(
            _call("Normal", arguments[0], math.hypot(arguments[1], known["sigma"])),
            arguments[0],
            math.hypot(arguments[1], known["sigma"]),
        ),
        maximum="mu = sum(y) / N",
        rule="Normal, its precision 1 / sigma0^2 + N / sigma^2, its mean weighted by the precisions",
        source=f"{_BDA} 2.5",
        pool=_pool_moments,
        log_evidence=_normal_log_evidence,
    ),
    *(
        ConjugatePair(
            "Normal", unknown, family, ("observations", "squares"),
            rows=lambda y, _, known: _stack(y, 1.0, np.square(y - known["mu"])),
            update=lambda prior, statistics, _: (prior[0] + statistics[0] / 2, prior[1] + statistics[1] / 2),
            log_base=lambda statistics, _: -0.5 * math.log(2 * math.pi) * statistics[0],
            predictive=_student_predictive,
            maximum=maximum,
            rule=f"{family}(alpha + N / 2, beta + sum((y - mu)^2) / 2)",
            source=f"{_BDA} 2.6",
        )
        for unknown, family, maximum in (
            ("tau", "Gamma", "tau = N / sum((y - mu)^2)"),
            ("variance", "InverseGamma", "variance = sum((y - mu)^2) / N"),
        )
    ),
    ConjugatePair(
        "Uniform", "upper", "Pareto", ("observations", "largest"),
        rows=lambda y, _, __: _stack(y, 1.0, y),
        update=lambda prior, statistics, _: (
            prior[0] + statistics[0], np.maximum(prior[1], statistics[1]),
        ),
        log_base=lambda statistics, _: np.zeros_like(statistics[0]),
        predictive=_uniform_predictive,
        maximum="upper = max(y)",
        rule="Pareto(alpha + N, max(m, largest y))",
        source=f"{_DEGROOT} 9.7",
        pool=_pool_maximum,
        requires=MappingProxyType({"lower": 0.0}),
    ),
)  # fmt: skip

PAIRS: Mapping[tuple[str, str], ConjugatePair] = MappingProxyType(
    {(entry.likelihood, entry.parameter): entry for entry in _ENTRIES}
)
