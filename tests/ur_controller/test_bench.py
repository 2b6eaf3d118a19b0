"""The arithmetic of the real-time bench; its figures are for a machine that does nothing else."""

import numpy as np
from perl_core.errors import RobotError
from perl_sim.ur_controller.bench import Ages, ages, bars, in_common
import pytest

TICKS_S = np.arange(5000) * 0.002


def test_a_perfect_stream_is_never_old():
    seen = ages(TICKS_S + 100.0, TICKS_S)
    assert seen.packages == 5000
    assert seen.max_us == pytest.approx(0.0, abs=1e-6)
    assert seen.old_share == 0.0


def test_the_newest_package_is_old_from_two_cycles_on_until_the_next_one_comes():
    # Without 10 packages the newest is 22 ms old at the end of the gap: 18 ms too many.
    kept = np.r_[0:2000, 2010:5000]
    seen = ages(TICKS_S[kept], TICKS_S[kept])
    assert seen.old_share == pytest.approx(0.018 / TICKS_S[-1], rel=1e-6)


def test_late_packages_count_from_when_they_were_made():
    times_s = TICKS_S.copy()
    times_s[2000:2010] = times_s[2010]
    seen = ages(times_s, TICKS_S)
    assert seen.max_us == pytest.approx(20_000.0)
    assert seen.old_share == pytest.approx(0.018 / TICKS_S[-1], rel=1e-6)


def test_a_clock_that_drifts_is_forgiven():
    assert ages(1.0001 * TICKS_S, TICKS_S).old_share == 0.0


def test_only_the_time_that_all_share_counts():
    first = np.stack((TICKS_S, TICKS_S), axis=1)
    second = first + np.array((1.0, 0.0))
    results = in_common({'a': first, 'b': second})
    assert results['a'].packages == results['b'].packages == pytest.approx(4250, abs=2)
    with pytest.raises(RobotError, match='never ran all at once'):
        in_common({'a': first, 'b': first + np.array((20.0, 0.0))})


def seen(old_share):
    return Ages(packages=1, p50_us=0.0, p999_us=0.0, max_us=0.0, old_share=old_share)


@pytest.mark.parametrize(('bare', 'worst', 'cpu_share', 'held'), [
    (0.0, 0.0009, 0.49, [True, True]),
    (0.0, 0.0011, 0.49, [False, True]),
    (0.01, 0.0105, 0.51, [True, False]),
])
def test_the_bars_are_relative_to_the_bare_loop(bare, worst, cpu_share, held):
    results = {'bare loop': seen(bare), 'client 1': seen(worst), 'client 2': seen(0.0)}
    assert list(bars(results, cpu_share).values()) == held
