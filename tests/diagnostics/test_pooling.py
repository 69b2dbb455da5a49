"""No, complete and partial pooling of groups, side by side."""

import numpy as np
import pytest

import bayescope
from bayescope.reports.figures_pooling import pooling_tables
from bayescope.reports.html import render_html
from bayescope.reports.markdown import render_markdown

GROUPS = np.repeat(["a", "b", "c"], [2, 6, 12])
RNG = np.random.default_rng(5)
X = RNG.normal(size=20)
Y = 1.0 + 2.0 * X + np.repeat([1.0, -1.0, 0.5], [2, 6, 12]) + 0.3 * RNG.normal(size=20)


def run_of(formula, x=X, **priors):
    return bayescope.run(
        {
            "name": "pool",
            "data": {"columns": {"x": x.tolist(), "y": Y.tolist(), "g": GROUPS.tolist()}},
            "model": {"likelihood": "Normal", "formula": formula, "priors": priors},
            "inference": [{"exact": {"draws": 4000, "chains": 1}}],
        }
    )


@pytest.fixture(scope="module")
def run():
    return run_of("y ~ x + (1 | g)", **{"g.sd": 1.0, "sigma": 0.3})


def test_no_pooling_is_the_regression_on_the_groups(run):
    [view] = run.record.pooling
    design = np.column_stack([X, GROUPS[:, None] == np.array(["a", "b", "c"])])
    expected = np.linalg.lstsq(design, Y)[0][1:]
    np.testing.assert_allclose([row.unpooled for row in view.groups], expected, rtol=1e-8)
    assert [row.rows for row in view.groups] == [2, 6, 12]


def test_complete_pooling_is_the_regression_without_groups(run):
    [view] = run.record.pooling
    expected = np.linalg.lstsq(np.column_stack([np.ones(20), X]), Y)[0][0]
    assert view.complete == pytest.approx(expected, rel=1e-8)


def test_partial_pooling_is_the_posterior_of_intercept_plus_effect(run):
    [view] = run.record.pooling
    fit = run["exact"]
    place = [fit.names.index(f"g[{row.group}]") for row in view.groups]
    error = 4 * np.array([row.sd for row in view.groups]) / np.sqrt(4000)
    means = fit.estimate[0] + fit.estimate[place]
    assert np.all(np.abs([row.partial for row in view.groups] - means) < error)


def test_a_slope_that_does_not_vary_within_a_group_has_no_estimate_of_its_own():
    x = np.where(GROUPS == "a", 1.0, X)
    run = run_of("y ~ x + (1 + x || g)", x, **{"g.sd": 1.0, "sigma": 0.3})
    intercepts, slopes = run.record.pooling
    assert intercepts.groups[0].unpooled is None
    assert slopes.groups[0].unpooled is None
    assert slopes.groups[1].unpooled is not None


def test_the_report_has_the_table_the_figure_and_the_effects(run):
    [(title, table)] = pooling_tables(run.record).items()
    assert title == "g: Intercept"
    assert [row[0] for row in table.rows] == ["c", "b", "a"]
    html = render_html(run.record, run.fits)
    assert "Partial pooling" in html
    assert 'id="figure-pooling-01-g"' in html
    markdown = render_markdown(run.record, run.fits, {})
    assert "## Partial pooling" in markdown
    assert "3 effects of groups are under Partial pooling" in markdown
