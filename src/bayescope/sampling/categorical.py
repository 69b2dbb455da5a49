"""Draws from a categorical distribution given by logits, with temperature, top-k and top-p.

    p_i = exp(l_i / T) / sum_j exp(l_j / T)

top-k keeps the k most probable classes, top-p (nucleus) the fewest most probable classes whose
probabilities reach p. They act in the order temperature, top-k, top-p, each on what the one
before left, renormalised. Sources: Fan, Lewis & Dauphin (2018), ACL, section 5 (top-k); Holtzman
et al. (2020), The Curious Case of Neural Text Degeneration, ICLR, section 3 (top-p).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayescope.sampling.inverse_cdf import draw_discrete

type Floats = NDArray[np.float64]
type Integers = NDArray[np.intp]
type Seed = int | np.random.Generator


def categorical_probabilities(
    logits: ArrayLike, *, temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None
) -> Floats:
    """Return the probabilities of the classes, of the shape of `logits`, (..., K).

    Logits are log-probabilities up to a constant; -inf rules a class out. Temperature 0 is the limit:
    the largest logit, or all that share it. Of classes equally probable at the edge of top-k
    or top-p, those counted first stay.

    Raises:
        ValueError: a logit is nan or inf, a row has no possible class, or a setting is out of range.

    >>> categorical_probabilities([2.0, 1.0, 0.1]).round(6).tolist()
    [0.659001, 0.242433, 0.098566]
    >>> categorical_probabilities(np.log([0.5, 0.3, 0.2]), top_p=0.8).round(6).tolist()
    [0.625, 0.375, 0.0]
    """
    logits = np.asarray(logits, dtype=np.float64)
    _check(logits, temperature, top_k, top_p)
    p = _softmax(logits, temperature)
    if top_k is None and top_p is None:
        return p
    order = np.argsort(-p, axis=-1, kind="stable")
    ranked = np.take_along_axis(p, order, axis=-1)
    ranked = _normalise(np.where(np.arange(p.shape[-1]) < (top_k or p.shape[-1]), ranked, 0.0))
    if top_p is not None:
        # rounding: a sum of 0.8 in floating point may fall short of 0.8
        reached = np.cumsum(ranked, axis=-1) >= top_p - 1e-12
        before = np.concatenate([np.zeros_like(reached[..., :1]), reached[..., :-1]], axis=-1)
        ranked = _normalise(np.where(before, 0.0, ranked))
    np.put_along_axis(p, order, ranked, axis=-1)
    return p


def categorical(
    logits: ArrayLike,
    size: int,
    seed: Seed,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
) -> Integers:
    """Draw `size` classes, counted from 0, for each row of `logits`, (..., K); returns shape (size, ...).

    Raises:
        ValueError: as `categorical_probabilities`.

    >>> categorical([0.0, 5.0, 1.0], 4, seed=1, temperature=0).tolist()
    [1, 1, 1, 1]
    """
    p = categorical_probabilities(logits, temperature=temperature, top_k=top_k, top_p=top_p)
    return draw_discrete(p, size, seed)


def _softmax(logits: Floats, temperature: float) -> Floats:
    excess = logits - logits.max(axis=-1, keepdims=True)
    if temperature == 0:
        return _normalise((excess == 0).astype(np.float64))
    with np.errstate(under="ignore", over="ignore"):
        return _normalise(np.exp(excess / temperature))


def _normalise(p: Floats) -> Floats:
    return np.asarray(p / p.sum(axis=-1, keepdims=True))


def _check(logits: Floats, temperature: float, top_k: int | None, top_p: float | None) -> None:
    wrong = []
    if logits.ndim == 0 or logits.shape[-1] == 0:
        wrong.append("logits must have at least one class along the last axis")
    elif np.isnan(logits).any() or np.isposinf(logits).any():
        wrong.append("logits must be numbers or -inf, not nan or inf")
    elif np.isneginf(logits).all(axis=-1).any():
        wrong.append("each row of logits must have a class above -inf")
    if not (temperature >= 0 and np.isfinite(temperature)):
        wrong.append(f"temperature must be a number of at least 0, not {temperature!r}")
    if top_k is not None and top_k < 1:
        wrong.append(f"top_k must be at least 1, not {top_k!r}")
    if top_p is not None and not 0 < top_p <= 1:
        wrong.append(f"top_p must be above 0 and at most 1, not {top_p!r}")
    if wrong:
        raise ValueError("; ".join(wrong) + ".")
