"""Rows of comparison.csv: every method's answer against the reference method's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy
from numpy.typing import NDArray

from bayescope.diagnostics.convergence import YARDSTICKS, is_monte_carlo, is_sampled, monte_carlo_errors
from bayescope.diagnostics.estimates import quantiles, standard_deviations
from bayescope.diagnostics.records import ComparisonRow, finite
from bayescope.inference.fit import Fit

type Floats = NDArray[np.float64]

_SCORES = np.linspace(-6.0, 6.0, 257)
"""Nodes for integrals over probability u = Phi(t); what lies beyond |t| = 6 has probability 2e-9."""


def choose_reference(fits: Sequence[Fit]) -> Fit | None:
    """Choose what the others are measured against: exact, else grid, nuts, another sampler, or weights.

    None when no method gave a posterior that can serve.
    """
    yardsticks = [fit for method in YARDSTICKS for fit in fits if fit.answered and fit.method == method]
    # of several samplers nuts is the one to trust before the others
    sampled = sorted((fit for fit in fits if is_sampled(fit)), key=lambda fit: fit.method != "nuts")
    weighted = [fit for fit in fits if is_monte_carlo(fit) and fit.outcome.status == "ok"]
    return next(iter(yardsticks + sampled + weighted), None)


def compare(fits: Sequence[Fit]) -> tuple[ComparisonRow, ...]:
    """Compare every method that answered with the reference, parameter by parameter.

    With m, s the method's estimate and sd, and m0, s0 those of the reference:

    - `mean_shift_in_sd` = (m - m0) / s0 and `sd_ratio` = s / s0;
    - `wasserstein_1_in_sd` = integral over u of |Q(u) - Q0(u)| / s0, for the quantile functions
      of the two marginals; a point method stands for Normal(m, s), its Wald approximation;
    - `kl_nats` = KL(Normal(m, s) || Normal(m0, s0)) = (r^2 - 1 - 2 log r + shift^2) / 2 with
      r = s / s0: the divergence of Normal approximations, whatever the shape of the marginals;
    - `z` and `z_sd`: the differences of means and of sds over the combined Monte Carlo
      standard error, when at least one side is a sampler and the other a sampler or exact.

    Without an sd (mle on a boundary, an exact zero of a Laplace prior) a method claims no
    distribution, and `sd_ratio`, `wasserstein_1_in_sd` and `kl_nats` are None. No reference: no rows.
    """
    reference = choose_reference(fits)
    if reference is None:
        return ()
    reference_curves = _quantile_curves(reference)
    return tuple(
        row
        for fit in fits
        if fit.answered and fit is not reference
        for row in _rows(fit, reference, reference_curves)
    )


def _rows(fit: Fit, reference: Fit, reference_curves: Floats) -> tuple[ComparisonRow, ...]:
    columns = _columns(fit, reference, reference_curves)
    return tuple(
        ComparisonRow(
            parameter=name,
            method=fit.name,
            reference=reference.name,
            **{column: finite(values[j]) for column, values in columns.items()},
        )
        for j, name in enumerate(fit.names)
    )


def _columns(fit: Fit, reference: Fit, reference_curves: Floats) -> dict[str, Floats]:
    """Return the columns of comparison.csv for one method, each of shape (d,); nan where undefined."""
    mean, mean0 = np.asarray(fit.estimate), np.asarray(reference.estimate)
    sd, sd0 = standard_deviations(fit), standard_deviations(reference)
    error, error0 = monte_carlo_errors(fit), monte_carlo_errors(reference)
    with np.errstate(all="ignore"):
        shift, ratio = (mean - mean0) / sd0, sd / sd0
        return {
            "mean_shift_in_sd": shift,
            "sd_ratio": ratio,
            "wasserstein_1_in_sd": wasserstein_1(_quantile_curves(fit), reference_curves) / sd0,
            "kl_nats": kl_of_normals(shift, ratio),
            "z": (mean - mean0) / np.hypot(error[0], error0[0]),
            "z_sd": (sd - sd0) / np.hypot(error[1], error0[1]),
        }


def kl_of_normals(shift: Floats, ratio: Floats) -> Floats:
    """Return KL(N(m, s) || N(m0, s0)) in nats, from shift = (m - m0) / s0 and ratio = s / s0.

    (ratio^2 - 1 - 2 log ratio + shift^2) / 2; Cover and Thomas (2006), Elements of Information Theory.
    """
    return np.asarray((np.square(ratio) - 1 - 2 * np.log(ratio) + np.square(shift)) / 2)


def wasserstein_1(curves: Floats, others: Floats) -> Floats:
    """Return the 1-Wasserstein distances of marginals given by their quantile curves, shape (d,).

    integral |Q(u) - Q0(u)| du over (0, 1) (Villani 2003, Topics in Optimal Transportation, 2.2),
    with u = Phi(t) and Q(Phi(t)) given at the nodes t, shape (d, nodes). The difference is taken
    as linear between nodes and integrated exactly on both sides of a crossing, so the result
    is exact for two Normals.
    """
    difference = curves - others
    left, right = difference[:, :-1], difference[:, 1:]
    start, stop = _SCORES[:-1], _SCORES[1:]
    slope = (right - left) / (stop - start)
    share = np.abs(left) / np.maximum(np.abs(left) + np.abs(right), np.finfo(float).tiny)
    crossing = np.where(left * right < 0, start + share * (stop - start), stop)

    def integral_to(t: Floats) -> Floats:
        density = np.exp(-np.square(t) / 2) / np.sqrt(2 * np.pi)
        return np.asarray((left - slope * start) * scipy.special.ndtr(t) - slope * density)

    before = integral_to(crossing) - integral_to(start)
    after = integral_to(stop) - integral_to(crossing)
    return np.asarray((np.abs(before) + np.abs(after)).sum(axis=1))


def _quantile_curves(fit: Fit) -> Floats:
    """Return Q(Phi(t)) of each parameter at the nodes t, shape (d, nodes)."""
    if fit.kind == "point":
        mean, sd = np.asarray(fit.estimate), standard_deviations(fit)
        return np.asarray(mean[:, None] + sd[:, None] * _SCORES)
    return quantiles(fit, scipy.special.ndtr(_SCORES))
