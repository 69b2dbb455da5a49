"""Links: each inverts itself, and its derivatives are those of its inverse, for every entry of the table."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayescope.distributions.links import LINKS, Link

every_link = pytest.mark.parametrize("link", LINKS.values(), ids=LINKS)
predictors = st.floats(-8.0, 8.0)


def inside(link: Link, eta: float) -> float:
    """A predictor that the link takes, and whose parameter keeps its digits (1 - p does, 1 - 1e-16 does not)."""
    if link.name in {"probit", "cloglog"}:
        return min(eta, 1.5)
    return abs(eta) + 0.5 if link.positive or link.name == "inverse" else eta


# The error of a central difference is h^2 / 6 times the third derivative (at most that of exp, 3e3 at 8)
# and the rounding of the values, 1e-16 / h.
STEP = 1e-5


@every_link
@given(eta=predictors)
def test_apply_inverts_inverse(link: Link, eta: float) -> None:
    # p near 1 has spacing 1e-16, which the logit stretches by 1 / (p (1 - p)) < 3e3
    eta = inside(link, eta)
    assert link.apply(link.inverse(eta)) == pytest.approx(eta, rel=1e-12, abs=1e-12)


@every_link
@given(eta=predictors)
def test_slope_and_curvature_are_derivatives_of_the_inverse(link: Link, eta: float) -> None:
    eta = inside(link, eta)
    slope = (link.inverse(eta + STEP) - link.inverse(eta - STEP)) / (2 * STEP)
    curvature = (link.slope(eta + STEP) - link.slope(eta - STEP)) / (2 * STEP)
    assert link.slope(eta) == pytest.approx(slope, rel=1e-8, abs=1e-10)
    assert link.curvature(eta) == pytest.approx(curvature, rel=1e-8, abs=1e-10)


@every_link
def test_a_huge_predictor_gives_no_nan_and_no_warning(link: Link) -> None:
    eta = np.array([1e-300, 800.0, 1e300] if link.positive else [-1e300, -800.0, 800.0, 1e300])
    for function in (link.inverse, link.slope, link.curvature):
        assert not np.isnan(function(eta)).any()


@every_link
def test_links_are_vectorised(link: Link) -> None:
    eta = inside(link, 1.5) + np.linspace(-1.5, 1.5, 6).reshape(2, 3)
    for function in (link.inverse, link.slope, link.curvature):
        assert function(eta).shape == eta.shape


def test_the_logit_keeps_its_digits_where_the_probability_is_next_to_one() -> None:
    assert LINKS["logit"].slope(40.0) == pytest.approx(np.exp(-40.0), rel=1e-14)
    assert LINKS["logit"].curvature(40.0) == pytest.approx(-np.exp(-40.0), rel=1e-14)


def test_the_ends_of_a_parameter_have_infinite_predictors() -> None:
    assert LINKS["logit"].apply([0.0, 1.0]).tolist() == [-np.inf, np.inf]
    assert LINKS["log"].apply(0.0) == -np.inf
