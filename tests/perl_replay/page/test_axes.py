"""Axes and what is drawn between them."""

import math
import re

from hypothesis import given
from hypothesis import strategies as st
from perl_replay.page.axes import Axis, Plot, axis_of, tick_text
import pytest

POSITIVE = st.floats(1e-9, 1e9)


@given(st.lists(POSITIVE, min_size=1, max_size=20), st.booleans())
def test_an_axis_holds_its_values_and_has_ticks(values, log):
    axis = axis_of(values, 'x', log=log)
    assert axis.low <= min(values) * (1 + 1e-9)
    assert axis.high >= max(values) * (1 - 1e-9)
    ticks = axis.ticks()
    assert 1 <= len(ticks) <= 60
    assert ticks == sorted(ticks)
    shares = [axis.share(value) for value in sorted(values)]
    assert shares == sorted(shares)
    assert all(0.0 <= share <= 1.0 for share in shares)


@given(st.lists(st.sampled_from([math.nan, math.inf, -math.inf, 0.0]), max_size=5), st.booleans())
def test_an_axis_of_nothing_is_an_axis(values, log):
    axis = axis_of(values, 'x', log=log)
    assert axis.low < axis.high
    assert math.isfinite(axis.low) and math.isfinite(axis.high)


def test_ticks_are_round():
    assert Axis(low=0.0, high=1.9, label='').ticks() == pytest.approx([0, 0.5, 1.0, 1.5])
    assert Axis(low=1.0, high=1e4, label='', log=True).ticks() == [1, 10, 100, 1000, 10000]
    assert Axis(low=1.0, high=20.0, label='', log=True).ticks() == [1, 2, 5, 10, 20]
    assert [tick_text(v) for v in (0.0, 0.5, -20.0, 1e5, 1e-4, 2e-5)] == [
        '0', '0.5', '−20', '10⁵', '10⁻⁴', '2·10⁻⁵'
    ]  # fmt: skip


def plot():
    return Plot(Axis(low=0.0, high=10.0, label='x'), Axis(low=0.0, high=1.0, label='y'))


def test_points_lie_where_they_should():
    drawn = plot()
    left, bottom = drawn.place(0.0, 0.0)
    right, top = drawn.place(10.0, 1.0)
    assert (left < right, top < bottom) == (True, True)
    assert drawn.place(5.0, 0.5) == (0.5 * (left + right), 0.5 * (top + bottom))
    assert drawn.place(99.0, -7.0) == (right, bottom)


def test_a_line_is_broken_where_a_value_is_not_a_number():
    drawn = plot()
    drawn.line([0, 1, 2, 3, 4], [0.1, 0.2, math.nan, 0.3, 0.4], 'first')
    drawn.dot(math.nan, 0.5, 'first')
    svg = drawn.svg('two pieces')
    assert svg.count('class="line first"') == 2
    assert 'circle' not in svg
    assert 'nan' not in svg
    assert 'aria-label="two pieces"' in svg


def test_labels_are_escaped():
    drawn = Plot(Axis(low=0, high=1, label='<x>'), Axis(low=0, high=1, label='<y>'))
    drawn.note(1, 1, '<z>')
    assert not re.search(r'<[xyz]>', drawn.svg('<w>'))
