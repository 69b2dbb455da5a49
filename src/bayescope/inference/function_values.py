"""What the chains of a network are judged by: its predictions, not its weights.

Chains that sit at mirror images of one mode disagree on every weight and agree on every prediction; R-hat
of the weights says nothing of whether the predictions have converged (Papamarkou et al. 2022, Statistical
Science 37(3)).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bayescope.models.model import Model, Predictor
from bayescope.models.network_bodies import networks
from bayescope.models.networks import forward

if TYPE_CHECKING:
    import xarray as xr

type Floats = NDArray[np.float64]

GROUP = "function_values"
MOST_ROWS = 20


def function_values(model: Model, draws: Floats) -> xr.Dataset | None:
    """Compute the linear predictors of up to 20 rows, and the other unknowns, for draws (chain, draw, d).

    The dataset has one variable, `values` (chain, draw, quantity); quantities are called `mu, row 7`. Rows
    are evenly spaced along the data. None: the model has no network.
    """
    found = networks(model)
    if not found:
        return None
    import xarray as xr

    columns, names = [], []
    rows = np.unique(np.linspace(0, len(model.response.values) - 1, MOST_ROWS).astype(np.intp))
    for predictor in found:
        columns.append(_eta(predictor, rows, draws))
        names += [f"{predictor.parameter}, row {row + 1}" for row in rows]
    weights = {int(i) for predictor in found for i in predictor.index}
    others = [i for i in range(draws.shape[2]) if i not in weights]
    values = np.concatenate([*columns, draws[:, :, others]], axis=2)
    labels = np.array([*names, *(model.names[i] for i in others)], dtype=object)
    place = {"chain": np.arange(draws.shape[0]), "draw": np.arange(draws.shape[1]), "quantity": labels}
    return xr.Dataset({"values": (("chain", "draw", "quantity"), values)}, place)


def _eta(predictor: Predictor, rows: NDArray[np.intp], draws: Floats) -> Floats:
    """The linear predictor of some rows at every draw, shape (chain, draw, rows)."""
    if predictor.network is None or predictor.matrix is None:
        return np.zeros((*draws.shape[:2], 0))
    offset = predictor.offset[rows] if isinstance(predictor.offset, np.ndarray) else predictor.offset
    return offset + forward(predictor.network, predictor.matrix[rows], draws[:, :, predictor.index])
