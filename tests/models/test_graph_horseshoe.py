"""The regularised horseshoe: its graph is the hierarchy of Piironen and Vehtari (2017)."""

from __future__ import annotations

import numpy as np
import pytest
import scipy

import bayescope
from bayescope.errors import NotApplicable
from bayescope.inference.simulate import refuse_undrawn
from bayescope.models import prior_density
from bayescope.models.graph import compile_graph
from bayescope.models.prior_draws import _horseshoe, draw_prior
from bayescope.pipeline import prepare, read_config

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 8))
COLUMNS = {f"x{j}": column.tolist() for j, column in enumerate(X.T)}
COLUMNS["y"] = (2 * X[:, 0] - 1.5 * X[:, 1] + RNG.normal(size=60)).tolist()


def config(*methods):
    priors = {
        "coefficients": "RegularizedHorseshoe(0.1, slab_scale=3, slab_df=5)",
        "Intercept": "Normal(0, 5)",
        "sigma": 1.0,
    }
    model = {"likelihood": "Normal", "formula": "y ~ .", "priors": priors}
    return {"name": "horseshoe", "data": {"columns": COLUMNS}, "model": model, "inference": list(methods)}


@pytest.fixture(scope="module")
def model():
    return prepare(read_config(config("map")))[1]


def test_the_coefficients_are_those_of_the_hierarchy(model):
    import pymc as pm

    graph = compile_graph(model)
    names = [
        "coefficients",
        "coefficients.z",
        "coefficients.local",
        "coefficients.global",
        "coefficients.slab",
    ]
    draws = pm.draw([graph[name] for name in names], draws=200, random_seed=1)
    beta, z, local, unit, slab = draws
    tau, squared = 0.1 * unit[:, None], 9.0 * slab[:, None]
    shrunk = np.sqrt(squared * local**2 / (squared + tau**2 * local**2))
    assert beta == pytest.approx(z * tau * shrunk, rel=1e-12)


def test_its_scales_have_their_declared_densities(model):
    graph = compile_graph(model)
    point = {name: value + 0.3 for name, value in graph.initial_point().items()}
    by_name = {
        variable.name: graph.compile_logp(vars=[variable], jacobian=False)(point)
        for variable in graph.free_RVs
        if variable.name.startswith("coefficients")
    }
    local = np.exp(point["coefficients.local_log__"])
    slab = np.exp(point["coefficients.slab_log__"])
    assert by_name["coefficients.local"] == pytest.approx(
        scipy.stats.halfcauchy.logpdf(local).sum(), abs=2e-8
    )  # 2e-9 each: PyMC keeps log(2 / pi) in single precision
    # slab = c^2 / slab_scale^2 ~ InverseGamma(slab_df / 2, slab_df / 2), slab_df being 5
    assert by_name["coefficients.slab"] == pytest.approx(
        scipy.stats.invgamma.logpdf(slab, 2.5, scale=2.5), rel=1e-10
    )


def test_draws_from_the_prior_have_the_quantiles_of_the_graphs(model):
    import pymc as pm

    size, levels = 20_000, np.array([0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99])
    names = [f"x{j}" for j in range(8)]
    places = [model.names.index(name) for name in names]
    own = draw_prior(model, np.random.default_rng(1), size)[:, places]
    graphs = pm.draw(compile_graph(model)["coefficients"], draws=size, random_seed=2)
    # one coefficient; the largest of all, which the common scale moves; how alike two sizes are
    for found, expected in (
        (own[:, 3], graphs[:, 3]),
        (np.abs(own).max(axis=1), np.abs(graphs).max(axis=1)),
        (np.abs(own[:, 0] / own[:, 1]), np.abs(graphs[:, 0] / graphs[:, 1])),
    ):
        share = np.mean(found < np.quantile(expected, levels)[:, None], axis=1)
        # both quantiles and shares have a binomial error
        assert (np.abs(share - levels) < 4 * np.sqrt(2 * levels * (1 - levels) / size)).all()


def test_the_slab_bounds_the_coefficients_and_the_global_scale_most_of_them():
    given = {"global_scale": np.asarray(1e9), "slab_scale": np.asarray(3.0), "slab_df": np.asarray(5.0)}
    # of infinite scales only the slab is left: StudentT(5, 0, 3)
    found = _horseshoe(np.random.default_rng(3), 20_000, 1, given)
    assert scipy.stats.kstest(found.ravel(), scipy.stats.t(5, 0, 3).cdf).pvalue > 1e-3


def test_the_prior_predictive_check_recover_and_sbc_draw_from_it(model):
    checked = bayescope.run(config("mle"))
    assert checked.record.prior_predictive.draws > 0
    found = bayescope.recover(config("mle"))
    assert found["truth"].estimate.shape == (9,)
    assert found["mle"].outcome.status == "ok"
    refuse_undrawn(model)  # what sbc asks before its first simulation


def test_a_density_in_closed_form_is_refused_by_name(model):
    with pytest.raises(
        NotApplicable, match=r"coefficients, RegularizedHorseshoe\(0.1, 3, 5\), has no density"
    ):
        prior_density.log_prior(model, np.zeros(9))


def test_other_methods_decline_and_say_what_to_use():
    run = bayescope.run(config("mle", "map", "exact", "laplace"))
    assert run["mle"].outcome.status == "ok"
    assert run.record.loss.totals == {}
    for name in ("map", "exact", "laplace"):
        assert run[name].outcome.status == "not applicable"
        assert "RegularizedHorseshoe" in run[name].outcome.message
    assert "Use nuts" in run["map"].outcome.advice


def test_nuts_shrinks_what_does_not_matter_and_leaves_what_does():
    run = bayescope.run({**config({"nuts": {"draws": 300, "chains": 2}}), "seed": 3})
    found = dict(zip(run["nuts"].names, run["nuts"].estimate, strict=True))
    flat = dict(
        zip(COLUMNS, np.linalg.lstsq(np.column_stack([X, np.ones(60)]), COLUMNS["y"])[0], strict=True)
    )
    assert found["x0"] == pytest.approx(2.0, abs=0.45)  # three posterior sds, of about 1 / sqrt(60)
    assert found["x1"] == pytest.approx(-1.5, abs=0.45)
    noise = [f"x{j}" for j in range(2, 8)]
    assert sum(found[name] ** 2 for name in noise) < sum(flat[name] ** 2 for name in noise)
    assert "<table" in run.report()
