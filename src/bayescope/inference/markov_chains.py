"""From the chains of a sampler to a `Fit`: the part that all samplers have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from bayescope.errors import FitError, NotApplicable
from bayescope.inference.draws import draws_tree, flat_draws
from bayescope.inference.fit import Fit
from bayescope.inference.improper import refuse_improper_spread
from bayescope.inference.map_refusals import refuse_improper
from bayescope.inference.marginals import Draws
from bayescope.inference.method import Context
from bayescope.inference.network_refusals import refuse_large_network
from bayescope.inference.point_problem import PointProblem
from bayescope.inference.samplers import Sampler, Sampling
from bayescope.inference.settings import ChainSettings
from bayescope.models.graph import compile_graph
from bayescope.models.graph_names import variables
from bayescope.models.graph_priors import shared
from bayescope.models.model import Model
from bayescope.models.network_bodies import networks

type Floats = NDArray[np.float64]

# What `details` counts -> the statistic that it counts.
_COUNTS = MappingProxyType({"divergences": "diverging", "saturated_trajectories": "reached_max_treedepth"})


type SampleModel[S: ChainSettings] = Callable[[Model, S, Context], Sampling]


def on_graph[S: ChainSettings](sample: Sampler[S], library: str) -> SampleModel[S]:
    """Make of a sampler of PyMC graphs one of models."""

    def draws(model: Model, settings: S, context: Context) -> Sampling:
        context.report_progress(f"compiling the model for {library}")
        return sample(compile_graph(model, shared), settings, context.seed, context.report_progress)

    return draws


def fit_chains[S: ChainSettings](
    model: Model, settings: S, context: Context, *, method: str, sample: SampleModel[S]
) -> Fit:
    """Draw from the posterior with `sample`; equal model, settings and seed give equal draws, bit for bit.

    Returns a fit whose `tree` has the groups `posterior` and `sample_stats`.

    Raises:
        NotApplicable: every parameter is fixed.
        FitError: the posterior is improper, the sampler cannot start, or draws are missing or not finite.
        KeyboardInterrupt: passed through when the chains have stopped.
    """
    refuse(model)
    _refuse_improper(PointProblem(model, prior=True))
    sampling = sample(model, settings, context)
    names = [variable.name for variable in variables(model).values()]
    draws = flat_draws({name: sampling.posterior[name] for name in names})
    _check_complete(draws, settings)
    return _fit(method, model, draws, sampling)


def refuse(model: Model) -> None:
    """Refuse models that chains are not run on. Raises NotApplicable."""
    if not model.blocks:
        raise NotApplicable("every parameter is fixed, so there is nothing to sample.")
    refuse_large_network(model)


def _refuse_improper(problem: PointProblem) -> None:
    """Refuse what chains would wander off in, or hardly notice. Raises FitError."""
    if not networks(problem.model):
        refuse_improper(problem.model, None if problem.normal is None else problem.normal.data.factor)
    refuse_improper_spread(problem)


def _check_complete(draws: Floats, settings: ChainSettings) -> None:
    if draws.shape[:2] != (settings.chains, settings.draws):
        message = (
            f"The sampler returned {draws.shape[0]} chains of {draws.shape[1]} draws instead of "
            f"{settings.chains} of {settings.draws}."
        )
        raise FitError(message, "Run it again; a shortened chain is not an answer.")
    broken = int(np.count_nonzero(~np.isfinite(draws).all(axis=2)))
    if broken:
        raise FitError(
            f"{broken} of {draws.shape[0] * draws.shape[1]} draws are missing or not finite.",
            "The posterior may be improper: use proper priors. If the run was interrupted, run it again.",
        )


def _fit(method: str, model: Model, draws: Floats, sampling: Sampling) -> Fit:
    library = {"inference_library": sampling.library, "inference_library_version": sampling.version}
    flat = draws.reshape(-1, draws.shape[2])
    return Fit(
        name=method,
        method=method,
        kind="posterior",
        names=model.names,
        estimate=flat.mean(axis=0),
        covariance=np.atleast_2d(np.cov(flat, rowvar=False)),
        marginals={name: Draws(draws[:, :, i]) for i, name in enumerate(model.names)},
        draws=draws,
        tree=draws_tree(model, draws, sampling.sample_stats, library),
        timings=sampling.timings,
        details=_details(sampling),
    )


def _details(sampling: Sampling) -> Mapping[str, str | int]:
    statistics = sampling.sample_stats
    return {
        "sampler": sampling.library,
        "sampler_version": sampling.version,
        **{name: int(statistics[own].sum()) for name, own in _COUNTS.items() if own in statistics},
        "evaluations": sampling.evaluations,
        "evaluated": sampling.evaluated,
    }
