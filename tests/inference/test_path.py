"""The regularisation path, against scikit-learn's, and the scores beside it against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
import scipy
from sklearn.linear_model import Lasso, Ridge, enet_path, lasso_path

from bayescope.errors import ConfigError, NotApplicable
from bayescope.inference.path import path_of
from bayescope.models.rows import take
from bayescope.pipeline import prepare, read_config

SIGMA = 54.0


def diabetes(*overrides):
    fixed = [f"model.priors.sigma={SIGMA}"] if not any("sigma" in text for text in overrides) else []
    loaded = read_config("configs/diabetes-lasso.yaml", overrides=[*fixed, *overrides])
    return prepare(loaded)[1]


@pytest.fixture(scope="module")
def lasso():
    model = diabetes()
    return model, path_of(model, grid=40, folds=4, seed=1)


@pytest.fixture(scope="module")
def ridge():
    model = diabetes("model.priors.coefficients=Normal(0, 10)")
    return model, path_of(model, grid=30, folds=0)


def centred(model):
    X, y = model.location.matrix[:, 1:], model.response.values
    return X - X.mean(axis=0), y - y.mean()


@pytest.mark.parametrize("reference", [lasso_path, lambda *a, **k: enet_path(*a, l1_ratio=1.0, **k)])
def test_the_lasso_path_is_that_of_scikit_learn(lasso, reference):
    model, path = lasso
    X, y = centred(model)
    alphas = path.strength * SIGMA**2 / len(y)
    _, expected, _ = reference(X, y, alphas=alphas, tol=1e-14, max_iter=1_000_000)
    ours = path.theta[:, 1:]
    assert ours == pytest.approx(expected.T, rel=1e-6, abs=1e-8)
    assert np.array_equal(ours == 0, expected.T == 0)
    assert path.kkt_residual <= 1e-8


def test_the_path_goes_from_no_coefficient_to_nearly_the_mle(lasso):
    model, path = lasso
    X, y = centred(model)
    least_squares = np.linalg.lstsq(X, y)[0]
    assert path.nonzero[0] == 0
    assert path.nonzero[-1] == 10
    assert path.theta[-1, 1:] == pytest.approx(least_squares, rel=0.1, abs=0.5)
    assert np.all(np.diff(path.strength) < 0)
    assert path.scale == pytest.approx(1 / path.strength)


def test_the_first_coefficient_moves_right_after_the_first_step(lasso):
    model, path = lasso
    X, y = centred(model)
    largest = np.abs(X.T @ y).max() / SIGMA**2
    assert path.strength[0] == pytest.approx(largest, rel=1e-6)


def test_the_ridge_path_is_that_of_scikit_learn(ridge):
    model, path = ridge
    X, y = centred(model)
    for step in (0, 12, 29):
        alpha = SIGMA**2 / path.scale[step] ** 2
        expected = Ridge(alpha=alpha, tol=1e-12).fit(X, y).coef_
        assert path.theta[step, 1:] == pytest.approx(expected, rel=1e-6, abs=1e-9)
    assert path.strength == pytest.approx(1 / (2 * path.scale**2))


def test_the_evidence_of_a_ridge_is_that_of_its_marginal_normal():
    # y ~ Normal(0, sigma^2 I + 100^2 1 1' + tau^2 X X'), with a proper prior on the intercept
    model = diabetes("model.priors.coefficients=Normal(0, 10)", "model.priors.Intercept=Normal(0, 100)")
    path = path_of(model, grid=5, folds=0)
    X, y = model.location.matrix[:, 1:], model.response.values
    assert path.evidence == "exact"
    for tau, found in zip(path.scale, path.log_evidence, strict=True):
        covariance = SIGMA**2 * np.eye(len(y)) + 100.0**2 + tau**2 * X @ X.T
        expected = scipy.stats.multivariate_normal(np.zeros(len(y)), covariance).logpdf(y)
        assert found == pytest.approx(expected, rel=1e-9)


def test_a_flat_intercept_leaves_the_evidence_up_to_a_constant(ridge):
    # Laplace's approximation is exact here: only the constant of the flat prior differs from a wide proper one
    _, flat = ridge
    wide = path_of(
        diabetes("model.priors.coefficients=Normal(0, 10)", "model.priors.Intercept=Normal(0, 1e6)"),
        grid=30,
        folds=0,
    )
    constant = np.log(1e6) + 0.5 * np.log(2 * np.pi)
    assert flat.log_evidence - wide.log_evidence == pytest.approx(np.full(30, constant), abs=1e-5)
    assert "up to a constant" in flat.evidence


def test_a_lasso_with_zeros_has_no_evidence_and_says_so(lasso):
    _, path = lasso
    assert np.isnan(path.log_evidence).all()
    assert path.best_evidence is None
    assert "kink" in path.evidence


def test_the_cross_validated_score_is_that_of_scikit_learn_fold_by_fold(lasso):
    model, path = lasso
    rows = len(model.response.values)
    shuffled = np.random.default_rng(1).permutation(rows)
    step, scores = 25, []
    for k in range(4):
        held = shuffled[k::4]
        others = np.setdiff1d(np.arange(rows), held)
        X, y = model.location.matrix[:, 1:], model.response.values
        alpha = path.strength[step] * SIGMA**2 / len(others)
        line = Lasso(alpha=alpha, tol=1e-12, max_iter=1_000_000).fit(X[others], y[others])
        scores.append(scipy.stats.norm(line.predict(X[held]), SIGMA).logpdf(y[held]))
    assert path.score[step] == pytest.approx(np.concatenate(scores).mean(), rel=1e-9)
    means = [fold.mean() for fold in scores]
    assert path.score_error[step] == pytest.approx(np.std(means, ddof=1) / 2, rel=1e-6)


@pytest.mark.parametrize("weight", [0.12, 0.35, 3.0])
def test_scores_are_means_over_weights_whatever_their_sum(weight):
    rng = np.random.default_rng(8)
    x, z = rng.normal(size=(2, 40))
    columns = {
        "y": (2 * x + rng.normal(size=40)).tolist(),
        "x": x.tolist(),
        "z": z.tolist(),
        "w": [weight] * 40,
    }
    priors = {"Intercept": "Flat()", "coefficients": "Laplace(0, 1)", "sigma": 1}
    spec = {"likelihood": "Normal", "formula": "y ~ x + z", "priors": priors}
    config = {"name": "p", "data": {"columns": columns}, "model": spec, "inference": ["map"]}
    counted, plain = (
        path_of(prepare(read_config(config, overrides=extra))[1], grid=5, folds=4, seed=1)
        for extra in (["model.weights=w"], [])
    )
    assert counted.strength == pytest.approx(weight * plain.strength, rel=1e-9)  # the modes are the same
    assert counted.score == pytest.approx(plain.score, rel=1e-9)
    assert counted.score_error == pytest.approx(plain.score_error, rel=1e-9)


def test_folds_that_cannot_be_made_are_not_made_silently(lasso):
    model, _ = lasso
    with pytest.raises(ConfigError, match="folds: expected at least 2, or 0 for no cross-validation, not 1"):
        path_of(model, grid=3, folds=1)
    rows = len(model.response.values)
    path = path_of(model, grid=3, folds=rows // 2 + 1)
    assert path.folds == 0
    assert path.best_score is None
    assert any(note.startswith("no cross-validation: ") and str(rows) in note for note in path.notes)


def test_the_marked_steps_are_what_they_say(lasso):
    _, path = lasso
    assert path.score[path.best_score] == path.score.max()
    bar = path.score.max() - path.score_error[path.best_score]
    assert path.score[path.one_error] >= bar
    assert np.all(path.score[: path.one_error] < bar)


def test_an_unknown_sigma_is_estimated_along_the_path():
    model = diabetes("model.priors.sigma=HalfFlat()")
    path = path_of(model, grid=6, folds=0)
    X, y = centred(model)
    residuals = y - path.theta[-1, 1:-1] @ X.T
    # the mode of sigma under a flat prior, given the coefficients
    assert path.theta[-1, -1] == pytest.approx(np.sqrt(np.mean(residuals**2)), rel=1e-6)
    assert path.theta[0, -1] == pytest.approx(np.std(y), rel=1e-6)


def test_a_logistic_path_ends_in_modes_of_every_step():
    loaded = read_config("configs/breast-cancer-lasso.yaml")
    path = path_of(prepare(loaded)[1], grid=8, folds=0)
    assert path.nonzero[0] == 0
    assert path.nonzero[-1] > 10
    assert path.kkt_residual <= 1e-8


@pytest.mark.parametrize(
    ("prior", "overrides", "message"),
    [
        ("slopes", [], "no line of priors for 'slopes'"),
        (
            "coefficients",
            ["model.priors.coefficients=StudentT(3, 0, 1)"],
            "a path is of a Normal or a Laplace",
        ),
        (
            "coefficients",
            ["model.priors.coefficients=Normal(0, 2 * sigma)", "model.priors.sigma=HalfNormal(50)"],
            "depends on another unknown",
        ),
    ],
)
def test_what_has_no_path_is_refused_by_name(prior, overrides, message):
    with pytest.raises(NotApplicable, match=message):
        path_of(diabetes(*overrides), prior)


def test_rows_taken_from_a_model_keep_its_scales():
    model = diabetes()
    rows = np.array([5, 1, 200])
    part = take(model, rows)
    assert np.array_equal(part.location.matrix, model.location.matrix[rows])
    assert np.array_equal(part.response.values, model.response.values[rows])
    assert part.blocks == model.blocks
