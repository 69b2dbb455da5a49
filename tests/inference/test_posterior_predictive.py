"""What a fit predicts: in closed form against integration over the posterior, stored and fresh, plug-in and averaged."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import scipy
from hypothesis import given, settings
from hypothesis import strategies as st

import bayescope
from bayescope.errors import BayescopeError, ConfigError, DataError
from bayescope.inference.conjugate_pairs import PAIRS
from bayescope.inference.predictive import batch_error
from bayescope.inference.predictive_betas import beta_below, beta_binomial, beta_negative_binomial
from bayescope.inference.predictive_draws import psi_at
from bayescope.inference.predictive_exact import CLOSED
from bayescope.inference.store import load_fit, save_fit
from bayescope.models.blueprint import blueprint

ONE_DRAW = {"exact": {"draws": 50, "chains": 2}}

# one model for each pair: (model, data, values to predict, finite mean and sd)
RESPONSES = {
    "Beta-Bernoulli": ({"likelihood": "Bernoulli", "priors": {"p": "Beta(2, 2)"}}, [1, 1, 1, 0], [0, 1]),
    "Beta-Binomial": (
        {"likelihood": "Binomial", "trials": "n", "priors": {"p": "Beta(2, 3)"}}, [3, 4], [0, 3, 7],
    ),
    "Beta-Geometric": ({"likelihood": "Geometric", "priors": {"p": "Beta(4, 2)"}}, [3, 1], [1, 2, 9]),
    "Beta-NegativeBinomial": (
        {"likelihood": "NegativeBinomial", "priors": {"p": "Beta(4, 2)", "n": 2.5}}, [2, 4], [0, 3, 12],
    ),
    "Gamma-Poisson": ({"likelihood": "Poisson", "priors": {"mu": "Gamma(2, 1)"}}, [2, 3, 5], [0, 3, 11]),
    "Gamma-Exponential": (
        {"likelihood": "Exponential", "priors": {"lam": "Gamma(2, 1)"}}, [1.0, 2.0, 3.0], [0.1, 2.0, 15.0],
    ),
    "Gamma-Gamma": (
        {"likelihood": "Gamma", "priors": {"alpha": 3.0, "beta": "Gamma(2, 1)"}}, [1.0, 2.0], [0.1, 2.0, 15.0],
    ),
    "Normal-Normal": (
        {"likelihood": "Normal", "priors": {"mu": "Normal(0, 1)", "sigma": 2.0}}, [1.0, 3.0], [-4.0, 1.0, 5.0],
    ),
    "Gamma-Normal": (
        {"likelihood": "Normal", "priors": {"mu": 0.0, "tau": "Gamma(3, 2)"}}, [-1.0, 2.0], [-4.0, 0.0, 9.0],
    ),
    "InverseGamma-Normal": (
        {"likelihood": "Normal", "priors": {"mu": 0.0, "variance": "InverseGamma(3, 2)"}},
        [-1.0, 2.0], [-4.0, 0.0, 9.0],
    ),
    "Pareto-Uniform": (
        {"likelihood": "Uniform", "priors": {"lower": 0.0, "upper": "Pareto(2, 1)"}}, [19.0, 40.0], [3.0, 39.0, 99.0],
    ),
}  # fmt: skip
TRIALS = 7.0


def run_of(spec, columns, inference=(ONE_DRAW,), seed=1):
    return bayescope.run(
        {"name": "m", "data": {"columns": columns}, "model": spec, "inference": list(inference), "seed": seed}
    )


def fit_of(pair):
    spec, y, _ = RESPONSES[pair]
    columns = {"y": y} | ({"n": [5] * len(y)} if "trials" in spec else {})
    run = run_of({"response": "y"} | spec, columns)
    return run["exact"], run.model


def predict(pair):
    fit, model = fit_of(pair)
    return fit.predictive(trials=TRIALS if model.response.trials is not None else None)


def density_by_integration(fit, model, y):
    """The likelihood at y averaged over the posterior marginal of the one unknown, by adaptive quadrature."""
    [marginal] = fit.posterior.values()
    trials = None if model.response.trials is None else np.array([TRIALS])

    def integrand(theta):
        psi = psi_at(model, np.array([[theta]]))
        log_density = model.likelihood.log_density(np.array([y]), trials, tuple(part[0] for part in psi))
        return float(np.exp(log_density[0]) * marginal.pdf(np.array(theta)))

    # the posterior of `upper` ends at its largest datum, and the likelihood at y
    bends = [y] if model.likelihood.name == "Uniform" else []
    ends = sorted({*marginal.quantile(np.array([1e-18, 1e-6, 0.1, 0.5, 0.9, 1 - 1e-6])).tolist(), *bends})
    parts = [scipy.integrate.quad(integrand, *pair, epsabs=0, epsrel=1e-12)[0] for pair in pairwise(ends)]
    top = 1.0 if marginal.quantile(np.array(1.0)) <= 1.0 else np.inf
    return sum(parts) + scipy.integrate.quad(integrand, ends[-1], top, epsabs=1e-16, epsrel=1e-11)[0]


@pytest.mark.parametrize("pair", RESPONSES)
def test_the_density_is_the_likelihood_averaged_over_the_posterior(pair):
    fit, model = fit_of(pair)
    predictive = predict(pair)
    values = np.array(RESPONSES[pair][2], dtype=float)
    expected = [density_by_integration(fit, model, y) for y in values]
    assert predictive.pdf(values) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("pair", RESPONSES)
def test_density_cdf_quantile_and_moments_are_of_one_distribution(pair):
    predictive = predict(pair)
    values = np.array(RESPONSES[pair][2], dtype=float)
    if predictive.discrete:
        support = np.arange(0.0, 200_000.0)
        mass = predictive.pdf(support)
        assert predictive.cdf(values) == pytest.approx(np.cumsum(mass)[values.astype(int)], rel=1e-11)
        assert predictive.cdf(values + 0.5) == pytest.approx(predictive.cdf(values), rel=1e-14)
        # the least value that reaches the probability; what is beyond the sum is bounded by its tail
        assert np.array_equal(predictive.quantile(predictive.cdf(values)), values)
        tail = 1.0 - predictive.cdf([support[-1]])[0]
        assert mass.sum() == pytest.approx(1.0, abs=1e-10 + tail)
        assert predictive.mean[0] == pytest.approx(mass @ support, rel=1e-6)
        return
    for low, high in pairwise(values):
        kink = [40.0] if low < 40.0 < high else None
        area, _ = scipy.integrate.quad(
            lambda y: predictive.pdf([y])[0], low, high, epsabs=0, epsrel=1e-12, points=kink
        )
        assert predictive.cdf([high])[0] - predictive.cdf([low])[0] == pytest.approx(area, rel=1e-9)
    assert predictive.quantile(predictive.cdf(values)) == pytest.approx(values, rel=1e-9, abs=1e-9)
    u = np.linspace(0, 1, 2_000_001)[1:-1]
    assert predictive.mean[0] == pytest.approx(predictive.quantile(u).mean(), rel=1e-2, abs=1e-3)


@pytest.mark.parametrize("pair", RESPONSES)
def test_draws_have_the_cdf(pair):
    predictive = predict(pair)
    draws = predictive.sample(4000, seed=3)
    assert draws.shape == (4000, 1)
    for value in RESPONSES[pair][2]:
        expected = predictive.cdf([value])[0]
        error = np.sqrt(expected * (1 - expected) / 4000)
        assert abs(np.mean(draws <= value) - expected) <= 4 * error + 1e-12


def test_every_pair_of_a_single_response_predicts_in_closed_form():
    single = {key for key in PAIRS if key[0] not in {"Multinomial", "MvNormal"}}
    assert set(CLOSED) == single


def test_categories_are_predicted_by_the_posterior_mean():
    spec = {"likelihood": "Categorical", "response": "k", "priors": {"p": "Dirichlet([1, 2, 1])"}}
    predictive = run_of(spec, {"k": ["a", "b", "c", "c"]})["exact"].predictive()
    assert predictive.pdf([0, 1, 2, 3, 0.5]) == pytest.approx([0.25, 0.375, 0.375, 0, 0])
    assert predictive.cdf([-1, 0, 1, 2]) == pytest.approx([0, 0.25, 0.625, 1])
    assert predictive.quantile([0.2, 0.3, 0.9]).tolist() == [0, 1, 2]
    assert predictive.text == ("Categorical([0.25, 0.375, 0.375])",)
    assert np.isnan(predictive.mean).all()
    assert set(predictive.sample(50, 1).ravel()) <= {0, 1, 2}


class TestTextsAreThoseOfTheTable:
    @pytest.mark.parametrize(
        ("pair", "text"),
        [
            ("Beta-Binomial", "BetaBinomial(7, 9, 6)"),
            ("Gamma-Poisson", "NegativeBinomial(12, 0.8)"),
            ("Gamma-Exponential", "Lomax(5, 7)"),
            ("Beta-Bernoulli", "Bernoulli(0.625)"),
        ],
    )
    def test_text(self, pair, text):
        assert predict(pair).text == (text,)


class TestLargeCounts:
    @settings(max_examples=20, deadline=None)
    @given(st.integers(1, 10**9), st.floats(0, 1))
    def test_under_a_uniform_chance_every_number_of_successes_is_equally_probable(self, trials, share):
        found = beta_binomial(np.array([[float(trials)]]), 1.0, 1.0)
        k = np.floor(share * (trials - 1))
        assert found.cdf(np.array([[[k]]])) == pytest.approx((k + 1) / (trials + 1), rel=1e-9)

    def test_a_million_trials_have_quantiles(self):
        found = beta_binomial(np.array([[1e6]]), 8.0, 6.0)
        q = np.array([0.01, 0.5, 0.99])[:, None, None]
        k = found.quantile(q)
        assert (found.cdf(k) >= q * (1 - 1e-13)).all()
        assert (found.cdf(k - 1) < q).all()

    def test_a_tail_without_a_mean_is_followed_as_far_as_floats_go(self):
        found = beta_negative_binomial(1.0, 0.5, 1.0, np.inf, np.inf)
        k = float(found.quantile(np.array([[[1 - 1e-6]]])).item())
        # P(Y > k) = B(a, b + k + 1) / B(a, b) for n = 1
        beyond = np.exp(scipy.special.betaln(0.5, k + 2) - scipy.special.betaln(0.5, 1.0))
        assert beyond == pytest.approx(1e-6, rel=1e-5)

    @settings(max_examples=60, deadline=None)
    @given(*[st.floats(0.05, 500)] * 4)
    def test_one_of_two_betas_is_the_smaller(self, a1, b1, a2, b2):
        one, two = (np.array([value]) for value in (a1, b1))
        three, four = (np.array([value]) for value in (a2, b2))
        total = beta_below(one, two, a2, b2) + beta_below(three, four, a1, b1)
        assert total == pytest.approx(1.0, abs=1e-10)


X = np.array([-1.2, 0.3, 0.8, 2.0, -0.4, 1.1, 0.0, -2.2])
Y = np.array([-1.0, 1.5, 2.2, 5.2, 0.1, 3.4, 1.2, -3.0])
LINE = {"x": X.tolist(), "y": Y.tolist()}
NEW = {"x": [-3.0, 0.0, 1.0]}


def line(**priors):
    return {"likelihood": "Normal", "formula": "y ~ x", "priors": priors}


class TestRegression:
    def test_known_sigma(self):
        """Mean x'm and variance x'Vx + sigma^2 of the fit's own posterior."""
        fit = run_of(line(Intercept="Normal(0, 5)", x="Normal(0, 2)", sigma=0.5), LINE)["exact"]
        rows = np.column_stack([np.ones(3), NEW["x"]])
        predictive = fit.predictive(NEW)
        sds = np.sqrt(np.einsum("ni,ij,nj->n", rows, fit.covariance, rows) + 0.25)
        assert predictive.mean == pytest.approx(rows @ fit.estimate, rel=1e-12)
        assert predictive.sd == pytest.approx(sds, rel=1e-12)
        assert predictive.pdf([0, 1, 2]) == pytest.approx(
            scipy.stats.norm(rows @ fit.estimate, sds).pdf([0, 1, 2]), rel=1e-11
        )
        assert predictive.text[0].startswith("Normal(")

    def test_flat_priors_give_the_student_t_of_the_textbook(self):
        """p(sigma) constant: n - d - 1 degrees of freedom (BDA3 14.2, one less for p(sigma) not 1/sigma)."""
        fit = run_of(line(Intercept="Flat()", x="Flat()", sigma="HalfFlat()"), LINE)["exact"]
        rows, design = np.column_stack([np.ones(3), NEW["x"]]), np.column_stack([np.ones(8), X])
        beta, (rss,), *_ = np.linalg.lstsq(design, Y)
        degrees = 8 - 2 - 1
        inverse = np.linalg.inv(design.T @ design)
        scale = np.sqrt(rss / degrees * (1 + np.einsum("ni,ij,nj->n", rows, inverse, rows)))
        expected = scipy.stats.t(degrees, rows @ beta, scale)
        predictive = fit.predictive(NEW)
        at = expected.ppf(0.83)
        assert predictive.mean == pytest.approx(expected.mean(), rel=1e-9, abs=1e-9)
        assert predictive.sd == pytest.approx(expected.std(), rel=1e-9)
        assert predictive.pdf(at) == pytest.approx(expected.pdf(at), rel=1e-8)
        assert predictive.cdf(at) == pytest.approx(0.83, rel=1e-9)
        assert predictive.quantile(0.83) == pytest.approx(at, rel=1e-9)
        lower, upper = predictive.interval(0.5)
        assert upper - lower == pytest.approx(expected.ppf(0.75) - expected.ppf(0.25), rel=1e-9)

    @pytest.mark.parametrize(
        "priors",
        [
            {"x": "Normal(0, 10 * sigma)", "variance": "InverseGamma(3, 2)"},
            {"x": "Normal(0, 10)", "sigma": "HalfNormal(1)"},
            {"x": "Normal(0, 10)", "sigma": 0.5},
        ],
        ids=["Student-t", "mixture of Normals", "Normal"],
    )
    def test_where_all_predictors_are_0_the_mean_is_known(self, priors):
        fit = run_of({"likelihood": "Normal", "formula": "y ~ 0 + x", "priors": priors}, LINE)["exact"]
        predictive = fit.predictive({"x": [0.0, 1.0]})
        lower, upper = predictive.mean_interval(0.89)
        assert (lower[0], upper[0]) == (0.0, 0.0)
        assert lower[1] < predictive.mean[1] < upper[1]
        expected = replace(predictive, component=predictive.expected)
        assert expected.cdf([-1e-9, 0.0])[0] == 0.0
        for at in (0.0, 1e-9):  # the weights of a mixture sum to 1 but for their rounding
            assert expected.cdf([at, 0.0])[0] == pytest.approx(1.0, rel=1e-14)
        assert expected.pdf([0.0, 0.0])[0] == np.inf
        assert expected.pdf([1e-9, 0.0])[0] == 0.0

    def test_sigma_by_quadrature_against_draws(self):
        run = run_of(
            line(Intercept="Normal(0, 5)", x="Normal(0, 2)", sigma="HalfNormal(1)"),
            LINE,
            [{"exact": {"draws": 4000, "chains": 1}}],
        )
        fit = run["exact"]
        predictive = fit.predictive(NEW)
        theta = fit.draws.reshape(-1, 3)
        given_theta = scipy.stats.norm(theta[:, :1] + theta[:, 1:2] * NEW["x"], theta[:, 2:])
        at = predictive.quantile(0.3)
        for expected, found in ((given_theta.pdf(at), predictive.pdf(at)), (given_theta.cdf(at), 0.3)):
            error = expected.std(axis=0) / np.sqrt(len(theta))
            assert (np.abs(expected.mean(axis=0) - found) <= 4 * error).all()

    @pytest.mark.parametrize("sigma", ["HalfNormal(1)", "2.0"])
    def test_the_evidence_is_the_product_of_sequential_predictions(self, sigma):
        spec = line(Intercept="Normal(0, 5)", x="Normal(0, 2)", sigma=sigma)
        fits = [run_of(spec, {k: v[:n] for k, v in LINE.items()})["exact"] for n in range(3, 9)]
        predicted = sum(
            before.predictive({"x": [X[n]]}).log_density([Y[n]])[0]
            for n, before in enumerate(fits[:-1], start=3)
        )
        assert predicted == pytest.approx(fits[-1].log_evidence - fits[0].log_evidence, abs=1e-8)

    def test_factors_and_constants_are_those_of_the_training_data(self):
        columns = LINE | {"g": ["a", "b"] * 4}
        fit = run_of({"likelihood": "Normal", "formula": "y ~ scale(x) + g"}, columns)["exact"]
        one, both = (
            fit.predictive({"x": [1.0], "g": ["b"]}),
            fit.predictive({"x": [9.0, 1.0], "g": ["a", "b"]}),
        )
        assert one.mean[0] == pytest.approx(both.mean[1], rel=1e-12)
        with pytest.raises(DataError, match="zz is not a level of the model"):
            fit.predictive({"x": [1.0], "g": ["zz"]})


class TestHeavyTails:
    def test_moments_that_do_not_exist_are_said_to_be_none(self):
        fit = run_of(
            {"likelihood": "Exponential", "response": "y", "priors": {"lam": "HalfFlat()"}}, {"y": [2.0]}
        )
        predictive = fit["exact"].predictive()
        assert predictive.mean[0] == pytest.approx(2.0)  # Lomax(2, 2): b / (a - 1)
        assert predictive.sd[0] == np.inf


class TestDrawsAndPoints:
    RUN = staticmethod(
        lambda: run_of(
            {"likelihood": "Bernoulli", "response": "flip", "priors": {"p": "Beta(2, 2)"}},
            {"flip": [1, 1, 1, 0]},
            ["mle", "map", "exact", "grid"],
        )
    )

    def test_the_plug_in_of_a_point_stands_beside_the_predictive(self):
        run = self.RUN()
        assert run["mle"].predictive().text == ("Bernoulli(0.75)",)
        assert run["map"].predictive().mean[0] == pytest.approx(4 / 6)
        assert run["exact"].predictive().mean[0] == pytest.approx(5 / 8)
        assert run["mle"].predictive().mean_error.tolist() == [0]

    def test_draws_agree_with_the_closed_form_to_their_monte_carlo_error(self):
        run = self.RUN()
        predictive = run["grid"].predictive()
        assert "draws" in predictive.text[0]
        assert 0 < predictive.mean_error[0] < 0.02
        assert abs(predictive.mean[0] - 5 / 8) <= 4 * predictive.mean_error[0]
        assert abs(predictive.pdf([1])[0] - 5 / 8) <= 4 * predictive.density_error([1.0])[0]
        assert predictive.quantile([0.1, 0.9]).tolist() == [0, 1]

    def test_a_mixture_has_the_quantiles_of_its_cdf(self):
        run = run_of(
            {"likelihood": "Poisson", "response": "y", "priors": {"mu": "Gamma(2, 1)"}},
            {"y": [2, 3, 5]},
            ["grid"],
        )
        predictive = run["grid"].predictive()
        q = np.array([0.05, 0.5, 0.95])
        k = predictive.quantile(q)
        assert (predictive.cdf(k) >= q).all()
        assert (predictive.cdf(k - 1) < q).all()

    def test_batches_see_the_correlation_of_a_chain(self):
        rng = np.random.default_rng(1)
        noise = rng.normal(size=(4, 10_000))
        correlated = np.zeros_like(noise)
        for t in range(1, noise.shape[1]):
            correlated[:, t] = 0.8 * correlated[:, t - 1] + noise[:, t]
        # the variance of the mean of an AR(1): 1 / (1 - 0.8)^2 / S
        assert batch_error(correlated.reshape(-1, 1), 4)[0] == pytest.approx(5 / np.sqrt(40_000), rel=0.25)
        assert batch_error(noise.reshape(-1, 1), 4)[0] == pytest.approx(1 / np.sqrt(40_000), rel=0.25)


@pytest.mark.parametrize("pair", ["Beta-Binomial", "Gamma-Poisson"])
def test_a_stored_fit_predicts_as_the_fresh_one(pair, tmp_path):
    fit, model = fit_of(pair)
    save_fit(fit, tmp_path / "fit.nc")
    trials = TRIALS if model.response.trials is not None else None
    fresh, stored = fit.predictive(trials=trials), load_fit(tmp_path / "fit.nc").predictive(trials=trials)
    assert stored.text == fresh.text
    assert np.array_equal(stored.pdf(RESPONSES[pair][2]), fresh.pdf(RESPONSES[pair][2]))


def test_a_stored_regression_predicts_as_the_fresh_one(tmp_path):
    run = run_of(line(sigma="HalfNormal(1)"), LINE, [ONE_DRAW, "map"])
    for fit in run.fits:
        save_fit(fit, tmp_path / f"{fit.name}.nc")
        stored = load_fit(tmp_path / f"{fit.name}.nc")
        fresh = fit.predictive(NEW)
        assert np.array_equal(stored.predictive(NEW).quantile(0.2), fresh.quantile(0.2))


class TestRefusals:
    def test_what_is_missing_is_said(self):
        binomial, _ = fit_of("Beta-Binomial")
        with pytest.raises(ConfigError, match="trials: Binomial needs their number, such as 10"):
            binomial.predictive()
        coin, _ = fit_of("Beta-Bernoulli")
        with pytest.raises(ConfigError, match="trials: Bernoulli has none; leave them out"):
            coin.predictive(trials=3)
        fit = run_of(line(sigma=1.0), LINE)["exact"]
        with pytest.raises(ConfigError, match="has predictors: give new rows"):
            fit.predictive()
        with pytest.raises(ConfigError, match="trials: Normal has none; leave them out"):
            fit.predictive(NEW, trials=3)
        with pytest.raises(DataError, match="the model needs the column 'x'"):
            fit.predictive({"z": [1.0]})

    def test_a_method_without_an_answer_predicts_nothing(self):
        spec = {"likelihood": "Bernoulli", "formula": "f ~ x"}
        run = run_of(spec, {"f": [1, 0] * 4, "x": X.tolist()})
        with pytest.raises(BayescopeError, match="exact has no answer to predict with"):
            run["exact"].predictive({"x": [1.0]})


def test_a_run_read_back_from_its_folder_predicts_and_has_its_model(tmp_path):
    recipes = [ONE_DRAW, "map"]
    config = {
        "name": "m",
        "data": {"columns": LINE},
        "model": line(sigma="HalfNormal(1)"),
        "inference": recipes,
    }
    fresh = bayescope.run(config, out=tmp_path)
    loaded = bayescope.load(fresh.folder)
    assert loaded.record.model.blueprint == blueprint(fresh.model)
    for name in ("exact", "map"):
        expected = fresh[name].predictive(NEW)
        assert np.array_equal(loaded[name].predictive(pd.DataFrame(NEW)).mean, expected.mean)
    file = tmp_path / "new.csv"
    pd.DataFrame(NEW | {"unused": "text"}).to_csv(file, index=False)
    assert np.array_equal(loaded["exact"].predictive(file).mean, fresh["exact"].predictive(NEW).mean)
