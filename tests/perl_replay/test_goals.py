"""Goals: hand-computed figures, and reports that the recorded errors contradict."""

import dataclasses
import math

import numpy as np
from perl_core.contract import OBSERVATION_SIZE
from perl_replay.episodes import Episode, Outcome, PolicyAnswers
from perl_replay.goals import judge_goal, named_goals, summarise_goals
import pytest

START_NS = 1_000_000_000


def episode(**changes):
    """Return a goal of five policy periods that reached tolerance after 0.08 s."""
    values = {
        'goal_id': 'ab', 'to_home': False, 'target': (),
        'observation': np.zeros((5, OBSERVATION_SIZE), dtype=np.float32),
        'policy': PolicyAnswers(
            np.zeros((5, 6), dtype=np.float32), np.zeros(5), np.zeros(5), np.zeros(5, dtype=bool),
            np.arange(0, 100, 20),
        ),
        'started_ns': START_NS, 'ended_ns': START_NS + 280_000_000,
        'outcome': Outcome.REACHED, 'message': '',
        'position_tolerance_m': 0.01, 'rotation_tolerance_rad': 0.1, 'duration_s': 0.08,
        'final_position_error_m': 0.003, 'final_rotation_error_rad': 0.02,
        'stamp_ns': START_NS + np.array([0, 40, 80, 200, 240]) * 1_000_000,
        'position_error_m': np.array([0.3, 0.1, 0.009, 0.004, 0.003]),
        'rotation_error_rad': np.array([1.0, 0.5, 0.09, 0.03, 0.02]),
        'tool_position_m': np.array([[0, 0, 0], [3, 4, 0], [3, 4, 1], [3, 4, 1], [3, 4, 1]]),
        'gate': np.array([0.1, 0.9, 0.2, 0.2, 0.1]),
        'branch': np.array([0, 1, 0, 0, 0]),
    }
    return Episode(**(values | changes))


def test_figures_of_a_goal_by_hand():
    goal = judge_goal(episode())
    assert (goal.outcome, goal.reached, goal.failure) == ('REACHED', True, None)
    assert (goal.position_error_m, goal.rotation_error_rad) == (0.003, 0.02)
    assert (goal.time_to_reach_s, goal.path_length_m, goal.policy_periods) == (0.08, 6.0, 5)
    assert (goal.equivariant_share, goal.standard_share) == (0.8, 0.2)
    assert goal.gate_mean == pytest.approx(0.3)
    assert goal.gate_max == 0.9


@pytest.mark.parametrize(('changes', 'text'), [
    ({'final_position_error_m': 0.02}, 'position error was 0.02 m'),
    ({'final_rotation_error_rad': 0.2}, 'rotation error was 0.2 rad'),
    ({'final_position_error_m': math.nan}, 'position error was nan'),
    ({'position_tolerance_m': math.nan}, 'allowed nan'),
    ({'position_error_m': np.array([0.3, 0.1, 0.009, 0.04, 0.003])}, 'position error was 0.04 m'),
    ({'rotation_error_rad': np.array([1.0, 0.5, 0.09, 0.03, 0.5])}, 'rotation error was 0.5 rad'),
])
def test_a_reached_goal_that_the_errors_contradict_has_failed(changes, text):
    goal = judge_goal(episode(**changes))
    assert not goal.reached
    assert text in goal.failure
    assert math.isnan(goal.time_to_reach_s)


def test_errors_before_tolerance_was_kept_and_after_the_end_do_not_count():
    late = np.array([0, 40, 180, 240, 320]) * 1_000_000 + START_NS
    errors = np.array([0.3, 0.3, 0.3, 0.003, 0.3])
    assert judge_goal(episode(stamp_ns=late, position_error_m=errors)).reached


@pytest.mark.parametrize('outcome', [Outcome.TIMED_OUT, Outcome.STOPPED, Outcome.REFUSED])
def test_failures_carry_the_reason(outcome):
    goal = judge_goal(episode(outcome=outcome, message='because'))
    assert (goal.reached, goal.failure, goal.outcome) == (False, 'because', outcome.name)
    assert judge_goal(episode(outcome=outcome)).failure == 'no reason was given'


@pytest.mark.parametrize('outcome', [Outcome.CANCELED, Outcome.PREEMPTED])
def test_ends_by_request_are_neither_success_nor_failure(outcome):
    goal = judge_goal(episode(outcome=outcome))
    assert (goal.reached, goal.failure) == (False, None)


def test_goal_cut_off_by_the_end_of_the_bag_has_failed():
    goal = judge_goal(episode(outcome=None, ended_ns=None))
    assert (goal.outcome, goal.failure) == ('UNFINISHED', 'the bag ends before the goal')


def test_goal_without_policy_states_has_no_shares():
    empty = np.zeros(0)
    goal = judge_goal(episode(
        stamp_ns=empty, position_error_m=empty, rotation_error_rad=empty,
        tool_position_m=np.zeros((0, 3)), gate=empty, branch=empty,
    ))
    assert goal.reached
    assert (goal.path_length_m, goal.policy_periods) == (0.0, 0)
    assert math.isnan(goal.gate_max)
    assert math.isnan(goal.equivariant_share)


def test_summary_by_hand():
    one = judge_goal(episode())
    two = dataclasses.replace(
        one, position_error_m=0.005, rotation_error_rad=0.04, time_to_reach_s=1.08,
        path_length_m=2.0, policy_periods=15, equivariant_share=0.4, standard_share=0.6,
        gate_mean=0.5, gate_max=0.7,
    )
    failed = judge_goal(episode(outcome=Outcome.TIMED_OUT, gate=np.full(5, 0.3)))
    canceled = judge_goal(episode(outcome=Outcome.CANCELED, gate=np.full(5, 0.3)))
    summary = summarise_goals([one, two, failed, canceled])
    assert (summary.goals, summary.reached, summary.failed) == (4, 2, 1)
    assert summary.position_error_mean_m == pytest.approx(0.004)
    assert (summary.position_error_max_m, summary.rotation_error_max_rad) == (0.005, 0.04)
    assert summary.time_to_reach_mean_s == pytest.approx(0.58)
    assert (summary.time_to_reach_max_s, summary.path_length_mean_m) == (1.08, 4.0)
    # 15 periods of 0.4 and three goals of 5 periods of 0.8
    assert summary.equivariant_share == pytest.approx((15 * 0.4 + 15 * 0.8) / 30)
    assert summary.standard_share == pytest.approx((15 * 0.6 + 15 * 0.2) / 30)
    assert summary.gate_mean == pytest.approx((15 * 0.5 + 15 * 0.3) / 30)
    assert summary.gate_max == 0.9


def test_summary_of_nothing_is_nan():
    summary = summarise_goals([])
    assert (summary.goals, summary.reached, summary.failed) == (0, 0, 0)
    assert math.isnan(summary.position_error_max_m)
    assert math.isnan(summary.gate_mean)


def test_returns_home_are_counted_apart():
    too_late = {'outcome': Outcome.TIMED_OUT, 'final_position_error_m': 9.0}
    goals = [
        judge_goal(episode(to_home=to_home, **changes))
        for changes in ({}, too_late) for to_home in (False, True)
    ]  # fmt: skip
    summary = summarise_goals(goals)
    assert (summary.goals, summary.reached, summary.failed) == (2, 1, 1)
    assert (summary.returns, summary.returns_reached) == (2, 1)
    assert summary.position_error_max_m == 0.003
    assert [name for name, _ in named_goals(goals)] == [
        'goal 1', 'home after goal 1', 'goal 2', 'home after goal 2',
    ]  # fmt: skip
