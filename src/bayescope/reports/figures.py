"""All figures of a run, by name: the model, the posteriors, the sampler, the predictive check."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bayescope.inference.fit import Fit
from bayescope.reports.figures_calibration import calibration_figure, pit_figure, separation_figure
from bayescope.reports.figures_curve import curve_figure
from bayescope.reports.figures_grid import surface_figure
from bayescope.reports.figures_pooling import pooling_figure
from bayescope.reports.figures_posterior import density_figure, forest_figure, small_multiples
from bayescope.reports.figures_predictive import predictive_figure
from bayescope.reports.figures_sampler import divergence_figure, energy_figure, ess_figure, rank_trace_figure
from bayescope.reports.figures_updates import steps_with, update_figure
from bayescope.reports.hypotheses import hypotheses_figure, hypotheses_path_figure
from bayescope.reports.plate import plate_picture
from bayescope.reports.record import RunRecord
from bayescope.reports.shortened import shortened, without_effects
from bayescope.reports.style import Picture, house_style
from bayescope.reports.tables import parameters

_MOST_SINGLE = 12


def figures(record: RunRecord, fits: Sequence[Fit]) -> dict[str, Picture]:
    """Draw every figure of a run; names are file names without their ending.

    Up to twelve unknowns have a figure each; more share small multiples and a forest plot.
    """
    with house_style():
        pictures = {"plate": plate_picture(without_effects(record))}
        pictures |= _posterior_figures(record, fits)
        pictures |= _update_figures(shortened(record), fits)
        pictures |= {
            f"pooling-{position:02d}-{file_stem(view.effect)}": pooling_figure(view)
            for position, view in enumerate(record.pooling, start=1)
        }
        surfaces = surface_figure(fits)
        if surfaces is not None:
            pictures["surfaces"] = surfaces
        for fit in fits:
            if is_sampler(record, fit):
                pictures |= _sampler_figures(record, fit)
        if record.curve is not None:
            pictures["prediction"] = curve_figure(record.curve, {fit.name: fit.method for fit in fits})
        if record.predictive is not None:
            method = next((fit.method for fit in fits if fit.name == record.predictive.method), "")
            pictures["predictive"] = predictive_figure(record, record.predictive, method)
            pictures |= _calibration_figures(record, method)
    return pictures


def _calibration_figures(record: RunRecord, method: str) -> dict[str, Picture]:
    pictures = {} if record.pit is None else {"pit": pit_figure(record.pit, method)}
    found = record.calibration
    if found is not None:
        pictures |= {
            "calibration": calibration_figure(found, method),
            "separation": separation_figure(found, method),
        }
    return pictures


def _posterior_figures(record: RunRecord, fits: Sequence[Fit]) -> dict[str, Picture]:
    total = len(parameters(without_effects(record)))
    record = shortened(record)
    names = parameters(record)
    if record.hypotheses is not None:
        return {"hypotheses": hypotheses_figure(record.hypotheses)}
    if not names or not any(fit.answered for fit in fits):
        return {}
    if len(names) > _MOST_SINGLE:
        return {
            "forest": forest_figure(record, fits, total),
            "densities": small_multiples(record, fits, total),
        }
    return {
        f"density-{position:02d}-{file_stem(name)}": density_figure(record, fits, name)
        for position, name in enumerate(names, start=1)
    }


def _update_figures(record: RunRecord, fits: Sequence[Fit]) -> dict[str, Picture]:
    if record.lineage is None:
        return {}
    # after a step at which no method was asked, nothing is known
    steps = [step for step in record.lineage.steps if step.beliefs]
    if record.hypotheses is not None:
        return {"updates": hypotheses_path_figure(record.hypotheses, steps)}
    known = {name: steps_with(steps, name) for name in parameters(record)[:_MOST_SINGLE]}
    return {
        f"update-{position:02d}-{file_stem(name)}": update_figure(record, told, fits, name)
        for position, (name, told) in enumerate(known.items(), start=1)
        if told
    }


def _sampler_figures(record: RunRecord, fit: Fit) -> dict[str, Picture]:
    stem = file_stem(fit.name)
    pictures = {f"rank-trace-{stem}": rank_trace_figure(record, fit), f"ess-{stem}": ess_figure(record, fit)}
    found = {"energy": energy_figure(fit), "divergences": divergence_figure(fit)}
    return pictures | {f"{name}-{stem}": figure for name, figure in found.items() if figure is not None}


def is_sampler(record: RunRecord, fit: Fit) -> bool:
    """Tell whether a fit has draws of Markov chains (the draws of `exact` are independent)."""
    return fit.draws is not None and any(
        row.method == fit.name and row.r_hat is not None for row in record.estimates
    )


def file_stem(name: str) -> str:
    """Turn a name into a part of a file name that is safe everywhere."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-")[:40] or "x"
