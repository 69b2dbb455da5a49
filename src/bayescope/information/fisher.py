"""Fisher information, and the bound it puts on the variance of every unbiased estimator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from bayescope.information.densities import Named

type Floats = NDArray[np.float64]

_quiet = np.errstate(divide="ignore")


def _trigamma(x: Any) -> Any:
    return scipy.special.polygamma(1, x)


def _gamma(alpha: float, beta: float) -> Any:
    return [[_trigamma(alpha), -1.0 / beta], [-1.0 / beta, alpha / beta**2]]


def _dirichlet(a: Any) -> Any:
    return np.diag(_trigamma(np.asarray(a))) - _trigamma(np.sum(a))


def _categorical(p: Any) -> Any:
    return np.diag(1.0 / np.asarray(p[:-1])) + 1.0 / np.float64(p[-1])


INFORMATION: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "Bernoulli": lambda p: [[1.0 / np.float64(p * (1.0 - p))]],
        "Categorical": _categorical,
        "Normal": lambda _, sigma: np.diag([1.0, 2.0]) / sigma**2,
        "MvNormal": lambda _, cov: np.linalg.inv(cov),
        "Laplace": lambda _, b: np.eye(2) / b**2,
        "Beta": lambda alpha, beta: _dirichlet((alpha, beta)),
        "Dirichlet": _dirichlet,
        "Gamma": _gamma,
        "Exponential": lambda lam: [[1.0 / lam**2]],
        "Poisson": lambda mu: [[1.0 / np.float64(mu)]],
    }
)
"""E[(d log p / d arguments)(d log p / d arguments)'] of one observation."""


@_quiet
def fisher_information(model: Named, n: int = 1, of: str | Sequence[str] = ()) -> Floats:
    """Return the Fisher information of n independent observations, shape (k, k).

    The k parameters are the arguments of the distribution, or those named in `of`, the others
    being known. Of Categorical they are all probabilities but the last; of MvNormal the means, cov being
    known; of Dirichlet the elements of a. Source: Lehmann and Casella, Theory of Point Estimation, 2nd ed.,
    1998, section 2.5 and table 2.5.1.

    >>> from bayescope.information import bernoulli, normal
    >>> fisher_information(bernoulli(0.5), n=10).tolist()
    [[40.0]]
    >>> fisher_information(normal(0, 2), n=10, of=["mu"]).tolist()
    [[2.5]]

    Raises:
        ValueError: the table has no such distribution, or the distribution no such arguments.
    """
    if model.distribution not in INFORMATION:
        known = ", ".join(INFORMATION)
        raise ValueError(f"the Fisher information of {model.distribution} is not known; known are {known}")
    matrix = np.asarray(INFORMATION[model.distribution](*model.arguments.values()), dtype=np.float64)
    names, of = list(model.arguments), [of] if isinstance(of, str) else of
    if not set(of) <= set(names) or (of and len(names) != len(matrix)):
        raise ValueError(
            f"'of' must name arguments of {model.distribution} that are numbers: {', '.join(names)}"
        )
    chosen = [names.index(name) for name in of] or list(range(len(matrix)))
    return np.asarray(n * matrix[np.ix_(chosen, chosen)])


def cramer_rao_bound(model: Named, n: int = 1, of: str | Sequence[str] = ()) -> Floats:
    """Return the least variance of an unbiased estimator of each parameter, shape (k,).

    Var >= diag(I^-1), I = `fisher_information(model, n, of)` (Cramer, Mathematical Methods of Statistics,
    1946; Rao, Bulletin of the Calcutta Mathematical Society 37, 1945).

    >>> from bayescope.information import normal
    >>> cramer_rao_bound(normal(0, 2), n=4, of=["mu"]).tolist()
    [1.0]
    """
    return np.asarray(np.diag(np.linalg.inv(fisher_information(model, n, of))))
