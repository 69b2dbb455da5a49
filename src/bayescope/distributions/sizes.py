"""The size that a parameter is likely to have by the method of moments: the mean and sd of the response.

A point estimate starts there, and the default prior of a positive parameter has that mean.
"""

from __future__ import annotations


def mean(mean: float, _sd: float) -> float:
    """Return the mean of the response."""
    return mean


def rate(mean: float, _sd: float) -> float:
    """Return the rate of events with that mean between them."""
    return 1.0 / mean if mean else 1.0


def one(_mean: float, _sd: float) -> float:
    """Return 1: the shape of an Exponential."""
    return 1.0


def five(_mean: float, _sd: float) -> float:
    """Return 5: degrees of freedom of heavy tails with a finite variance."""
    return 5.0


def most(_mean: float, _sd: float) -> float:
    """Return 0.8: the share of counts that are not zeros by another cause."""
    return 0.8


def count_shape(mean: float, sd: float) -> float:
    """Solve variance = mean + mean^2 / alpha; a variance below that counts as 1.1 means."""
    return mean**2 / max(sd**2 - mean, 0.1 * mean) if mean else 1.0


def gamma_shape(mean: float, sd: float) -> float:
    """Solve sd = mean / sqrt(alpha)."""
    return (mean / sd) ** 2


def beta_size(mean: float, sd: float) -> float:
    """Solve variance = mean (1 - mean) / (nu + 1)."""
    return max(mean * (1.0 - mean) / sd**2 - 1.0, 1.0)
