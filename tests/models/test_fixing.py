"""Fixing unknowns: the density of the others is what it was, up to the constant of the fixed priors."""

from __future__ import annotations

import numpy as np
import pytest

from bayescope.models import density, prior_density
from bayescope.models.fixing import fix
from bayescope.pipeline import prepare, read_config


def model(**priors):
    rng = np.random.default_rng(0)
    data = {name: rng.normal(size=12).tolist() for name in ("y", "a", "b", "c")}
    config = {
        "name": "fixing",
        "data": {"columns": data},
        "model": {"likelihood": "Normal", "formula": "y ~ a + b + c", "priors": priors},
        "inference": ["map"],
    }
    return prepare(read_config(config))[1]


@pytest.mark.parametrize("theta", [(0.3, -1.0, 0.5, 2.0, 1.4), (1.0, 0.0, 1.0, 0.0, 1.0)])
@pytest.mark.parametrize("kept", [(0, 2), (1, 4), (0, 1, 2, 3, 4), (4,)])
def test_the_likelihood_of_the_free_unknowns_is_that_of_the_whole_model(kept, theta):
    whole, theta = model(), np.array(theta)
    free = np.isin(np.arange(5), kept)
    part = fix(whole, free, theta)
    assert part.names == tuple(whole.names[i] for i in kept)
    assert density.log_likelihood(part, theta[free]) == pytest.approx(
        density.log_likelihood(whole, theta), rel=1e-14
    )


def test_derivatives_of_the_free_unknowns_are_parts_of_the_whole_ones():
    whole = model(coefficients="Normal(0, 2)", sigma="HalfNormal(3)")
    theta, free = np.array([0.3, -1.0, 0.5, 2.0, 1.4]), np.array([True, False, True, False, True])
    part = fix(whole, free, theta)
    for function in (density.likelihood_derivatives, prior_density.smooth_prior_derivatives):
        _, gradient, hessian = function(whole, theta)
        _, own, bent = function(part, theta[free])
        assert own == pytest.approx(gradient[free], rel=1e-12)
        assert bent == pytest.approx(hessian[np.ix_(free, free)], rel=1e-12)


def test_a_scale_that_depends_on_a_fixed_unknown_becomes_a_number():
    whole = model(coefficients="Normal(0, 10 * sigma)")
    theta, free = np.array([0.0, 0.0, 0.0, 0.0, 1.5]), np.array([True, True, True, True, False])
    part = fix(whole, free, theta)
    prior = next(block.prior for block in part.blocks if block.name == "coefficients")
    assert prior.arguments["sigma"] == 15.0


def test_slopes_are_the_gradients_and_diagonals_of_the_derivatives():
    whole = model(coefficients="Normal(0, 10 * sigma)", sigma="Exponential(1)")
    theta = np.array([0.3, -1.0, 0.5, 2.0, 1.4])
    for slopes, derivatives in (
        (density.likelihood_slopes, density.likelihood_derivatives),
        (prior_density.smooth_prior_slopes, prior_density.smooth_prior_derivatives),
    ):
        gradient, diagonal = slopes(whole, theta)
        _, expected, hessian = derivatives(whole, theta)
        assert gradient == pytest.approx(expected, rel=1e-12)
        assert diagonal == pytest.approx(np.diag(hessian), rel=1e-12)
