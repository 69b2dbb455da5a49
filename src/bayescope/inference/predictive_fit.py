"""`fit.predictive(...)`: new rows predicted in closed form, from the draws, or by the point of a fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayescope.data.new_rows import read_rows
from bayescope.data.table import Table, make_table
from bayescope.distributions.likelihoods import LIKELIHOODS
from bayescope.distributions.supports import Support
from bayescope.errors import BayescopeError, ConfigError, Problem
from bayescope.inference.exact import recognise
from bayescope.inference.exact_posterior import ExactPosterior
from bayescope.inference.fit import Fit
from bayescope.inference.predictive import Predictive
from bayescope.inference.predictive_draws import Draw, psi_at, responses
from bayescope.inference.predictive_given import given, given_text
from bayescope.inference.predictive_heads import Categories, Component
from bayescope.inference.predictive_hypotheses import predict_hypotheses
from bayescope.inference.predictive_vectors import VectorPredictive, averaged_vectors
from bayescope.models.blueprint import rebuild
from bayescope.models.density import tangent
from bayescope.models.groups import has_unseen_groups
from bayescope.models.model import Model
from bayescope.models.network_bodies import networks
from bayescope.models.rows import take

type Floats = NDArray[np.float64]

_NEW_GROUPS = 1000  # effects that are drawn for a row in a group that the model does not know
_CELLS = 20_000_000  # parameters of rows at draws; for more, draws are thinned evenly


def predictive(
    fit: Fit, new_data: Any = None, *, trials: ArrayLike | None = None
) -> Predictive | VectorPredictive:
    """Return the distribution of new responses; see `Fit.predictive`."""
    model = rows_to_predict(fit, new_data, trials=trials)
    return predictor(fit, model)(model)


def rows_to_predict(fit: Fit, new_data: Any = None, *, trials: ArrayLike | None = None) -> Model:
    """Make the model of a fit on new rows, whose responses are to be predicted.

    Raises:
        DataError: the new rows do not fit the model.
        ConfigError: the model needs new rows or trials, or has none.
        BayescopeError: the fit has no answer.
    """
    if fit.estimate is None:
        raise BayescopeError(f"{fit.name} has no answer to predict with: {fit.outcome.message}")
    if not fit.blueprint:
        raise BayescopeError(f"{fit.name} does not know its model: run it with bayescope.run")
    counts = None if trials is None else np.atleast_1d(np.asarray(trials, dtype=np.float64))
    model = rebuild(fit.blueprint, _rows(fit.blueprint, new_data, counts), response=False)
    if model.likelihood.multivariate and counts is not None:
        model = replace(model, response=replace(model.response, trials=counts))
    return _linear_around_mode(fit, model)


def _linear_around_mode(fit: Fit, model: Model) -> Model:
    """Put the tangent at the mode in the place of the networks of a Laplace approximation.

    The Normal of the weights is that of a network that is linear in them; pushed through the network itself
    its draws leave the data behind (Immer, Korzepa and Bauer 2021, AISTATS 130).
    """
    if fit.method != "laplace" or not networks(model):
        return model
    return tangent(model, np.array([fit.details["mode"][name] for name in fit.names]))


def predictor(fit: Fit, model: Model) -> Callable[[Model], Predictive | VectorPredictive]:
    """Return what predicts rows of `model`: all, or some of them (`bayescope.models.rows.take`)."""
    if model.hypotheses:
        return lambda rows: predict_hypotheses(rows, np.asarray(fit.estimate))
    exact = _exact(fit, model)
    return lambda rows: (None if exact is None else exact.predict(rows)) or _averaged(fit, rows)


def response_draws(fit: Fit, model: Model) -> Draw:
    """Return what draws responses of all rows of `model`, (generator, size) -> shape (size, n, ...).

    The rows of one draw share one theta, drawn from the posterior, or the point of a point method.
    """
    if model.hypotheses:
        return predict_hypotheses(model, np.asarray(fit.estimate)).draw
    exact = _exact(fit, model)
    return responses(model, _picked(_posterior(fit)) if exact is None else exact.draw)


def _rows(blueprint: Mapping[str, Any], new_data: Any, trials: Floats | None) -> Table:
    if trials is not None:
        _refuse_trials(blueprint, new_data)
    if new_data is not None:
        return read_rows(blueprint, new_data, response=False)
    if trials is not None:
        return _of_trials(blueprint, trials)
    if blueprint["response"]["trials"] is not None:
        raise ConfigError([Problem(("trials",), f"{blueprint['likelihood']} needs their number, such as 10")])
    if blueprint["encodings"] is not None:
        message = f"{blueprint['formula']} has predictors: give new rows, a file or a table, of them"
        raise ConfigError([Problem((), message)])
    return make_table({}, "one new observation", rows=np.array([1], dtype=np.int64))


def _refuse_trials(blueprint: Mapping[str, Any], new_data: Any) -> None:
    """Refuse trials that the model does not have, or that belong to the new rows."""
    likelihood = LIKELIHOODS.get(blueprint["likelihood"])
    counted = likelihood is not None and likelihood.multivariate and likelihood.response.integer
    name = blueprint["response"]["trials"]
    if name is None and not counted:
        raise ConfigError([Problem(("trials",), f"{blueprint['likelihood']} has none; leave them out")])
    if new_data is not None:
        column = f"as column {name!r}" if name else "as a column"
        raise ConfigError([Problem(("trials",), f"give them {column} of the new rows")])


def _of_trials(blueprint: Mapping[str, Any], trials: Floats) -> Table:
    """One row for each number of trials."""
    name = blueprint["response"]["trials"]
    if name is not None:
        return read_rows(blueprint, {name: trials}, response=False)
    if Support(lower=1.0, integer=True).violations(trials).any():
        raise ConfigError(
            [Problem(("trials",), f"expected whole numbers of at least 1, not {trials.tolist()}")]
        )
    return make_table({}, "new observations", rows=np.arange(1, 1 + len(trials)))


def _exact(fit: Fit, model: Model) -> ExactPosterior | None:
    """Solve the model again from its sufficient statistics, which are a part of an exact fit."""
    statistics = fit.details.get("statistics") if fit.method == "exact" else None
    if statistics is None or has_unseen_groups(model):
        return None
    return recognise(take(model, slice(0))).solve(statistics, fit.settings["tolerance"])


def _averaged(fit: Fit, model: Model) -> Predictive | VectorPredictive:
    """Average over the draws of a posterior, or plug in the point of a point method."""
    thetas, chains = _thetas(fit, model)
    averaged = f"an average over {len(thetas):,} draws"
    if model.likelihood.multivariate:
        text = averaged if chains else f"{model.likelihood.name} at the {fit.name} estimate"
        return averaged_vectors(model, thetas, text)
    psi = psi_at(model, thetas)
    component = given(model.likelihood, model.response.trials, psi)
    if component is None:
        raise BayescopeError(f"the predictive of {model.likelihood.name} is known in closed form only")
    return Predictive(
        text=_texts(model, psi, component)
        if len(thetas) == 1
        else (f"an average over {len(thetas):,} draws",) * len(model.response.values),
        component=component,
        weights=np.full(len(thetas), 1.0 / len(thetas)),
        draw=responses(model, _picked(thetas)),
        chains=chains,
        point=fit.kind == "point",
    )


def _thetas(fit: Fit, model: Model) -> tuple[Floats, int]:
    """Return theta, shape (S, d), and the number of chains that it was drawn in; 0 for a point.

    A point is repeated where rows are in new groups: their effects are drawn, whatever the method.
    """
    thetas = _posterior(fit)
    if fit.draws is None or fit.kind == "point":
        return np.tile(thetas, (_NEW_GROUPS if has_unseen_groups(model) else 1, 1)), 0
    step = -(-len(thetas) * len(model.response.values) // _CELLS)
    return fit.draws[:, ::step].reshape(-1, thetas.shape[1]), len(fit.draws)


def _posterior(fit: Fit) -> Floats:
    """Return all draws of a posterior, or the point of a point method, shape (S, d)."""
    if fit.kind == "point":
        return np.asarray(fit.estimate)[np.newaxis]
    if fit.draws is None:
        raise BayescopeError(f"{fit.name} has no draws to predict with")
    return fit.draws.reshape(-1, fit.draws.shape[-1])


def _picked(thetas: Floats) -> Draw:
    return lambda rng, size: thetas[rng.integers(len(thetas), size=size)]


def _texts(model: Model, psi: tuple[Floats, ...], component: Component) -> tuple[str, ...]:
    rows = len(model.response.values)
    if isinstance(component, Categories):
        shares = np.broadcast_to(component.p[0], (rows, component.p.shape[-1])).tolist()
        return tuple(f"Categorical([{', '.join(f'{p:.6g}' for p in row)}])" for row in shares)
    names = [parameter.name for parameter in model.likelihood.parameters]
    arguments = {
        name: np.broadcast_to(values[0], rows).tolist() for name, values in zip(names, psi, strict=True)
    }
    if model.response.trials is not None:
        arguments = {"n": model.response.trials.tolist()} | arguments
    return tuple(
        given_text(model.likelihood, {name: values[i] for name, values in arguments.items()})
        for i in range(rows)
    )
