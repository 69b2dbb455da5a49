"""`Model`: what the user declared, with the data, as numbers; every method is a function of it.

    psi_k = link_k^-1(offset_k + X_k theta_k)      body: one linear predictor for each parameter
    y_i ~ p(y_i | psi_1i, psi_2i, ...)             head: a row of the table of likelihoods

A regression gives its location parameter a design matrix; a parameter without a formula (sigma,
or the p of a coin) is a predictor with a single constant coefficient and the identity link.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bayescope.config.hypotheses import HypothesisSpec
from bayescope.config.priors import Scaled, Value
from bayescope.distributions.likelihoods import Likelihood
from bayescope.distributions.supports import Support
from bayescope.models.networks import Network

type Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Prior:
    """A distribution of the table and its arguments.

    An argument is one number, one for each element, a covariance matrix, or for a scale a number times a
    parameter of the likelihood that is unknown itself.
    """

    distribution: str
    arguments: Mapping[str, Value]

    def __str__(self) -> str:
        """Write the prior as in the YAML: `Normal(0, 10)`."""
        inner = ", ".join(_argument_text(value) for value in self.arguments.values())
        return f"{self.distribution}({inner})"


def _argument_text(value: Value) -> str:
    if isinstance(value, Scaled):
        return value.text(f"{value.factor:.6g}")
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_argument_text, value)) + "]"
    return _number_text(value)


def _number_text(value: float) -> str:
    """Six digits; a number that was written with more, up to twelve or fifteen, as it was written."""
    text = f"{value:.{12 if abs(value) < 1e5 else 15}g}"
    return text if float(text) == value else f"{value:.6g}"


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
            the number of elements for a parameter that is a vector).
        index: positions in theta of the k coefficients, shape (k,). Empty: the parameter is fixed.
        columns: names of the matrix's columns, fixed coefficients included (for notation).
        offset: shape (n,) or a number: the part of the predictor that is known; of a parameter that is
            a known matrix, that matrix, shape (k, k).
        network: what makes the predictor of the columns of `matrix`, shape (n, p), where it is not linear:
            parameter = link^-1(offset + network(matrix, theta[index])).
    """

    parameter: str
    link: str
    matrix: Floats | None
    index: NDArray[np.intp]
    columns: tuple[str, ...]
    offset: Floats | float = 0.0
    network: Network | None = None

    @cached_property
    def in_order(self) -> bool:
        """Whether its coefficients are the first unknowns, one after the other."""
        return bool((self.index == np.arange(len(self.index))).all())


@dataclass(frozen=True)
class Response:
    """The observed side: `values` shape (n,), `trials` shape (n,) for Binomial, row weights or None.

    For Categorical the values are positions in `levels`, the names of the categories. A response of k
    columns has `values` of shape (n, k), `levels` name the columns, and `trials` of counts are their sums.
    """

    name: str
    values: Floats
    trials: Floats | None = None
    weights: Floats | None = None
    trials_name: str | None = None
    levels: tuple[str, ...] = ()
    weights_name: str | None = None

    @property
    def occurring(self) -> Floats:
        """The values of the rows that occur: all but those of weight 0."""
        return self.values if self.weights is None else self.values[self.weights > 0]

    @property
    def observations(self) -> float:
        """Number of observations, each row as many as its weight says, which may make a fraction."""
        total = float(len(self.values) if self.weights is None else self.weights.sum())
        return int(total) if total.is_integer() else total


@dataclass(frozen=True)
class Grouping:
    """Coefficients that differ between the groups of a factor: one term `(1 + x | county)` of a formula.

    The predictor of `parameter` has the sum over k of matrix[i, k] * effect_k[codes[i]] in row i; each
    effect is Normal(0, sd_k), and those of one group may be correlated. The effects are columns of the
    predictor's matrix, and blocks of the model like other unknowns.

    Attributes:
        parameter: the parameter of the likelihood that the effects are a part of.
        name: the grouping factor: "county"; "sigma.county" in the formula of sigma.
        levels: the groups, shape (g,).
        effects: the block of each of the k effects: "county", "floor:county".
        columns: what each is multiplied by: "Intercept", "floor".
        sds: the labels of their standard deviations: "county.sd", or "county.sd[floor]".
        correlation: the block of their correlations, the lower triangle by rows; None: independent.
        codes: the group of each row, shape (n,); -1, -2, ... for groups that the model does not know.
        matrix: what the effects are multiplied by, shape (n, k).
    """

    parameter: str
    name: str
    levels: tuple[str, ...]
    effects: tuple[str, ...]
    columns: tuple[str, ...]
    sds: tuple[str, ...]
    correlation: str | None
    codes: NDArray[np.intp]
    matrix: Floats


@dataclass(frozen=True)
class Model:
    """A declared model with its data; theta has the elements of `blocks`, in order.

    Attributes:
        likelihood: the row of the table of likelihoods.
        response: the observed side.
        predictors: one for each parameter of the likelihood, in its order.
        blocks: one for each line of priors.
        fixed: values of fixed parameters, by label.
        formula: of the location, as the user wrote it; None for a `response:` model.
        notes: sentences for the report on how the data were read.
        columns: the columns of the table that the model reads.
        encodings: how the design matrix was made (levels, centring constants), JSON-able; None
            without a formula.
        hypotheses: the distributions that a model of finite hypotheses chooses from, by name; else none.
        formulas: of the likelihood's other parameters that have one, by name: {"sigma": "~ x"}.
        groups: the coefficients that differ between groups.
        centered: the names of those whose effects a sampler moves themselves, not effect / sd.
        seen: log p(rows that are not in `response` | hypothesis) by its name, nats; -inf: impossible.
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
    hypotheses: Mapping[str, HypothesisSpec] = field(default_factory=lambda: MappingProxyType({}))
    seen: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    formulas: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    groups: tuple[Grouping, ...] = ()
    centered: tuple[str, ...] = ()

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Labels of the unknowns in the order of theta."""
        return tuple(label for block in self.blocks for label in block.labels)

    @cached_property
    def location(self) -> Predictor:
        """The predictor of the likelihood's location parameter."""
        return next(p for p in self.predictors if p.parameter == self.likelihood.location)
