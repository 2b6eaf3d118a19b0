"""Tails of timing figures over every tick, in memory that does not grow with the recording."""

import dataclasses
import itertools
import math
from typing import NamedTuple

import numpy as np

_WAITING = 4096
"""Values that are sorted into bins together: touching all bins for each few costs most."""
_BINS = 100_000
"""One per microsecond, up to 0.1 s; what lies beyond is counted, and its maximum kept."""
_EDGES = np.unique(np.round(10.0 ** np.arange(0.0, 5.01, 0.125))).astype(np.int64)
_EDGES[-1] = _BINS - 1
"""Of the histogram in the figures: up to eight to a power of ten, 1 us to 0.1 s; the last bin
holds what lies beyond as well, so the edge is before it."""


class HistogramBin(NamedTuple):
    """How many values lie between two edges."""

    low_us: float
    """Values are larger; zero itself belongs to the first bin."""
    high_us: float
    """Values are at most this."""
    count: int
    """How many."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tail:
    """Median and tail of a quantity in microseconds; NaN where nothing was recorded."""

    count: int
    """How many values."""
    mean_us: float
    """Arithmetic mean."""
    p50_us: float
    """Half of the values are at most this."""
    p99_us: float
    """99 % of the values are at most this."""
    p99_9_us: float
    """99.9 % of the values are at most this."""
    max_us: float
    """The largest value, exactly."""
    histogram: tuple[HistogramBin, ...]
    """All values, in bins that widen with them; empty bins are left out."""


class Distribution:
    """A histogram with bins of one microsecond, and the exact maximum.

    Quantiles are the upper edges of bins: never too small, by at most 1 us too large.
    """

    def __init__(self) -> None:
        """Start empty."""
        self._counts = np.zeros(_BINS + 1, dtype=np.int64)
        self._count = 0
        self._sum = 0.0
        self._max = -math.inf
        self._waiting: list[np.ndarray] = []
        self._waiting_count = 0

    def add(self, values_us: np.ndarray) -> None:
        """Add values [us]; NaN counts as infinitely late."""
        values = np.array(values_us, dtype=float)
        self._waiting.append(values)
        self._waiting_count += values.size
        if self._waiting_count >= _WAITING:
            self._sort_in()

    def _sort_in(self) -> None:
        """Count the values that wait."""
        if not self._waiting_count:
            return
        values = np.concatenate(self._waiting)
        self._waiting, self._waiting_count = [], 0
        values = np.where(np.isnan(values), np.inf, values)
        bins = np.ceil(np.clip(values, 0.0, _BINS)).astype(np.int64)
        self._counts += np.bincount(bins, minlength=_BINS + 1)
        self._count += values.size
        self._sum += float(values.sum())
        self._max = max(self._max, float(values.max()))

    def quantile(self, share: float) -> float:
        """Return the value [us] that a share of all values does not exceed; NaN if empty."""
        self._sort_in()
        if not self._count:
            return math.nan
        rank = max(math.ceil(share * self._count), 1)
        edge = int(np.searchsorted(np.cumsum(self._counts), rank))
        return self._max if edge == _BINS else min(float(edge), self._max)

    def tail(self) -> Tail:
        """Return the figures."""
        self._sort_in()
        return Tail(
            count=self._count,
            mean_us=self._sum / self._count if self._count else math.nan,
            p50_us=self.quantile(0.5),
            p99_us=self.quantile(0.99),
            p99_9_us=self.quantile(0.999),
            max_us=self._max if self._count else math.nan,
            histogram=self._histogram(),
        )

    def _histogram(self) -> tuple[HistogramBin, ...]:
        """Return the counts between wider edges."""
        below = np.concatenate(((0,), np.cumsum(self._counts)[_EDGES]))
        edges = [0.0, *_EDGES.tolist()]
        bins = [
            HistogramBin(low, high, count)
            for (low, high), count in zip(
                itertools.pairwise(edges), np.diff(below).tolist(), strict=True
            )
        ]
        bins.append(HistogramBin(edges[-1], self._max, int(self._count - below[-1])))
        return tuple(entry for entry in bins if entry.count)
