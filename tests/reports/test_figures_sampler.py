"""The picture of divergences: there where some were, in the two unknowns that differ most."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from bayescope.inference.fit import Fit
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
