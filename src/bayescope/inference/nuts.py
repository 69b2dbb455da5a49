"""`nuts`: the No-U-Turn sampler, for every model that has a density.

Hoffman and Gelman, The No-U-Turn Sampler, JMLR 15 (2014), 1593-1623. The chains run on the PyMC
graph of the model; its constrained variables are sampled on the real line and mapped back.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from bayescope.errors import FitError, NotApplicable
from bayescope.inference.draws import draws_tree, flat_draws
from bayescope.inference.fit import Fit
from bayescope.inference.marginals import Draws
from bayescope.inference.method import Context, Method
from bayescope.inference.samplers import SAMPLERS, NutsSettings, Sampling
from bayescope.models.graph import compile_graph, variables
from bayescope.models.model import Model

type Floats = NDArray[np.float64]


def fit_nuts(model: Model, settings: NutsSettings, context: Context) -> Fit:
    """Draw from the posterior; equal model, settings and seed give equal draws, bit for bit.

    Returns a fit whose `tree` has the groups `posterior` and `sample_stats` (diverging, energy, tree_depth,
    reached_max_treedepth, n_steps, lp, acceptance_rate, step_size; the same for either sampler).
    nutpie's energy is off by a constant of each chain, the log determinant of its scaling.

    Raises:
        NotApplicable: every parameter is fixed.
        FitError: the sampler cannot start, or draws are missing or not finite.
        KeyboardInterrupt: passed through when the chains have stopped.
    """
    if not model.blocks:
        raise NotApplicable("every parameter is fixed, so there is nothing to sample.")
    context.report_progress(f"compiling the model for {settings.sampler}")
    sample = SAMPLERS[settings.sampler]
    sampling = sample(compile_graph(model), settings, context.seed, context.report_progress)
    names = [variable.name for variable in variables(model).values()]
    draws = flat_draws({name: sampling.posterior[name] for name in names})
    _check_complete(draws, settings)
    return _fit(model, draws, sampling, settings)


def _check_complete(draws: Floats, settings: NutsSettings) -> None:
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


def _fit(model: Model, draws: Floats, sampling: Sampling, settings: NutsSettings) -> Fit:
    library = {"inference_library": sampling.library, "inference_library_version": sampling.version}
    flat = draws.reshape(-1, draws.shape[2])
    return Fit(
        name="nuts",
        method="nuts",
        kind="posterior",
        names=model.names,
        estimate=flat.mean(axis=0),
        covariance=np.atleast_2d(np.cov(flat, rowvar=False)),
        marginals={name: Draws(draws[:, :, i]) for i, name in enumerate(model.names)},
        draws=draws,
        tree=draws_tree(model, draws, sampling.sample_stats, library),
        timings=sampling.timings,
        details=_details(sampling, settings),
    )


def _details(sampling: Sampling, settings: NutsSettings) -> Mapping[str, str | int]:
    statistics = sampling.sample_stats
    return {
        "sampler": sampling.library,
        "sampler_version": sampling.version,
        "divergences": int(statistics["diverging"].sum()),
        "saturated_trajectories": int(statistics["reached_max_treedepth"].sum()),
        "max_treedepth": settings.max_treedepth,
    }


NUTS = Method(
    name="nuts",
    summary="Posterior draws by the No-U-Turn sampler",
    settings=NutsSettings,
    fit=fit_nuts,
)
