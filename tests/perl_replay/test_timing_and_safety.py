"""Counters, gaps, and transitions of the safety layers."""

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
from perl_replay.safety_events import SafetyCollector
from perl_replay.timing import RisingCounter, TimingCollector

ARMED, MOVING, STANDBY, DISCONNECTED, FAULT = 2, 3, 1, 0, 5


@given(st.lists(st.lists(st.integers(0, 100), min_size=1), min_size=1))
def test_counter_sums_the_last_values_of_each_life(lives):
    counter, expected = RisingCounter(), 0
    for rises in lives:
        # Every life but the first begins lower than the one before ended, or cannot be told.
        values = np.cumsum(rises)
        expected += values[-1]
        for value in values:
            counter.add(int(value))
        counter.add(0)
    assert counter.total == expected


def timing(first_tick, count, **counters):
    values = {'overruns': 0, 'skipped': 0, 'policy_misses': 0, **counters}
    ramp = np.arange(1, count + 1, dtype=np.float32)
    return SimpleNamespace(first_tick=first_tick, lateness_us=ramp, work_us=ramp * 2,
                           state_age_us=ramp * 3, **values)


def test_every_tick_counts_and_gaps_are_told():
    collector = TimingCollector()
    collector.add(timing(0, 50, overruns=1))
    collector.add(timing(50, 50, overruns=2, skipped=3))
    collector.add(timing(130, 50, overruns=2, skipped=3, policy_misses=1))
    collector.add_inference(SimpleNamespace(inference_us=12.0))
    figures = collector.figures()
    assert (figures.ticks, figures.ticks_not_recorded) == (150, 30)
    assert (figures.overruns, figures.skipped, figures.policy_misses) == (2, 3, 1)
    assert figures.lateness.count == 150
    assert (figures.lateness.p50_us, figures.lateness.max_us) == (25, 50)
    assert (figures.work.max_us, figures.state_age.max_us) == (100, 150)
    assert figures.inference.max_us == 12


def test_loop_that_started_again_is_no_gap():
    collector = TimingCollector()
    collector.add(timing(1000, 50, overruns=5))
    collector.add(timing(0, 50, overruns=1))
    figures = collector.figures()
    assert (figures.ticks, figures.ticks_not_recorded, figures.overruns) == (100, 0, 6)


def safety(severity, *reasons, stops=0, limited_ticks=0):
    return SimpleNamespace(severity=severity, reasons=list(reasons), stops=stops,
                           limited_ticks=limited_ticks)


def controller(state, reason='', safety_mode=1):
    return SimpleNamespace(state=state, reason=reason, robot_ip='', bundle_sha256='',
                           safety_mode=safety_mode)


def events(collector):
    return [(e.time_s, e.source, e.event, e.reasons, e.armed) for e in collector.figures().events]


def test_a_stop_is_noted_once_with_each_new_reason_until_reset():
    collector = SafetyCollector(0)
    collector.add_controller(controller(MOVING), 0)
    for second, state in enumerate([
        safety(0), safety(2, 'velocity', stops=1), safety(2, 'velocity', stops=1),
        safety(2, 'velocity', 'stale_state', stops=1), safety(0, stops=1),
    ]):
        collector.add_safety('filter', state, second * 10**9)
    assert events(collector) == [
        (1.0, 'filter', 'STOP', ('velocity',), True),
        (3.0, 'filter', 'STOP', ('velocity', 'stale_state'), True),
        (4.0, 'filter', 'RESET', (), True),
    ]
    assert collector.figures().filter_stops == 1


def test_a_stop_between_two_messages_is_counted():
    collector = SafetyCollector(0)
    collector.add_controller(controller(ARMED), 0)
    collector.add_safety('monitor', safety(0, stops=0), 0)
    collector.add_safety('monitor', safety(0, stops=2), 1)
    assert collector.figures().monitor_stops == 2


def test_layers_that_come_and_go_around_the_run_have_stopped_nothing():
    collector = SafetyCollector(0)
    collector.add_safety('monitor', safety(2, 'idle'), 0)
    collector.add_safety('filter', safety(2, 'stale_state', stops=1), 0)
    collector.add_controller(controller(STANDBY), 1)
    collector.add_safety('monitor', safety(0), 2)
    collector.add_safety('filter', safety(0, stops=1), 2)
    collector.add_controller(controller(ARMED), 3)
    collector.add_controller(controller(STANDBY), 4)
    collector.add_safety('monitor', safety(2, 'idle'), 5)
    collector.add_controller(controller(DISCONNECTED), 6)
    figures = collector.figures()
    assert (figures.filter_stops, figures.monitor_stops) == (0, 0)
    assert not any(event.armed for event in figures.events)
    assert 'NOT_WATCHING' in {event.event for event in figures.events}


def test_a_monitor_that_leaves_an_armed_arm_is_noted():
    collector = SafetyCollector(0)
    collector.add_controller(controller(ARMED), 0)
    collector.add_safety('monitor', safety(2, 'idle'), 10**9)
    assert events(collector) == [(1.0, 'monitor', 'NOT_WATCHING', ('idle',), True)]


def test_faults_lost_connections_and_safety_modes_of_the_robot_are_noted():
    collector = SafetyCollector(0)
    collector.add_controller(controller(MOVING), 0)
    collector.add_controller(controller(MOVING, safety_mode=3), 10**9)
    collector.add_controller(controller(FAULT, reason='protective_stop', safety_mode=3), 2 * 10**9)
    collector.add_controller(controller(DISCONNECTED), 3 * 10**9)
    assert events(collector) == [
        (1.0, 'controller', 'SAFETY_MODE', ('mode 3',), True),
        (2.0, 'controller', 'FAULT', ('protective_stop',), True),
        (3.0, 'controller', 'DISCONNECTED', (), True),
    ]


def test_limits_are_counted_by_reason():
    collector = SafetyCollector(0)
    for ticks in (3, 7):
        collector.add_safety('filter', safety(1, 'velocity', limited_ticks=ticks), 0)
    figures = collector.figures()
    assert (figures.limits, figures.filter_limited_ticks) == ({'filter: velocity': 2}, 7)
    assert figures.events == ()
