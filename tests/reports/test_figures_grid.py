"""The picture of a grid over two unknowns: three surfaces, rebuilt from what is stored with the fit."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from bayescope.inference.fit import Fit
from bayescope.reports.figures_grid import surface_figure
from bayescope.reports.style import house_style


@pytest.fixture(scope="module")
def fits():
    x, y = np.linspace(-3, 3, 40), np.linspace(-6, 6, 40)
    likelihood = -0.5 * ((x[None, :] - 1) ** 2 + (y[:, None] / 2) ** 2)
    surface = {
        "x_name": "mom_iq",
        "y_name": "cost_$_$<b>",
        "x": x.tolist(),
        "y": y.tolist(),
        "log_likelihood": likelihood.tolist(),
        "log_prior": (-np.abs(x[None, :]) + 0 * y[:, None]).tolist(),
    }
    names = ("mom_iq", "cost_$_$<b>")
    draws = np.random.default_rng(1).normal([0.5, 0.0], [1.0, 2.0], size=(4, 100, 2))
    mean = np.array([0.5, 0.0])
    grid = Fit("grid", "grid", "posterior", names, estimate=mean, draws=draws, details={"surface": surface})
    return [
        Fit("mle", "mle", "point", names, estimate=np.array([1.0, 0.0])),
        Fit("map", "map", "point", names, estimate=np.array([0.0, 0.0])),
        grid,
        Fit("nuts", "nuts", "posterior", names, estimate=mean, draws=draws),
    ]


def draw(fits):
    with house_style():
        return surface_figure(fits)


def test_it_shows_likelihood_prior_and_posterior_with_the_answers(fits):
    found = draw(fits)
    for text in (
        "Likelihood",
        "\u00d7 Prior",
        "= Posterior",
        "MLE",
        "MAP",
        "posterior mean",
        "draws of nuts",
    ):
        assert text in found.svg
    assert "mle, map, grid, nuts" in found.alt
    assert found.png.startswith(b"\x89PNG")
    assert found.wide


def test_the_same_fits_give_the_same_picture_and_so_do_details_read_from_json(fits):
    again = [replace(fit, details=json.loads(json.dumps(dict(fit.details)))) for fit in fits]
    first, second = draw(fits), draw(again)
    assert first.svg == second.svg
    assert first.png == second.png


def test_without_a_sampler_the_draws_are_the_grids(fits):
    assert "draws of grid" in draw(fits[:3]).svg


def test_names_are_never_taken_for_markup(fits):
    assert "<b>" not in draw(fits).svg


def test_there_is_no_picture_without_a_surface(fits):
    assert draw([fits[0], replace(fits[2], details={})]) is None
