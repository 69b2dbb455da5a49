"""The table of likelihoods (heads): everything the product knows of one, in one entry."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from bayescope.distributions import (
    expansions,
    heads,
    heads_counts,
    heads_positive,
    heads_real,
    heads_unit,
    sizes,
    slopes,
    totals,
    vector_heads,
)
from bayescope.distributions.likelihood import HeadParameter, Likelihood, Limit, Loss
from bayescope.distributions.ordinal import CUTPOINTS, ordered_logistic, ordered_probit
from bayescope.distributions.softmax import softmax
from bayescope.distributions.supports import BINARY, COUNT, POSITIVE, REAL, SIMPLEX, UNIT, Support

__all__ = ["LIKELIHOODS", "HeadParameter", "Likelihood", "parametrised"]


_NOTHING_KNOWN = ("HalfCauchy", {"beta": 1.0})
_SPREAD = MappingProxyType({"tau": "precision", "variance": "variance"})
_P = (HeadParameter("p", UNIT, ("logit", "probit", "cloglog")),)
_MU = HeadParameter("mu", POSITIVE, ("log",), sizes.mean)
_LOCATION = HeadParameter("mu", REAL, ("identity", "log", "inverse"))
_SIGMA = HeadParameter("sigma", POSITIVE, ("log",))
_SHAPE = HeadParameter("alpha", POSITIVE, ("log",), sizes.gamma_shape, prior=_NOTHING_KNOWN)
_COUNT_SHAPE = HeadParameter(
    "alpha",
    POSITIVE,
    ("log",),
    sizes.count_shape,
    prior=_NOTHING_KNOWN,
    limit=Limit(1e8, "the counts vary no more than Poisson counts do; use likelihood: Poisson"),
)
_DEGREES = HeadParameter(
    "nu",
    POSITIVE,
    ("log",),
    sizes.five,
    prior=("Gamma", {"alpha": 2.0, "beta": 0.1}),
    limit=Limit(1e8, "the tails are no heavier than those of a Normal; use likelihood: Normal"),
)

_NEGATIVE_BINOMIAL_MEAN = Likelihood(
    "NegativeBinomial",
    (_MU, _COUNT_SHAPE),
    "mu",
    COUNT,
    "negative-binomial negative log-likelihood",
    "sum((y + alpha) * log(1 + mu / alpha) - y * log(mu / alpha) - log(Gamma(y + alpha) / Gamma(alpha)))"
    " + constant",
    *heads_counts.NEGATIVE_BINOMIAL_MEAN,
    on_link=heads_counts.NEGATIVE_BINOMIAL_MEAN_ON_LINK,
    loss_formula_given={"alpha": "sum((y + {alpha}) * log(1 + mu / {alpha}) - y * log(mu)) + constant"},
    by_name=True,
    concave=("log",),
    separation="zeros",
)
_GAMMA_MEAN = Likelihood(
    "Gamma",
    (_MU, _SHAPE),
    "mu",
    POSITIVE,
    "gamma deviance, halved",
    "alpha * sum(y / mu + log(mu / y) - 1) + N * (log(Gamma(alpha)) + alpha - alpha * log(alpha)) + constant",
    *heads_positive.GAMMA_MEAN,
    on_link=heads_positive.GAMMA_MEAN_ON_LINK,
    loss_formula_given={"alpha": "{alpha} * sum(y / mu + log(mu)) + constant"},
    loss_by_row=Loss(
        "gamma negative log-likelihood",
        "sum(alpha * (y / mu + log(mu / y)) + log(Gamma(alpha)) - alpha * log(alpha)) + constant",
    ),
    concave=("log",),
    degenerate="alpha -> inf",
    by_name=True,
    pymc=lambda psi: {"alpha": psi["alpha"], "beta": psi["alpha"] / psi["mu"]},
)
_EXPONENTIAL_SCALE = Likelihood(
    "Exponential",
    (HeadParameter("scale", POSITIVE, ("log",), sizes.mean),),
    "scale",
    Support(lower=0.0),
    "exponential negative log-likelihood",
    "sum(y / scale + log(scale))",
    *heads_positive.EXPONENTIAL_SCALE,
    on_link=heads_positive.EXPONENTIAL_SCALE_ON_LINK,
    by_name=True,
    concave=("log",),
    separation="zeros",
)

_TWO_LEVELS = ("0", "1")
_SOFTMAX = replace(
    softmax(_TWO_LEVELS, "0"), parameters=(HeadParameter("eta", REAL, ("identity",)),), location="eta"
)
_CUTPOINTS = HeadParameter(CUTPOINTS, REAL)

_ENTRIES = (
    Likelihood(
        "Bernoulli",
        _P,
        "p",
        BINARY,
        "binary cross-entropy",
        "-sum(y * log(p) + (1 - y) * log(1 - p))",
        *heads_unit.BINOMIAL,
        on_link=heads_unit.BINOMIAL_ON_LINK,
        totals={"logit": totals.binomial_on_logit},
        expansion={"logit": expansions.LOGISTIC},
        together=heads_unit.BINOMIAL_TOGETHER,
        slopes={"logit": slopes.binomial_on_logit},
        concave=("logit", "probit", "cloglog", "identity"),
        separation="outcomes",
    ),
    Likelihood(
        "Binomial",
        _P,
        "p",
        COUNT,
        "binomial cross-entropy",
        "-sum(y * log(p) + (n - y) * log(1 - p)) + constant",
        *heads_unit.BINOMIAL,
        on_link=heads_unit.BINOMIAL_ON_LINK,
        totals={"logit": totals.binomial_on_logit},
        expansion={"logit": expansions.LOGISTIC},
        together=heads_unit.BINOMIAL_TOGETHER,
        slopes={"logit": slopes.binomial_on_logit},
        needs_trials=True,
        concave=("logit", "probit", "cloglog", "identity"),
        separation="outcomes",
    ),
    Likelihood(
        "Geometric",
        (HeadParameter("p", UNIT),),
        "p",
        Support(lower=1.0, integer=True),
        "geometric negative log-likelihood",
        "-sum((y - 1) * log(1 - p)) - N * log(p)",
        *heads_unit.GEOMETRIC,
        concave=("identity",),
    ),
    Likelihood(
        "NegativeBinomial",
        (HeadParameter("n", POSITIVE, scale=sizes.mean), HeadParameter("p", UNIT)),
        "p",
        COUNT,
        "negative-binomial negative log-likelihood",
        "-sum(y * log(1 - p) + n * log(p) + log(Gamma(y + n) / Gamma(n))) + constant",
        *heads_counts.NEGATIVE_BINOMIAL,
        loss_formula_given={"n": "-sum(y * log(1 - p) + {n} * log(p)) + constant"},
        concave=("identity",),
        others=(_NEGATIVE_BINOMIAL_MEAN,),
    ),
    Likelihood(
        "Categorical",
        (HeadParameter("p", SIMPLEX),),
        "p",
        COUNT,
        "cross-entropy",
        "-sum(log(p[y]))",
        *heads.CATEGORICAL,
        concave=("identity",),
        others=(_SOFTMAX,),
    ),
    *(
        replace(made, parameters=(made.parameters[0], _CUTPOINTS), ordered=(CUTPOINTS,))
        for made in (ordered_logistic(_TWO_LEVELS), ordered_probit(_TWO_LEVELS))
    ),
    Likelihood(
        "Poisson",
        (_MU,),
        "mu",
        COUNT,
        "exp(eta) - y eta",
        "sum(mu - y * log(mu)) + constant",
        *heads_counts.POISSON,
        on_link=heads_counts.POISSON_ON_LINK,
        totals={"log": totals.poisson_on_log},
        expansion={"log": expansions.EXPONENTIAL},
        together=heads_counts.POISSON_TOGETHER,
        slopes={"log": slopes.poisson_on_log},
        concave=("log",),
        separation="zeros",
    ),
    Likelihood(
        "ZeroInflatedPoisson",
        (
            HeadParameter("psi", UNIT, ("logit",), sizes.most, prior=("Beta", {"alpha": 2.0, "beta": 2.0})),
            _MU,
        ),
        "mu",
        COUNT,
        "zero-inflated Poisson negative log-likelihood",
        "-sum over y = 0 of log(1 - psi + psi * exp(-mu)) - sum over y > 0 of (log(psi) + y * log(mu) - mu)"
        " + constant",
        *heads_counts.ZERO_INFLATED_POISSON,
        separation="zeros",
    ),
    Likelihood(
        "Exponential",
        (HeadParameter("lam", POSITIVE, scale=sizes.rate),),
        "lam",
        Support(lower=0.0),
        "exponential negative log-likelihood",
        "sum(lam * y) - N * log(lam)",
        *heads_positive.EXPONENTIAL,
        others=(_EXPONENTIAL_SCALE,),
    ),
    Likelihood(
        "Gamma",
        (
            HeadParameter("alpha", POSITIVE, scale=sizes.one),
            HeadParameter("beta", POSITIVE, scale=sizes.rate),
        ),
        "beta",
        POSITIVE,
        "gamma negative log-likelihood",
        "sum(beta * y - (alpha - 1) * log(y)) - N * (alpha * log(beta) - log(Gamma(alpha)))",
        *heads_positive.GAMMA,
        loss_formula_given={"alpha": "sum(beta * y) - N * {alpha} * log(beta) + constant"},
        degenerate="alpha -> inf",
        others=(_GAMMA_MEAN,),
    ),
    Likelihood(
        "LogNormal",
        (HeadParameter("mu", REAL, ("identity",)), _SIGMA),
        "mu",
        POSITIVE,
        "squared error of the logarithm",
        "sum((log(y) - mu)^2) / (2 * sigma^2) + N * log(sigma) + constant",
        *heads_positive.LOG_NORMAL,
        loss_formula_given={"sigma": "sum((log(y) - mu)^2) / (2 * {sigma}^2) + constant"},
        loss_by_row=Loss(
            "weighted squared error of the logarithm, with a log penalty on the weights",
            "sum((log(y) - mu)^2 / (2 * sigma^2) + log(sigma)) + constant",
        ),
        concave=("identity",),
        degenerate="sigma -> 0",
        seen=np.log,
    ),
    Likelihood(
        "Beta",
        (
            HeadParameter("mu", UNIT, ("logit", "probit", "cloglog"), sizes.mean),
            HeadParameter("nu", POSITIVE, ("log",), sizes.beta_size, prior=_NOTHING_KNOWN),
        ),
        "mu",
        Support(lower=0.0, upper=1.0, open_ends=True),
        "beta negative log-likelihood",
        "-sum((mu * nu - 1) * log(y) + ((1 - mu) * nu - 1) * log(1 - y) - log(B(mu * nu, (1 - mu) * nu)))",
        *heads_unit.BETA,
        concave=("identity",),
        degenerate="nu -> inf",
        by_name=True,
    ),
    Likelihood(
        "Normal",
        (
            _LOCATION,
            HeadParameter("sigma", POSITIVE, ("log",), spellings=_SPREAD),
        ),
        "mu",
        REAL,
        "squared error",
        "sum((y - mu)^2) / (2 * sigma^2) + N * log(sigma) + constant",
        *heads_real.NORMAL,
        loss_formula_given={"sigma": "sum((y - mu)^2) / (2 * {sigma}^2) + constant"},
        loss_by_row=Loss(
            "weighted squared error, with a log penalty on the weights",
            "sum((y - mu)^2 / (2 * sigma^2) + log(sigma)) + constant",
        ),
        concave=("identity",),
        degenerate="sigma -> 0",
    ),
    Likelihood(
        "Laplace",
        (HeadParameter("mu", REAL, ("identity",)), HeadParameter("b", POSITIVE, ("log",))),
        "mu",
        REAL,
        "absolute error",
        "sum(|y - mu|) / b + N * log(b) + constant",
        *heads_real.LAPLACE,
        loss_formula_given={"b": "sum(|y - mu|) / {b} + constant"},
        loss_by_row=Loss(
            "weighted absolute error, with a log penalty on the weights",
            "sum(|y - mu| / b + log(b)) + constant",
        ),
        concave=("identity",),
        degenerate="b -> 0",
        kinked=True,
    ),
    Likelihood(
        "StudentT",
        (_DEGREES, HeadParameter("mu", REAL, ("identity",)), _SIGMA),
        "mu",
        REAL,
        "robust error: logarithm of 1 + squared error",
        "(nu + 1) / 2 * sum(log(1 + ((y - mu) / sigma)^2 / nu))"
        " + N * (log(sigma) + log(nu) / 2 - log(Gamma((nu + 1) / 2) / Gamma(nu / 2))) + constant",
        *heads_real.STUDENT_T,
        loss_formula_given={
            "nu": "({nu} + 1) / 2 * sum(log(1 + ((y - mu) / sigma)^2 / {nu})) + N * log(sigma) + constant"
        },
        loss_by_row=Loss(
            "Student t negative log-likelihood",
            "sum((nu + 1) / 2 * log(1 + ((y - mu) / sigma)^2 / nu)"
            " + log(sigma) + log(nu) / 2 - log(Gamma((nu + 1) / 2) / Gamma(nu / 2))) + constant",
        ),
        degenerate="sigma -> 0",
    ),
    Likelihood(
        "Uniform",
        (HeadParameter("lower", REAL), HeadParameter("upper", REAL)),
        "upper",
        REAL,
        "range",
        "N * log(upper - lower), infinite where an end is inside the data",
        *heads_real.UNIFORM,
        loss_formula_given={"lower": "N * log(upper - {lower}), infinite where upper is below the largest y"},
        bounds=heads_real.uniform_bounds,
        exists=heads_real.uniform_exists,
    ),
    Likelihood(
        "Multinomial",
        (HeadParameter("p", SIMPLEX, dimensions=1),),
        "p",
        COUNT,
        "cross-entropy of counts",
        "-sum(y[k] * log(p[k])) + constant",
        *vector_heads.MULTINOMIAL,
        concave=("identity",),
    ),
    Likelihood(
        "MvNormal",
        (HeadParameter("mu", REAL, dimensions=1), HeadParameter("cov", REAL, dimensions=2)),
        "mu",
        REAL,
        "squared Mahalanobis distance",
        "sum((y - mu)' cov^-1 (y - mu)) / 2 + constant",
        *vector_heads.MV_NORMAL,
        concave=("identity",),
    ),
)

LIKELIHOODS: Mapping[str, Likelihood] = MappingProxyType({entry.name: entry for entry in _ENTRIES})


def parametrised(name: str, named: Collection[str] = (), *, formula: bool = False) -> Likelihood:
    """Return the likelihood `name` in the parameters that are meant.

    A formula needs a form whose location has links: `mu` and `alpha` of a NegativeBinomial. Without
    one it is the first form that has all the `named` parameters, and where none has, the entry itself.
    """
    entry = LIKELIHOODS[name]
    forms = (entry, *entry.others)
    if formula:
        return next((form for form in forms if form.parameter(form.location).links), entry)
    return next((form for form in forms if set(named) <= set(form.names)), entry)
