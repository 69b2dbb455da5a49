"""Rows of comparison.csv: every method's answer against the reference method's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayescope import information
from bayescope.diagnostics.convergence import YARDSTICKS, is_monte_carlo, is_sampled, monte_carlo_errors
from bayescope.diagnostics.estimates import standard_deviations
from bayescope.diagnostics.records import ComparisonRow, finite
from bayescope.inference.fit import Fit
from bayescope.models.network_bodies import network_names

type Floats = NDArray[np.float64]


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
      of the two marginals;
    - `kl_nats` = KL(marginal || marginal of the reference), with its error `kl_error` and how it was
      found, `kl_method`: see `bayescope.information.kl`;
    - `z` and `z_sd`: the differences of means and of sds over the combined Monte Carlo
      standard error, when at least one side is a sampler and the other a sampler or exact.

    A point method stands for Normal(m, s), its Wald approximation. Without an sd (mle on a boundary, an
    exact zero of a Laplace prior) it claims no distribution, and `sd_ratio` and both distances are
    None; so is a divergence that is infinite, as of a Normal from a posterior that ends somewhere.
    The weights of a network are not identified one by one, and have no rows.
    A choice between hypotheses is no estimate that could be off, and has no rows. No reference: no rows.
    """
    reference = choose_reference(fits)
    if reference is None:
        return ()
    return tuple(
        row
        for fit in fits
        if fit.answered and fit is not reference and "choice" not in fit.details
        for row in _rows(fit, reference)
    )


def marginal_of(fit: Fit, index: int) -> information.Distribution | None:
    """What a method says about one unknown: draws, a marginal, the Normal of a point; None if nothing.

    Draws that are too few, constant or not finite cannot be measured.
    """
    if is_monte_carlo(fit) and fit.draws is not None:
        flat = fit.draws[:, :, index].ravel()
        told = flat.size >= information.FEWEST_DRAWS and np.isfinite(flat).all() and np.ptp(flat) > 0
        return information.draws(flat) if told else None
    if fit.marginals is not None:
        return fit.marginals[fit.names[index]]
    mean, sd = np.asarray(fit.estimate)[index], standard_deviations(fit)[index]
    return information.normal(mean, sd) if 0.0 < sd < np.inf else None


def _rows(fit: Fit, reference: Fit) -> tuple[ComparisonRow, ...]:
    columns, unidentified = _columns(fit, reference), network_names(fit.blueprint)
    sd0 = standard_deviations(reference)
    return tuple(
        ComparisonRow(
            parameter=name,
            method=fit.name,
            reference=reference.name,
            **{column: finite(values[j]) for column, values in columns.items()},
            **_distances(marginal_of(fit, j), marginal_of(reference, j), float(sd0[j])),
        )
        for j, name in enumerate(fit.names)
        if name not in unidentified
    )


def _columns(fit: Fit, reference: Fit) -> dict[str, Floats]:
    """Return the columns that moments give, each of shape (d,); nan where undefined."""
    mean, mean0 = np.asarray(fit.estimate), np.asarray(reference.estimate)
    sd, sd0 = standard_deviations(fit), standard_deviations(reference)
    error, error0 = monte_carlo_errors(fit), monte_carlo_errors(reference)
    with np.errstate(all="ignore"):
        return {
            "mean_shift_in_sd": (mean - mean0) / sd0,
            "sd_ratio": sd / sd0,
            "z": (mean - mean0) / np.hypot(error[0], error0[0]),
            "z_sd": (sd - sd0) / np.hypot(error[1], error0[1]),
        }


def _distances(
    own: information.Distribution | None, reference: information.Distribution | None, sd0: float
) -> Mapping[str, Any]:
    if own is None or reference is None:
        return {}
    divergence = information.kl(own, reference)
    known = np.isfinite([divergence.value, divergence.error]).all()
    return {
        # without a sd of the reference there is no unit, and its tails may be beyond any quadrature
        "wasserstein_1_in_sd": finite(information.wasserstein(own, reference).value / sd0)
        if 0.0 < sd0 < np.inf
        else None,
        "kl_nats": divergence.value if known else None,
        "kl_error": divergence.error if known else None,
        "kl_method": divergence.how if known else "",
    }
