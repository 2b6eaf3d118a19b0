"""Intervals and tests against values from textbooks and by hand."""

import math

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
from perl_replay.statistics import mcnemar, mean_interval, paired_difference, share_interval
import pytest

VALUES = st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=30)


def test_wilson_by_hand():
    # Newcombe, Statistics in Medicine 17, 1998, table I: 15 of 148 gives 0.0624 to 0.1605.
    interval = share_interval(15, 148)
    assert (interval.low, interval.high) == (pytest.approx(0.0624, abs=1e-4),
                                             pytest.approx(0.1605, abs=1e-4))
    assert share_interval(20, 20).low == pytest.approx(0.8389, abs=1e-4)
    assert math.isnan(share_interval(0, 0).mean)


@given(VALUES)
def test_a_mean_lies_in_its_interval_and_the_interval_in_the_values(values):
    interval = mean_interval([*values, math.nan])
    assert interval.count == len(values)
    assert min(values) - 1e-6 <= interval.low <= interval.mean + 1e-6
    assert interval.mean - 1e-6 <= interval.high <= max(values) + 1e-6


def test_an_interval_covers_the_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(1)
    draws = [mean_interval(rng.normal(size=40).tolist()) for _ in range(200)]
    covered = sum(interval.low <= 0.0 <= interval.high for interval in draws)
    assert 175 <= covered <= 198


def test_paired_differences_by_hand():
    came = paired_difference([1.0, 2.0, 3.0, math.nan], [2.0, 3.0, 4.0, 9.0])
    assert (came.pairs, came.mean_a, came.mean_b, came.difference.mean) == (3, 2.0, 3.0, 1.0)
    # Of eight assignments of signs, two have a mean as far from zero.
    assert came.p_value == 0.25
    assert paired_difference([1.0] * 5, [1.0] * 5).p_value == 1.0
    assert math.isnan(paired_difference([], []).p_value)


def test_many_pairs_that_all_differ_are_no_chance():
    first = list(range(40))
    assert paired_difference(first, [value + 1.0 for value in first]).p_value < 0.001


def test_mcnemar_by_hand():
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(0, 6) == pytest.approx(2 / 64)
    assert mcnemar(1, 9) == pytest.approx(2 * 11 / 1024)
