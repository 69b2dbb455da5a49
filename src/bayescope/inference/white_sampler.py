"""The No-U-Turn sampler in white coordinates: all chains at once, nothing to compile.

The chains are generators (`no_u_turn`); the density is evaluated at the points of all of them together.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from bayescope.inference import samplers
from bayescope.inference.no_u_turn import Asks, At, Draw, Plan, chain
from bayescope.inference.rounding import refuse_rounding, rounding
from bayescope.inference.samplers import Chain, Report, Sampling, progress_text, quiet
from bayescope.inference.settings import NutsSettings
from bayescope.inference.warm_up import Coordinates
from bayescope.inference.whitening import White
from bayescope.models.graph_names import split
from bayescope.models.model import Model

type Floats = NDArray[np.float64]

LIBRARY = "bayescope"
_SHORTER, _SHORTEST = 5, 100


def white_settings(settings: NutsSettings) -> NutsSettings:
    """Shorten the warm-up to a fifth: most of one is spent on learning what the coordinates already know."""
    return settings.model_copy(update={"tune": min(settings.tune, max(settings.tune // _SHORTER, _SHORTEST))})


def sample_white(
    model: Model, whitened: White, settings: NutsSettings, seed: int, report: Report
) -> Sampling:
    """Sample the chains of `white_settings(settings)`; they start at draws of the Normal approximation.

    Raises FitError where rounding blurs the density over a whole sd.
    """
    d = len(whitened.mode)
    refuse_rounding(rounding(lambda x: whitened.gradients(x)[0], np.zeros(d), np.eye(d)))
    settings, start = white_settings(settings), time.perf_counter()
    plan = Plan(settings.draws, settings.tune, settings.target_accept, settings.max_treedepth)
    streams = [np.random.default_rng(one) for one in np.random.SeedSequence(seed).spawn(settings.chains)]
    with quiet(), np.errstate(all="ignore"):
        evaluations = 0
        drawn: list[list[Draw]] = [[] for _ in streams]
        starts = [_start(whitened, stream) for stream in streams]
        running = [
            chain(at, Coordinates(np.zeros_like(at), np.ones_like(at)), plan, stream, kept)
            for at, stream, kept in zip(starts, streams, drawn, strict=True)
        ]
        last_report = time.monotonic()
        for count in _together(whitened, running):
            evaluations += count
            if time.monotonic() - last_report >= samplers.REPORT_SECONDS:
                last_report = time.monotonic()
                report(progress_text(_progress(drawn, settings), settings))
    report(progress_text(_progress(drawn, settings), settings))
    kept = [draws[settings.tune :] for draws in drawn]
    x = np.array([[draw.z for draw in draws] for draws in kept])
    return Sampling(
        posterior=split(model, whitened.theta(x)),
        sample_stats={
            name: np.array([[getattr(draw, name) for draw in draws] for draws in kept])
            for name in Draw._fields
            if name != "z"
        },
        library=LIBRARY,
        version=version("bayescope"),
        timings={"compile": 0.0, "sample": time.perf_counter() - start},
        evaluations=evaluations,
    )


def _start(whitened: White, rng: np.random.Generator) -> Floats:
    """Draw from the Normal approximation; nearer to the mode where the density is zero or not a number."""
    x = rng.standard_normal(len(whitened.mode))
    while not _is_finite(whitened, x) and np.any(x):
        x = np.where(np.abs(x) > 1e-3, x / 2, 0.0)
    return x


def _is_finite(whitened: White, x: Floats) -> bool:
    values, slopes = whitened.gradients(x[np.newaxis])
    return bool(np.isfinite(values).all() and np.isfinite(slopes).all())


def _together(whitened: White, running: list[Asks[None]]) -> Iterator[int]:
    """Drive the chains to their ends; yields how many points were evaluated at a time."""
    asked = [(one, next(one)) for one in running]
    while asked:
        values, slopes = whitened.gradients(np.array([x for _, x in asked]))
        yield len(asked)
        asked = [
            (one, x)
            for (one, _), value, slope in zip(asked, values.tolist(), slopes, strict=True)
            if (x := _next(one, At(value, slope))) is not None
        ]


def _next(one: Asks[None], at: At) -> Floats | None:
    """Send a chain what it asked for; returns what it asks next, None where it has all draws."""
    try:
        return one.send(at)
    except StopIteration:
        return None


def _progress(drawn: list[list[Draw]], settings: NutsSettings) -> list[Chain]:
    return [
        Chain(
            iterations=len(draws),
            divergences=sum(draw.diverging for draw in draws[settings.tune :]),
            evaluations=sum(draw.n_steps for draw in draws),
        )
        for draws in drawn
    ]
