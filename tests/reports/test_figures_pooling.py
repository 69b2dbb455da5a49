"""The picture of partial pooling: only what is there is drawn, named and told."""

from __future__ import annotations

import pytest

from bayescope.diagnostics.records import PooledGroup, Pooling
from bayescope.reports.figures_pooling import pooling_figure
from bayescope.reports.style import house_style


def view_of(unpooled, complete):
    groups = [
        PooledGroup(group=name, rows=3.0, unpooled=own, partial=0.5, sd=0.2, lower=0.1, upper=0.9)
        for name, own in zip("abc", unpooled, strict=True)
    ]
    return Pooling(
        name="plate", effect="plate", coefficient="Intercept", method="nuts", complete=complete, groups=groups
    )


@pytest.mark.parametrize(
    ("unpooled", "complete", "names", "told"),
    [
        (
            (0.4, None, 0.6),
            0.5,
            ("complete pooling", "no pooling", "partial pooling, 89 % interval"),
            "estimates without pooling, posterior means with 89 % intervals by nuts, the estimate of",
        ),
        ((None,) * 3, 0.5, ("complete pooling", "partial pooling, 89 % interval"), "size: posterior means"),
        ((None,) * 3, None, ("partial pooling, 89 % interval",), "89 % intervals by nuts."),
    ],
)
def test_only_estimates_that_are_there_are_drawn(names_nothing_covers, unpooled, complete, names, told):
    view = view_of(unpooled, complete)
    assert names_nothing_covers(pooling_figure, view) == names
    with house_style():
        assert told in pooling_figure(view).alt
