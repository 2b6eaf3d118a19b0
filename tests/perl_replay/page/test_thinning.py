"""What pictures keep: bounded, and no peak is lost."""

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
from perl_replay.page.thinning import Envelope, EvenChoice, bucket_starts, largest_in_buckets


@given(st.lists(st.tuples(st.floats(0, 1e5), st.floats(0, 1e3)), min_size=1, max_size=50))
def test_an_envelope_loses_no_peak_and_knows_its_time(points):
    envelope = Envelope(('a', 'b'))
    for time_s, value in points:
        envelope.add(np.array([time_s]), np.array([[value], [np.nan]]))
    time_s, largest = envelope.series('a')
    assert len(time_s) <= 1000
    assert np.nanmax(largest) == max(value for _, value in points)
    peak_s = time_s[np.nanargmax(largest)]
    width_s = 2.0 * time_s[0]
    peaks = [at for at, value in points if value == max(v for _, v in points)]
    assert min(abs(peak_s - at) for at in peaks) <= 0.5 * width_s * (1 + 1e-9)
    assert np.isnan(envelope.series('b')[1]).all()


def test_an_envelope_of_nothing_is_empty():
    envelope = Envelope(('a',))
    envelope.add(np.array([np.nan, -1.0]), np.array([[1.0, 2.0]]))
    assert [len(part) for part in envelope.series('a')] == [0, 0]


@given(st.integers(1, 500), st.integers(2, 40))
def test_a_choice_is_even_and_holds_the_first(count, most):
    choice = EvenChoice(most)
    for number in range(count):
        if choice.wants_next():
            choice.keep(number)
    kept = choice.kept
    assert kept[0] == 0
    assert len(kept) <= most
    assert len(kept) >= min(count, most // 2)
    assert len(set(np.diff(kept).tolist())) <= 1


@given(st.integers(0, 1000), st.integers(1, 50))
def test_buckets_lose_no_peak(count, most):
    values = np.random.default_rng(count).normal(size=count)
    thin = largest_in_buckets(values, most)
    assert len(thin) == len(bucket_starts(count, most)) == min(count, most)
    if count:
        assert thin.max() == values.max()
        assert thin.min() >= values.min()
