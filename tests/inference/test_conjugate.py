"""Beta-Bernoulli and Beta-Binomial, against quadrature and scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.integrate
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from bayescope.inference.conjugate import beta_posterior, successes_and_failures
from bayescope.models.model import Response

ARGUMENTS = st.floats(0.5, 20)


def flips(heads, tails):
    return Response("y", np.array([1.0] * heads + [0.0] * tails))


@settings(max_examples=25, deadline=None)
@given(alpha=ARGUMENTS, beta=ARGUMENTS, heads=st.integers(1, 20), tails=st.integers(1, 20))
def test_mean_sd_and_evidence_are_those_of_quadrature(alpha, beta, heads, tails):
    posterior, log_evidence = beta_posterior(alpha, beta, flips(heads, tails))
    prior = scipy.stats.beta(alpha, beta)

    def weighted(power):
        return scipy.integrate.quad(
            lambda p: p ** (heads + power) * (1 - p) ** tails * prior.pdf(p), 0, 1, epsabs=0, epsrel=1e-10
        )[0]

    evidence, first, second = weighted(0), weighted(1), weighted(2)
    assert math.exp(log_evidence) == pytest.approx(evidence, rel=1e-8)
    assert posterior.mean == pytest.approx(first / evidence, rel=1e-8)
    assert posterior.sd**2 == pytest.approx(second / evidence - (first / evidence) ** 2, rel=1e-5)


@settings(deadline=None)
@given(alpha=ARGUMENTS, beta=ARGUMENTS, trials=st.integers(1, 100), share=st.floats(0, 1))
def test_the_evidence_of_a_binomial_row_is_beta_binomial(alpha, beta, trials, share):
    heads = round(share * trials)
    response = Response("y", np.array([float(heads)]), trials=np.array([float(trials)]))
    expected = scipy.stats.betabinom(trials, alpha, beta).logpmf(heads)
    assert beta_posterior(alpha, beta, response).log_evidence == pytest.approx(expected, rel=1e-9, abs=1e-10)


@settings(deadline=None)
@given(
    alpha=ARGUMENTS,
    beta=ARGUMENTS,
    first=st.tuples(st.integers(0, 9), st.integers(0, 9)),
    second=st.tuples(st.integers(0, 9), st.integers(0, 9)),
)
def test_the_evidence_obeys_the_chain_rule(alpha, beta, first, second):
    whole = beta_posterior(alpha, beta, flips(first[0] + second[0], first[1] + second[1]))
    one = beta_posterior(alpha, beta, flips(*first))
    two = beta_posterior(one.posterior.alpha, one.posterior.beta, flips(*second))
    assert one.log_evidence + two.log_evidence == pytest.approx(whole.log_evidence, abs=1e-11)
    assert two.posterior.mean == pytest.approx(whole.posterior.mean, rel=1e-14)


def test_weights_count_rows():
    weighted = Response("y", np.array([1.0, 0.0]), weights=np.array([700.0, 300.0]))
    assert successes_and_failures(weighted) == (700, 300)
    assert beta_posterior(2, 2, weighted).log_evidence == pytest.approx(
        beta_posterior(2, 2, flips(700, 300)).log_evidence, rel=1e-14
    )
    rows = Response("y", np.array([3.0, 1.0]), trials=np.array([5.0, 4.0]), weights=np.array([2.0, 1.0]))
    assert successes_and_failures(rows) == (7, 7)
    each = Response("y", np.array([3.0, 3.0, 1.0]), trials=np.array([5.0, 5.0, 4.0]))
    assert beta_posterior(2, 2, rows).log_evidence == pytest.approx(
        beta_posterior(2, 2, each).log_evidence, rel=1e-14
    )
