"""What is measured while one goal is pursued: the loop, safety events, signals of each step."""

import dataclasses
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
from perl_replay.distribution import Distribution
from perl_replay.evaluation import EvaluationOptions, evaluate_bag
from perl_replay.goal_loop import GoalLoop
from perl_replay.goals import judge_goal, with_safety
from perl_replay.latency import Latency
from perl_replay.prediction import StepErrors
from perl_replay.safety_events import SafetyEvent
from perl_replay.signals import step_signals
from perl_replay.symmetry_score import TurnErrors
import pytest

PARTIAL = EvaluationOptions(partial=True)


def timing(lateness_us, overruns=0):
    lateness = np.array(lateness_us, dtype=np.float32)
    return SimpleNamespace(lateness_us=lateness, work_us=2 * lateness, overruns=overruns)


def test_a_goal_has_the_ticks_and_limits_of_its_own_time():
    loop = GoalLoop()
    loop.add_timing(timing([900.0], overruns=5))
    loop.add_command(SimpleNamespace(limited=True))
    loop.begin_goal()
    loop.add_timing(timing([10.0, 20.0], overruns=7))
    for limited in (True, False, True):
        loop.add_command(SimpleNamespace(limited=limited))
    loop.add_timing(timing([30.0], overruns=1))  # the loop was started again
    figures = loop.end_goal()
    loop.add_timing(timing([800.0], overruns=9))
    assert (figures.ticks, figures.lateness_max_us, figures.work_max_us) == (3, 30.0, 60.0)
    assert figures.lateness_p99_us == 30.0
    assert (figures.overruns, figures.limited_periods) == (2, 2)
    loop.begin_goal()
    again = loop.end_goal()
    assert (again.ticks, again.overruns, again.limited_periods) == (0, 0, 0)
    assert np.isnan(again.lateness_max_us)


def test_a_wake_up_that_is_not_a_number_is_infinitely_late():
    loop = GoalLoop()
    loop.begin_goal()
    loop.add_timing(timing([1.0, np.nan]))
    assert loop.end_goal().lateness_max_us == np.inf


def test_figures_of_the_loop_stand_in_the_bag(start_run, goal_type):
    run = start_run()
    run.controller(3)
    run.timing(np.full(50, 500.0))
    run.pursue(goal_type())
    run.timing(np.full(50, 700.0))
    figures = evaluate_bag(run.close(), PARTIAL).goals[0]
    assert figures.loop.ticks == 26 * 20
    assert figures.loop.lateness_max_us < 500.0
    assert figures.ended_s > figures.started_s


def event(time_s, name='STOP', armed=True):
    return SafetyEvent(time_s=time_s, source='filter', event=name, reasons=(), armed=armed)


def test_safety_events_belong_to_the_goal_of_their_time(start_run, goal_type):
    run = start_run()
    run.controller(3)
    run.pursue(goal_type())
    seen = []
    evaluate_bag(run.close(), PARTIAL, observe=lambda episode, *_: seen.append(episode))
    goal = dataclasses.replace(judge_goal(seen[0]), started_s=1.0, ended_s=2.0)
    events = [
        event(0.9), event(1.0), event(2.1), event(2.3), event(1.5, 'RESET'),
        event(1.5, 'NOT_WATCHING', armed=False),
    ]  # fmt: skip
    assert with_safety([goal], events)[0].safety_events == 2
    endless = dataclasses.replace(goal, ended_s=np.nan)
    assert with_safety([endless], events)[0].safety_events == 3


@given(st.lists(st.floats(0, 2e5) | st.just(np.nan), max_size=60))
def test_a_histogram_counts_every_value_once_and_in_its_place(values):
    distribution = Distribution()
    distribution.add(np.array(values))
    bins = distribution.tail().histogram
    assert sum(entry.count for entry in bins) == len(values)
    assert all(entry.count > 0 for entry in bins)
    for entry in bins:
        first = entry.low_us == 0.0
        inside = [
            v for v in (np.inf if np.isnan(v) else v for v in values)
            if (v > entry.low_us or (first and v == 0.0)) and v <= entry.high_us
        ]
        assert entry.count == len(inside)


def test_the_curve_of_delays_peaks_at_the_delay():
    latency = Latency(0.04)
    assert latency.curve() == ()
    latency.begin_goal()
    step_ns, delay_s = 10_000_000, 0.05
    for tick in range(300):
        time_s = tick * 0.01
        speed = np.full(6, np.cos(5.0 * (time_s - delay_s)))
        latency.add_joints(SimpleNamespace(velocity=speed), tick * step_ns)
        if tick % 4 == 0:
            sent = np.full(6, np.sin(5.0 * time_s) / 5.0)
            latency.add_command(SimpleNamespace(sent_rad=sent), tick * step_ns)
    curve = latency.curve()
    best_s, correlation = max(curve, key=lambda entry: entry[1])
    assert best_s == pytest.approx(delay_s, abs=0.011)
    assert correlation > 0.99
    assert latency.figures().latency_s == pytest.approx(delay_s, abs=0.005)


def test_signals_stand_at_their_policy_periods():
    predicted = StepErrors(np.array([0, 2]), *np.arange(12.0).reshape(6, 2))
    turned = TurnErrors(np.array([1]), *np.full((5, 4, 1), 0.5))
    signals = step_signals(4, predicted, turned)
    np.testing.assert_array_equal(signals.disagreement_m, [0.0, np.nan, 1.0, np.nan])
    np.testing.assert_array_equal(signals.prediction_error_m, [8.0, np.nan, 9.0, np.nan])
    np.testing.assert_array_equal(signals.gate_symmetry_error, [np.nan, 0.5, np.nan, np.nan])
    assert np.isnan(step_signals(4, predicted, None).policy_symmetry_error).all()
