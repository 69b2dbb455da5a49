"""What every marginal can do beyond its own density: intervals, entropy, samples."""

import numpy as np
import pytest
import scipy.stats

import bayescope
from bayescope.errors import BayescopeError
from bayescope.inference.marginals import Beta, Normal, NormalMixture

PAIRS = [
    (Beta(8.0, 6.0), scipy.stats.beta(8, 6)),
    (Beta(1.0, 4.0), scipy.stats.beta(1, 4)),
    (Normal(-3.0, 0.2), scipy.stats.norm(-3, 0.2)),
    (NormalMixture(np.ones(1), np.array([1.0]), np.array([2.0])), scipy.stats.norm(1, 2)),
]
IDS = ["Beta(8, 6)", "Beta(1, 4)", "Normal", "mixture of one"]


@pytest.mark.parametrize(("marginal", "reference"), PAIRS, ids=IDS)
def test_entropy_is_the_differential_entropy(marginal, reference):
    assert marginal.entropy() == pytest.approx(float(reference.entropy()), abs=1e-9)


@pytest.mark.parametrize(("marginal", "reference"), PAIRS, ids=IDS)
@pytest.mark.parametrize("probability", [0.5, 0.89])
def test_the_central_interval_leaves_as_much_on_either_side(marginal, reference, probability):
    assert marginal.interval(probability) == pytest.approx(reference.interval(probability), rel=1e-9)


@pytest.mark.parametrize(("marginal", "reference"), PAIRS, ids=IDS)
@pytest.mark.parametrize("probability", [0.5, 0.89])
def test_the_interval_of_highest_density_holds_its_probability_and_is_the_shortest(
    marginal, reference, probability
):
    lower, upper = marginal.interval(probability, "highest density")
    assert float(np.diff(reference.cdf([lower, upper]))[0]) == pytest.approx(probability, rel=1e-9)
    shares = np.linspace(0, 1 - probability, 1001)
    shortest = (reference.ppf(shares + probability) - reference.ppf(shares)).min()
    assert upper - lower <= shortest * (1 + 1e-12)


def test_at_the_ends_of_an_interval_of_highest_density_the_density_is_the_same():
    marginal = Beta(8.0, 6.0)
    ends = marginal.pdf(np.array(marginal.interval(0.89, "highest density")))
    # the width is flat at its minimum, so its place is known to the square root of rounding
    assert ends[0] == pytest.approx(ends[1], rel=1e-6)


def test_a_density_that_falls_from_its_end_has_its_interval_there():
    assert Beta(1.0, 4.0).interval(0.89, "highest density")[0] == 0.0


def test_ppf_is_the_quantile_function_by_its_name_in_scipy():
    assert Beta(8.0, 6.0).ppf(np.array(0.3)) == Beta(8.0, 6.0).quantile(np.array(0.3))


def test_samples_are_independent_draws_and_follow_the_seed():
    marginal = Beta(8.0, 6.0)
    draws = marginal.sample(2000, seed=1)
    np.testing.assert_array_equal(draws, marginal.sample(2000, seed=1))
    assert scipy.stats.kstest(draws, scipy.stats.beta(8, 6).cdf).pvalue > 1e-3


def test_a_fit_gives_its_posterior_by_name():
    run = bayescope.run(
        {
            "name": "coin",
            "data": {"counts": {"flip": {1: 6, 0: 4}}},
            "model": {"use": "coin", "response": "flip", "priors": {"p": "Beta(2, 2)"}},
            "inference": ["map", "exact"],
        }
    )
    assert str(run["exact"].posterior["p"]) == "Beta(8, 6)"
    with pytest.raises(BayescopeError, match="map has no posterior"):
        _ = run["map"].posterior
