"""The rules of the conjugate pairs: statistics of rows, updates of priors, and what the next response is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from bayescope.distributions.heads_counts import log_failures_choose
from bayescope.distributions.heads_unit import log_choose
from bayescope.inference.conjugate_families import Arguments
from bayescope.inference.named_marginals import number_text

type Floats = NDArray[np.float64]
type Known = Mapping[str, Any]


class Summary(NamedTuple):
    """A distribution of one new response, by what it is called, and its moments."""

    text: str
    mean: float
    sd: float


def summary(text: str, mean: float, square: float) -> Summary:
    """Make the summary of a mean and a mean square."""
    return Summary(text, mean, math.sqrt(max(square - mean**2, 0.0)) if math.isfinite(square) else math.inf)


def call(name: str, *arguments: float) -> str:
    """Write a distribution with its arguments: `Lomax(2, 3)`."""
    return f"{name}({', '.join(map(number_text, arguments))})"


def stack(y: Floats, *rows: Floats | float) -> Floats:
    """Stack statistics of the rows of `y`, each a number or of shape (n,), to shape (k, n)."""
    return np.stack([np.broadcast_to(row, y.shape) for row in rows])


def add_outcomes(prior: Arguments, statistics: Floats, _: Known) -> Arguments:
    """Add successes and failures to the arguments of a Beta."""
    return prior[0] + statistics[1], prior[1] + statistics[2]


def last(statistics: Floats, _: Known) -> Floats:
    """Take the last statistic, where the part of the density without the parameter is kept."""
    return np.asarray(statistics[-1])


# Success and failure


def binomial_rows(y: Floats, trials: Floats | None, _: Known) -> Floats:
    """Count each row's successes and failures; the last statistic is log (trials choose successes)."""
    if trials is None:
        return stack(y, 1.0, y, 1.0 - y, 0.0)
    return stack(y, 1.0, y, trials - y, log_choose(trials, y))


def binomial_predictive(arguments: Arguments, _: Known, trials: float) -> Summary:
    """Describe the successes in `trials` trials: Bernoulli for one, else Beta-Binomial."""
    a, b = arguments
    p = a / (a + b)
    text = call("Bernoulli", p) if trials == 1 else call("BetaBinomial", trials, a, b)
    variance = trials * p * (1 - p) * (a + b + trials) / (a + b + 1)
    return Summary(text, trials * p, math.sqrt(variance))


def inverse_moments(a: float, b: float) -> tuple[float, float]:
    """E 1/p and E 1/p^2 under Beta(a, b); inf where they diverge."""
    first = (a + b - 1) / (a - 1) if a > 1 else math.inf
    return first, first * (a + b - 2) / (a - 2) if a > 2 else math.inf


def geometric_predictive(arguments: Arguments, _: Known, __: float) -> Summary:
    """Describe the trials until the next success, 1 + BetaNegativeBinomial(1, a, b)."""
    first, second = inverse_moments(*arguments)
    text = f"1 + {call('BetaNegativeBinomial', 1.0, *arguments)}"
    return summary(text, first, 2 * second - first if math.isfinite(second) else math.inf)


def negative_binomial_rows(y: Floats, _: Floats | None, known: Known) -> Floats:
    """Count n successes and y failures in each row."""
    return stack(y, 1.0, known["n"], y, log_failures_choose(y, known["n"]))


def negative_binomial_predictive(arguments: Arguments, known: Known, _: float) -> Summary:
    """Describe the failures before success number n, BetaNegativeBinomial(n, a, b)."""
    n, (first, second) = known["n"], inverse_moments(*arguments)
    square = n * (second - first) + n**2 * (second - 2 * first + 1) if math.isfinite(second) else math.inf
    return summary(call("BetaNegativeBinomial", n, *arguments), n * (first - 1), square)


def category_rows(y: Floats, _: Floats | None, known: Known) -> Floats:
    """Mark each row's category."""
    return np.asarray(y == np.arange(known["categories"])[:, np.newaxis], dtype=np.float64)


def category_predictive(arguments: Arguments, _: Known, __: float) -> Summary:
    """Describe the next category: the posterior mean of the probabilities."""
    p = arguments[0] / arguments[0].sum()
    return Summary(f"Categorical([{', '.join(map(number_text, p))}])", math.nan, math.nan)


# Rates


def poisson_rows(y: Floats, _: Floats | None, __: Known) -> Floats:
    """Sum counts; the last statistic is -log y!."""
    return stack(y, 1.0, y, -scipy.special.gammaln(y + 1.0))


def poisson_predictive(arguments: Arguments, _: Known, __: float) -> Summary:
    """Describe the next count, NegativeBinomial(a, b / (b + 1))."""
    a, b = arguments
    return Summary(call("NegativeBinomial", a, b / (b + 1)), a / b, math.sqrt(a / b + a / b**2))


def exponential_rows(y: Floats, _: Floats | None, __: Known) -> Floats:
    """Sum waiting times."""
    return stack(y, 1.0, y)


def scaled_beta_prime(text: str, shape: float, arguments: Arguments) -> Summary:
    """Gamma(shape, rate) with rate ~ Gamma(a, b): moments of b times a beta prime."""
    a, b = arguments
    mean = shape * (b / (a - 1)) if a > 1 else math.inf
    return Summary(text, mean, mean * math.sqrt((1 + (a - 1) / shape) / (a - 2)) if a > 2 else math.inf)


def gamma_rows(y: Floats, _: Floats | None, __: Known) -> Floats:
    """Sum values and their logarithms."""
    return stack(y, 1.0, y, np.log(y))


def gamma_base(statistics: Floats, known: Known) -> Floats:
    """Compute the part of a Gamma density without its rate."""
    alpha = known["alpha"]
    return np.asarray((alpha - 1) * statistics[2] - statistics[0] * scipy.special.gammaln(alpha))


# Location and range


def pool_moments(parts: Floats, times: Floats) -> Floats:
    """Pool (number, mean, sum of squares about the mean): Chan, Golub and LeVeque (1983), Am. Stat. 37."""
    numbers = times * parts[0]
    number = numbers.sum()
    mean = numbers @ parts[1] / number if number > 0 else 0.0
    return np.array([number, mean, times @ parts[2] + numbers @ (parts[1] - mean) ** 2])


def normal_update(prior: Arguments, statistics: Floats, known: Known) -> Arguments:
    """Weigh the prior and the data by their precisions; the mean moves by a share of its distance."""
    mu, sigma = prior
    root, mean = np.sqrt(statistics[0]), statistics[1]
    total = np.hypot(root, known["sigma"] / sigma)  # its square: observations, with what the prior is worth
    return mu + (mean - mu) * np.square(root / total), known["sigma"] / total


def normal_log_evidence(prior: Arguments, statistics: Floats, known: Known) -> Floats:
    """Compute the density of n observations, with covariance sigma^2 I + s^2 11'."""
    (mu, s), sigma = prior, known["sigma"]
    number, mean, squares = statistics
    spread = np.square(s / sigma)
    distance = np.square((mean - mu) / sigma) * number / (1 + number * spread)
    constant = number * math.log(2 * math.pi) + 2 * number * math.log(sigma) + np.log1p(number * spread)
    return np.asarray(-0.5 * (constant + squares / sigma**2 + distance))


def student_predictive(arguments: Arguments, known: Known, _: float) -> Summary:
    """Describe the next value, Student-t with 2 a degrees of freedom."""
    a, b = arguments
    sd = math.sqrt(b / (a - 1)) if a > 1 else math.inf
    return Summary(call("StudentT", 2 * a, known["mu"], math.sqrt(b / a)), known["mu"], sd)


def pool_maximum(parts: Floats, times: Floats) -> Floats:
    """Add counts and keep the largest value."""
    return np.array([parts[0] @ times, np.max(parts[1], where=times > 0, initial=0.0)])


def uniform_predictive(arguments: Arguments, _: Known, __: float) -> Summary:
    """Describe the next value: inside the range so far, or Pareto beyond it."""
    a, m = arguments
    inside = f"{call('Uniform', 0.0, m)} with probability {number_text(a / (a + 1))}"
    text = f"{inside}, else {call('Pareto', a, m)}"
    mean = a * m / (2 * (a - 1)) if a > 1 else math.inf
    return summary(text, mean, a * m**2 / (3 * (a - 2)) if a > 2 else math.inf)
