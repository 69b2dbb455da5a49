"""Conjugate models: recognised from the model, solved by arithmetic on sufficient statistics.

    p(theta | y) = p(y | theta) p(theta) / p(y)   stays in the family of p(theta)

One entry of the table of pairs gives everything: the posterior by its update rule, the MLE as the
mode of the posterior under the family's flat density, the MAP as the mode under the prior, standard
errors from the curvature there, the evidence as the ratio of normalising constants, and the posterior
predictive density as the evidence of one more row. Source: Diaconis and Ylvisaker, Conjugate Priors for
Exponential Families, Annals of Statistics 7 (1979), 269-281; see docs/conjugate.md for each pair.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayescope.distributions.distributions import DISTRIBUTIONS
from bayescope.distributions.links import LINKS
from bayescope.errors import FitError
from bayescope.inference.conjugate_families import FAMILIES, Arguments, Family
from bayescope.inference.conjugate_pairs import PAIRS, ConjugatePair
from bayescope.inference.conjugate_rules import Known, Summary
from bayescope.inference.exact_posterior import ExactPosterior, Solvable, Statistics
from bayescope.inference.heavy_tails import heavy_tails
from bayescope.inference.marginal_base import StoredMarginal
from bayescope.inference.predictive import Predictive
from bayescope.inference.predictive_exact import conjugate_predictive
from bayescope.inference.predictive_vectors import VectorPredictive, conjugate_vectors
from bayescope.inference.rounding import MOST_ROUNDING, rounded_away
from bayescope.models.model import Model, Predictor, Response
from bayescope.models.prior_density import element_priors

type Floats = NDArray[np.float64]

_quiet = np.errstate(divide="ignore", invalid="ignore", over="ignore")


@dataclass(frozen=True)
class Conjugate:
    """What is known of the parameter of a pair: a prior, or the posterior after some data.

    Attributes:
        pair: the entry of the table.
        known: the likelihood's other parameters, by name.
        arguments: those of the family.
    """

    pair: ConjugatePair
    known: Known
    arguments: Arguments

    @property
    def family(self) -> Family:
        """The family that the prior and every posterior belong to."""
        return FAMILIES[self.pair.family]

    @property
    def marginals(self) -> tuple[StoredMarginal, ...]:
        """The distribution of each unknown."""
        return self.family.marginals(self.arguments)

    def statistics(self, response: Response) -> Floats:
        """Compute the sufficient statistics of some data, shape (k,), each row as often as it occurs."""
        times = np.ones(len(response.values)) if response.weights is None else response.weights
        rows = self.pair.rows(response.values, response.trials, self.known)
        return self.pair.pool(rows[:, times > 0], times[times > 0])

    def observe(self, statistics: Floats) -> Conjugate:
        """Return the posterior of this prior after data with these statistics."""
        arguments = self.pair.update(self.arguments, statistics, self.known)
        return replace(self, arguments=arguments)

    @_quiet
    def log_evidence(self, statistics: Floats) -> Floats:
        """Compute log p(y), nats, of data by their statistics, shape (k, ...); the result has shape (...).

        log p(y) = log base(y) + log Z(posterior) - log Z(prior)
        """
        if self.pair.log_evidence is not None:
            return self.pair.log_evidence(self.arguments, statistics, self.known)
        base, after, before = self._terms(statistics)
        return np.asarray(base + (after - before))

    def _terms(self, statistics: Floats) -> tuple[Floats, Floats, Floats]:
        posterior = self.pair.update(self.arguments, statistics, self.known)
        before, after = (self.family.log_normaliser(given) for given in (self.arguments, posterior))
        return self.pair.log_base(statistics, self.known), after, before

    @_quiet
    def rounding(self, statistics: Floats) -> float:
        """By how many nats rounding of the terms of `log_evidence` may move their sum."""
        whole = self.pair.log_evidence
        terms = self._terms(statistics) if whole is None else (self.log_evidence(statistics),)
        return sum(abs(float(term)) for term in terms) * float(np.finfo(np.float64).eps)

    def log_predictive(self, y: Floats, trials: Floats | None = None) -> Floats:
        """Compute the log density of each of some new responses, shape (n,), each on its own."""
        return self.log_evidence(self.pair.rows(np.asarray(y, dtype=np.float64), trials, self.known))

    def predictive(self, trials: float = 1.0) -> Summary:
        """Name the distribution of one new response, with its mean and sd; `trials` is for Binomial."""
        return self.pair.predictive(self.arguments, self.known, trials)


def of_model(model: Model) -> Conjugate | str:
    """Return the pair that the model's likelihood and unknown belong to, with the family's flat density.

    The prior does not matter: a maximum of the likelihood has none. Where there is no such pair the
    result says which part of the model stands in the way.
    """
    location, head = model.location, model.likelihood.name
    if model.likelihood.by_level or location.matrix is not None:
        through = "" if model.likelihood.by_level else f" through {_article(location.link)} link"
        return f"{head} with predictors{through} has no closed form"
    if location.link != "identity":
        parameter = location.parameter
        link = _article(location.link)
        return f"{parameter} has {link} link; the closed form needs its prior on {parameter} itself"
    unknown = [block.name for block in model.blocks]
    if not unknown:
        return f"{location.parameter} is fixed: nothing is unknown"
    if (head, unknown[0]) not in PAIRS or len(unknown) > 1:
        return _no_pair(head, unknown)
    pair = PAIRS[head, unknown[0]]
    known = {p.parameter: _known(p) for p in model.predictors if not len(p.index)}
    for name, value in pair.requires.items():
        if known[name] != value:
            return f"{name} is fixed at {known[name]:.6g}; the closed form needs {name}: {value:g}"
    size = len(location.index)
    if location.parameter == pair.parameter and size > 1:
        known["categories"] = size
    return Conjugate(pair, known, FAMILIES[pair.family].flat(size))


def _known(predictor: Predictor) -> Any:
    """The value of a fixed parameter: a number or a matrix."""
    value = LINKS[predictor.link].inverse(predictor.offset)
    return value if np.ndim(value) > 1 else float(np.ravel(value)[0])


def _article(link: str) -> str:
    return f"{'an' if link[0] in 'aeiou' else 'a'} {link}"


def _no_pair(head: str, unknown: Sequence[str]) -> str:
    known = [pair.parameter for pair in PAIRS.values() if pair.likelihood == head]
    if not known:
        return f"a {head} likelihood has no closed form"
    wanted = f"the closed form needs {' or '.join(known)} as the only unknown, the others fixed"
    return f"{' and '.join(unknown)} {'is' if len(unknown) == 1 else 'are'} unknown; {wanted}"


def prior_of(model: Model, flat: Conjugate) -> Conjugate | None:
    """Return the model's prior as one of the pair's family; None where it is none."""
    prior = model.blocks[0].prior
    if prior.distribution == flat.pair.family:
        values = prior.arguments.values()
        given: Arguments | None = tuple(np.array(v) if isinstance(v, tuple) else v for v in values)
    else:
        synonym = flat.family.synonyms.get(prior.distribution)
        given = None if synonym is None else synonym(_by_element(model))
    return None if given is None else replace(flat, arguments=given)


def _by_element(model: Model) -> Mapping[str, Any]:
    """The arguments of the priors of all elements: numbers, or shape (d,) for several."""
    elements = [arguments for _, arguments in element_priors(model)]
    if len(elements) == 1:
        return elements[0]
    return {name: np.array([arguments[name] for arguments in elements]) for name in elements[0]}


def recognise(model: Model) -> Solvable | str:
    """Return what solves the model when likelihood and prior are a conjugate pair, else why not."""
    flat = of_model(model)
    if isinstance(flat, str):
        return flat
    prior = prior_of(model, flat)
    if prior is None:
        wanted = f"the closed form needs {flat.family.wanted}"
        return f"the prior of {flat.pair.parameter} is {model.blocks[0].prior}; {wanted}"
    statistics = statistics_of(prior, model.response)
    return Solvable(statistics, partial(pool, prior), partial(_solve, model, prior))


def statistics_of(prior: Conjugate, response: Response) -> Statistics:
    """Compute the sufficient statistics of the rows as plain data."""
    return _stored(prior, response.observations, prior.statistics(response))


def _stored(prior: Conjugate, observations: float, statistics: Floats) -> Statistics:
    return {"kind": prior.pair.name, "observations": observations, "values": statistics.tolist()}


def pool(prior: Conjugate, parts: Sequence[Statistics]) -> Statistics:
    """Pool the statistics of parts of some data."""
    values = np.array([part["values"] for part in parts])
    pooled = prior.pair.pool(values.T, np.ones(len(parts)))
    return _stored(prior, sum(part["observations"] for part in parts), pooled)


def _solve(model: Model, prior: Conjugate, stored: Statistics, _tolerance: float) -> ExactPosterior:
    statistics = np.array(stored["values"])
    posterior = prior.observe(statistics)
    if not prior.family.proper(posterior.arguments):
        _refuse_improper(model, stored["observations"])
    mean = np.array([marginal.mean for marginal in posterior.marginals])
    sds = np.array([marginal.sd for marginal in posterior.marginals])
    _refuse_huge(model.names[0], float(np.max(sds, where=np.isfinite(sds), initial=0.0)))
    is_proper = DISTRIBUTIONS[model.blocks[0].prior.distribution].proper
    lost = prior.rounding(statistics)
    several = posterior.family.covariance
    return ExactPosterior(
        applies=prior.pair.name,
        mean=mean,
        covariance=several(posterior.arguments) if several else np.diag(np.square(sds)),
        marginals=posterior.marginals,
        draw=lambda rng, size: posterior.family.draw(rng, size, posterior.arguments),
        log_evidence=float(prior.log_evidence(statistics)) if is_proper and lost <= MOST_ROUNDING else None,
        outcome=heavy_tails(model.names, mean, np.square(sds)),
        details={
            "conjugate": _details(model, prior, statistics, posterior),
            **(rounded_away(lost) if is_proper else {}),
        },
        predict=partial(_predict, posterior),
    )


def _predict(posterior: Conjugate, rows: Model) -> Predictive | VectorPredictive | None:
    def draw(rng: np.random.Generator, size: int) -> Floats:
        return posterior.family.draw(rng, size, posterior.arguments)

    if rows.likelihood.multivariate:
        return conjugate_vectors(
            rows,
            posterior.arguments,
            posterior.known,
            describe=posterior.predictive,
            log_density=posterior.log_predictive,
            draw=draw,
        )
    return conjugate_predictive(
        rows,
        (posterior.pair.likelihood, posterior.pair.parameter),
        posterior.arguments,
        known=posterior.known,
        describe=posterior.predictive,
        draw=draw,
    )


def _refuse_improper(model: Model, rows: float) -> None:
    [block] = model.blocks
    raise FitError(
        f"{rows:.15g} observation{'' if rows == 1 else 's'} and the prior {block.prior} of {block.name}: "
        "the posterior is improper.",
        f"Give {block.name} a proper prior, or more data.",
    )


def _refuse_huge(name: str, sd: float) -> None:
    """Refuse a finite sd whose square is no number."""
    if sd > math.sqrt(sys.float_info.max):
        raise FitError(
            f"The variance of {name} is beyond the largest number of double precision, 1.8e308.",
            "Give the response in other units, or a prior of another size.",
        )


def _details(model: Model, prior: Conjugate, statistics: Floats, posterior: Conjugate) -> dict[str, Any]:
    names = prior.pair.names(model.response.levels)
    single = model.response.trials is None
    return {
        "rule": prior.pair.rule,
        "prior": [np.asarray(value).tolist() for value in prior.arguments],
        "statistics": dict(zip(names, statistics.tolist(), strict=True)),
        "posterior": posterior.family.text(posterior.arguments),
        **({"predictive": posterior.predictive().text} if single else {}),
    }


class Maximum(NamedTuple):
    """A mode in closed form.

    Attributes:
        theta: where, shape (d,); nan for no single place, inf where the density only rises.
        covariance: of the Wald approximation, shape (d, d); nan at a bound.
        residual: the slope there in the sd that the curvature gives.
        at_bound: whether an element is on a bound, shape (d,).
    """

    theta: Floats
    covariance: Floats
    residual: float
    at_bound: NDArray[np.bool_]


def mode(found: Conjugate) -> Floats:
    """Return where the density is highest, shape (d,): nan for no single place, inf if it only rises."""
    if found.family.mode is not None:
        return found.family.mode(found.arguments)
    if found.pair.family in {"Gamma", "InverseGamma"} and found.arguments[1] == 0:
        return np.array([math.inf])
    return np.array([found.marginals[0].mode])


def maximum(found: Conjugate, lower: Floats, upper: Floats) -> Maximum:
    """Return the mode inside of [lower, upper], shapes (d,), with its curvature.

    The variance of one unknown is minus the inverse of the second derivative of the log density
    there; the family tells that of several.
    """
    theta = np.clip(mode(found), lower, upper)
    at_bound = ~((lower < theta) & (theta < upper))
    covariance = np.full((len(theta), len(theta)), math.nan)
    if at_bound.all():
        return Maximum(theta, covariance, 0.0, at_bound)
    if found.family.wald is not None:
        free = np.ix_(~at_bound, ~at_bound)
        covariance[free] = found.family.wald(found.arguments, theta)[free]
        return Maximum(theta, covariance, 0.0, at_bound)
    entry = DISTRIBUTIONS[found.pair.family]
    curvature = float(entry.curvature(theta[0], *found.arguments))
    _refuse_huge(found.pair.parameter, math.inf if curvature == 0 else 1 / math.sqrt(abs(curvature)))
    slope = float(entry.slope(theta[0], *found.arguments))
    return Maximum(theta, np.array([[-1.0 / curvature]]), abs(slope) / math.sqrt(-curvature), at_bound)
