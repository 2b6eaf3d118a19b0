"""Intervals and paired tests for few goals; the same answer every time (fixed seed)."""

from collections.abc import Sequence
import dataclasses
import math

import numpy as np

_RESAMPLES = 4000
_MOST_EXACT = 12
"""Up to so many pairs, every assignment of signs is tried."""
_Z = 1.959964
"""Of a two-sided interval of 95 %."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Interval:
    """A mean or share with its 95 % interval. NaN: no values."""

    count: int
    """Values behind it."""
    mean: float
    """Arithmetic mean, or share."""
    low: float
    """Lower end."""
    high: float
    """Upper end."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PairedDifference:
    """How a figure of B differs from that of A on the same goals."""

    pairs: int
    """Goals that have the figure in both."""
    mean_a: float
    """Mean of A."""
    mean_b: float
    """Mean of B."""
    difference: Interval
    """B - A, with its 95 % interval."""
    p_value: float
    """Of a sign-flip test: how often chance alone would give a mean this far from zero."""


def share_interval(hits: int, count: int) -> Interval:
    """Return a share with Wilson's interval (JASA 22, 1927), which holds for few trials too."""
    if not count:
        return Interval(count=0, mean=math.nan, low=math.nan, high=math.nan)
    share, square = hits / count, _Z * _Z
    centre = (share + square / (2 * count)) / (1 + square / count)
    half = share * (1 - share) / count + square / (4 * count * count)
    half = _Z * math.sqrt(half) / (1 + square / count)
    return Interval(
        count=count, mean=share, low=max(centre - half, 0.0), high=min(centre + half, 1.0)
    )


def mean_interval(values: Sequence[float]) -> Interval:
    """Return the mean of the finite values with its bootstrap percentile interval."""
    finite = np.array([value for value in values if math.isfinite(value)])
    if not len(finite):
        return Interval(count=0, mean=math.nan, low=math.nan, high=math.nan)
    generator = np.random.default_rng(0)
    draws = generator.integers(len(finite), size=(_RESAMPLES, len(finite)))
    low, high = np.percentile(finite[draws].mean(axis=1), (2.5, 97.5)).tolist()
    return Interval(count=len(finite), mean=float(finite.mean()), low=low, high=high)


def paired_difference(first: Sequence[float], second: Sequence[float]) -> PairedDifference:
    """Return how the second values differ from the first, pair by pair; NaN pairs are left out."""
    both = np.array([
        (a, b) for a, b in zip(first, second, strict=True) if math.isfinite(a) and math.isfinite(b)
    ]).reshape(-1, 2)
    apart = both[:, 1] - both[:, 0]
    mean_a, mean_b = both.mean(axis=0).tolist() if len(both) else (math.nan, math.nan)
    return PairedDifference(
        pairs=len(both),
        mean_a=mean_a,
        mean_b=mean_b,
        difference=mean_interval(apart.tolist()),
        p_value=_sign_flip(apart),
    )


def mcnemar(only_first: int, only_second: int) -> float:
    """Return the exact p-value of McNemar's test on goals that only one of two reached."""
    count = only_first + only_second
    fewer = min(only_first, only_second)
    tail = sum(math.comb(count, hits) for hits in range(fewer + 1)) / 2.0**count
    return min(1.0, 2.0 * tail)


def _sign_flip(apart: np.ndarray) -> float:
    """Return the share of sign assignments whose mean is as far from zero as the one that came."""
    count = len(apart)
    if not count:
        return math.nan
    if count <= _MOST_EXACT:
        bits = np.arange(2**count)[:, None] >> np.arange(count) & 1
    else:
        bits = np.random.default_rng(0).integers(0, 2, size=(_RESAMPLES, count))
        bits[0] = 0  # the assignment that came is one of those that could have come
    means = np.abs(((1 - 2 * bits) * apart).mean(axis=1))
    return float((means >= abs(apart.mean()) * (1.0 - 1e-9)).mean())
