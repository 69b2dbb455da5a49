"""What is predicted for responses of several columns: in closed form, and averaged over draws."""

from itertools import product

import numpy as np
import pytest
import scipy

import bayescope
from bayescope.errors import BayescopeError

COUNTS = {"a": [1, 2], "b": [3, 1], "c": [0, 2]}
POINTS = {"x": [1.0, 2.0, 0.5], "y": [3.0, 1.0, 2.0]}
DICE = {"likelihood": "Multinomial", "response": ["a", "b", "c"], "priors": {"p": "Dirichlet([1, 1, 1])"}}
PLANE = {
    "likelihood": "MvNormal",
    "response": ["x", "y"],
    "priors": {"mu": "MvNormal([0, 0], [[4, 0], [0, 1]])", "cov": [[1, 0.5], [0.5, 2]]},
}


def run_of(spec, columns):
    recipes = [{"exact": {"draws": 1000, "chains": 2}}, "map"]
    return bayescope.run({"name": "v", "data": {"columns": columns}, "model": spec, "inference": recipes})


class TestCounts:
    def test_the_probabilities_of_all_counts_sum_to_one(self):
        predictive = run_of(DICE, COUNTS)["exact"].predictive(trials=4)
        every = [y for y in product(range(5), repeat=3) if sum(y) == 4]
        mass = np.array([predictive.pdf([y])[0] for y in every])
        assert mass.sum() == pytest.approx(1.0, rel=1e-12)
        assert predictive.mean[0] == pytest.approx(mass @ np.array(every), rel=1e-12)
        variances = mass @ np.square(np.array(every) - predictive.mean[0])
        assert predictive.sd[0] == pytest.approx(np.sqrt(variances), rel=1e-12)
        assert predictive.text == ("DirichletMultinomial(4, [4, 5, 3])",)

    def test_a_draw_has_the_number_of_trials_of_its_row(self):
        draws = run_of(DICE, COUNTS)["exact"].predictive(trials=[4, 7]).sample(100, seed=1)
        assert draws.shape == (100, 2, 3)
        assert (draws.sum(axis=2) == [4, 7]).all()

    def test_the_plug_in_is_the_multinomial_at_the_point(self):
        fit = run_of(DICE, COUNTS)["map"]
        expected = scipy.stats.multinomial(4, fit.estimate).pmf([2, 1, 1])
        assert fit.predictive(trials=4).pdf([[2, 1, 1]]) == pytest.approx(expected, rel=1e-12)

    def test_counts_of_another_number_of_trials_are_refused(self):
        predictive = run_of(DICE, COUNTS)["exact"].predictive(trials=4)
        with pytest.raises(ValueError, match="must sum to its number of trials"):
            predictive.pdf([[1, 1, 1]])

    def test_a_number_of_trials_is_a_whole_number(self):
        fit = run_of(DICE, COUNTS)["exact"]
        with pytest.raises(BayescopeError, match="whole numbers of at least 1"):
            fit.predictive(trials=2.5)


class TestVectors:
    def test_the_covariances_of_the_mean_and_of_the_response_add_up(self):
        fit = run_of(PLANE, POINTS)["exact"]
        predictive = fit.predictive()
        total = fit.covariance + np.array(PLANE["priors"]["cov"])
        expected = scipy.stats.multivariate_normal(fit.estimate, total)
        y = np.array([[0.3, 2.0]])
        assert predictive.log_density(y) == pytest.approx(expected.logpdf(y), rel=1e-11)
        assert predictive.mean == pytest.approx(fit.estimate[None, :])
        assert predictive.sd == pytest.approx(np.sqrt(np.diag(total))[None, :])

    def test_draws_have_the_moments(self):
        predictive = run_of(PLANE, POINTS)["exact"].predictive()
        draws = predictive.sample(4000, seed=2)[:, 0]
        assert (np.abs(draws.mean(axis=0) - predictive.mean[0]) <= 4 * predictive.sd[0] / np.sqrt(4000)).all()
        assert np.abs(draws.std(axis=0) / predictive.sd[0] - 1).max() <= 4 / np.sqrt(2 * 4000)

    def test_the_plug_in_is_the_normal_at_the_point(self):
        fit = run_of(PLANE, POINTS)["map"]
        expected = scipy.stats.multivariate_normal(fit.estimate, PLANE["priors"]["cov"]).pdf([1.0, 1.0])
        assert fit.predictive().pdf([[1.0, 1.0]]) == pytest.approx(expected, rel=1e-12)
