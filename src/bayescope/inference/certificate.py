"""A proof that a log-concave likelihood has a maximum, from one evaluation of it.

Let F = -log p(y | theta) have gradient g and positive definite Hessian H = sum_i w_i x_i x_i' at some theta,
for a head whose log density in eta has |third derivative| <= -second derivative: Bernoulli and Binomial on
logit, Poisson on log. If

    g' H^-1 g < min_i w_i          (over the rows that occur)

then F has a minimum: no direction separates the outcomes, and the columns are independent.

Proof. Along a direction b let h(s) = F(theta + s b). The absolute third derivative of h is at most M h''
with M = max_i |x_i'b|, so h''(s) >= h''(0) exp(-M s), and h'(infinity) >= h'(0) + h''(0) / M. F rises at
last along b if that is positive: if -h'(0) M < h''(0) = b'Hb. Now -h'(0) <= sqrt(g' H^-1 g) sqrt(b'Hb) and,
H being at least w_i x_i x_i', M <= sqrt(b'Hb) max_i sqrt(x_i' H^-1 x_i) <= sqrt(b'Hb) / sqrt(min_i w_i). A
convex function that rises at last along every direction has a minimum. The same holds within the subspace
of some coefficients. Source of the bound on h'': Bach (2010), "Self-concordant analysis for logistic
regression", Electronic Journal of Statistics 4.
"""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import NDArray

from bayescope.models.density import Evaluation

type Floats = NDArray[np.float64]

# H and g are rounded: the proof is asked for with room to spare, far from singular
_ROOM = 1e-2
_LEAST_EIGENVALUE = 1e-8


def has_maximum(found: Evaluation, chosen: NDArray[np.intp]) -> bool:
    """Tell whether the likelihood surely has a maximum over the `chosen` unknowns, positions in theta.

    False where this does not prove it. `found` is an evaluation with a Hessian.
    """
    information = -found.hessian[chosen][:, chosen]
    square = information.diagonal()
    if not (np.isfinite(information).all() and (square > 0).all() and found.least > 0):
        return False
    scale = np.sqrt(square)
    scaled = information / scale / scale[:, np.newaxis]
    scaled.flat[:: len(scaled) + 1] -= _LEAST_EIGENVALUE  # what is left is still positive definite
    slope = found.gradient[chosen] / scale
    _, step, failed = scipy.linalg.lapack.dposv(scaled, slope)
    return not failed and float(slope @ step) < _ROOM * found.least
