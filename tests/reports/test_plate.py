"""The plate diagram: what points at what."""

from __future__ import annotations

import numpy as np
import pytest

import bayescope
from bayescope.models.model import Prior
from bayescope.pipeline import prepare, read_config
from bayescope.reports.plate import plate_picture
from bayescope.reports.record import PriorSummary
from bayescope.reports.style import house_style

FLAT = Prior("Flat", {})


def prior(parameter, text, scale=None):
    return PriorSummary(
        parameter=parameter, distribution="Normal", arguments={}, text=text, origin="given", scale=scale
    )


def shapes(record, priors):
    """How many nodes, frames and arrows the picture has, and what it says of itself."""
    model = record.model.model_copy(update={"priors": priors})
    with house_style():
        drawn = plate_picture(record.model_copy(update={"model": model}))
    return drawn.svg.count('<g id="patch_'), drawn.alt


@pytest.mark.parametrize("name", ["sigma", "variance", "tau"])
def test_an_unknown_that_scales_a_prior_points_at_it(workshop, name):
    model = workshop.regression(np.arange(4.0)[:, None], np.arange(4.0), ["x"], intercept=FLAT, slopes=FLAT)
    record = workshop.record(model, [])
    plain = (prior("Intercept", "Flat()"), prior("x", "Normal(0, 2)"), prior(name, "HalfNormal(1)"))
    scaled = (plain[0], prior("x", "Normal(0, 2 * sigma)", name), plain[2])
    (before, _), (after, alt) = shapes(record, plain), shapes(record, scaled)
    assert after > before
    assert "x with prior Normal(0, 2 * sigma)" in alt.replace("\\", "")


def prepared(workshop, columns, **section):
    config = {"name": "x", "data": {"columns": columns}, "model": section, "inference": ["map"]}
    return workshop.record(prepare(read_config(config))[1], [])


def test_a_network_has_weights(workshop):
    record = prepared(
        workshop,
        {"x": [0.0, 1.0, 3.0], "y": [1.0, 2.0, 2.5]},
        likelihood="Normal",
        formula="y ~ x",
        body={"mlp": {"hidden": [4]}},
    )
    alt = shapes(record, record.model.priors)[1]
    assert "weights (13) with prior Normal, scales differ; sigma" in alt
    assert "coefficients" not in alt


def test_effects_of_groups_are_not_among_the_slopes(workshop):
    levels = list("abcdefgh")
    record = prepared(
        workshop,
        {"x": [float(i % 5) for i in range(16)], "g": levels * 2, "y": [float(i) for i in range(16)]},
        likelihood="Normal",
        formula="y ~ x + (1 | g)",
    )
    alt = shapes(record, record.model.priors)[1]
    assert "; x with prior" in alt
    assert "g (8) with prior Normal(0, g.sd)" in alt
    assert "coefficients" not in alt


@pytest.mark.parametrize(
    ("data", "more", "repeated"),
    [
        ({"columns": {"flip": [1, 0, 1]}}, {}, "3 rows"),
        ({"counts": {"flip": {1: 700, 0: 300}}}, {}, "1,000 observations"),
        ({"columns": {"flip": [1, 0], "times": [700, 300]}}, {"weights": "times"}, "2 rows"),
    ],
)
def test_the_plate_repeats_as_often_as_the_notation_says(data, more, repeated):
    model = {"likelihood": "Bernoulli", "response": "flip", **more}
    record = bayescope.run({"name": "x", "data": data, "model": model, "inference": ["exact"]}).record
    assert shapes(record, record.model.priors)[1].endswith(f"repeated for {repeated}.")
    assert f"i = 1, ..., {repeated.split()[0]}" in record.model.notation[0]


@pytest.mark.parametrize(
    ("levels", "nodes"), [(3, "p[0] with prior Beta(1, 2); p[1] with"), (150, "p (150) with prior")]
)
def test_a_vector_too_long_for_a_row_of_nodes_is_one(workshop, levels, nodes):
    codes = [f"{i % levels}" for i in range(2 * levels)]
    record = prepared(workshop, {"c": codes}, likelihood="Categorical", response="c")
    assert nodes in shapes(record, record.model.priors)[1]
