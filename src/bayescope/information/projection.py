"""The nearest member of a family to a target, under either direction of KL.

Forward, KL(target || q), is maximum likelihood on the target and covers all of its modes; reverse,
KL(q || target), is variational inference and sits on one (Bishop, Pattern Recognition and Machine Learning,
2006, section 10.1.2; MacKay, Information Theory, Inference, and Learning Algorithms, 2003, chapter 33).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import scipy
from numpy.typing import NDArray

from bayescope.distributions.distributions import DISTRIBUTIONS
from bayescope.information.densities import Density, Distribution, Draws, LogDensity, density, normal
from bayescope.information.estimate import Estimate, non_negative
from bayescope.information.evaluate import cut, divergence, matched, quadrature
from bayescope.information.neighbours import rows
from bayescope.information.quadrature import integrate, points
from bayescope.information.views import Line, line, view

type Floats = NDArray[np.float64]
type Direction = Literal["forward", "reverse"]

# nodes for expectations over probability u = expit(s): the trapezoidal rule in s, exact to 1e-14
_S = np.linspace(-34.0, 34.0, 681)
_U, _U_WEIGHTS = 1.0 / (1.0 + np.exp(-_S)), 0.1 / (2.0 + 2.0 * np.cosh(_S))


@dataclass(frozen=True)
class Projection:
    """The approximation found, its direction, and the divergence that is left, in nats."""

    density: Density
    direction: Direction
    divergence: Estimate

    def __str__(self) -> str:
        """Write density, direction and divergence."""
        return f"{self.density}, {self.direction} KL = {self.divergence}"


def project(
    target: Distribution | LogDensity, family: str = "Normal", direction: Direction = "forward"
) -> Projection:
    """Find the member of `family` nearest to `target`.

    `target` is a distribution on the line, a mixture, draws (forward only), or a function: a
    vectorised log density, which need not be normalised. `family` is a distribution of numbers from
    the table whose support does not move with its arguments. The forward Normal has the mean and the variance
    of the target exactly; everything else is found by minimisation, from every mode of the target, to about
    six digits (three for the reverse direction where a density has a kink).

    >>> from bayescope.information import mixture
    >>> two_modes = mixture([normal(-2, 0.5), normal(2, 0.5)])
    >>> fitted = project(two_modes).density.arguments
    >>> [round(fitted[name], 6) for name in ("mu", "sigma")]
    [0.0, 2.061553]
    >>> fitted = project(two_modes, direction="reverse").density.arguments
    >>> [round(abs(fitted[name]), 3) for name in ("mu", "sigma")]
    [2.0, 0.5]

    Raises:
        ValueError: the family cannot be fitted to the target: its divergence is infinite, the
            moments do not exist, or draws are projected in reverse.
    """
    if family not in DISTRIBUTIONS or any(argument.vector for argument in DISTRIBUTIONS[family].arguments):
        raise ValueError(f"family must be a distribution of numbers such as Normal, not '{family}'")
    if isinstance(target, Draws):
        return _project_draws(target, family, direction)
    curve = _normalised(line(view(target), "the target"))
    if direction == "forward":
        found = _moments(curve) if family == "Normal" else _likeliest(family, *_nodes(curve))
        left = quadrature("kl", curve, line(view(found), "q"))
    else:
        found = _reverse(family, curve)
        left = quadrature("kl", line(view(found), "q"), curve)
    if not math.isfinite(left.value):
        raise ValueError(
            f"no {family} has a finite {direction} divergence: its tails are not those of the target"
        )
    return Projection(found, direction, non_negative(left))


def _project_draws(target: Draws, family: str, direction: Direction) -> Projection:
    x = rows(target.values)
    if direction == "reverse":
        raise ValueError(
            "reverse KL needs the density of the target, which draws lack; use direction='forward'"
        )
    if x.shape[1] > 1 and family != "Normal":
        raise ValueError(f"draws of vectors are projected on Normal, not on {family}")
    found = matched(x) if family == "Normal" else _likeliest(family, x[:, 0], np.full(len(x), 1.0 / len(x)))
    return Projection(found, direction, divergence("kl", target, found))


def _normalised(curve: Line) -> Line:
    """Scale a curve to mass 1, so that a log density up to a constant will do."""
    height = float(np.max(curve.log_density(np.array(curve.centres))))
    height = height if math.isfinite(height) else 0.0

    def integrand(x: Floats, t: Floats) -> Floats:
        return np.stack([np.exp(curve.log_density(x) - height + t)])

    (mass,), _ = integrate(cut(curve), integrand, np.ones_like)
    if not 0.0 < mass < math.inf:
        raise ValueError(f"the target has the mass {mass:g}: it is no density")
    constant = height + math.log(mass)
    return replace(curve, log_density=lambda x: curve.log_density(x) - constant)


def _moments(curve: Line) -> Density:
    centre = float(np.mean(curve.centres))

    def integrand(x: Floats, t: Floats) -> Floats:
        p = np.exp(curve.log_density(x) + t)
        return np.stack([np.where(p > 0.0, p * (x - centre) ** power, 0.0) for power in (1, 2)])

    (first, second), _ = integrate(cut(curve), integrand, np.ones_like)
    if not math.isfinite(second):
        raise ValueError("the target has no finite variance: no Normal is nearest to it")
    return normal(centre + first, math.sqrt(second - first**2))


def _nodes(curve: Line) -> tuple[Floats, Floats]:
    """Points with their probabilities, for expectations under the target."""
    x, t, weights = points(cut(curve))
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        mass = np.exp(curve.log_density(x) + t) * weights
    kept = mass > 1e-25
    return x[kept], mass[kept] / mass[kept].sum()


type Loss = Callable[..., float]


def _likeliest(family: str, x: Floats, weights: Floats) -> Density:
    """Maximise E log q(x): forward KL but for the entropy of the target, which is fixed."""
    entry = DISTRIBUTIONS[family]
    mean = float(weights @ x)
    start = [mean if math.isinf(argument.support.lower) else 1.0 for argument in entry.arguments]
    return _minimised(family, lambda *values: -float(weights @ entry.log_density(x, *values)), start)[1]


def _reverse(family: str, curve: Line) -> Density:
    """Minimise E_q log(q / p) from the forward fit to the whole target and to what is around each centre."""
    entry = DISTRIBUTIONS[family]

    def loss(*values: float) -> float:
        x = entry.quantile(_U, *values)
        return float(_U_WEIGHTS @ (entry.log_density(x, *values) - curve.log_density(x)))

    found = [_minimised(family, loss, list(start.arguments.values())) for start in _starts(family, curve)]
    return min(found, key=lambda one: round(one[0], 9))[1]


def _starts(family: str, curve: Line) -> Iterator[Density]:
    x, weights = _nodes(curve)
    centres = np.unique(curve.centres)
    nearest = np.argmin(np.abs(x[:, None] - centres), axis=1)
    for part in [nearest == k for k in range(len(centres))] + [np.full(len(x), True)] * (len(centres) > 1):
        if weights[part].sum() > 1e-6:
            yield _likeliest(family, x[part], weights[part] / weights[part].sum())


def _minimised(family: str, loss: Loss, start: Sequence[Any]) -> tuple[float, Density]:
    """Minimise over the arguments of a family, the positive ones by their logarithms (Nelder and Mead)."""
    positive = np.array(
        [math.isfinite(argument.support.lower) for argument in DISTRIBUTIONS[family].arguments]
    )

    def arguments(free: Floats) -> list[float]:
        with np.errstate(over="ignore"):
            values: list[float] = np.where(positive, np.exp(np.where(positive, free, 0.0)), free).tolist()
        return values

    def objective(free: Floats) -> float:
        with np.errstate(all="ignore"):
            value = loss(*arguments(free))
        return value if math.isfinite(value) else math.inf

    free = np.array([math.log(value) if log else value for value, log in zip(start, positive, strict=True)])
    options = {"xatol": 1e-10, "fatol": 1e-14, "maxiter": 4000, "maxfev": 4000}
    with np.errstate(invalid="ignore"):
        found = scipy.optimize.minimize(objective, free, method="Nelder-Mead", options=options)
    if not math.isfinite(found.fun):
        raise ValueError(f"no {family} has a finite divergence: its support and that of the target differ")
    return float(found.fun), density(family, *arguments(found.x))
