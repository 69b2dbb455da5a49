"""Fits made by hand: what a sampler, an exact method and a point method would return."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from bayescope.inference.fit import Fit, Outcome
from bayescope.inference.marginals import Normal

CHAINS, DRAWS = 4, 1000


def _exact(means, sds, name="exact") -> Fit:
    names = tuple("abcdefgh"[: len(means)])
    marginals = {key: Normal(float(m), float(s)) for key, m, s in zip(names, means, sds, strict=True)}
    return Fit(
        name=name,
        method="exact",
        kind="posterior",
        names=names,
        estimate=np.array(means, dtype=float),
        covariance=np.diag(np.square(np.array(sds, dtype=float))),
        marginals=marginals,
    )


def _sampled(draws, name="nuts", settings=None, **sample_stats) -> Fit:
    import arviz_base

    draws = np.asarray(draws, dtype=float)
    names = tuple("abcdefgh"[: draws.shape[2]])
    healthy = {
        "diverging": np.zeros(draws.shape[:2], dtype=bool),
        "reached_max_treedepth": np.zeros(draws.shape[:2], dtype=bool),
        "energy": np.random.default_rng(99).normal(size=draws.shape[:2]),
    }
    stats = {key: value for key, value in (healthy | sample_stats).items() if value is not None}
    posterior = {key: draws[:, :, j] for j, key in enumerate(names)}
    flat = draws.reshape(-1, draws.shape[2])
    return Fit(
        name=name,
        method="nuts",
        kind="posterior",
        names=names,
        estimate=flat.mean(axis=0),
        covariance=np.atleast_2d(np.cov(flat.T)),
        draws=draws,
        tree=arviz_base.from_dict({"posterior": posterior, "sample_stats": stats}),
        settings={"draws": DRAWS, "chains": CHAINS} if settings is None else settings,
    )


def _point(estimate, sd=None, name="mle", **fields) -> Fit:
    names = tuple("abcdefgh"[: len(estimate)])
    covariance = None if sd is None else np.diag(np.square(np.array(sd, dtype=float)))
    estimate = np.array(estimate, dtype=float)
    return Fit(
        name=name, method=name, kind="point", names=names, estimate=estimate, covariance=covariance, **fields
    )


def _unanswered(status, name="mle", message="why", advice="what to do") -> Fit:
    return Fit(name=name, method=name, kind="point", names=("a",), outcome=Outcome(status, message, advice))


@pytest.fixture(scope="session")
def exact() -> Callable[..., Fit]:
    return _exact


@pytest.fixture(scope="session")
def sampled() -> Callable[..., Fit]:
    return _sampled


@pytest.fixture(scope="session")
def point() -> Callable[..., Fit]:
    return _point


@pytest.fixture(scope="session")
def unanswered() -> Callable[..., Fit]:
    return _unanswered


@pytest.fixture
def white_draws() -> np.ndarray:
    """Independent standard Normal draws of two parameters, shape (4, 1000, 2)."""
    return np.random.default_rng(20261120).normal(size=(CHAINS, DRAWS, 2))


@pytest.fixture
def sticky_draws() -> np.ndarray:
    """An AR(1) chain with correlation 0.98: an effective sample size near 40 of 4000."""
    rng = np.random.default_rng(7)
    steps = rng.normal(size=(CHAINS, DRAWS, 2)) * np.sqrt(1 - 0.98**2)
    draws = np.empty_like(steps)
    draws[:, 0] = rng.normal(size=(CHAINS, 2))
    for t in range(1, DRAWS):
        draws[:, t] = 0.98 * draws[:, t - 1] + steps[:, t]
    return draws
