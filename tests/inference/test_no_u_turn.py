"""The No-U-Turn chain and its warm-up, on densities that are known."""

from __future__ import annotations

import numpy as np
import pytest
import scipy

from bayescope.inference.no_u_turn import At, Plan, chain
from bayescope.inference.warm_up import Scales, StepSize, windows

SDS = np.array([0.1, 1.0, 20.0])


def run(gradients, start, plan, seed=1, scales=None):
    """One chain on a density: `gradients(z)` is the log density and its gradient."""
    draws, rng = [], np.random.default_rng(seed)
    one = chain(start, np.ones(len(start)) if scales is None else scales, plan, rng, draws)
    asked = next(one)
    while True:
        try:
            asked = one.send(At(*gradients(asked)))
        except StopIteration:
            return draws


def normal(z):
    return -0.5 * float(np.sum((z / SDS) ** 2)), -z / SDS**2


@pytest.fixture(scope="module")
def draws():
    """2,000 draws of a Normal with three different sds, from a start where the scales are not known."""
    return run(normal, 3 * SDS, Plan(2000, 500, 0.8, 10))[500:]


def test_moments_are_those_of_the_density(draws):
    """At least a quarter of the draws are effective: six standard errors of a mean, and of an sd."""
    z, effective = np.array([draw.z for draw in draws]) / SDS, 500
    assert (np.abs(z.mean(axis=0)) < 6 / np.sqrt(effective)).all()
    assert (np.abs(z.std(axis=0) - 1) < 6 / np.sqrt(2 * effective)).all()


def test_distribution_is_that_of_the_density(draws):
    """Kolmogorov's statistic of 500 independent draws is above 0.1 with probability 1e-4."""
    for z in (np.array([draw.z for draw in draws]) / SDS).T:
        ranks = np.arange(1, len(z) + 1) / len(z)
        cdf = scipy.special.ndtr(np.sort(z))
        assert np.abs(cdf - ranks).max() < 0.1


def test_statistics_belong_to_their_draws(draws):
    for draw in draws[:50]:
        assert draw.lp == pytest.approx(normal(draw.z)[0])
        assert draw.energy >= -draw.lp
        assert 2**draw.tree_depth > draw.n_steps >= 2 ** (draw.tree_depth - 1)
    assert np.mean([draw.acceptance_rate for draw in draws]) > 0.75
    assert not any(draw.diverging or draw.reached_max_treedepth for draw in draws)


def test_kinetic_energy_is_chi_square(draws):
    """Of three degrees of freedom, half of it: mean 1.5, sd sqrt(1.5)."""
    kinetic = np.array([draw.energy + draw.lp for draw in draws])
    assert kinetic.mean() == pytest.approx(1.5, abs=6 * np.sqrt(1.5 / 500))


def test_warm_up_learns_the_sds(draws):
    """The statistic is exact for a Normal: steps are as long as in coordinates of unit sds."""
    known = run(normal, SDS, Plan(200, 300, 0.8, 10), scales=SDS)[300:]
    assert draws[0].step_size == pytest.approx(known[0].step_size, rel=0.4)


def test_a_tree_stops_at_its_depth():
    """Steps that are a thousandth of the way cannot turn within three doublings."""
    [draw] = run(normal, np.zeros(3), Plan(1, 0, 0.8, 3), scales=1e-3 * SDS)
    assert (draw.tree_depth, draw.n_steps, draw.reached_max_treedepth) == (3, 7, True)


def test_points_without_density_are_divergences_and_no_draws():
    def above_zero(z):
        return (-float(z.sum()), -np.ones(1)) if z[0] > 0 else (-np.inf, np.full(1, np.nan))

    draws = run(above_zero, np.ones(1), Plan(300, 100, 0.8, 10))
    assert all(draw.z[0] > 0 for draw in draws)
    assert any(draw.diverging for draw in draws)


@pytest.mark.parametrize(
    ("tune", "ends"),
    [(1000, [75, 100, 150, 250, 450, 950]), (200, [75, 100, 150]), (150, [75, 100]), (100, [15, 90])],
)
def test_windows_double(tune, ends):
    assert windows(tune) == ends


def test_step_size_finds_the_target():
    """Acceptance exp(-size): the target 0.8 is met at log(1 / 0.8)."""
    step = StepSize(0.8, 1)
    for _ in range(300):
        step.learn(np.exp(-step.current))
    assert step.final == pytest.approx(np.log(1 / 0.8), rel=0.05)


def test_scales_of_a_normal_are_exact_whatever_the_draws():
    scales, rng = Scales(np.ones(3)), np.random.default_rng(0)
    for z in rng.normal(size=(5, 3)):
        scales.learn(SDS * z, -z / SDS)
    scales.renew()
    np.testing.assert_allclose(scales.values, SDS)


def test_scales_that_the_draws_say_nothing_of_are_kept():
    scales = Scales(np.array([2.0, 3.0]))
    for draw in ([1.0, 0.0], [1.0, 1.0]):
        scales.learn(np.array(draw), -np.array(draw))
    scales.renew()
    np.testing.assert_allclose(scales.values, [2.0, 1.0])
