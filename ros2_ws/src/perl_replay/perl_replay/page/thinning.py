"""What pictures keep of a recording: as much as can be seen, however long it is."""

import numpy as np

_BUCKETS = 1000
"""Of a picture that is 700 pixels wide."""
_FIRST_WIDTH_S = 0.04
"""Of a bucket in a short recording: a policy period."""


class Envelope:
    """The largest value of several quantities in each stretch of time, over the whole recording.

    When the recording outgrows the buckets, two of them become one.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        """Start empty.

        Args:
            names: of the quantities.
        """
        self._names = names
        self._width_s = _FIRST_WIDTH_S
        self._largest = np.full((len(names), _BUCKETS), np.nan)

    def add(self, time_s: np.ndarray, values: np.ndarray) -> None:
        """Take values of shape (quantities, n) at times after the start; NaN counts as nothing."""
        known = np.isfinite(time_s) & (time_s >= 0.0)
        time_s, values = time_s[known], values[:, known]
        if not len(time_s):
            return
        while time_s.max() >= self._width_s * _BUCKETS:
            merged = np.fmax(self._largest[:, ::2], self._largest[:, 1::2])
            self._largest = np.concatenate((merged, np.full_like(merged, np.nan)), axis=1)
            self._width_s *= 2.0
        buckets = (time_s / self._width_s).astype(np.int64)
        for row, entries in zip(self._largest, values, strict=True):
            np.fmax.at(row, buckets, entries)

    def series(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the middles of all buckets [s], up to the last used, and the largest values."""
        row = self._largest[self._names.index(name)]
        used = np.flatnonzero(np.isfinite(self._largest).any(axis=0))
        count = int(used[-1]) + 1 if len(used) else 0
        return (np.arange(count) + 0.5) * self._width_s, row[:count]


class EvenChoice:
    """Keeps a few of many things, evenly spread over all that came."""

    def __init__(self, most: int) -> None:
        """Start empty.

        Args:
            most: so many are kept at most.
        """
        self._most, self._every, self._came = most, 1, 0
        self.kept: list = []

    def wants_next(self) -> bool:
        """Count one more; return whether it is to be kept with ``keep``."""
        wanted = self._came % self._every == 0
        self._came += 1
        return wanted

    def keep(self, thing: object) -> None:
        """Keep the thing that was counted last."""
        self.kept.append(thing)
        if len(self.kept) > self._most:
            self.kept = self.kept[::2]
            self._every *= 2


def largest_in_buckets(values: np.ndarray, most: int) -> np.ndarray:
    """Return at most ``most`` values along the first axis: the largest of each equal part."""
    if len(values) <= most:
        return values
    return np.maximum.reduceat(values, bucket_starts(len(values), most), axis=0)


def bucket_starts(count: int, most: int) -> np.ndarray:
    """Return where each of at most ``most`` equal parts begins."""
    parts = min(count, most)
    return np.arange(parts) * count // max(parts, 1)
