"""`hmc`: Hamiltonian Monte Carlo with trajectories of a fixed length, for every model that has a density.

Duane, Kennedy, Pendleton and Roweth, Hybrid Monte Carlo, Physics Letters B 195 (1987), 216-222; Neal, MCMC
using Hamiltonian dynamics, Handbook of Markov Chain Monte Carlo (2011), chapter 5. PyMC's step method:
trajectories of length 2 in units of the posterior sds, which warm-up learns with the step size.
"""

from __future__ import annotations

from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from bayescope.inference.fit import Fit
from bayescope.inference.markov_chains import fit_chains, on_graph, refuse
from bayescope.inference.method import Context, Method
from bayescope.inference.nuts import gradients
from bayescope.inference.pymc_sampler import StepMethod, sample_pymc, starting_points
from bayescope.inference.samplers import Statistics, named_statistics
from bayescope.inference.settings import HmcSettings
from bayescope.models.model import Model

if TYPE_CHECKING:
    import pymc as pm
    import xarray as xr

# ArviZ's name of a statistic -> PyMC's.
_STATISTICS = MappingProxyType(
    {"diverging": "diverging", "n_steps": "n_steps", "acceptance_rate": "accept", "step_size": "step_size"}
)


def fit_hmc(model: Model, settings: HmcSettings, context: Context) -> Fit:
    """Draw from the posterior; equal model, settings and seed give equal draws, bit for bit.

    Returns a fit whose `tree` has the groups `posterior` and `sample_stats` (diverging, energy, n_steps,
    acceptance_rate, step_size). The energy is that of the trajectory's start, once it has its momentum.

    Raises:
        NotApplicable: every parameter is fixed.
        FitError: the sampler cannot start, or draws are missing or not finite.
        KeyboardInterrupt: passed through when the chains have stopped.
    """
    sample = on_graph(partial(sample_pymc, hmc_step), "pymc")
    return fit_chains(model, settings, context, method="hmc", sample=sample)


def hmc_step(graph: pm.Model, settings: HmcSettings, seed: int) -> StepMethod:
    """Make PyMC's step method for a graph, and starting points of its chains."""
    import pymc as pm

    starts = starting_points(graph, settings.chains, seed)
    step = pm.HamiltonianMC(model=graph, target_accept=settings.target_accept)
    return StepMethod({"step": step, "initvals": starts}, _statistics, partial(gradients, "n_steps"))


def _statistics(recorded: xr.Dataset) -> Statistics:
    # PyMC records the energy of the proposal, also where it was rejected.
    energy = (recorded["energy"] - recorded["energy_error"]).values
    return {**named_statistics(recorded, _STATISTICS), "energy": energy}


HMC = Method(
    name="hmc",
    summary="Posterior draws by Hamiltonian Monte Carlo",
    settings=HmcSettings,
    fit=fit_hmc,
    refuse=refuse,
)
