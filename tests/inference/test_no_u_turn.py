"""The No-U-Turn chain and its warm-up, on densities that are known."""

from __future__ import annotations

import numpy as np
import pytest
import scipy

from bayescope.inference.no_u_turn import At, Plan, _Builder, _right_angle, _u_turn, chain, settled, state_at
from bayescope.inference.warm_up import Coordinates, StepSize, windows

SDS = np.array([0.1, 1.0, 20.0])


def run(gradients, start, plan, seed=1, scales=None):
    """One chain on a density: `gradients(z)` is the log density and its gradient."""
    draws, rng = [], np.random.default_rng(seed)
    coordinates = Coordinates(np.zeros(len(start)), np.ones(len(start)) if scales is None else scales)
    one = chain(start, coordinates, plan, rng, draws)
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


def test_steps_are_not_longer_than_those_that_show_a_turn():
    """All steps are accepted where the density is the Normal that they follow exactly."""
    step = StepSize(0.8, 1)
    for _ in range(300):
        step.learn(1.0)
    assert 1.0 < step.final < np.pi / 2


def test_a_standard_normal_is_followed_without_error():
    """Its energy is kept to rounding, and three long steps make a draw."""
    draws = run(lambda z: (-0.5 * float(z @ z), -z), np.ones(20), Plan(200, 100, 0.8, 10))[100:]
    assert min(draw.acceptance_rate for draw in draws) > 1 - 1e-12
    assert max(draw.n_steps for draw in draws) == 3


def test_draws_of_a_normal_are_near_to_independent_in_place_and_in_size():
    """Half of the draws lie two or three steps of 0.9 radians on, half one or two: x' = x cos a + p sin a."""
    draws = run(lambda z: (-0.5 * float(z @ z), -z), np.ones(20), Plan(2000, 200, 0.8, 10))[200:]
    z, angles = np.array([draw.z for draw in draws]), 0.9 * np.array([2, 3, 1, 2])
    error = 4 / np.sqrt(z.size)
    for values, expected in ((z, np.cos(angles).mean()), (z**2 - 1, np.square(np.cos(angles)).mean())):
        found = (values[1:] * values[:-1]).mean() / np.square(values).mean()
        assert found == pytest.approx(expected, abs=3 * error)


def test_only_chains_near_to_a_normal_end_at_a_right_angle():
    assert settled(1.1) == (0.9, _right_angle)
    assert settled(0.8) == (0.8, _u_turn)


def test_steps_are_reversible():
    """From where a step leads, with the momentum turned round, it leads back."""

    def logistic(z):
        return float(np.sum(z - 2 * np.logaddexp(0, z))), 1 - 2 * scipy.special.expit(z)

    def step(state):
        walk = builder.leaf(state)
        asked = next(walk)
        with pytest.raises(StopIteration) as end:
            walk.send(At(*logistic(asked)))
        return end.value.value.end

    known = Coordinates(np.array([0.3, -1.0]), np.array([1.5, 0.8]))
    z, momentum = np.array([0.5, 2.0]), np.array([-1.0, 0.7])
    value, slope = logistic(z)
    origin = state_at(known, z, momentum, At(value, slope))
    builder = _Builder(known, 0.9, _u_turn, origin.energy, np.random.default_rng(0))
    there = step(origin)
    back = step(there._replace(momentum=-there.momentum))
    np.testing.assert_allclose(back.z, z, atol=1e-14)
    np.testing.assert_allclose(back.momentum, -momentum, atol=1e-14)
    assert np.abs(there.z - z).min() > 0.1


def test_centre_and_scale_of_a_normal_are_exact_whatever_the_draws():
    coordinates, rng = Coordinates(np.zeros(3), np.ones(3)), np.random.default_rng(0)
    for z in rng.normal(size=(5, 3)):
        coordinates.learn(7 + SDS * z, -z / SDS)
    coordinates.renew()
    np.testing.assert_allclose(coordinates.scale, SDS)
    np.testing.assert_allclose(coordinates.centre, 7)


def test_coordinates_that_the_draws_say_nothing_of_are_kept():
    coordinates = Coordinates(np.array([5.0, 6.0]), np.array([2.0, 3.0]))
    for draw in ([1.0, 0.0], [1.0, 1.0]):
        coordinates.learn(np.array(draw), -np.array(draw))
    coordinates.renew()
    np.testing.assert_allclose(coordinates.scale, [2.0, 1.0])
    np.testing.assert_allclose(coordinates.centre, [5.0, 0.0])
