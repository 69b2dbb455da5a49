"""Entropy and KL divergence of draws by the distances to their k nearest neighbours.

Kozachenko and Leonenko, Problems of Information Transmission 23, 1987 (in the form of Kraskov, Stogbauer
and Grassberger, Physical Review E 69, 2004, equation 20) for the entropy; Perez-Cruz, ISIT 2008 (Wang,
Kulkarni and Verdu, IEEE Transactions on Information Theory 55, 2009) for the divergence.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import scipy
from numpy.typing import NDArray

from bayescope.information.estimate import Estimate

type Floats = NDArray[np.float64]

NEIGHBOURS = 5
BLOCKS = 10
_REPEATED = 0.01  # of the draws


def rows(values: Floats) -> Floats:
    """Return draws as rows, shape (n, d)."""
    return values[:, None] if values.ndim == 1 else values


def repeated(values: Floats) -> bool:
    """Tell whether distances say too little: draws repeat (over 1 %), or a coordinate is constant.

    Where a tenth of the draws repeat the one before, neighbours are so much nearer that a divergence of 0 is
    0.04 to 0.09 nats.
    """
    if not np.all(values.std(axis=0) > 0.0):
        return True
    return len(np.unique(rows(values), axis=0)) < (1.0 - _REPEATED) * len(values)


def _log_distances(among: Floats, at: Floats, k: int) -> Floats:
    if among.shape[1] == 1:
        return np.asarray(np.log(_on_the_line(np.sort(among[:, 0]), at[:, 0], k)))
    distances, _ = scipy.spatial.cKDTree(among).query(at, k=[k])
    return np.asarray(np.log(distances[:, 0]))


def _on_the_line(ordered: Floats, at: Floats, k: int) -> Floats:
    """Distance to the k-th nearest: the k nearest are neighbours in order, k at most on either side."""
    far = np.full(k, np.inf)
    padded = np.concatenate([-far, ordered, far])
    place = np.searchsorted(ordered, at)[:, None] + np.arange(2 * k)
    return np.asarray(np.partition(np.abs(padded[place] - at[:, None]), k - 1, axis=1)[:, k - 1])


def entropy(x: Floats, k: int = NEIGHBOURS) -> float:
    """Estimate -E log p in nats: psi(n) - psi(k) + log(volume of the unit ball) + d mean log(distance).

    The coordinates are scaled to unit standard deviation first, which the sum takes back.
    """
    n, d = x.shape
    scale = x.std(axis=0)
    distances = _log_distances(x / scale, x / scale, k + 1)  # the nearest neighbour of a draw is itself
    ball = 0.5 * d * math.log(math.pi) - math.lgamma(0.5 * d + 1.0)
    constant = scipy.special.psi(n) - scipy.special.psi(k) + ball + np.log(scale).sum()
    return float(constant + d * distances.mean())


def kl(x: Floats, y: Floats, k: int = NEIGHBOURS) -> float:
    """Estimate E_p log(p / q) in nats from x ~ p (n, d) and y ~ q (m, d).

    d mean(log(distance to the k-th neighbour in y) - log(distance to the k-th in x)) + log(m / (n - 1))
    """
    (n, d), m = x.shape, len(y)
    scale = x.std(axis=0)
    near, far = _log_distances(x / scale, x / scale, k + 1), _log_distances(y / scale, x / scale, k)
    return float(d * (far - near).mean() + math.log(m / (n - 1)))


def estimate(function: Callable[..., float], *samples: Floats) -> Estimate:
    """Evaluate a k-nearest-neighbour estimator with its error.

    The error joins the standard error of the delete-a-block jackknife (see `jackknife`) and the difference
    between k and 2k neighbours, which shows the bias.
    """
    value = function(*samples)
    bias = abs(function(*samples, k=2 * NEIGHBOURS) - value)
    how = f"k nearest neighbours (k={NEIGHBOURS})"
    return Estimate(value, math.hypot(jackknife(function, *samples), bias), how)


def jackknife(function: Callable[..., float], *samples: Floats) -> float:
    """Return the standard error of function(*samples), leaving out one block of draws at a time.

    The blocks are consecutive, so that the autocorrelation of a chain counts (Kunsch, Annals of
    Statistics 17, 1989); samples are independent of each other.
    """
    variance = 0.0
    for position, sample in enumerate(samples):
        parts = np.array_split(np.arange(len(sample)), BLOCKS)
        left = [np.delete(sample, part, axis=0) for part in parts]
        values = np.array([function(*samples[:position], one, *samples[position + 1 :]) for one in left])
        variance += (BLOCKS - 1) * float(np.mean((values - values.mean()) ** 2))
    return math.sqrt(variance)
