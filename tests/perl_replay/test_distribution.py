"""Tails from the histogram against numpy's exact quantiles."""

import math

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
from perl_replay.distribution import Distribution
import pytest

values = st.lists(st.floats(0, 99_999, allow_nan=False), min_size=1, max_size=300)


@given(values, st.floats(0, 1), st.integers(1, 7))
def test_quantile_is_exact_to_a_microsecond_and_never_too_small(numbers, share, pieces):
    distribution = Distribution()
    for piece in np.array_split(np.array(numbers), pieces):
        distribution.add(piece)
    exact = np.quantile(numbers, share, method='inverted_cdf')
    assert exact - 1e-9 <= distribution.quantile(share) <= exact + 1.0
    tail = distribution.tail()
    assert tail.count == len(numbers)
    assert tail.max_us == max(numbers)
    assert tail.mean_us == pytest.approx(np.mean(numbers))


def test_hand_computed():
    distribution = Distribution()
    distribution.add(np.arange(1.0, 1001.0))
    tail = distribution.tail()
    assert (tail.p50_us, tail.p99_us, tail.p99_9_us, tail.max_us) == (500, 990, 999, 1000)
    assert tail.mean_us == 500.5


def test_beyond_the_histogram_the_maximum_is_kept():
    distribution = Distribution()
    distribution.add(np.array([5.0, 2e6, 3e6]))
    assert distribution.quantile(0.3) == 5.0
    assert distribution.tail().p99_us == 3e6


def test_nan_is_infinitely_late():
    distribution = Distribution()
    distribution.add(np.array([1.0, math.nan]))
    assert distribution.tail().max_us == math.inf


def test_nothing_is_nan():
    distribution = Distribution()
    distribution.add(np.array([]))
    assert math.isnan(distribution.tail().p50_us)
    assert math.isnan(distribution.tail().max_us)
