"""`metropolis`: a random walk that needs no gradient, for every model that has a density.

Metropolis, Rosenbluth, Rosenbluth, Teller and Teller, Equation of state calculations by fast computing
machines, J. Chem. Phys. 21 (1953), 1087-1092. PyMC's step method: an iteration proposes a Normal step of
each unknown by itself, in random order and on the real line; warm-up learns the scale of the steps.
"""

from __future__ import annotations

from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from bayescope.inference.fit import Fit
from bayescope.inference.markov_chains import fit_chains, on_graph, refuse
from bayescope.inference.method import Context, Method
from bayescope.inference.pymc_sampler import StepMethod, sample_pymc, starting_points
from bayescope.inference.samplers import Statistics, named_statistics
from bayescope.inference.settings import MetropolisSettings
from bayescope.models.model import Model

if TYPE_CHECKING:
    import pymc as pm
    import xarray as xr

# ArviZ's name of a statistic -> PyMC's.
_STATISTICS = MappingProxyType({"acceptance_rate": "accepted", "scaling": "scaling"})


def fit_metropolis(model: Model, settings: MetropolisSettings, context: Context) -> Fit:
    """Draw from the posterior; equal model, settings and seed give equal draws, bit for bit.

    Returns a fit whose `tree` has the groups `posterior` and `sample_stats` (acceptance_rate: the share of
    the unknowns that moved in an iteration; scaling: the mean scale of the proposed steps).

    Raises:
        NotApplicable: every parameter is fixed.
        FitError: the sampler cannot start, or draws are missing or not finite.
        KeyboardInterrupt: passed through when the chains have stopped.
    """
    sample = on_graph(partial(sample_pymc, metropolis_step), "pymc")
    return fit_chains(model, settings, context, method="metropolis", sample=sample)


def metropolis_step(graph: pm.Model, settings: MetropolisSettings, seed: int) -> StepMethod:
    """Make PyMC's step method for a graph, and starting points of its chains.

    PyMC evaluates the density at both ends of a proposed step: 2 d evaluations an iteration.
    """
    import pymc as pm

    starts = starting_points(graph, settings.chains, seed)
    step = pm.Metropolis(model=graph, blocked=True)  # one compilation; unknowns still move one by one
    evaluations = 2 * len(step.enum_dims)
    return StepMethod(
        {"step": step, "initvals": starts}, _statistics, lambda _statistics: evaluations, "density"
    )


def _statistics(recorded: xr.Dataset) -> Statistics:
    return named_statistics(recorded, _STATISTICS)


METROPOLIS = Method(
    name="metropolis",
    summary="Posterior draws by a random walk",
    settings=MetropolisSettings,
    fit=fit_metropolis,
    refuse=refuse,
)
