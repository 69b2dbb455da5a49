"""The gates that draws of Markov chains must pass to be an answer: what is measured, and against what.

Thresholds: R-hat and effective sample sizes by Vehtari et al. (2021), Bayesian Analysis 16(2); E-BFMI by
Betancourt (2016), arXiv:1604.00695.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bayescope.inference.fit import Fit
from bayescope.inference.function_values import GROUP as FUNCTION_VALUES
from bayescope.sampling.convergence import Convergence, convergence, e_bfmi

type Floats = NDArray[np.float64]

MIN_ESS = 400.0


@dataclass(frozen=True)
class Measured:
    """What a gate measured: the worst value, the parameter or chain that has it, and what was counted."""

    value: float
    where: str = ""
    count: int = 0
    of: int = 0


@dataclass(frozen=True)
class Gate:
    """One gate: None is measured where the sampler did not record what is needed.

    Attributes:
        name: of the gate, and of the check that reports it.
        threshold: the last value that passes; an undefined value never does.
        side: "most" where the threshold is the largest value that passes, else "least".
        measure: the worst value of a fit, as `judged` returns it.
        without: the methods that it does not apply to: a random walk has no energy, hmc no trees.
    """

    name: str
    threshold: float
    side: Literal["most", "least"]
    measure: Callable[[Fit, Convergence], Measured | None]
    without: tuple[str, ...] = ()

    def passes(self, measured: Measured) -> bool:
        """Tell whether a measurement passes."""
        if self.side == "most":
            return measured.value <= self.threshold
        return measured.value >= self.threshold


def failed_gates(fit: Fit) -> tuple[tuple[Gate, Measured], ...]:
    """Return the gates that the draws of a fit do not pass, with what was measured."""
    seen = judged(fit)
    found = convergence(np.asarray(seen.draws))
    measured = ((gate, gate.measure(seen, found)) for gate in GATES if seen.method not in gate.without)
    return tuple((gate, value) for gate, value in measured if value is not None and not gate.passes(value))


def judged(fit: Fit) -> Fit:
    """Return the fit with what its convergence is judged by as its names and draws.

    These are its unknowns; of a network, whose weights are not identified, its predictions at some rows and
    the other unknowns.
    """
    if fit.tree is None or FUNCTION_VALUES not in fit.tree.children:
        return fit
    values = fit.tree.children[FUNCTION_VALUES].to_dataset()["values"]
    names = tuple(str(name) for name in values.coords["quantity"].to_numpy())
    return replace(fit, names=names, draws=np.asarray(values.to_numpy(), dtype=np.float64))


def statistic(fit: Fit, name: str) -> Floats | None:
    """Return a sampler statistic as floats, shape (chain, draw); None when it was not recorded."""
    if fit.tree is None or "sample_stats" not in fit.tree or name not in fit.tree["sample_stats"]:
        return None
    return np.asarray(fit.tree["sample_stats"][name].values, dtype=np.float64)


def _r_hat(fit: Fit, found: Convergence) -> Measured:
    worst = _worst(found.r_hat, np.argmax)
    return Measured(float(found.r_hat[worst]), fit.names[worst])


def _ess(kind: Literal["bulk", "tail"]) -> Callable[[Fit, Convergence], Measured]:
    def measure(fit: Fit, found: Convergence) -> Measured:
        sizes: Floats = getattr(found, f"ess_{kind}")
        worst = _worst(sizes, np.argmin)
        return Measured(float(sizes[worst]), fit.names[worst])

    return measure


def _e_bfmi(fit: Fit, _found: Convergence) -> Measured | None:
    energy = statistic(fit, "energy")
    if energy is None:
        return None
    fractions = e_bfmi(energy)
    worst = _worst(fractions, np.argmin)
    return Measured(float(fractions[worst]), f"chain {worst + 1}")


def _divergences(fit: Fit, _found: Convergence) -> Measured | None:
    diverging = statistic(fit, "diverging")
    if diverging is None:
        return None
    count = int(np.count_nonzero(diverging))
    return Measured(count, count=count, of=diverging.size)


def _tree_depth(fit: Fit, _found: Convergence) -> Measured | None:
    reached = statistic(fit, "reached_max_treedepth")
    if reached is None:
        return None
    count = int(np.count_nonzero(reached))
    return Measured(count / max(reached.size, 1), count=count, of=reached.size)


def _worst(values: Floats, choose: Callable[[Floats], np.intp]) -> int:
    """Return the index of an undefined value if there is one, else of the worst."""
    undefined = ~np.isfinite(values)
    return int(np.argmax(undefined) if undefined.any() else choose(values))


GATES = (
    Gate("r_hat", 1.01, "most", _r_hat),
    Gate("ess_bulk", MIN_ESS, "least", _ess("bulk")),
    Gate("ess_tail", MIN_ESS, "least", _ess("tail")),
    Gate("divergences", 0.0, "most", _divergences, without=("metropolis",)),
    Gate("e_bfmi", 0.3, "least", _e_bfmi, without=("metropolis",)),
    Gate("tree_depth", 0.01, "most", _tree_depth, without=("metropolis", "hmc")),
)
