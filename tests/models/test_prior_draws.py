"""Draws from the prior: each unknown has the moments of its distribution, whatever it depends on."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bayescope.errors import NotApplicable
from bayescope.models.prior_draws import draw_prior
from bayescope.preparation import prepare, read_config

SIZE = 20_000


def draws(config, *overrides):
    _, model = prepare(read_config(config, overrides=overrides))
    return model, draw_prior(model, np.random.default_rng(1), SIZE)


def mean_error(values):
    return 4 * values.std(axis=0) / np.sqrt(SIZE)


def test_scalars_have_the_moments_of_their_priors():
    model, theta = draws(
        "configs/kidiq.yaml", "model.priors.sigma=HalfNormal(20)", "model.priors.mom_iq=Normal(3, 2)"
    )
    column = dict(zip(model.names, theta.T, strict=True))
    assert abs(column["mom_iq"].mean() - 3) < mean_error(column["mom_iq"])
    half = np.sqrt(2 / np.pi) * 20
    assert abs(column["sigma"].mean() - half) < mean_error(column["sigma"])


def test_a_scale_follows_the_unknown_that_it_is_a_multiple_of():
    model, theta = draws(
        "configs/kidiq.yaml",
        "model.priors.coefficients=Normal(0, 3 * sigma)",
        "model.priors.sigma=HalfNormal(2)",
    )
    column = dict(zip(model.names, theta.T, strict=True))
    z = column["mom_hs"] / (3 * column["sigma"])
    assert abs(np.mean(z**2) - 1) < 4 * np.sqrt(2 / SIZE)


def test_correlated_effects_have_the_correlation_that_was_drawn():
    _, model = prepare(
        read_config(
            "configs/radon.yaml", overrides=["model.formula=log_radon ~ floor + (1 + floor | county)"]
        )
    )
    theta = draw_prior(model, np.random.default_rng(2), 4000)
    column = dict(zip(model.names, theta.T, strict=True))
    group = model.groups[0]
    first, second = (
        np.stack([column[f"{effect}[{level}]"] for level in group.levels]) / column[sd]
        for effect, sd in zip(group.effects, group.sds, strict=True)
    )
    found = np.mean(first * second, axis=0)  # over 85 counties, of unit variance
    [corr] = [name for name in model.names if ".corr" in name]
    assert abs(np.mean(found - column[corr])) < 4 * np.std(found - column[corr]) / np.sqrt(4000)
    assert abs(np.mean(column[corr] ** 2) - 1 / 5) < 0.02  # Beta(2, 2) on (-1, 1)
    for effect in (first, second):  # of unit variance whatever the correlation is
        assert abs(np.mean(effect**2) - 1) < 4 * np.sqrt(2 / effect.size)


def test_lkj_of_three_effects_has_its_marginals():
    from bayescope.models.prior_draws import _lkj

    found = _lkj(np.random.default_rng(3), SIZE, 3, {"eta": np.asarray(2.0)})
    # each (rho + 1) / 2 is Beta(2 + 1/2, 2 + 1/2): variance of rho 1 / (2 * 2.5 + 1)
    np.testing.assert_allclose(np.mean(found**2, axis=0), 1 / 6, atol=4 * np.sqrt(0.05 / SIZE))


def test_cutpoints_rise_and_vectors_are_vectors():
    model, theta = draws("configs/ordinal.yaml")
    places = [i for i, name in enumerate(model.names) if name.startswith("cutpoints")]
    assert (np.diff(theta[:, places], axis=1) > 0).all()


def test_a_flat_prior_has_nothing_to_draw_from():
    with pytest.raises(NotApplicable, match="the prior of sigma is flat"):
        draws("configs/kidiq.yaml", "model.priors.sigma=HalfFlat()")


def uniform(lower, upper):
    model = {"likelihood": "Uniform", "response": "y", "priors": {"lower": lower, "upper": upper}}
    data = {"columns": {"y": [0.2, 0.8]}}
    _, built = prepare(read_config({"name": "ends", "data": data, "model": model, "inference": ["mle"]}))
    return built


def test_two_unknown_ends_are_drawn_given_that_the_lower_is_below_the_upper():
    model = uniform("Normal(0, 1)", "Normal(0, 1)")
    upper, lower = draw_prior(model, np.random.default_rng(4), SIZE).T  # the location first
    assert (lower < upper).all()
    # the mean of the larger of two standard Normals is 1 / sqrt(pi), its variance 1 - 1 / pi
    error = 4 * np.sqrt((1 - 1 / np.pi) / SIZE)
    assert abs(upper.mean() - np.pi**-0.5) < error
    assert abs(lower.mean() + np.pi**-0.5) < error


def test_priors_that_leave_no_room_between_the_ends_are_refused():
    with pytest.raises(NotApplicable, match="next to none of what the prior of upper and lower allows"):
        draw_prior(uniform("Normal(20, 1)", "Normal(0, 1)"), np.random.default_rng(5), 3)


@pytest.mark.parametrize(("lower", "upper"), [(0.15, "Normal(0, 1)"), ("Normal(0, 1)", 0.9)])
def test_an_unknown_end_is_drawn_on_its_side_of_the_known_one(lower, upper):
    (end,) = draw_prior(uniform(lower, upper), np.random.default_rng(6), SIZE).T
    known, side = (lower, 1) if isinstance(lower, float) else (upper, -1)
    assert (side * (end - known) > 0).all()
    # a Normal cut off at a: its mean is the hazard phi(a) / P(beyond a), its variance below 1
    beyond = 0.5 * math.erfc(side * known / math.sqrt(2))
    hazard = math.exp(-(known**2) / 2) / math.sqrt(2 * math.pi) / beyond
    assert abs(side * end.mean() - hazard) < 4 / np.sqrt(SIZE)
