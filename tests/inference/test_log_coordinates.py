"""Positive unknowns by their logarithms: a mode at 0 is at 0, on the boundary, and has no standard error."""

from __future__ import annotations

import numpy as np
import pytest

import bayescope

ZEROS = [0, 0, 0]


def run(likelihood, priors, y, method="map"):
    model = {"likelihood": likelihood, "response": "y", "priors": priors}
    data = {"columns": {"y": y}}
    return bayescope.run({"name": "zeros", "data": data, "model": model, "inference": [method]}).fits[0]


@pytest.mark.parametrize("method", ["mle", "map"])
@pytest.mark.parametrize(
    ("likelihood", "priors"),
    [
        ("Poisson", {"mu": "HalfNormal(1)"}),
        ("Poisson", {"mu": "HalfCauchy(1)"}),
        ("Poisson", {"mu": "HalfStudentT(3, 2)"}),
        ("Poisson", {"mu": "Exponential(1)"}),
        ("ZeroInflatedPoisson", {"mu": "HalfNormal(1)", "psi": 0.7}),
        ("NegativeBinomial", {"mu": "Exponential(1)", "alpha": 2.0}),
    ],
)
def test_the_mode_of_a_mean_of_counts_that_are_all_0_is_0(likelihood, priors, method):
    found = run(likelihood, priors, ZEROS, method)
    assert (found.estimate[0], found.details["boundary"]) == (0.0, ["mu"])
    assert np.isnan(found.sd[0])
    assert "on the boundary" in found.outcome.message


def test_so_is_one_where_the_density_has_a_limit_but_no_value():
    # p^n falls from 1 at n -> 0, and log Gamma(0) is infinite
    found = run("NegativeBinomial", {"p": 0.3, "n": "HalfNormal(1)"}, ZEROS)
    assert found.estimate[0] < 1e-12
    assert found.details["boundary"] == ["n"]


@pytest.mark.parametrize("size", [1e-9, 1.0, 1e9])
def test_a_mode_near_0_is_not_at_0(size):
    found = run("Poisson", {"mu": f"Gamma(2, {1 / size})"}, ZEROS)
    assert found.details["boundary"] == []
    found = run("Exponential", {"lam": "HalfNormal(1)"}, [1 / size, 3 / size])
    assert found.details["boundary"] == []
    assert found.outcome.status == "ok"
