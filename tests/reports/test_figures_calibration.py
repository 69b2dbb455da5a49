"""The pictures of calibration: what names the lines covers neither them nor their bands."""

from __future__ import annotations

import pytest

from bayescope.diagnostics.event_calibration import EventCalibration
from bayescope.diagnostics.pit import Pit
from bayescope.reports.figures_calibration import calibration_figure, pit_figure, separation_figure
from bayescope.reports.style import house_style

PLACES = (0.1, 0.5, 0.9)
PIT = Pit(
    method="exact", rows=40, places=PLACES, difference=(0.0, 0.1, 0.0), lower=(-0.2, -0.3, -0.2),
    upper=(0.2, 0.3, 0.2), p=0.5, mean=0.5, sd=0.29,
)  # fmt: skip
EVENTS = EventCalibration(
    method="exact", brier=0.2, miscalibration=0.01, discrimination=0.05, uncertainty=0.24, auc=0.7, p=0.5,
    places=PLACES, events=(0.2, 0.5, 0.8), lower=(0.0, 0.4, 0.8), upper=(0.2, 0.6, 1.0), predicted=PLACES,
    happened=(1.0, 1.0, 1.0),
)  # fmt: skip


@pytest.mark.parametrize(
    ("draw", "found", "expected"),
    [
        (pit_figure, PIT, ("99 %, everywhere", "rows left out")),
        (calibration_figure, EVENTS, ("89 %, were they right", "isotonic frequencies")),
        (separation_figure, EVENTS, ("predicted", "events")),
    ],
)
def test_the_legend_lies_on_nothing_that_is_drawn(names_nothing_covers, draw, found, expected):
    assert names_nothing_covers(draw, found, "exact") == expected


def test_percentages_are_written_alike():
    with house_style():
        assert separation_figure(EVENTS, "exact").alt.endswith("in 70.0 % of pairs.")
