import time

from hypothesis import given
from hypothesis import strategies as st
from perl_control.pacing import Pacer

PERIOD_NS = 2_000_000


@given(st.lists(st.integers(min_value=0, max_value=20_000_000), max_size=50))
def test_deadlines_stay_on_the_grid_and_every_one_is_worked_or_counted(durations_ns):
    pacer = Pacer(PERIOD_NS * 1e-9, start_ns=0)
    now_ns = 0
    for worked, duration_ns in enumerate(durations_ns, start=1):
        deadline_ns = pacer.advance(now_ns)
        assert deadline_ns % PERIOD_NS == 0
        assert deadline_ns == (worked + pacer.skipped) * PERIOD_NS
        assert now_ns - deadline_ns < PERIOD_NS, 'a deadline that was passed over was not skipped'
        now_ns = max(now_ns, deadline_ns) + duration_ns


def test_a_tick_that_ends_after_the_next_deadline_is_an_overrun_but_not_skipped():
    pacer = Pacer(0.002, start_ns=0)
    assert pacer.advance(2_500_000) == 2_000_000
    assert (pacer.overruns, pacer.skipped) == (1, 0)
    assert pacer.advance(3_000_000) == 4_000_000
    assert (pacer.overruns, pacer.skipped) == (1, 0)


def test_what_comes_after_the_work_may_take_the_next_deadline_without_an_overrun():
    pacer = Pacer(0.002, start_ns=0)
    assert pacer.advance(2_100_000, ended_ns=500_000) == 2_000_000
    assert pacer.overruns == 0


def test_wait_never_wakes_before_its_deadline():
    pacer = Pacer(0.001)
    for _ in range(20):
        wake = pacer.wait()
        assert wake.now_ns >= wake.deadline_ns
        assert wake.lateness_us >= 0.0


def test_a_pause_that_was_meant_is_not_counted():
    pacer = Pacer(0.001)
    time.sleep(0.02)
    pacer.restart()
    pacer.wait()
    assert pacer.skipped <= 2
