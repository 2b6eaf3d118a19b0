"""What a Reach goal means, from telemetry records alone."""

import math

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
from perl_control.reach import GoalRefusedError, Outcome, ReachTracker, Request, accept
from perl_control.telemetry import RECORD
from perl_core.contract import Contract
from perl_core.kinematics import Kinematics
from perl_core.observation import ReachErrors
from perl_core.rotation import quaternion_from_rotation, rotation_from_vector
import pytest

CONTRACT = Contract()
KINEMATICS = Kinematics()
CENTRE_M = np.array(CONTRACT.workspace_centre_base_m)
REQUEST = Request('base', tuple(CENTRE_M), (0.0, 0.0, 0.0, 1.0), 0.0, 0.0, 0.0, 0.0, False)
PERIOD_NS = 40_000_000


def tracker(**changes):
    goal = accept(REQUEST._replace(**changes), CONTRACT, KINEMATICS)
    return ReachTracker(goal, 7, 0, ReachErrors(1.0, 1.0))


def evaluations(position_errors_m, sequence=7):
    records = np.zeros(len(position_errors_m), dtype=RECORD)
    records['tick'] = 20 * np.arange(1, len(records) + 1)
    records['deadline_ns'] = PERIOD_NS * np.arange(1, len(records) + 1)
    records['policy_ran'], records['goal_sequence'] = True, sequence
    records['observation'][:, 3] = position_errors_m
    return records


def test_zeros_stand_for_the_defaults():
    goal = accept(REQUEST, CONTRACT, KINEMATICS)
    assert goal[1:] == (0.01, 0.0873, 0.2, 5.0, False, 1.0)


@given(st.tuples(*[st.floats(-3.0, 3.0)] * 3))
def test_base_link_is_base_turned_by_pi_about_z(vector):
    turn = rotation_from_vector(np.array((0.0, 0.0, math.pi)))
    rotation = rotation_from_vector(np.array(vector))
    goal = accept(REQUEST._replace(
        frame_id='base_link', position_m=tuple(turn.T @ CENTRE_M),
        quaternion_xyzw=tuple(quaternion_from_rotation(turn.T @ rotation)),
    ), CONTRACT, KINEMATICS)
    np.testing.assert_allclose(goal.pose.position_m, CENTRE_M, atol=1e-12)
    np.testing.assert_allclose(goal.pose.rotation, rotation, atol=1e-6)


@given(st.integers(0, 10), st.sampled_from([math.nan, math.inf, -math.inf]))
def test_nothing_that_is_not_finite_is_accepted(index, value):
    flat = [*REQUEST.position_m, *REQUEST.quaternion_xyzw, *REQUEST[3:7]]
    flat[index] = value
    request = Request('base', tuple(flat[:3]), tuple(flat[3:7]), *flat[7:], False)
    with pytest.raises(GoalRefusedError, match='must be finite'):
        accept(request, CONTRACT, KINEMATICS)


@given(st.floats(0.0, 1.0), st.tuples(*[st.floats(-1.0, 1.0)] * 3))
def test_goals_are_accepted_inside_the_workspace_and_refused_outside(distance_m, direction):
    norm = np.linalg.norm(direction)
    if norm < 0.1 or abs(distance_m - CONTRACT.workspace_radius_m) < 1e-9:
        return
    request = REQUEST._replace(
        position_m=tuple(CENTRE_M + distance_m * np.array(direction) / norm)
    )
    if distance_m < CONTRACT.workspace_radius_m:
        accept(request, CONTRACT, KINEMATICS)
    else:
        with pytest.raises(GoalRefusedError, match=f'is {distance_m:.3f} m from the workspace'):
            accept(request, CONTRACT, KINEMATICS)


def test_it_is_reached_when_tolerance_was_kept_and_lasts_until_it_was_first_kept():
    following = tracker()
    assert following.update(evaluations([0.1, 0.005, 0.1, 0.005, 0.005])) is None
    end = tracker().update(evaluations([0.1, 0.005, 0.1] + [0.005] * 7))
    assert end.outcome is Outcome.REACHED
    assert end.duration_s == pytest.approx(4 * 0.04)


def test_evaluations_of_another_goal_do_not_count():
    assert tracker().update(evaluations([0.0] * 20, sequence=6)) is None


def test_a_stop_ends_the_goal_even_if_tolerance_is_kept_after_it():
    records = evaluations([0.1] + [0.005] * 20)
    records['severity'][3:], records['reasons'][3:] = 2, b'stale_state'
    records['at_rest'][15:], records['reasons'][15:] = True, b'stale_state; node_heartbeat'
    following = tracker()
    assert following.update(records[:10]) is None
    assert following.timed_out(int(60e9)) is None
    end = following.update(records[10:])
    assert end.outcome is Outcome.STOPPED
    assert end.message.endswith('stale_state; node_heartbeat')


def test_it_times_out_with_what_is_left():
    following = tracker(timeout_s=1.0)
    following.update(evaluations([0.05]))
    assert following.timed_out(int(0.9e9)) is None
    end = following.timed_out(int(1.1e9))
    assert end.outcome is Outcome.TIMED_OUT
    assert '50.0 mm' in end.message


def test_the_way_home_needs_no_target():
    nowhere = REQUEST._replace(frame_id='', position_m=(math.nan,) * 3, home=True)
    goal = accept(nowhere, CONTRACT, KINEMATICS)
    home = KINEMATICS.tool_pose(np.array(CONTRACT.home_rad))
    np.testing.assert_array_equal(goal.pose.position_m, home.position_m)
    assert goal.home
    with pytest.raises(GoalRefusedError, match='not negative'):
        accept(nowhere._replace(timeout_s=-1.0), CONTRACT, KINEMATICS)


@pytest.mark.parametrize('scale', [-0.1, 1.1, math.nan])
def test_a_speed_scale_is_a_share(scale):
    assert accept(REQUEST, CONTRACT, KINEMATICS).speed_scale == 1.0
    assert accept(REQUEST._replace(speed_scale=0.3), CONTRACT, KINEMATICS).speed_scale == 0.3
    with pytest.raises(GoalRefusedError, match='speed_scale'):
        accept(REQUEST._replace(speed_scale=scale), CONTRACT, KINEMATICS)
