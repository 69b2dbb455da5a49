"""The estimators keep scikit-learn's rules, and give the answers of the runs that they stand for."""

import pickle
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import bayescope
from bayescope.sklearn import BayesClassifier, BayesRegressor

RNG = np.random.default_rng(20261121)
X = RNG.normal(size=(60, 3)) * [1.0, 4.0, 0.3] + [0.0, 10.0, 2.0]
Y = 1.0 + X @ [0.5, -0.2, 1.5] + RNG.normal(0.0, 0.4, 60)
HIT = (RNG.normal(size=60) < X[:, 0]).astype(int)
COUNTS = RNG.poisson(np.exp(0.5 + 0.4 * X[:, 0]))
FLAT = {"Intercept": "Flat()", "sigma": 1.0}


@parametrize_with_checks(
    [
        BayesRegressor(),
        BayesRegressor(method="exact"),
        BayesRegressor(likelihood="Exponential", standardize=True),
        BayesClassifier(),
        BayesClassifier(method="laplace", prior_scale=2.0, random_state=0),
    ]
)
def test_the_rules_of_estimators(estimator, check):
    check(estimator)


class TestAnswers:
    def test_normal_priors_with_a_known_sigma_are_ridge(self):
        ours = BayesRegressor(prior_scale=0.5, priors=FLAT).fit(X, Y)
        ridge = Ridge(alpha=1.0 / 0.5**2, tol=1e-12).fit(X, Y)
        assert ours.coef_ == pytest.approx(ridge.coef_, rel=1e-9)
        assert ours.intercept_ == pytest.approx(ridge.intercept_, rel=1e-9)
        assert ours.predict(X) == pytest.approx(ridge.predict(X), rel=1e-9)

    def test_normal_priors_of_two_classes_are_penalised_logistic_regression(self):
        ours = BayesClassifier(prior_scale=2.0, priors={"Intercept": "Flat()"}).fit(X, HIT)
        theirs = LogisticRegression(C=4.0, tol=1e-12, max_iter=10_000).fit(X, HIT)
        assert ours.coef_.shape == theirs.coef_.shape == (1, 3)
        assert ours.coef_ == pytest.approx(theirs.coef_, rel=1e-5)
        assert ours.predict_proba(X) == pytest.approx(theirs.predict_proba(X), abs=1e-5)

    def test_maximum_likelihood_of_counts_is_an_unpenalised_glm(self):
        ours = BayesRegressor(likelihood="Poisson", method="mle").fit(X, COUNTS)
        theirs = PoissonRegressor(alpha=0.0, tol=1e-10, max_iter=10_000).fit(X, COUNTS)
        assert ours.predict(X) == pytest.approx(theirs.predict(X), rel=1e-4)

    def test_they_are_those_of_the_run_of_the_same_configuration(self):
        columns = {f"x{j}": X[:, j].tolist() for j in range(3)} | {"y": Y.tolist()}
        priors = {"coefficients": "Normal(0, 2)", "sigma": "HalfNormal(1)"}
        config = {
            "name": "same", "data": {"columns": columns}, "inference": ["exact"],
            "model": {"likelihood": "Normal", "formula": "y ~ x0 + x1 + x2", "priors": priors},
        }  # fmt: skip
        fit = bayescope.run(config)["exact"]
        ours = BayesRegressor(method="exact", priors=priors).fit(X, Y)
        assert ours.posterior_.names == fit.names
        assert ours.posterior_.estimate == pytest.approx(fit.estimate, rel=1e-12)
        assert [ours.intercept_, *ours.coef_] == pytest.approx(fit.estimate[:4], rel=1e-12)
        assert ours.coef_std_ == pytest.approx(fit.sd[1:4], rel=1e-12)
        mean, std = ours.predict(X[:5], return_std=True)
        new = fit.predictive({f"x{j}": X[:5, j] for j in range(3)})
        assert mean == pytest.approx(new.mean, rel=1e-12)
        assert std == pytest.approx(new.sd, rel=1e-12)

    @pytest.mark.parametrize("method", ["map", "exact"])
    def test_coefficients_are_of_the_columns_as_given_when_standardised(self, method):
        ours = BayesRegressor(method=method, standardize=True).fit(X, Y)
        assert ours.predict(X) == pytest.approx(X @ ours.coef_ + ours.intercept_, rel=1e-9)
        scaled = BayesRegressor(method=method).fit((X - X.mean(0)) / X.std(0), Y)
        assert ours.coef_std_ == pytest.approx(scaled.coef_std_ / X.std(0), rel=1e-3)

    def test_a_fixed_coefficient_counts(self):
        ours = BayesRegressor(method="exact", priors={"x1": -0.2}).fit(X, Y)
        assert ours.coef_[1] == -0.2
        assert ours.coef_std_[1] == 0.0
        assert ours.predict(X) == pytest.approx(X @ ours.coef_ + ours.intercept_, rel=1e-9)

    def test_softmax_of_three_classes(self):
        iris = load_iris()
        ours = BayesClassifier(prior_scale=2.0).fit(iris.data, iris.target_names[iris.target])
        assert list(ours.classes_) == ["setosa", "versicolor", "virginica"]
        assert ours.coef_.shape == (3, 4)
        eta = iris.data @ ours.coef_.T + ours.intercept_
        softmax = np.exp(eta) / np.exp(eta).sum(axis=1, keepdims=True)
        assert ours.predict_proba(iris.data) == pytest.approx(softmax, abs=1e-12)
        assert ours.score(iris.data, iris.target_names[iris.target]) > 0.95

    def test_a_weight_is_a_number_of_rows(self):
        weights = RNG.integers(0, 3, 60)
        ours = BayesRegressor(method="exact").fit(X, Y, sample_weight=weights)
        rows = BayesRegressor(method="exact").fit(np.repeat(X, weights, axis=0), np.repeat(Y, weights))
        assert ours.coef_ == pytest.approx(rows.coef_, rel=1e-9)

    def test_a_class_that_no_row_with_a_weight_has_is_none(self):
        iris = load_iris()
        for absent in (0, 2):
            weights = np.where(iris.target == absent, 0, 1)
            ours = BayesClassifier(prior_scale=1.0).fit(iris.data, iris.target, sample_weight=weights)
            kept = iris.target != absent
            rows = BayesClassifier(prior_scale=1.0).fit(iris.data[kept], iris.target[kept])
            assert ours.classes_.tolist() == rows.classes_.tolist()
            assert ours.predict_proba(iris.data) == pytest.approx(rows.predict_proba(iris.data), rel=1e-9)

    @pytest.mark.slow
    def test_a_recipe_is_found_by_its_name(self, tmp_path, monkeypatch):
        (tmp_path / "inference").mkdir()
        (tmp_path / "inference" / "short.yaml").write_text("method: laplace\ndraws: 50\nchains: 2\n")
        monkeypatch.chdir(tmp_path)
        fit = BayesClassifier(method="short", settings={"draws": 60}).fit(X, HIT).posterior_
        assert (fit.method, fit.draws.shape[:2]) == ("laplace", (2, 60))

    def test_nuts_agrees_with_exact(self):
        settings = {"draws": 500, "tune": 500, "chains": 2}
        drawn = BayesRegressor(method="nuts", settings=settings, random_state=1).fit(X, Y)
        exact = BayesRegressor(method="exact").fit(X, Y)
        # 4.5 standard errors of a mean of 1,000 draws, should their effective number be no more than 250
        assert (np.abs(drawn.coef_ - exact.coef_) <= 4.5 * exact.coef_std_ / np.sqrt(250)).all()


class TestInCompany:
    def test_pipeline_grid_search_and_cross_validation(self):
        pipeline = make_pipeline(StandardScaler(), BayesRegressor())
        search = GridSearchCV(pipeline, {"bayesregressor__prior_scale": [1e-3, 1.0]}, cv=3).fit(X, Y)
        assert search.best_params_ == {"bayesregressor__prior_scale": 1.0}
        assert cross_val_score(BayesRegressor(method="exact"), X, Y, cv=3).mean() > 0.5
        assert cross_val_score(BayesClassifier(), X, HIT, cv=3, scoring="neg_log_loss").mean() > -0.6

    def test_names_of_columns_are_those_of_the_frame(self):
        frame = pd.DataFrame(X, columns=["y", "mom iq", "sample_weight"])
        ours = BayesRegressor(priors={"mom iq": "Normal(0, 0.01)"}).fit(frame, Y, sample_weight=np.ones(60))
        assert list(ours.feature_names_in_) == list(frame.columns)
        assert set(ours.posterior_.names) == {"Intercept", "y", "`mom iq`", "sample_weight", "sigma"}
        assert abs(ours.coef_[1]) < 0.1 < abs(BayesRegressor().fit(frame, Y).coef_[1])
        assert ours.predict(frame) == pytest.approx(X @ ours.coef_ + ours.intercept_, rel=1e-9)

    @pytest.mark.parametrize("estimator", [BayesRegressor(method="exact"), BayesClassifier(method="laplace")])
    def test_a_pickled_estimator_predicts_the_same(self, estimator):
        fitted = clone(estimator).fit(X, HIT)
        again = pickle.loads(pickle.dumps(fitted))  # noqa: S301
        assert np.array_equal(again.predict(X), fitted.predict(X))
        assert again.posterior_.names == fitted.posterior_.names

    def test_random_state_settles_the_draws(self):
        first, second = (BayesClassifier(method="laplace", random_state=3).fit(X, HIT) for _ in range(2))
        assert np.array_equal(first.predict_proba(X), second.predict_proba(X))


class TestRefusals:
    def test_a_method_that_does_not_apply_says_why(self):
        with pytest.raises(ValueError, match=r"exact: .*no closed form"):
            BayesClassifier(method="exact").fit(X, HIT)

    def test_settings_are_refused_by_name(self):
        with pytest.raises(ValueError, match=r"sgima.*did you mean 'sigma'"):
            BayesRegressor(priors={"sgima": "HalfNormal(1)"}).fit(X, Y)
        with pytest.raises(ValueError, match="prior_scale and priors"):
            BayesRegressor(priors={"coefficients": "Normal(0, 1)"}, prior_scale=1.0).fit(X, Y)
        for scale in (np.inf, 0.0, -1.0):
            with pytest.raises(ValueError, match="'prior_scale' parameter"):
                BayesRegressor(prior_scale=scale).fit(X, Y)
        with pytest.raises(ValueError, match="mpa"):
            BayesRegressor(method="mpa").fit(X, Y)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("method", None),
            ("priors", "Normal(0, 1)"),
            ("prior_scale", "a"),
            ("standardize", "no"),
            ("settings", [1]),
            ("likelihood", 3),
        ],
    )
    def test_a_parameter_of_another_kind_is_refused_by_name(self, name, value):
        with pytest.raises(ValueError, match=f"The '{name}' parameter of BayesRegressor must be"):
            BayesRegressor(**{name: value}).fit(X, Y)

    def test_classes_that_a_line_separates_have_no_maximum_likelihood(self):
        with pytest.raises(ValueError, match="complete separation of the response by x0"):
            BayesClassifier(method="mle").fit(X, (X[:, 0] > 0).astype(int))

    @pytest.mark.parametrize("likelihood", ["Categorical", "OrderedLogistic"])
    def test_classes_have_no_mean_to_predict(self, likelihood):
        with pytest.raises(
            ValueError, match=f"{likelihood} is of classes, which have no mean; take BayesClassifier"
        ):
            BayesRegressor(likelihood=likelihood).fit(X, HIT)

    def test_one_class_is_refused(self):
        with pytest.raises(ValueError, match=r"one class only, 1\.0$"):
            BayesClassifier().fit(X, np.ones(60))


def test_bayescope_does_not_import_sklearn():
    code = "import sys, bayescope.pipeline, bayescope.cli; sys.exit('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_nothing_warns_on_plain_data():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        BayesRegressor(method="exact").fit(X, Y).predict(X, return_std=True)
