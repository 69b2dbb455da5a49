"""Finite hypotheses: the data come from one of a few named distributions, and which one is unknown.

    p(y | theta) = prod over k of p(y | h_k)^theta_k        theta one-hot: theta_k = 1 for the true one
    p(h_k | y)   = p(h_k) p(y | h_k) / sum over j of p(h_j) p(y | h_j)

The unknown is one choice. In theta it is an indicator vector, one element for each hypothesis by its name,
so that its posterior mean is the vector of posterior probabilities (MacKay 2003, Information Theory,
Inference, and Learning Algorithms, section 28.1; Jaynes 2003, Probability Theory, chapter 4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, NoReturn

import numpy as np
import scipy
from numpy.typing import NDArray

from bayescope.config.hypotheses import CATEGORICAL, HypothesisSpec, category_label
from bayescope.config.schema import ModelConfig
from bayescope.data.checks import check_response
from bayescope.data.evaluate import REPORTED_AT_MOST, capped
from bayescope.data.table import Table
from bayescope.distributions.likelihoods import LIKELIHOODS, HeadParameter, Likelihood
from bayescope.distributions.supports import ONE_HOT, Support
from bayescope.errors import Finding
from bayescope.models.model import Block, Model, Predictor, Prior, Response
from bayescope.models.weak_columns import refuse

type Floats = NDArray[np.float64]
type Hypotheses = Mapping[str, HypothesisSpec]

HYPOTHESES = "Hypotheses"
"""Name of the likelihood that is made of hypotheses, and of no entry of the table."""
CHOICE = "hypothesis"
"""Name of its parameter, and of the block of the unknown."""

_quiet = np.errstate(divide="ignore", over="ignore", invalid="ignore", under="ignore")


@dataclass(frozen=True, eq=False)
class KnownHead:
    """A likelihood of the table with every parameter known."""

    likelihood: Likelihood
    psi: tuple[Any, ...]
    trials: float | None
    support: Support

    def log_density(self, y: Floats) -> Floats:
        """Compute log p(y), shape of `y`; -inf for a value that the distribution cannot produce."""
        outside = self.support.violations(y)
        trials = None if self.trials is None else np.full(np.shape(y), self.trials)
        inside = np.where(outside, self.support.lower if np.isfinite(self.support.lower) else 0.0, y)
        values = self.likelihood.log_density(inside, trials, self.psi)
        return np.where(outside, -np.inf, values)

    def sample(self, rng: np.random.Generator, size: int) -> Floats:
        """Draw a response `size` times."""
        trials = None if self.trials is None else np.full(size, self.trials)
        psi = tuple(np.broadcast_to(value, (size, *np.shape(value))) for value in self.psi)
        return self.likelihood.sample(rng, trials, psi)


def known_head(spec: HypothesisSpec, levels: Sequence[str]) -> KnownHead:
    """Take the likelihood of a hypothesis from the table; probabilities of categories follow `levels`."""
    entry, arguments = LIKELIHOODS[spec.likelihood], dict(spec.arguments)
    n = arguments.pop("n") if entry.needs_trials else None
    if entry.needs_trials and isinstance(n, float):
        support = Support(lower=0.0, upper=n, integer=True)
    else:
        n, support = None, entry.response
    psi = tuple(
        np.array([value.get(level, 0.0) for level in levels]) if isinstance(value, Mapping) else value
        for value in arguments.values()
    )
    return KnownHead(entry, psi, n, support)


def levels_of(hypotheses: Hypotheses) -> tuple[str, ...]:
    """Name the categories of Categorical hypotheses, in the order in which they are first named."""
    named = [
        level
        for spec in hypotheses.values()
        for value in spec.arguments.values()
        if isinstance(value, Mapping)
        for level in value
    ]
    return tuple(dict.fromkeys(named))


def hypotheses_head(hypotheses: Hypotheses) -> Likelihood:
    """Make the likelihood whose only parameter is the choice between the hypotheses.

    Its `log_density(y, None, (theta,))` takes theta of shape (K,) or (n, K) and is
    log sum_k theta_k p(y | h_k): that of the chosen hypothesis for a one-hot theta, and for a vector of
    probabilities that of the mixture, which is the predictive density of one new response.
    """
    heads = [known_head(spec, levels_of(hypotheses)) for spec in hypotheses.values()]

    @_quiet
    def log_density(y: Floats, _: Any, psi: tuple[Floats]) -> Floats:
        rows = np.stack([head.log_density(np.asarray(y)) for head in heads], axis=-1)
        [theta] = psi
        return np.asarray(scipy.special.logsumexp(np.log(theta) + rows, axis=-1))

    def sample(rng: np.random.Generator, _: Any, psi: tuple[Floats]) -> Floats:
        [theta] = map(np.asarray, psi)
        ends = np.cumsum(theta, axis=-1)
        chosen = np.sum(rng.uniform(size=(*ends.shape[:-1], 1)) * ends[..., -1:] >= ends, axis=-1)
        values = np.empty(chosen.shape)
        for k, head in enumerate(heads):
            values[chosen == k] = head.sample(rng, int((chosen == k).sum()))
        return values

    return Likelihood(
        name=HYPOTHESES,
        parameters=(HeadParameter(CHOICE, ONE_HOT),),
        location=CHOICE,
        response=_common_support([head.support for head in heads]),
        loss="surprise of the data under the chosen hypothesis",
        loss_formula="-sum(log p(y | hypothesis))",
        log_density=log_density,
        derivatives=_no_derivatives,
        sample=sample,
    )


def _no_derivatives(*_: Any) -> NoReturn:
    raise ValueError("a choice between hypotheses has no derivatives")


def _common_support(supports: Sequence[Support]) -> Support:
    """The smallest interval that holds every support."""
    return Support(
        lower=min(support.lower for support in supports),
        upper=max(support.upper for support in supports),
        integer=all(support.integer for support in supports),
        open_ends=all(support.open_ends for support in supports),
    )


@_quiet
def log_likelihoods(model: Model) -> Floats:
    """Compute log p(y | h_k) of all rows under each hypothesis, nats, shape (K,).

    It is a sum of logarithms, each as often as its row occurs: no product that could underflow; -inf
    where a row is impossible. Rows that were seen before (`model.seen`) count too.
    """
    response = model.response
    weights = np.ones(len(response.values)) if response.weights is None else response.weights
    occurs = weights > 0
    values, counts = response.values[occurs], weights[occurs]
    heads = [known_head(spec, response.levels) for spec in model.hypotheses.values()]
    seen = np.array([model.seen.get(name, 0.0) for name in model.hypotheses])
    rows = [np.sum(counts * head.log_density(values)) for head in heads]
    return np.asarray(seen + np.array(rows), dtype=np.float64)


def prior_probabilities(model: Model) -> Floats:
    """Return the prior probability of each hypothesis, shape (K,)."""
    [block] = model.blocks
    return np.asarray(block.prior.arguments["p"], dtype=np.float64)


def build_hypotheses(spec: ModelConfig, table: Table) -> Model:
    """Build the model of finite hypotheses that `spec` declares on the rows of `table`.

    Raises:
        DataError: a value of the response is one that no hypothesis is about.
    """
    hypotheses = dict(spec.hypotheses or {})
    likelihood = hypotheses_head(hypotheses)
    response = replace(_response(spec.columns[0], hypotheses, likelihood, table), weights_name=spec.weights)
    return make_model(hypotheses, spec.prior, response, tuple(table.columns))


def make_model(
    hypotheses: Hypotheses, prior: Mapping[str, float] | None, response: Response, columns: tuple[str, ...]
) -> Model:
    """Put hypotheses, their prior (None: equal probabilities) and a response together."""
    names, size = tuple(hypotheses), len(hypotheses)
    given = np.full(size, 1.0 / size) if prior is None else np.array([prior[name] for name in names])
    block = Block(
        name=CHOICE,
        labels=names,
        scalar=False,
        prior=Prior(CATEGORICAL, {"p": tuple((given / given.sum()).tolist())}),
        start=0,
        support=ONE_HOT,
        origin="default" if prior is None else "given",
    )
    return Model(
        likelihood=hypotheses_head(hypotheses),
        response=response,
        predictors=(Predictor(CHOICE, "identity", None, np.arange(size), names),),
        blocks=(block,),
        fixed={},
        formula=None,
        notes=("The hypotheses have equal prior probabilities, for none are given.",)
        if prior is None
        else (),
        columns=columns,
        hypotheses=MappingProxyType(dict(hypotheses)),
    )


def rebuild_hypotheses(spec: ModelConfig, table: Table, *, response: bool) -> Model:
    """Build the model on other rows; without `response` (to predict) its values are nan.

    Raises:
        DataError: a value of the response is one that no hypothesis is about.
    """
    if response:
        return build_hypotheses(spec, table)
    unseen = Response(
        spec.columns[0],
        np.full(len(table), np.nan),
        weights=table.weights,
        weights_name=spec.weights,
        levels=levels_of(spec.hypotheses or {}),
    )
    return make_model(spec.hypotheses or {}, spec.prior, unseen, tuple(table.columns))


def _response(name: str, hypotheses: Hypotheses, likelihood: Likelihood, table: Table) -> Response:
    values, levels = table.columns[name], levels_of(hypotheses)
    if levels:
        return Response(name, _codes(name, hypotheses, levels, table), None, table.weights, levels=levels)
    refuse(check_response(values, likelihood.response, name, table.rows), table)
    return Response(name, values.astype(np.float64), None, table.weights)


def _codes(name: str, hypotheses: Hypotheses, levels: tuple[str, ...], table: Table) -> Floats:
    """Code a response by the categories; refuse those that a hypothesis says nothing of."""
    found, inverse = np.unique(
        [category_label(value) for value in table.columns[name].tolist()], return_inverse=True
    )
    findings = []
    for hypothesis, spec in hypotheses.items():
        known = spec.arguments["p"]
        strange = np.array([label not in known for label in found.tolist()])[inverse]  # type: ignore[operator]
        where = np.flatnonzero(strange)
        rows = [
            Finding(
                f"'{found[inverse[i]]}' is no category of hypothesis {hypothesis}; give it a probability "
                f"there (0 if {hypothesis} cannot produce it)",
                name,
                int(table.rows[i]),
            )
            for i in where[:REPORTED_AT_MOST]
        ]
        findings += capped(rows, len(where), name)
    refuse(findings, table)
    position = {level: float(k) for k, level in enumerate(levels)}
    return np.array([position[label] for label in found.tolist()])[inverse]
