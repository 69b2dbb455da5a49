"""`nuts`: the No-U-Turn sampler, for every model that has a density.

Hoffman and Gelman, The No-U-Turn Sampler, JMLR 15 (2014), 1593-1623. Where a Normal is near the posterior,
the chains run in coordinates that it makes white (`whitening`), on the density of `gradients`; else, or when
asked, on the PyMC graph of the model. Constrained variables are sampled on the real line and mapped back.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from bayescope.inference.fit import Fit
from bayescope.inference.markov_chains import fit_chains, on_graph, refuse
from bayescope.inference.method import Context, Method
from bayescope.inference.nutpie_sampler import sample_nutpie
from bayescope.inference.pymc_sampler import StepMethod, sample_pymc
from bayescope.inference.retries import fit_with_retries
from bayescope.inference.samplers import Sampler, Sampling, Statistics, named_statistics
from bayescope.inference.settings import NutsSettings
from bayescope.inference.white_sampler import sample_white
from bayescope.inference.whitening import whiten
from bayescope.models.model import Model

if TYPE_CHECKING:
    import pymc as pm
    import xarray as xr

_STATISTICS = (
    "diverging",
    "energy",
    "tree_depth",
    "reached_max_treedepth",
    "n_steps",
    "lp",
    "acceptance_rate",
    "step_size",
)


def fit_nuts(model: Model, settings: NutsSettings, context: Context) -> Fit:
    """Draw from the posterior; equal model, settings and seed give equal draws, bit for bit.

    Draws that fail a gate are drawn again, up to `retries` times (`bayescope.inference.retries`).

    Returns a fit whose `tree` has the groups `posterior` and `sample_stats` (diverging, energy, tree_depth,
    reached_max_treedepth, n_steps, lp, acceptance_rate, step_size; the same for every sampler).
    nutpie's energy is off by a constant of each chain, the log determinant of its scaling.

    Raises:
        NotApplicable: every parameter is fixed.
        FitError: the sampler cannot start, or draws are missing or not finite.
        KeyboardInterrupt: passed through when the chains have stopped.
    """
    return fit_with_retries(_fit_once, model, settings, context)


def _fit_once(model: Model, settings: NutsSettings, context: Context) -> Fit:
    library = settings.sampler
    sample = _automatic if library == "auto" else on_graph(SAMPLERS[library], library)
    return fit_chains(model, settings, context, method="nuts", sample=sample)


def _automatic(model: Model, settings: NutsSettings, context: Context) -> Sampling:
    """Sample in white coordinates where the posterior has them, else from the PyMC graph."""
    start = time.perf_counter()
    whitened = None if context.plain else whiten(model, context)
    if whitened is None:
        return on_graph(SAMPLERS[_ON_GRAPHS], _ON_GRAPHS)(model, settings, context)
    found = time.perf_counter() - start
    sampling = sample_white(model, whitened, settings, context.seed, context.report_progress)
    return replace(sampling, timings={**sampling.timings, "compile": found})


def _step(_graph: pm.Model, settings: NutsSettings, _seed: int) -> StepMethod:
    limits = {"target_accept": settings.target_accept, "max_treedepth": settings.max_treedepth}
    return StepMethod({"nuts": limits}, _statistics, partial(gradients, "tree_size"))


def _statistics(recorded: xr.Dataset) -> Statistics:
    return named_statistics(recorded, {name: name for name in _STATISTICS})


def gradients(leapfrog_steps: str, statistics: Mapping[str, Any]) -> int:
    """Count the gradients of an iteration of PyMC: one at its start, one for each leapfrog step."""
    return 1 + int(statistics[leapfrog_steps])


_ON_GRAPHS = "nutpie"

SAMPLERS: Mapping[str, Sampler[NutsSettings]] = MappingProxyType(
    {"nutpie": sample_nutpie, "pymc": partial(sample_pymc, _step)}
)

NUTS = Method(
    name="nuts",
    summary="Posterior draws by the No-U-Turn sampler",
    settings=NutsSettings,
    fit=fit_nuts,
    refuse=refuse,
)
