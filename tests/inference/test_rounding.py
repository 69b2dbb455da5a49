"""What rounding leaves of log densities with huge terms is measured, and what it spoils is not given."""

import numpy as np
import pytest

from bayescope.errors import FitError
from bayescope.inference.method import Context
from bayescope.inference.registry import METHODS, SETTINGS, run_method
from bayescope.inference.rounding import MOST_ROUNDING, refuse_rounding, rounding
from bayescope.pipeline import prepare, read_config


def fitted(method, data, **model):
    config = {"name": "counts", "data": data, "model": model, "inference": ["mle"]}
    model = prepare(read_config(config))[1]
    return run_method(method, METHODS[method], SETTINGS[method](), model, Context(seed=1))


def poisson(method, size):
    rows = [size, size + 1, size + 2]
    return fitted(
        method, {"columns": {"y": rows}}, likelihood="Poisson", response="y", priors={"mu": "Gamma(2, 1)"}
    )


def test_noise_is_measured_by_its_size():
    rng, size = np.random.default_rng(1), 0.3
    found = [
        rounding(lambda z: -(z**2).sum(axis=1) + rng.normal(0, size, len(z)), np.ones(2), np.eye(2))
        for _ in range(1000)
    ]
    squares = np.square(found)
    assert abs(squares.mean() - size**2) < 5 * squares.std() / np.sqrt(len(found))


def test_a_smooth_density_has_the_rounding_of_its_size():
    # 1e6 has the spacing 1.2e-10
    assert rounding(lambda z: 1e6 - z[:, 0] ** 2 / 2, np.array([0.3]), np.eye(1)) < 1.2e-10
    assert rounding(lambda z: -np.abs(z[:, 0]), np.zeros(1), np.eye(1)) < 1e-7  # a kink is no noise


def test_an_end_of_the_support_is_no_rounding():
    assert rounding(lambda z: np.where(z[:, 0] > 0, 0.0, -np.inf), np.zeros(1), np.eye(1)) == 0.0


def test_refused_is_what_blurs_a_whole_sd():
    refuse_rounding(MOST_ROUNDING)
    with pytest.raises(FitError, match=r"moves their sum by 0\.51 nats"):
        refuse_rounding(1.02 * MOST_ROUNDING)


@pytest.mark.parametrize(("size", "known"), [(10**9, True), (10**15, False)])
def test_an_evidence_of_closed_form_that_rounding_spoils_is_not_given(size, known):
    fit, other = poisson("exact", size), poisson("laplace", size)
    assert fit.outcome.status == other.outcome.status == "ok"
    # the Normal at the mode of 1e9 and more counts is off by 1 / 1e10 nats, and the terms by 1e-16 of them
    if known:
        assert fit.log_evidence == pytest.approx(other.log_evidence, abs=3 * 1e-16 * 30 * size)
    else:
        assert fit.log_evidence is None
        assert "rounding moves their sum by" in fit.details["log_evidence"]


def test_the_evidence_of_1e15_trials_is_that_of_equally_likely_counts():
    data = {"columns": {"k": [7 * 10**14], "n": [10**15]}}
    for method in ("exact", "laplace", "importance"):
        fit = fitted(method, data, likelihood="Binomial", response="k", trials="n")
        # uniform p: each number of successes has 1 / (n + 1); of terms of 6e14, to half of their spacing each
        assert fit.log_evidence == pytest.approx(-np.log(1e15 + 1), abs=2 * 0.125)


def test_laplace_gives_no_evidence_of_terms_that_rounding_spoils():
    data = {"columns": {"y": [10**15, 2 * 10**15, 3 * 10**15], "x": [0.0, 1.0, 2.0]}}
    fit = fitted("laplace", data, likelihood="Poisson", formula="y ~ x")
    assert fit.outcome.status == "ok"
    assert fit.log_evidence is None
    assert "rounding moves their sum by" in fit.details["log_evidence"]
