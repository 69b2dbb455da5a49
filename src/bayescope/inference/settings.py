"""The settings of every method: the keys of its recipe, with their defaults and limits.

They stand apart from the methods, so that a configuration is checked without importing what fits it.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bayescope.inference.method import Settings


class PointSettings(Settings):
    """Settings of MLE and MAP.

    Attributes:
        tolerance: largest KKT residual that is accepted as converged (in conditional sds).
        max_iterations: Newton steps before giving up.
    """

    tolerance: float = Field(default=1e-8, gt=0, le=1e-2)
    max_iterations: int = Field(default=200, ge=1, le=100_000)


class MLESettings(PointSettings):
    """Settings of maximum likelihood."""


class MAPSettings(PointSettings):
    """Settings of maximum a posteriori."""


class ExactSettings(Settings):
    """Settings of `exact`.

    Attributes:
        draws: independent draws in each chain.
        chains: number of chains, so that draws have the shape of a sampler's.
        tolerance: relative error allowed in means and sds found by quadrature.
    """

    draws: int = Field(default=1000, ge=1)
    chains: int = Field(default=4, ge=1)
    tolerance: float = Field(default=1e-10, ge=1e-13, le=1e-2)


class GridSettings(Settings):
    """Settings of `grid`.

    Attributes:
        draws: independent draws in each chain.
        chains: number of chains, so that draws have the shape of a sampler's.
        tolerance: error allowed in the evidence (relative), in means (in sds) and in covariances
            (relative to the sds).
        max_points: largest number of points of one grid.
    """

    draws: int = Field(default=1000, ge=1)
    chains: int = Field(default=4, ge=1)
    tolerance: float = Field(default=1e-6, ge=1e-11, le=1e-2)
    max_points: int = Field(default=2_000_000, ge=1000, le=100_000_000)


class LaplaceSettings(PointSettings):
    """Settings of `laplace`: those of the mode's search, and how many draws to make.

    Attributes:
        draws: independent draws in each chain.
        chains: number of chains, so that draws have the shape of a sampler's.
    """

    draws: int = Field(default=1000, ge=1)
    chains: int = Field(default=4, ge=1)


class ImportanceSettings(PointSettings):
    """Settings of `importance`: those of the mode's search, and the numbers of draws.

    Attributes:
        proposals: draws from the Laplace approximation that are weighted; if left out 10,000, or with more
            than 20,000 rows as many as make 2e8 row densities, but 2,000 at least.
        degrees_of_freedom: nu of their Student-t tails; 1e6 is the Normal approximation itself.
        draws: equally weighted draws in each chain, resampled from them.
        chains: number of chains, so that draws have the shape of a sampler's.
    """

    proposals: int | None = Field(default=None, ge=1000)
    degrees_of_freedom: float = Field(default=7.0, ge=1.0, le=1e6)
    draws: int = Field(default=1000, ge=1)
    chains: int = Field(default=4, ge=1)


class ChainSettings(Settings):
    """Settings of any sampler: lengths are for each chain; `draws` come after `tune` warm-up iterations."""

    draws: int = Field(default=1000, ge=4, le=1_000_000)
    tune: int = Field(default=1000, ge=100, le=1_000_000)
    chains: int = Field(default=4, ge=1, le=256)

    @property
    def iterations(self) -> int:
        """Iterations of one chain, warm-up included."""
        return self.tune + self.draws


class NutsSettings(ChainSettings):
    """Settings of `nuts`; `retries` counts further attempts, with other settings, where a gate fails."""

    sampler: Literal["auto", "nutpie", "pymc"] = "auto"
    target_accept: float = Field(default=0.9, gt=0.5, lt=1.0)
    max_treedepth: int = Field(default=10, ge=1, le=20)
    retries: int = Field(default=0, ge=0, le=5)


class HmcSettings(ChainSettings):
    """Settings of `hmc`: lengths are for each chain; `draws` come after `tune` warm-up iterations.

    Attributes:
        target_accept: mean acceptance probability that warm-up chooses the step size for. PyMC's 0.65 is the
            most efficient (Beskos et al. 2013, Bernoulli 19), but so near to instability that now and then
            a trajectory diverges.
    """

    target_accept: float = Field(default=0.8, gt=0.5, lt=1.0)


class MetropolisSettings(ChainSettings):
    """Settings of `metropolis`: lengths are for each chain; `draws` come after `tune` warm-up iterations."""

    draws: int = Field(default=5000, ge=4, le=1_000_000)
    tune: int = Field(default=2000, ge=100, le=1_000_000)


class AutoSettings(Settings):
    """Settings of `auto`: those of each method that it may ask, in the order in which it asks them."""

    exact: ExactSettings = ExactSettings()
    importance: ImportanceSettings = ImportanceSettings()
    nuts: NutsSettings = NutsSettings(retries=1)


class VariationalSettings(Settings):
    """Settings of `advi` and `fullrank`.

    Attributes:
        samples: fixed draws that the ELBO is a mean over; 4 for each unknown at least.
        max_iterations: steps of L-BFGS before giving up.
        proposals: draws of the Normal that are weighted for Pareto's k.
        draws: independent draws in each chain.
        chains: number of chains, so that draws have the shape of a sampler's.
    """

    samples: int = Field(default=128, ge=16, le=100_000)
    max_iterations: int = Field(default=500, ge=1, le=100_000)
    proposals: int = Field(default=2000, ge=1000)
    draws: int = Field(default=1000, ge=1)
    chains: int = Field(default=4, ge=1)
