"""What one entry of the table of likelihoods holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayescope.distributions.supports import Support

type Floats = NDArray[np.float64]
type Bounds = Mapping[str, tuple[float, float]]
type Slopes = Callable[[Floats], tuple[Floats, Floats]]
type OnLink = Mapping[str, tuple[Callable[..., Floats], Callable[..., tuple[Floats, Floats]]]]

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Expansion(NamedTuple):
    """log p(y | eta + d) beyond its second order in d, of one trial; -log p curves as v(eta) there.

    Attributes:
        terms: (eta, K) -> the k-th derivatives of log p in eta over k!, for k = 3, ..., K; shape (K - 2, n).
        left_out: (m, K) -> what the terms beyond the K-th add up to for |d| <= m at most, in units of v d^2;
            of the shape that m and K broadcast to.
    """

    terms: Callable[[Floats, int], Floats]
    left_out: Callable[[Any, Any], Floats]


class Together(NamedTuple):
    """Density and derivatives of rows at once, each row counted as often as its weight says.

    Attributes:
        value: the sum of log p, nats.
        first, second: the derivatives of each row's log p in its linear predictor, shape (n,).
        least: the smallest -second of a row that occurs; inf: none does.
    """

    value: float
    first: Floats
    second: Floats
    least: float


class Limit(NamedTuple):
    """The largest value of a parameter that a solver tries, and what it means to end there.

    Beyond `value` the likelihood cannot be told from the simpler one that it tends to.
    """

    value: float
    meaning: str


class Loss(NamedTuple):
    """What a negative log-likelihood is called, and its formula."""

    name: str
    formula: str


@dataclass(frozen=True)
class HeadParameter:
    """A parameter of a likelihood by PyMC's name, where it may live, and the links a formula may give it.

    `links` has the canonical link first; without links the parameter takes no formula. `scale` makes
    the size that a bounded parameter is likely to have from the mean and sd of the response: a solver
    starts there, and the default prior of a positive one has that mean, unless `prior` (the name of a
    distribution and its arguments) is its default whatever the data are. `spellings` are other names
    that a prior may give it, each with the link that makes the parameter of it: a Normal's precision
    `tau` for `sigma`, as in PyMC. A parameter of 1 `dimensions` is a vector with an element for each
    column of the response; one of 2 is a matrix, and must be known. `limit` is for a parameter at
    whose infinity lies a simpler likelihood.
    """

    name: str
    support: Support
    links: tuple[str, ...] = ()
    scale: Callable[[float, float], float] = lambda _mean, sd: sd
    spellings: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    dimensions: int = 0
    prior: tuple[str, Mapping[str, float]] | None = None
    limit: Limit | None = None


@dataclass(frozen=True)
class Likelihood:
    """One head p(y | psi).

    `log_density(y, trials, psi)` returns shape (n,), -inf where psi is outside of its support;
    `derivatives(y, trials, psi)` returns the first derivatives, shape (k, n), and the second,
    shape (k, k, n), in the k parameters `psi` (tuple of arrays or numbers in the order of
    `parameters`). None of them warns. `on_link[link]` holds the pair
    (log_density, derivatives) with the *location* parameter given by its linear predictor eta
    instead: exact where the detour over the parameter would lose digits (p -> 1).
    `totals[link](y, trials, weights, eta)` is the sum of the first of them over rows for many draws
    at once, where there is a faster way than row by row (`totals`); `expansion[link]` is the power series
    of log p in eta beyond the second order (`expansions`).
    `together[link](y, trials, weights, eta)` gives all of them in a quarter of the time, for a head of one
    parameter with |d3 log p / d eta3| <= -d2 log p / d eta2 (see `inference.certificate`).
    `slopes[link](y, trials, weights)` gives sums and first derivatives at many points at once (`slopes`).
    `trials` is None but for Binomial. `sample(rng, trials, psi)` draws a response of the shape
    to which `trials` and `psi` broadcast.

    `loss` names the negative log-likelihood and `loss_formula` writes it, N being the number of
    observations; `loss_formula_given` writes it for a parameter that is fixed, whose value takes
    the place of `{name}`, and `loss_by_row` is its name and its formula where another parameter than
    the location differs by row, if they are not the same then. `bounds(y)` says where the response
    itself leaves room for the parameters, where it does: the ends of a Uniform are not inside the data.
    `exists(psi)` tells where there is such a distribution, if that is more than the supports of its
    parameters: lower < upper.

    For point estimates: `concave` lists the links of the location on which log p is concave in eta,
    the other parameters given ("identity": in the parameter itself); `separation` says which rows can
    send a coefficient to infinity: those of `outcomes` without overlap, `zeros` that some direction tells
    from the rest, or `classes` and `levels` that some direction tells apart; `degenerate`
    is where the density grows without bound when the location fits every row exactly; `seen` puts the
    response on the scale of its location (the logarithm, for LogNormal); `kinked` says that log p
    has a kink where the location meets the response.

    `pymc` makes PyMC's arguments from the parameters by name, where they are not the same; `by_name` says
    that they are written with their names, Gamma(mu=2, alpha=3), not being PyMC's first ones. `others` are
    the same distribution in other parameters: see `parametrised`. `graph` names PyMC's class where `name` is
    not it.

    A response that is one of K levels has parameters that depend on them: `for_levels(levels, reference)`
    makes the likelihood for its levels, of which the entry of the table is an example with two.
    `probabilities(psi)` are those of the levels, along the last axis; with `one_design` every parameter has
    the design of the formula; `ordered` parameters rise from each to the next, and stand for the intercept.

    A parameter on the simplex (the p of Categorical) is a vector, along the last axis of its element
    of psi; the response is then the position in it of one of the categories.
    """

    name: str
    parameters: tuple[HeadParameter, ...]
    location: str
    response: Support
    loss: str
    loss_formula: str
    log_density: Callable[..., Floats]
    derivatives: Callable[..., tuple[Floats, Floats]]
    sample: Callable[..., Floats]
    on_link: OnLink = field(default_factory=lambda: _NOTHING)
    totals: Mapping[str, Callable[..., Floats]] = field(default_factory=lambda: _NOTHING)
    expansion: Mapping[str, Expansion] = field(default_factory=lambda: _NOTHING)
    together: Mapping[str, Callable[..., Together]] = field(default_factory=lambda: _NOTHING)
    slopes: Mapping[str, Callable[..., Slopes]] = field(default_factory=lambda: _NOTHING)
    needs_trials: bool = False
    loss_formula_given: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    loss_by_row: Loss | None = None
    bounds: Callable[[Floats], Bounds] = lambda _y: {}
    exists: Callable[[Sequence[Floats]], NDArray[np.bool_]] | None = None
    concave: tuple[str, ...] = ()
    separation: Literal["", "outcomes", "zeros", "classes", "levels"] = ""
    degenerate: str = ""
    seen: Callable[[Floats], Floats] = lambda y: y
    kinked: bool = False
    by_name: bool = False
    pymc: Callable[[Mapping[str, Any]], dict[str, Any]] = dict
    others: tuple[Likelihood, ...] = ()
    graph: str = ""
    for_levels: Callable[[tuple[str, ...], str | None], Likelihood] | None = None
    probabilities: Callable[[tuple[Any, ...]], Floats] | None = None
    one_design: bool = False
    ordered: tuple[str, ...] = ()

    @property
    def by_level(self) -> bool:
        """Whether a response is one of several levels, whose probabilities follow from linear predictors."""
        return self.for_levels is not None

    @property
    def multivariate(self) -> bool:
        """Whether a response is a vector, in several columns of the data."""
        return any(parameter.dimensions for parameter in self.parameters)

    @property
    def categorical(self) -> bool:
        """Whether a response is one of several categories, each with a probability of its own."""
        return not self.multivariate and any(parameter.support.simplex for parameter in self.parameters)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters, other spellings included."""
        return tuple(name for parameter in self.parameters for name in (parameter.name, *parameter.spellings))

    def parameter(self, name: str) -> HeadParameter:
        """Return the parameter of that name."""
        return next(parameter for parameter in self.parameters if parameter.name == name)
