"""Posterior predictive distributions in closed form: of a conjugate pair, and of the Normal linear model.

A conjugate posterior predicts by the family that averaging over it makes (Beta-Binomial, Student-t, ...);
the coefficients of a regression, Normal(m, V) given sigma, by Normal(x'm, x'Vx + sigma^2). Source: Gelman et
al., Bayesian Data Analysis, 3rd ed. (2013), sections 2.1 to 2.6 and 14.3; each pair in docs/conjugate.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from bayescope.inference.conjugate_rules import Summary, call
from bayescope.inference.linear_gaussian import Conditional
from bayescope.inference.normal_statistics import design_matrix
from bayescope.inference.predictive import Predictive
from bayescope.inference.predictive_betas import beta_binomial, beta_geometric, beta_negative_binomial
from bayescope.inference.predictive_draws import Draw, responses
from bayescope.inference.predictive_heads import (
    Categories,
    Component,
    Normals,
    Scipy,
    UniformPareto,
    student_t,
)
from bayescope.models.model import Model

type Floats = NDArray[np.float64]
type Closed = Callable[[tuple[Any, ...], Mapping[str, float], Floats, Summary], Component]


def _moments(summary: Summary) -> tuple[Floats, Floats]:
    return np.array([[summary.mean]]), np.array([[summary.sd]])


def _spread(arguments: tuple[Any, ...], known: Mapping[str, float], _: Floats, __: Summary) -> Component:
    a, b = arguments
    return student_t(2 * a, np.array([[known["mu"]]]), np.sqrt(np.array([[b / a]])))


CLOSED: Mapping[tuple[str, str], Closed] = MappingProxyType(
    {
        ("Bernoulli", "p"): lambda args, _, __, ___: Scipy(
            scipy.stats.bernoulli(np.array([[args[0] / (args[0] + args[1])]])), discrete=True
        ),
        ("Binomial", "p"): lambda args, _, trials, __: beta_binomial(trials[None, :], args[0], args[1]),
        ("Geometric", "p"): lambda args, _, __, s: beta_geometric(args[0], args[1], s.mean, s.sd),
        ("NegativeBinomial", "p"): lambda args, known, _, s: beta_negative_binomial(
            known["n"], args[0], args[1], s.mean, s.sd
        ),
        ("Categorical", "p"): lambda args, _, __, ___: Categories((args[0] / args[0].sum())[None, None, :]),
        ("Poisson", "mu"): lambda args, _, __, ___: Scipy(
            scipy.stats.nbinom(np.array([[args[0]]]), args[1] / (args[1] + 1)), discrete=True
        ),
        ("Exponential", "lam"): lambda args, _, __, ___: Scipy(
            scipy.stats.lomax(np.array([[args[0]]]), scale=args[1]), discrete=False
        ),
        ("Gamma", "beta"): lambda args, known, _, __: Scipy(
            scipy.stats.betaprime(known["alpha"], np.array([[args[0]]]), scale=args[1]), discrete=False
        ),
        ("Normal", "mu"): lambda args, known, _, __: Normals(
            np.array([[args[0]]]), np.array([[np.hypot(args[1], known["sigma"])]])
        ),
        ("Normal", "tau"): _spread,
        ("Normal", "variance"): _spread,
        ("Uniform", "upper"): lambda args, _, __, s: UniformPareto(args[0], args[1], *_moments(s)),
    }
)

# the distribution of the expected response over the posterior: (posterior's arguments, known, trials) -> it
_EXPECTED: Mapping[tuple[str, str], Callable[..., Any]] = MappingProxyType(
    {
        ("Bernoulli", "p"): lambda args, _, __: scipy.stats.beta(*args),
        ("Binomial", "p"): lambda args, _, trials: scipy.stats.beta(*args, scale=trials[None, :]),
        ("Geometric", "p"): lambda args, _, __: scipy.stats.betaprime(args[1], args[0], loc=1.0),
        ("NegativeBinomial", "p"): lambda args, known, _: scipy.stats.betaprime(
            args[1], args[0], scale=known["n"]
        ),
        ("Categorical", "p"): lambda args, _, __: scipy.stats.beta(args[0], args[0].sum() - args[0]),
        ("Poisson", "mu"): lambda args, _, __: scipy.stats.gamma(args[0], scale=1.0 / args[1]),
        ("Exponential", "lam"): lambda args, _, __: scipy.stats.invgamma(args[0], scale=args[1]),
        ("Gamma", "beta"): lambda args, known, _: scipy.stats.invgamma(
            args[0], scale=known["alpha"] * args[1]
        ),
        ("Normal", "mu"): lambda args, _, __: scipy.stats.norm(*args),
        ("Uniform", "upper"): lambda args, _, __: scipy.stats.pareto(args[0], scale=0.5 * args[1]),
    }
)


def _expected(
    pair: tuple[str, str], arguments: tuple[Any, ...], known: Mapping[str, float], trials: Floats
) -> Component:
    if pair not in _EXPECTED:  # the mean is known
        return Normals(np.array([[known["mu"]]]), np.zeros((1, 1)))
    return Scipy(_EXPECTED[pair](arguments, known, trials), discrete=False)


def conjugate_predictive(
    model: Model,
    pair: tuple[str, str],
    arguments: tuple[Any, ...],
    *,
    known: Mapping[str, float],
    describe: Callable[[float], Summary],
    draw: Draw,
) -> Predictive | None:
    """Predict the rows of `model` by a conjugate posterior; None where the pair has no entry here.

    Args:
        model: the rows to predict.
        pair: likelihood and unknown.
        arguments: of the posterior.
        known: the likelihood's other parameters.
        describe: number of trials -> what one response's distribution is called, and its moments.
        draw: draws of theta, shape (S, d).
    """
    if pair not in CLOSED:
        return None
    trials = model.response.trials
    numbers = np.ones(len(model.response.values)) if trials is None else trials
    described = {number: describe(number) for number in np.unique(numbers).tolist()}
    return Predictive(
        text=tuple(described[number].text for number in numbers.tolist()),
        component=CLOSED[pair](arguments, known, numbers, next(iter(described.values()))),
        weights=np.ones(1),
        draw=responses(model, draw),
        expected=_expected(pair, arguments, known, numbers),
    )


def normal_predictive(
    model: Model,
    coefficients: Conditional,
    sigma: Floats,
    weights: Floats,
    *,
    draw: Draw,
    moments: int = 2,
) -> Predictive:
    """Predict the rows of a Normal regression by its coefficients given each of K values of sigma.

    Args:
        model: the rows to predict.
        coefficients: Normal given sigma, in the order of the location's columns.
        sigma: shape (K,).
        weights: probabilities of these values, shape (K,).
        draw: draws of theta, shape (S, d).
        moments: number of finite moments of sigma.
    """
    matrix = design_matrix(model, model.location)
    along = matrix @ coefficients.basis
    means = model.location.offset + matrix @ coefficients.center + (along @ coefficients.mean).T
    variances = (np.square(along) @ coefficients.variance).T
    sds = np.sqrt(variances + np.square(sigma)[:, None])
    single = len(weights) == 1
    return Predictive(
        text=tuple(
            call("Normal", float(mean), float(sd)) if single else f"a mixture of {len(weights)} Normals"
            for mean, sd in zip(means[0], sds[0], strict=True)
        ),
        component=Normals(means, sds),
        weights=weights,
        draw=responses(model, draw),
        moments=moments,
        expected=Normals(means, np.sqrt(variances)),
    )


def student_predictive(
    model: Model, mean: Floats, factor: Floats, *, degrees: float, scale: float, draw: Draw
) -> Predictive:
    """Predict the rows of a regression whose coefficients and sigma are Normal-InverseGamma.

    With beta given sigma Normal(mean, sigma^2 factor factor'), shapes (d,) and (d, k), and sigma^2
    InverseGamma(degrees / 2, degrees scale^2 / 2), a row x is Student-t with that many degrees of freedom,
    location x'mean and scale `scale` sqrt(1 + |factor'x|^2).
    """
    matrix = design_matrix(model, model.location)
    location = model.location.offset + matrix @ mean
    spreads = np.square(matrix @ factor).sum(axis=1)
    scales = scale * np.sqrt(1.0 + spreads)
    return Predictive(
        text=tuple(
            call("StudentT", degrees, float(m), float(s)) for m, s in zip(location, scales, strict=True)
        ),
        component=student_t(degrees, location[None, :], scales[None, :]),
        weights=np.ones(1),
        draw=responses(model, draw),
        expected=student_t(degrees, location[None, :], scale * np.sqrt(spreads)[None, :]),
    )
