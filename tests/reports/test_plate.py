"""The plate diagram: what points at what."""

from __future__ import annotations

import numpy as np
import pytest

from bayescope.models.model import Prior
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
