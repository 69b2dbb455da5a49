"""Softmax regression: the MLE and MAP of statsmodels and scikit-learn, exact zeros, refusals."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from sklearn.linear_model import LogisticRegression
from statsmodels.discrete.discrete_model import MNLogit

from bayescope.errors import FitError, NotApplicable
from bayescope.inference import level_separation
from bayescope.inference.importance import IMPORTANCE
from bayescope.inference.laplace import LAPLACE
from bayescope.inference.map import MAP
from bayescope.inference.method import Context
from bayescope.inference.mle import MLE
from bayescope.inference.separation import separation_of
from bayescope.pipeline import prepare, read_config

ROWS = 240
RNG = np.random.default_rng(20261120)
X = RNG.normal(size=(ROWS, 4))
_LOGITS = X @ RNG.normal(scale=0.8, size=(4, 3)) + [0.0, 0.5, -0.4] + RNG.gumbel(size=(ROWS, 3))
CODES = _LOGITS.argmax(axis=1)
NAMES = np.array(["ash", "birch", "cedar"])
TABLE = {**{f"x{j}": X[:, j] for j in range(4)}, "tree": NAMES[CODES]}
ALL = "tree ~ x0 + x1 + x2 + x3"
FLAT = {"Intercept": "Flat()", "coefficients": "Flat()"}


def build(formula=ALL, columns=TABLE, **model):
    data = {name: np.asarray(values).tolist() for name, values in columns.items()}
    spec = {"likelihood": "Categorical", "formula": formula, **model}
    config = {"name": "x", "data": {"columns": data}, "model": spec, "inference": ["mle"]}
    return prepare(read_config(config))[1]


def fit(method, model, **settings):
    return method.fit(model, method.settings(**settings), Context(seed=1))


def by_class(values, classes):
    """Coefficients, classes after each other within a term, as rows of classes."""
    return np.asarray(values).reshape(-1, classes).T


def test_the_mle_and_its_standard_errors_are_those_of_statsmodels():
    found = fit(MLE, build())
    peer = MNLogit(CODES, sm.add_constant(X)).fit(disp=0, method="newton", maxiter=20, warn_convergence=False)
    assert by_class(found.estimate, 2) == pytest.approx(peer.params.T, rel=1e-6)
    assert by_class(np.sqrt(np.diag(found.covariance)), 2) == pytest.approx(peer.bse.T, rel=1e-6)
    assert found.details["log_likelihood"] == pytest.approx(peer.llf, rel=1e-12)
    assert found.details["kkt_residual"] <= 1e-8


def test_flat_priors_give_the_mle_and_another_reference_the_same_probabilities():
    first, flat = fit(MLE, build()), fit(MAP, build(priors=FLAT))
    assert flat.estimate == pytest.approx(first.estimate, rel=1e-8)
    other = fit(MLE, build(reference="cedar"))
    assert other.names[:2] == ("Intercept[ash]", "Intercept[birch]")
    assert other.details["log_likelihood"] == pytest.approx(first.details["log_likelihood"], rel=1e-13)
    ash, birch = by_class(other.estimate, 2)
    assert by_class(first.estimate, 2) == pytest.approx(np.array([birch - ash, -ash]), rel=1e-6)


def test_normal_priors_on_every_class_are_the_ridge_penalty_of_scikit_learn():
    tau = 0.7
    model = build(
        "tree ~ 0 + x0 + x1 + x2 + x3", reference=False, priors={"coefficients": f"Normal(0, {tau})"}
    )
    found = fit(MAP, model)
    peer = LogisticRegression(
        C=tau**2, fit_intercept=False, tol=1e-12, max_iter=10_000, solver="newton-cholesky"
    )
    assert by_class(found.estimate, 3) == pytest.approx(peer.fit(X, NAMES[CODES]).coef_, rel=1e-6)


@pytest.mark.parametrize("scale", [0.03, 0.06, 0.2])
def test_laplace_priors_have_the_zeros_of_scikit_learn(scale):
    model = build(
        "tree ~ 0 + x0 + x1 + x2 + x3", reference=False, priors={"coefficients": f"Laplace(0, {scale})"}
    )
    found = fit(MAP, model)
    peer = LogisticRegression(
        C=scale, l1_ratio=1, fit_intercept=False, solver="saga", tol=1e-13, max_iter=100_000, random_state=1
    ).fit(X, NAMES[CODES])
    ours = by_class(found.estimate, 3)
    assert np.array_equal(ours == 0, peer.coef_ == 0)
    assert 1 <= np.sum(ours == 0) < ours.size
    assert ours == pytest.approx(peer.coef_, rel=1e-6, abs=1e-9)
    assert found.details["kkt_residual"] <= 1e-8


def test_rows_of_a_weight_are_rows_that_occur_as_often():
    times = RNG.integers(0, 4, ROWS)
    weighted = fit(MLE, build(columns=TABLE | {"times": times}, weights="times"))
    repeated = fit(MLE, build(columns={name: np.repeat(values, times) for name, values in TABLE.items()}))
    assert weighted.estimate == pytest.approx(repeated.estimate, rel=1e-8)
    assert weighted.covariance == pytest.approx(repeated.covariance, rel=1e-8)


@pytest.mark.parametrize(
    ("x", "classes", "kind"),
    [
        pytest.param([1, 2, 3, 4, 5, 6, 7, 8, 9], "aaabbbccc", "complete", id="in blocks"),
        pytest.param([1, 2, 3, 3, 4, 5, 5, 6, 7], "aaabbbccc", "quasi-complete", id="ties at the ends"),
        pytest.param([1, 2, 3, 2, 1, 3, 7, 8, 9], "ababbaccc", "quasi-complete", id="one class apart"),
    ],
)
def test_separated_classes_have_no_mle_and_with_flat_priors_no_mode(x, classes, kind):
    columns = {"x": x, "y": list(classes)}
    with pytest.raises(NotApplicable, match=f"{kind} separation of the response by x"):
        fit(MLE, build("y ~ x", columns))
    with pytest.raises(FitError, match=f"{kind} separation"):
        fit(MAP, build("y ~ x", columns, priors=FLAT))
    found = fit(MAP, build("y ~ x", columns, priors={"coefficients": "Normal(0, 1)"}))
    assert found.details["kkt_residual"] <= 1e-8


def test_overlapping_classes_have_an_mle():
    columns = {"x": [1, 2, 3, 4, 5, 6, 1, 5, 3], "y": list("aabbccbac")}
    assert fit(MLE, build("y ~ x", columns)).details["kkt_residual"] <= 1e-8


def test_coefficients_of_every_class_need_priors_that_settle_their_sum():
    with pytest.raises(NotApplicable, match="every class has coefficients"):
        fit(MLE, build(reference=False))
    with pytest.raises(FitError, match=r"every class has coefficients, Intercept\[ash\], .* flat priors"):
        fit(MAP, build(reference=False, priors={"Intercept": "Flat()"}))


def test_importance_weighting_confirms_the_laplace_approximation_and_its_evidence():
    model = build("tree ~ x0", priors={"Intercept": "Normal(0, 2)", "coefficients": "Normal(0, 1)"})
    normal, weighted = fit(LAPLACE, model), fit(IMPORTANCE, model)
    errors = np.array(list(weighted.details["mcse_mean"].values()))
    sds = np.sqrt(np.diag(weighted.covariance))
    # the mean of a posterior of n rows is off its mode by the order of 1 / sqrt(n) sds
    assert np.all(np.abs(normal.estimate - weighted.estimate) <= 4 * errors + 2 / np.sqrt(ROWS) * sds)
    assert normal.log_evidence == pytest.approx(weighted.log_evidence, abs=0.1)


def test_a_part_that_is_separated_by_chance_is_no_separation(monkeypatch):
    """The conditions of all rows are more than one part: overlap of the rows in between is found."""
    monkeypatch.setattr(level_separation, "_FEW_NUMBERS", 500)
    rows = 150
    x = np.linspace(0, 1, rows)
    tree = np.where(x < 1 / 3, 0, np.where(x < 2 / 3, 1, 2))
    separated = build("y ~ x", {"x": x, "y": NAMES[tree]})
    with pytest.raises(NotApplicable, match="complete separation"):
        fit(MLE, separated)
    tree[[1, 148]], tree[76] = [2, 0], 0  # none of these is in the first part, every third row
    overlapping = build("y ~ x", {"x": x, "y": NAMES[tree]})
    parts = list(level_separation.parts_of_rows(overlapping, np.ones(rows, dtype=bool)))
    assert len(parts[0]) < rows
    assert len(parts[-1]) == rows
    assert separation_of(overlapping) is None
