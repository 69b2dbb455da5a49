"""The table of conjugate pairs: how data turn a prior of a family into a posterior of the same family.

A pair is one entry; docs/conjugate.md has the rules with their sources. Data enter by sufficient
statistics, which are pooled over rows, repeated rows and parts of the data alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from bayescope.inference import conjugate_rules as rules
from bayescope.inference import conjugate_vectors as vectors
from bayescope.inference.conjugate_families import Arguments
from bayescope.inference.conjugate_rules import Known, Summary
from bayescope.inference.named_marginals import number_text

type Floats = NDArray[np.float64]

_NOTHING_REQUIRED: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True)
class ConjugatePair:
    """One pair of a likelihood and a family of priors.

    Statistics are arrays whose first axis runs along `statistics`; everything is vectorised along
    the others, so that rows are statistics of one observation each.

    Attributes:
        likelihood: name in the table of likelihoods.
        parameter: the unknown, by the name its prior has; the likelihood's other parameters are known.
        family: name in the table of families.
        statistics: names of the sufficient statistics, each with a `{}` for every category, or column of
            the response, that it is of: see `names`.
        rows: (y, trials, known) -> the statistics of each row, shape (k, n).
        update: (arguments of the prior, statistics, known) -> arguments of the posterior.
        predictive: (arguments, known, trials) -> one new response; categories and vectors have no moments.
        maximum: the formula of the MLE.
        rule: `update` as the books write it.
        source: where it is derived.
        log_base: (statistics, known) -> the part of log p(y | parameter) without the parameter.
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
    predictive: Callable[[Arguments, Known, float], Summary]
    maximum: str
    rule: str
    source: str
    log_base: Callable[[Floats, Known], Floats] = lambda statistics, _: np.zeros_like(statistics[0])
    pool: Callable[[Floats, Floats], Floats] = lambda parts, times: parts @ times
    log_evidence: Callable[[Arguments, Floats, Known], Floats] | None = None
    requires: Mapping[str, float] = _NOTHING_REQUIRED

    @property
    def name(self) -> str:
        """The prior and the likelihood: "Beta-Bernoulli"."""
        return f"{self.family}-{self.likelihood}"

    def names(self, levels: Sequence[str]) -> tuple[str, ...]:
        """Name every statistic: "count of {}" is one for each level, "scatter of {} and {}" for each pair."""
        return tuple(
            text.format(*chosen)
            for text in self.statistics
            for chosen in combinations_with_replacement(levels, text.count("{}"))
        )


_BDA = "Gelman et al., Bayesian Data Analysis, 3rd ed. (2013), section"
_DEGROOT = "DeGroot, Optimal Statistical Decisions (1970), section"
_OUTCOMES = ("observations", "successes", "failures", "log_orders")

_ENTRIES = (
    *(
        ConjugatePair(
            likelihood, "p", "Beta", _OUTCOMES,
            rows=rules.binomial_rows,
            update=rules.add_outcomes,
            log_base=rules.last,
            predictive=rules.binomial_predictive,
            maximum="p = h / N",
            rule="Beta(alpha + successes, beta + failures)",
            source=f"{_BDA} 2.4",
        )
        for likelihood in ("Bernoulli", "Binomial")
    ),
    ConjugatePair(
        "Geometric", "p", "Beta", ("observations", "successes", "failures"),
        rows=lambda y, _, __: rules.stack(y, 1.0, 1.0, y - 1.0),
        update=rules.add_outcomes,
        predictive=rules.geometric_predictive,
        maximum="p = N / sum(y)",
        rule="Beta(alpha + N, beta + sum(y) - N)",
        source=f"{_DEGROOT} 9.2",
    ),
    ConjugatePair(
        "NegativeBinomial", "p", "Beta", _OUTCOMES,
        rows=rules.negative_binomial_rows,
        update=rules.add_outcomes,
        log_base=rules.last,
        predictive=rules.negative_binomial_predictive,
        maximum="p = n N / (n N + sum(y))",
        rule="Beta(alpha + n N, beta + sum(y))",
        source=f"{_DEGROOT} 9.2",
    ),
    ConjugatePair(
        "Categorical", "p", "Dirichlet", ("count of {}",),
        rows=rules.category_rows,
        update=lambda prior, statistics, _: (
            prior[0].reshape(-1, *(1,) * (statistics.ndim - 1)) + statistics,
        ),
        predictive=rules.category_predictive,
        maximum="p[k] = count[k] / N",
        rule="Dirichlet(a + counts)",
        source=f"{_BDA} 3.4",
    ),
    ConjugatePair(
        "Poisson", "mu", "Gamma", ("observations", "sum", "log_base"),
        rows=rules.poisson_rows,
        update=lambda prior, statistics, _: (prior[0] + statistics[1], prior[1] + statistics[0]),
        log_base=rules.last,
        predictive=rules.poisson_predictive,
        maximum="mu = sum(y) / N",
        rule="Gamma(alpha + sum(y), beta + N)",
        source=f"{_BDA} 2.6",
    ),
    ConjugatePair(
        "Exponential", "lam", "Gamma", ("observations", "sum"),
        rows=rules.exponential_rows,
        update=lambda prior, statistics, _: (prior[0] + statistics[0], prior[1] + statistics[1]),
        predictive=lambda arguments, _, __: rules.scaled_beta_prime(
            rules.call("Lomax", *arguments), 1.0, arguments
        ),
        maximum="lam = N / sum(y)",
        rule="Gamma(alpha + N, beta + sum(y))",
        source=f"{_BDA} 2.6",
    ),
    ConjugatePair(
        "Gamma", "beta", "Gamma", ("observations", "sum", "sum_of_logs"),
        rows=rules.gamma_rows,
        update=lambda prior, statistics, known: (
            prior[0] + known["alpha"] * statistics[0], prior[1] + statistics[1],
        ),
        log_base=rules.gamma_base,
        predictive=lambda arguments, known, _: rules.scaled_beta_prime(
            f"{number_text(arguments[1])} * {rules.call('BetaPrime', known['alpha'], arguments[0])}",
            known["alpha"],
            arguments,
        ),
        maximum="beta = alpha N / sum(y)",
        rule="Gamma(a + alpha N, b + sum(y))",
        source=f"{_DEGROOT} 9.5",
    ),
    ConjugatePair(
        "Normal", "mu", "Normal", ("observations", "mean", "squares_about_mean"),
        rows=lambda y, _, __: rules.stack(y, 1.0, y, 0.0),
        update=rules.normal_update,
        predictive=lambda arguments, known, _: Summary(
            rules.call("Normal", arguments[0], math.hypot(arguments[1], known["sigma"])),
            arguments[0],
            math.hypot(arguments[1], known["sigma"]),
        ),
        maximum="mu = sum(y) / N",
        rule="Normal, its precision 1 / sigma0^2 + N / sigma^2, its mean weighted by the precisions",
        source=f"{_BDA} 2.5",
        pool=rules.pool_moments,
        log_evidence=rules.normal_log_evidence,
    ),
    *(
        ConjugatePair(
            "Normal", unknown, family, ("observations", "squares"),
            rows=lambda y, _, known: rules.stack(y, 1.0, np.square(y - known["mu"])),
            update=lambda prior, statistics, _: (prior[0] + statistics[0] / 2, prior[1] + statistics[1] / 2),
            log_base=lambda statistics, _: -0.5 * math.log(2 * math.pi) * statistics[0],
            predictive=rules.student_predictive,
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
        rows=lambda y, _, __: rules.stack(y, 1.0, y),
        update=lambda prior, statistics, _: (
            prior[0] + statistics[0], np.maximum(prior[1], statistics[1]),
        ),
        predictive=rules.uniform_predictive,
        maximum="upper = max(y)",
        rule="Pareto(alpha + N, max(m, largest y))",
        source=f"{_DEGROOT} 9.7",
        pool=rules.pool_maximum,
        requires=MappingProxyType({"lower": 0.0}),
    ),
    ConjugatePair(
        "Multinomial", "p", "Dirichlet", ("count of {}", "log_orders"),
        rows=vectors.multinomial_rows,
        update=vectors.multinomial_update,
        log_base=rules.last,
        predictive=vectors.multinomial_predictive,
        maximum="p[k] = sum(y[k]) / sum(n)",
        rule="Dirichlet(a + counts)",
        source=f"{_BDA} 3.4",
    ),
    ConjugatePair(
        "MvNormal", "mu", "MvNormal", ("observations", "mean of {}", "scatter of {} and {}"),
        rows=vectors.mv_normal_rows,
        update=vectors.mv_normal_update,
        predictive=vectors.mv_normal_predictive,
        maximum="mu = sum(y) / N",
        rule="MvNormal, its precision cov0^-1 + N cov^-1, its mean weighted by the precisions",
        source=f"{_BDA} 3.5",
        pool=vectors.pool_vector_moments,
        log_evidence=vectors.mv_normal_log_evidence,
    ),
)  # fmt: skip

PAIRS: Mapping[tuple[str, str], ConjugatePair] = MappingProxyType(
    {(entry.likelihood, entry.parameter): entry for entry in _ENTRIES}
)
