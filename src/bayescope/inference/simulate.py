"""Simulated data with a known truth: theta from the prior, the response from the likelihood."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bayescope.data.checks import LARGEST
from bayescope.data.table import Table, make_table
from bayescope.errors import ConfigError, FitError, Problem
from bayescope.inference.predictive_draws import responses
from bayescope.models.model import Model
from bayescope.models.prior_draws import can_be_drawn, draw_prior
from bayescope.models.rows import take

type Floats = NDArray[np.float64]


def refuse_undrawn(model: Model) -> None:
    """Refuse priors that nothing can be drawn from. Raises ConfigError, a problem for each of them."""
    problems = [
        Problem(
            ("model", "priors", block.name),
            f"no truth can be drawn from {block.prior}; give a proper prior, such as "
            + ("HalfNormal(10)" if block.support.lower == 0 else "Normal(0, 10)"),
        )
        for block in model.blocks
        if not can_be_drawn(block.prior)
    ]
    if model.hypotheses:
        problems.append(Problem(("model", "hypotheses"), "a choice between hypotheses has no ranks"))
    if problems:
        raise ConfigError(problems)


def written_out(model: Model) -> Model:
    """Return the model with every row as often as its weight says, for each is drawn by itself.

    Raises:
        FitError: the weights are no whole numbers of repetitions.
    """
    weights = model.response.weights
    if weights is None:
        return model
    counts = np.round(weights).astype(np.intp)
    if not np.array_equal(counts, weights):
        raise FitError(
            f"{model.response.weights_name or 'weights'}: rows that count {weights.min():g} to "
            f"{weights.max():g} times cannot be simulated.",
            "Leave the weights out, or give whole numbers of repetitions.",
        )
    rows = take(model, np.repeat(np.arange(len(weights)), counts))
    return replace(rows, response=replace(rows.response, weights=None, weights_name=None))


def simulate(model: Model, rng: np.random.Generator) -> tuple[Floats, Model]:
    """Draw a truth and data: theta, shape (d,), and the model with a response drawn given it.

    Rows, predictors and priors are those of `model`; its response does not matter.

    Raises:
        FitError: the response of such a theta is no number that the likelihood takes and data may be.
    """
    theta = draw_prior(model, rng, 1)[0]
    try:
        with np.errstate(all="ignore"):
            values = responses(model, lambda _rng, _size: theta[np.newaxis])(rng, 1)[0]
    except ValueError as reason:  # of NumPy's generators: a mean of 1e300, a probability that is nan
        raise _impossible(str(reason)) from None
    response = replace(model.response, values=np.asarray(values, dtype=np.float64))
    support = model.likelihood.response
    if not (np.abs(values) <= LARGEST).all() or (
        values.ndim == 1 and support.violations(response.values).any()
    ):
        raise _impossible(f"a response that is beyond 1e100, or not {support}")
    return theta, replace(model, response=response)


def simulated_table(table: Table, model: Model, simulated: Model) -> Table:
    """Return the data, a row each time it occurs, with the simulated response where it is a column."""
    weights, response = model.response.weights, simulated.response
    repeats = np.ones(len(table), dtype=np.intp) if weights is None else weights.astype(np.intp)
    columns = {name: np.repeat(values, repeats) for name, values in table.columns.items()}
    if model.likelihood.multivariate:
        made = dict(zip(response.levels, response.values.T.copy(), strict=True))
    elif response.levels:
        made = {response.name: np.array(response.levels, dtype=object)[response.values.astype(np.intp)]}
    else:
        made = {response.name: response.values.copy()}
    known = {name: values for name, values in made.items() if name in columns}
    return make_table({**columns, **known}, f"simulated on the rows of {table.source}")


def _impossible(reason: str) -> FitError:
    return FitError(
        f"the prior makes data that cannot be drawn: {reason}.", "Give the coefficients narrower priors."
    )
