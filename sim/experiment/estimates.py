"""Estimates over seeds: interquartile means with stratified bootstrap intervals, by rliable."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from rliable import library
from scipy.stats import trim_mean

REPETITIONS = 1000
"""Of the bootstrap."""
CONFIDENCE = 0.95
_CUT = 0.25
"""Share of the seeds that the interquartile mean leaves out at each end."""


class Interval(NamedTuple):
    """An interquartile mean over seeds and its bootstrap interval."""

    mean: float
    """The interquartile mean."""
    low: float
    """Lower end of the 95 % interval."""
    high: float
    """Upper end."""

    def __str__(self) -> str:
        """Show it as in the tables."""
        return f'{_rounded(self.mean)} [{_rounded(self.low)}, {_rounded(self.high)}]'


def _rounded(value: float) -> str:
    return f'{round(value, 3) + 0.0:.3f}'


def interquartile_mean(values: np.ndarray) -> float:
    """Return the mean of the middle half of all values."""
    return float(trim_mean(values.ravel(), _CUT))


def interval(values: np.ndarray) -> Interval:
    """Return the interquartile mean over seeds and tasks with a stratified bootstrap interval.

    Args:
        values: shape (seeds, tasks), or (seeds,) for one; resampled within each task.
    """
    values = values.reshape(len(values), -1)
    (found,) = _estimates(values, lambda scores: np.array([interquartile_mean(scores)]))
    return found


def intervals(columns: Sequence[np.ndarray]) -> list[Interval]:
    """Return the intervals of several tasks apart, in one bootstrap and so much faster.

    Args:
        columns: each of shape (seeds,), all of one length; NaN gives NaN.
    """
    return _estimates(np.stack(columns, axis=1), lambda scores: trim_mean(scores, _CUT, axis=0))


def _estimates(
    values: np.ndarray, of: Callable[[np.ndarray], np.ndarray]
) -> list[Interval]:
    # rliable 1.2 takes a random state and draws from the global one all the same.
    before = np.random.get_state()
    np.random.seed(0)
    try:
        mean, ends = library.get_interval_estimates(
            {'': values}, of, reps=REPETITIONS, confidence_interval_size=CONFIDENCE
        )
    finally:
        np.random.set_state(before)
    return [Interval(*map(float, row)) for row in zip(mean[''], *ends[''], strict=True)]
