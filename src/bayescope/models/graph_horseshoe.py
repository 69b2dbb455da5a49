"""The regularised horseshoe in the PyMC graph, not centred.

    beta_j = z_j tau l_j,    l_j^2 = c^2 lambda_j^2 / (c^2 + tau^2 lambda_j^2)
    z_j ~ Normal(0, 1),  lambda_j ~ HalfCauchy(1),  tau ~ HalfCauchy(global_scale)
    c^2 ~ InverseGamma(slab_df / 2, slab_df slab_scale^2 / 2)

A small tau shrinks all coefficients towards 0, a large lambda_j lets one escape, and the slab c keeps those
from being farther out than StudentT(slab_df, 0, slab_scale). With p0 coefficients of D expected to matter,
tau is of the size p0 / (D - p0) sigma / sqrt(n). Source: Piironen and Vehtari (2017), Electron. J. Stat.
11(2), sections 2.3 and 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bayescope.models.graph_names import Fresh

# arrays: a plain number becomes a float32 constant of the graph
_ZERO, _ONE = np.asarray(0.0), np.asarray(1.0)


def horseshoe(name: str, dim: str | None, arguments: Mapping[str, Any], fresh: Fresh) -> Any:
    """Add the coefficients `name`, with their local and global scales, to the PyMC model at hand.

    `arguments` are global_scale, slab_scale and slab_df; `fresh` makes a name that is not taken of one that
    is wanted. Returns the coefficients, which are deterministic.
    """
    import pymc as pm

    half, scale = arguments["slab_df"] / 2, arguments["slab_scale"]
    z = pm.Normal(fresh(f"{name}.z"), _ZERO, _ONE, dims=dim)
    local = pm.HalfCauchy(fresh(f"{name}.local"), _ONE, dims=dim)
    # in units of its scale, so that the sampler starts at its size
    unit = pm.HalfCauchy(fresh(f"{name}.global"), _ONE)
    slab = pm.InverseGamma(fresh(f"{name}.slab"), half, half)
    tau, squared = unit * arguments["global_scale"], slab * scale**2
    shrunk = local * pm.math.sqrt(squared / (squared + tau**2 * local**2))
    return pm.Deterministic(name, z * tau * shrunk, dims=dim)
