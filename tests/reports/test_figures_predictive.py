"""The picture of the posterior predictive check: names of categories can be read and told apart."""

from __future__ import annotations

import re

import pytest

from bayescope.diagnostics.records import PredictiveCheck
from bayescope.reports.figures_predictive import predictive_figure
from bayescope.reports.style import house_style


def check_of(labels=(), kind="categories", counts=None):
    counts = tuple(counts or range(4, 4 + len(labels)))
    return PredictiveCheck(
        method="exact",
        kind=kind,
        replicates=400,
        statistics={},
        edges=tuple(k - 0.5 for k in range(len(counts) + 1)),
        observed=counts,
        lower=tuple(0.5 * count for count in counts),
        median=counts,
        upper=tuple(1.5 * count for count in counts),
        labels=tuple(labels),
    )


@pytest.fixture
def drawn(workshop):
    record, _ = workshop.run(["x"])

    def draw(check):
        with house_style():
            return predictive_figure(record, check, "exact").svg

    return draw


def angles(svg):
    """The angle of each text of a picture, in degrees."""
    found = re.findall(r'transform="[^"]*rotate\((-?[\d.]+)[^"]*"[^>]*>([^<]*)</text>', svg)
    return {text: -float(angle) for angle, text in found}


@pytest.mark.parametrize(
    ("labels", "angle"),
    [
        (["setosa", "versicolor", "virginica"], 0),
        (
            [
                f"{how} {party}"
                for party in ("Democrat", "Republican")
                for how in ("strong", "weak", "leaning")
            ],
            30,
        ),
        ([f"province {k}" for k in range(25)], 90),
    ],
)
def test_labels_that_do_not_fit_side_by_side_are_turned(drawn, labels, angle):
    found = angles(drawn(check_of(labels)))
    assert [found[label] for label in labels] == [angle] * len(labels)


def test_of_very_many_labels_some_are_left_out(drawn):
    found = angles(drawn(check_of([f"parish {k}" for k in range(100)])))
    assert sum("parish" in text for text in found) == 25


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["somewhat satisfied", "somewhat dissatisfied"], ["somewhat satisfied", "somewhat dissatisfied"]),
        (["a" * 20 + c + "z" * 20 for c in "bc"], [f"{k}: {'a' * 12}…{'z' * 11}" for k in (1, 2)]),
    ],
)
def test_levels_that_differ_have_different_labels(drawn, labels, expected):
    found = angles(drawn(check_of(labels)))
    assert found.keys() >= set(expected)


@pytest.mark.parametrize("kind", ["amounts", "counts", "binary", "categories"])
def test_the_legend_lies_on_nothing_that_is_drawn(workshop, names_nothing_covers, kind):
    record, _ = workshop.run(["x"])
    names = names_nothing_covers(
        predictive_figure, record, check_of(kind=kind, counts=(40, 2, 1, 40)), "exact"
    )
    assert any("observed" in name for name in names)


def test_the_first_point_of_a_rootogram_is_not_cut(workshop, drawn_figure):
    record, _ = workshop.run(["x"])
    figure = drawn_figure(predictive_figure, record, check_of(kind="counts", counts=(100, 9, 4)), "exact")
    assert figure.axes[0].get_ylim()[1] > 10.3  # the root of 100, and a margin
