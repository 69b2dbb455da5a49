"""The picture of divergences: there where some were, in the two unknowns that differ most."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from bayescope.inference.fit import Fit
from bayescope.preparation import prepare, read_config
from bayescope.reports.figures import figures
from bayescope.reports.figures_sampler import divergence_figure
from bayescope.reports.style import house_style


def fit_of(diverging, d=3):
    draws = np.random.default_rng(1).normal(size=(2, 200, d))
    draws[..., -1] = np.exp(draws[..., -1])
    flags = diverging(draws)
    tree = xr.DataTree.from_dict({"sample_stats": xr.Dataset({"diverging": (("chain", "draw"), flags)})})
    names = ("a", "b", "scale")[-d:]
    return Fit("nuts", "nuts", "posterior", names, estimate=np.zeros(d), draws=draws, tree=tree)


@pytest.mark.parametrize(
    ("diverging", "expected"),
    [
        (lambda draws: draws[..., 2] < 0.2, "scale against"),
        (lambda draws: draws[..., 1] > draws[..., 1].max() - 1e-9, "a against b"),  # one: nothing to compare
    ],
)
def test_divergent_draws_are_shown_in_the_unknowns_that_differ_most(diverging, expected):
    fit = fit_of(diverging)
    with house_style():
        found = divergence_figure(fit)
    count = int(fit.tree["sample_stats"]["diverging"].sum())
    assert found.alt.startswith(f"{count} divergent draws of nuts among the others, {expected}")
    assert found.section == "sampler"
    assert "<svg" in found.svg


def test_without_divergences_or_a_second_unknown_there_is_no_picture():
    assert divergence_figure(fit_of(lambda draws: np.zeros(draws.shape[:2], bool))) is None
    assert divergence_figure(fit_of(lambda draws: np.ones(draws.shape[:2], bool), d=1)) is None


def test_the_unknowns_shown_are_those_with_the_largest_r_hat_of_all_effects_of_groups_too(workshop):
    columns = {"y": [float(i) for i in range(16)], "g": list("abcdefgh") * 2}
    model = {"likelihood": "Normal", "formula": "y ~ 1 + (1 | g)"}
    config = {"name": "x", "data": {"columns": columns}, "model": model, "inference": ["map"]}
    built = prepare(read_config(config))[1]
    size = len(built.names)
    draws = np.random.default_rng(1).normal(size=(2, 50, size)) + 3.0
    fit = workshop.posterior_fit("nuts", built, np.full(size, 3.0), np.ones(size), draws)
    record = workshop.record(built, [fit])
    r_hats = {name: 1.0 + 0.01 * name.startswith("g[") for name in built.names}
    rows = [row.model_copy(update={"r_hat": r_hats[row.parameter]}) for row in record.estimates]
    record = record.model_copy(update={"estimates": tuple(rows)})
    alt = figures(record, [fit])["rank-trace-nuts"].alt
    assert alt.endswith("the 6 unknowns with the largest R-hat: g[a], g[b], g[c], g[d], g[e], g[f].")
