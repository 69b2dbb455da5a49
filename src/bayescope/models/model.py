"""`Model`: what the user declared, with the data, as numbers; every method is a function of it.

    psi_k = link_k^-1(offset_k + X_k theta_k)      body: one linear predictor for each parameter
    y_i ~ p(y_i | psi_1i, psi_2i, ...)             head: a row of the table of likelihoods

A regression gives its location parameter a design matrix; a parameter without a formula (sigma,
or the p of a coin) is a predictor with a single constant coefficient and the identity link.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bayescope.distributions.likelihoods import Likelihood
from bayescope.distributions.supports import Support

type Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Prior:
    """A distribution of the table and its arguments; an argument is one number or one for each element."""

    distribution: str
    arguments: Mapping[str, float | tuple[float, ...]]

    def __str__(self) -> str:
        """Write the prior as in the YAML: `Normal(0, 10)`."""
        inner = ", ".join(_argument_text(value) for value in self.arguments.values())
        return f"{self.distribution}({inner})"


def _argument_text(value: float | tuple[float, ...]) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(f"{element:.6g}" for element in value) + "]"
    return f"{value:.6g}"


@dataclass(frozen=True)
class Block:
    """One line under `priors`: one random variable of the graph, scalar or vector.

    Attributes:
        name: the line's key and the graph's variable: "Intercept", "coefficients", "mom_iq", "sigma".
        labels: names of its elements as results show them; for a scalar, (name,).
        scalar: whether the variable has no dimension.
        prior: the prior; vector arguments run along `labels`.
        start: index of its first element in theta.
        support: where the *parameter* may live by its likelihood (the prior's may be smaller).
        origin: "given" by the user or "default".
    """

    name: str
    labels: tuple[str, ...]
    scalar: bool
    prior: Prior
    start: int
    support: Support
    origin: Literal["given", "default"]

    @property
    def stop(self) -> int:
        """One past the index of its last element in theta."""
        return self.start + len(self.labels)


@dataclass(frozen=True)
class Predictor:
    """The body of one parameter of the likelihood: parameter = link^-1(offset + matrix @ theta[index]).

    Attributes:
        parameter: PyMC's name of the likelihood's parameter ("mu", "p", "sigma").
        link: name in the table of links ("identity", "logit", "log", "precision").
        matrix: shape (n, k), or None for a parameter that is the same in every row (k is 0 or 1, or
            the number of categories for a parameter that is a vector of probabilities).
        index: positions in theta of the k coefficients, shape (k,). Empty: the parameter is fixed.
        columns: names of the matrix's columns, fixed coefficients included (for notation).
        offset: shape (n,) or a number: the part of the predictor that is known.
    """

    parameter: str
    link: str
    matrix: Floats | None
    index: NDArray[np.intp]
    columns: tuple[str, ...]
    offset: Floats | float = 0.0


@dataclass(frozen=True)
class Response:
    """The observed side: `values` shape (n,), `trials` shape (n,) for Binomial, row weights or None.

    For Categorical the values are positions in `levels`, the names of the categories.
    """

    name: str
    values: Floats
    trials: Floats | None = None
    weights: Floats | None = None
    trials_name: str | None = None
    levels: tuple[str, ...] = ()

    @property
    def occurring(self) -> Floats:
        """The values of the rows that occur: all but those of weight 0."""
        return self.values if self.weights is None else self.values[self.weights > 0]

    @property
    def observations(self) -> int:
        """Number of observations, repeated rows counted as often as they occur."""
        return len(self.values) if self.weights is None else int(self.weights.sum())


@dataclass(frozen=True)
class Model:
    """A declared model with its data; theta has the elements of `blocks`, in order.

    Attributes:
        likelihood: the row of the table of likelihoods.
        response: the observed side.
        predictors: one for each parameter of the likelihood, in its order.
        blocks: one for each line of priors.
        fixed: values of fixed parameters, by label.
        formula: as the user wrote it; None for a `response:` model.
        notes: sentences for the report on how the data were read.
        columns: the columns of the table that the model reads.
        encodings: how the design matrix was made (levels, centring constants), JSON-able; None
            without a formula.
    """

    likelihood: Likelihood
    response: Response
    predictors: tuple[Predictor, ...]
    blocks: tuple[Block, ...]
    fixed: Mapping[str, float]
    formula: str | None
    notes: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    encodings: Mapping[str, Any] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Labels of the unknowns in the order of theta."""
        return tuple(label for block in self.blocks for label in block.labels)

    @property
    def location(self) -> Predictor:
        """The predictor of the likelihood's location parameter."""
        return next(p for p in self.predictors if p.parameter == self.likelihood.location)
