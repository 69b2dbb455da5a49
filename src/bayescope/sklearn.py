"""Estimators with scikit-learn's interface: one model, y ~ every column of X, fitted by one method.

    BayesRegressor(likelihood="Normal", method="exact", priors={"sigma": "HalfNormal(1)"}).fit(X, y)
    BayesClassifier(method="map", prior_scale=1.0).fit(X, y).predict_proba(X)

They go through the configuration, the model and the methods of `bayescope.run`, without its comparison
and report. A column has the name that it has in a DataFrame, else x0, x1, ...; `priors` has the same keys
as in YAML: Intercept, coefficients, a column's name, sigma.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Mapping
from itertools import accumulate, chain, repeat
from numbers import Real
from typing import Any, ClassVar, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from bayescope.config.load import load_mapping
from bayescope.data.design import apply_design
from bayescope.data.formula import Formula
from bayescope.data.prepare import read_formula
from bayescope.data.syntax import Name, to_text
from bayescope.data.table import Table, make_table
from bayescope.distributions.likelihoods import LIKELIHOODS
from bayescope.errors import BayescopeError
from bayescope.inference.fit import Fit
from bayescope.inference.predictions import label_probabilities
from bayescope.inference.predictive import Predictive
from bayescope.inference.predictive_fit import predictor, rows_to_predict
from bayescope.inference.registry import SETTINGS
from bayescope.inference.store import fit_from_tree, fit_to_tree
from bayescope.inference.sufficient import sufficient
from bayescope.models.defaults import moments
from bayescope.models.model import Model
from bayescope.models.rows import take
from bayescope.pipeline import ask, fit_all
from bayescope.preparation import prepare

__all__ = ["BayesClassifier", "BayesRegressor"]

type Floats = NDArray[np.float64]

_KINDS: dict[str, list[Any]] = {
    "method": [str],
    "priors": [Mapping, None],
    "prior_scale": [Interval(Real, 0, None, closed="neither"), None],
    "standardize": ["boolean"],
    "settings": [Mapping, None],
    "random_state": ["random_state"],
}
_CELLS = 500_000  # rows times draws at a time
_CLASSES = "take BayesClassifier, or bayescope.run for levels that have an order"


class _BayesEstimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """What both estimators do: fit a model by one method, and predict by the answer."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = _KINDS

    def __init__(
        self,
        *,
        method: str = "map",
        priors: Mapping[str, Any] | None = None,
        prior_scale: float | None = None,
        standardize: bool = False,
        settings: Mapping[str, Any] | None = None,
        random_state: Any = None,
    ) -> None:
        self.method = method
        self.priors = priors
        self.prior_scale = prior_scale
        self.standardize = standardize
        self.settings = settings
        self.random_state = random_state

    def __getstate__(self) -> dict[str, Any]:
        """Pickle the answer as it is stored in a run folder."""
        state: dict[str, Any] = dict(super().__getstate__())
        if "posterior_" in state:
            state["posterior_"] = bytes(fit_to_tree(state["posterior_"]).to_netcdf(engine="h5netcdf"))
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Read the answer back."""
        if "posterior_" in state:
            import xarray as xr

            with xr.open_datatree(io.BytesIO(state["posterior_"]), engine="h5netcdf") as tree:
                state = state | {"posterior_": fit_from_tree(tree.load())}
        super().__setstate__(state)

    def _fit(self, X: Floats, y: NDArray[Any], likelihood: str, weights: Floats | None) -> Model:
        """Build the model and ask the method; everything wrong with data or settings is a ValueError."""
        self._validate_params()
        table, names = self._table(X, y, weights)
        keys = {str(name): to_text(Name(str(name))) for name in getattr(self, "feature_names_in_", ())}
        own = {keys.get(key, key): value for key, value in self._priors().items()}
        priors = own | _noise_prior(likelihood, self.priors or {}, y, weights)
        try:
            loaded = load_mapping(self._config(likelihood, names, priors), methods=SETTINGS, needs_data=False)
            _, model = prepare(loaded, table)  # type: ignore[arg-type]  # a table is read like a DataFrame
            asked = ask(loaded.config, model, sufficient(model))
            (fit,) = fit_all(loaded.config, asked.model, lambda _message: None, asked.methods)
        except BayescopeError as error:
            raise ValueError(str(error)) from error
        if fit.estimate is None:
            raise ValueError(f"{fit.name}: {fit.outcome.message} {fit.outcome.advice}".strip())
        if fit.outcome.status == "flagged":
            warnings.warn(f"{fit.outcome.message} {fit.outcome.advice}", ConvergenceWarning, stacklevel=3)
        self.posterior_ = fit
        self.n_iter_ = int(fit.details.get("iterations", 1))
        self._read_coefficients(model, cast("Formula", read_formula(loaded.config.model)))
        return model

    def _config(self, likelihood: str, names: dict[str, str], priors: dict[str, Any]) -> dict[str, Any]:
        model = {
            "likelihood": likelihood,
            "formula": f"{to_text(Name(names['response']))} ~ .",
            "priors": priors,
            "standardize": bool(self.standardize),  # of numpy's bools, too
            **({"weights": names["weights"]} if "weights" in names else {}),
        }
        named = {"method": self.method} if self.method in SETTINGS else {}  # else it is a recipe's file
        recipe = {self.method: {**named, **(self.settings or {})}}
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        return {"name": "estimator", "model": model, "inference": [recipe], "seed": seed}

    def _priors(self) -> dict[str, Any]:
        priors = dict(self.priors or {})
        if self.prior_scale is None:
            return priors
        if "coefficients" in priors:
            raise ValueError("prior_scale and priors['coefficients'] say the same thing; give one of them")
        return priors | {"coefficients": f"Normal(0, {float(self.prior_scale)!r})"}

    def _table(
        self, X: Floats, y: NDArray[Any] | None = None, weights: Floats | None = None
    ) -> tuple[Table, dict[str, str]]:
        """Columns of X by name, with response and weights under names that no column has."""
        features = getattr(self, "feature_names_in_", [f"x{j}" for j in range(X.shape[1])])
        columns = {str(name): X[:, j].copy() for j, name in enumerate(features)}
        names: dict[str, str] = {}
        if y is not None:
            names["response"] = _free("y", columns)
            columns[names["response"]] = y.copy()
        if weights is not None:
            names["weights"] = _free("sample_weight", columns)
            columns[names["weights"]] = weights
        return make_table(columns, "X", fingerprinted=()), names

    def _read_coefficients(self, model: Model, formula: Formula) -> None:
        """Set the coefficients of X as given, one row for each linear predictor, and the intercepts.

        A standardised column is (x - mean) / sd: its value at x = 0 goes to the intercept.
        """
        ends = np.repeat([[0.0], [1.0]], self.n_features_in_, axis=1)
        at_zero, at_one = apply_design(formula, dict(model.encodings or {}), self._table(ends)[0])
        fit: Fit = self.posterior_
        values = dict(zip(model.names, np.asarray(fit.estimate), strict=True)) | dict(model.fixed)
        sds = np.full(len(model.names), np.nan) if fit.sd is None else fit.sd
        spreads = dict(zip(model.names, sds, strict=True)) | dict.fromkeys(model.fixed, 0.0)
        columns = [p.columns for p in model.predictors if p.matrix is not None]
        thetas = np.array([[values[label] for label in labels] for labels in columns])
        slopes = (at_one - at_zero)[1:]
        self.coef_ = thetas[:, 1:] * slopes
        self.intercept_ = thetas @ at_zero
        self.coef_std_ = np.array([[spreads[label] for label in labels[1:]] for labels in columns]) * slopes

    def _predictives(self, X: ArrayLike) -> Iterator[Predictive]:
        """The distributions of the responses of a block of rows after the other."""
        check_is_fitted(self)
        rows = validate_data(self, X, dtype=np.float64, reset=False)
        fit: Fit = self.posterior_
        try:
            model = rows_to_predict(fit, self._table(rows)[0])
            predict = predictor(fit, model)
        except BayescopeError as error:
            raise ValueError(str(error)) from error
        draws = 1000 if fit.draws is None else fit.draws.shape[0] * fit.draws.shape[1]
        step = max(1, _CELLS // draws)
        for start in range(0, len(rows), step):
            yield cast("Predictive", predict(take(model, slice(start, start + step))))


class BayesRegressor(RegressorMixin, _BayesEstimator):  # type: ignore[misc]
    """A regression, y ~ every column of X, with priors, fitted by one method.

    Args:
        likelihood: the distribution of y given X, one that takes a formula: "Normal", "Poisson", "Gamma",
            ...; its location has the canonical link.
        method: "map", "mle", "exact", "laplace", "nuts" or another method, or a recipe such as "nuts-long".
        priors: by the names of the YAML, `{"coefficients": "Laplace(0, 1)", "sigma": "HalfNormal(1)"}`; the
            others are the weakly informative defaults of docs/yaml-reference.md, but of a scale of noise
            (sigma), which is InverseGamma(1, 0.1 sd(y)).
        prior_scale: short for the prior Normal(0, prior_scale) of all coefficients.
        standardize: centre the columns and divide them by their sds before the priors apply.
        settings: of the method, such as `{"draws": 500}` for nuts.
        random_state: of the methods that draw: a whole number, a NumPy RandomState, or None.

    Attributes:
        coef_: slopes of the linear predictor on the columns as given, shape (d,): posterior means, or the
            point.
        intercept_: its value at x = 0.
        coef_std_: their posterior sds, or standard errors, shape (d,); nan where undefined.
        posterior_: the `bayescope.inference.fit.Fit`: marginals, draws, evidence, probability("x0 > 0").
        n_iter_: iterations of the solver; 1 where there are none.
        n_features_in_: d.
        feature_names_in_: names of the columns, where X has such.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = _KINDS | {"likelihood": [str]}

    def __init__(
        self,
        *,
        likelihood: str = "Normal",
        method: str = "map",
        priors: Mapping[str, Any] | None = None,
        prior_scale: float | None = None,
        standardize: bool = False,
        settings: Mapping[str, Any] | None = None,
        random_state: Any = None,
    ) -> None:
        super().__init__(
            method=method,
            priors=priors,
            prior_scale=prior_scale,
            standardize=standardize,
            settings=settings,
            random_state=random_state,
        )
        self.likelihood = likelihood

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> BayesRegressor:
        """Fit the model to X, shape (n, d), and y, shape (n,); a weight says how often its row occurs.

        Raises:
            ValueError: data or settings are refused, or the method has no answer; the message says why.
        """
        rows, values = validate_data(self, X, y, dtype=np.float64, y_numeric=True, ensure_min_samples=2)
        head = LIKELIHOODS.get(self.likelihood)
        if head is not None and (head.categorical or head.by_level):
            raise ValueError(f"likelihood: {self.likelihood} is of classes, which have no mean; {_CLASSES}")
        rows, values, weights = _counted(rows, np.asarray(values, dtype=np.float64), sample_weight)
        self._fit(rows, values, self.likelihood, weights)
        self.coef_, self.coef_std_ = self.coef_[0], self.coef_std_[0]
        self.intercept_ = float(self.intercept_[0])
        return self

    def predict(self, X: ArrayLike, return_std: bool = False) -> Floats | tuple[Floats, Floats]:
        """Predict the mean of the predictive distribution, shape (n,), and with `return_std` its sd."""
        found = [(part.mean, part.sd if return_std else part.mean) for part in self._predictives(X)]
        mean, std = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return (mean, std) if return_std else mean

    def __sklearn_tags__(self) -> Any:
        """Say what y may be."""
        tags = super().__sklearn_tags__()
        lowest = LIKELIHOODS[self.likelihood].response.lower if self.likelihood in LIKELIHOODS else -np.inf
        tags.target_tags.positive_only = bool(lowest >= 0.0)
        return tags


class BayesClassifier(ClassifierMixin, _BayesEstimator):  # type: ignore[misc]
    """Logistic regression of two classes, or softmax regression of more, with priors, fitted by one method.

    Parameters are those of `BayesRegressor`; the likelihood is Bernoulli with a logit link, or Categorical
    with the first class as the reference.

    Attributes:
        classes_: the classes, sorted, shape (k,).
        coef_: slopes, shape (1, d) for two classes, and (k, d) for more, 0 in the row of the reference.
        intercept_: shape (1,) or (k,).
        coef_std_: of the shape of `coef_`.
        posterior_: the `bayescope.inference.fit.Fit`.
        n_iter_: iterations of the solver; 1 where there are none.
        n_features_in_: d.
        feature_names_in_: names of the columns, where X has such.
    """

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> BayesClassifier:
        """Fit the model to X, shape (n, d), and classes y, shape (n,); weights say how often rows occur.

        Raises:
            ValueError: data or settings are refused, or the method has no answer; the message says why.
        """
        rows, labels = validate_data(self, X, y, dtype=np.float64, ensure_min_samples=2)
        check_classification_targets(labels)
        rows, labels, weights = _counted(rows, labels, sample_weight)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        size = len(self.classes_)
        if size < 2:
            raise ValueError(
                f"a classifier needs two classes; y has one class only, {self.classes_.tolist()[0]!r}"
            )
        self._fit(rows, codes, "Bernoulli" if size == 2 else "Categorical", weights)
        if size > 2:
            reference = np.zeros((1, self.n_features_in_))
            self.coef_ = np.vstack([reference, self.coef_])
            self.coef_std_ = np.vstack([reference, self.coef_std_])
            self.intercept_ = np.append(0.0, self.intercept_)
        return self

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Predict the probability of each class, averaged over the posterior, shape (n, k)."""
        size = len(getattr(self, "classes_", ()))
        return np.concatenate([label_probabilities(part, size) for part in self._predictives(X)])

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Predict the most probable class of each row, shape (n,)."""
        found = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[found])


def _counted(
    X: Floats, y: NDArray[Any], sample_weight: ArrayLike | None
) -> tuple[Floats, NDArray[Any], Floats | None]:
    """Leave out rows of weight 0, and so classes that no other row has; all are kept to be refused."""
    if sample_weight is None:
        return X, y, None
    weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True, copy=True)
    kept = (weights > 0) | (not weights.any())
    return X[kept], y[kept], weights[kept]


def _noise_prior(
    likelihood: str, given: Mapping[str, Any], y: NDArray[Any], weights: Floats | None
) -> dict[str, str]:
    """Return a prior of the scale of noise that vanishes at 0, InverseGamma(1, 0.1 sd(y)), if none is given.

    Under the default of bayescope, an Exponential, rows that are fitted exactly (a fold with fewer rows
    than columns) have no posterior mode: the density grows without bound as the scale goes to 0.
    """
    head = LIKELIHOODS.get(likelihood)
    if head is None or not head.degenerate.endswith("-> 0"):
        return {}
    scale = head.parameter(head.degenerate.split()[0])
    if {scale.name, *scale.spellings} & {*given}:
        return {}
    with np.errstate(all="ignore"):
        _, sd = moments(head.seen(np.asarray(y, dtype=np.float64)), weights)
    return {scale.name: f"InverseGamma(1, {0.1 * float(sd) if np.isfinite(sd) else 0.1:.4g})"}


def _free(name: str, taken: Mapping[str, Any]) -> str:
    return next(free for free in accumulate(chain([name], repeat("_"))) if free not in taken)
