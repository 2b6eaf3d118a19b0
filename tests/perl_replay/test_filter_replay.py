"""The filter on recorded commands."""

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
from perl_core.contract import Contract
from perl_core.kinematics import Kinematics
from perl_core.robot_state import RobotState
from perl_replay.arm_arrays import rotation_vectors, tool_arrays
from perl_replay.filter_replay import FilterReplay
from perl_replay.monitor_replay import MonitorReplay
from perl_safety.limits import load_limits
from perl_safety.monitor import Monitor

LIMITS, KINEMATICS, CONTRACT = load_limits(), Kinematics(), Contract()
HOME = np.array(CONTRACT.home_rad)
PERIOD_S = CONTRACT.policy_period_s


@given(st.integers(0, 2**32 - 1))
def test_many_poses_are_those_of_the_kinematics(seed):
    joints = np.random.default_rng(seed).uniform(-3.0, 3.0, (5, 6))
    tools = tool_arrays(KINEMATICS, joints)
    for row, at in enumerate(joints):
        pose, jacobian = KINEMATICS.tool_pose_and_jacobian(at)
        np.testing.assert_allclose(tools.position_m[row], pose.position_m, atol=1e-12)
        np.testing.assert_allclose(tools.rotation[row], pose.rotation, atol=1e-12)
        np.testing.assert_allclose(tools.jacobian[row], jacobian, atol=1e-12)


@given(st.lists(st.floats(-1.7, 1.7), min_size=3, max_size=3))
def test_rotation_vectors_come_back(vector):
    from perl_core.rotation import rotation_from_vector

    came = rotation_vectors(rotation_from_vector(np.array(vector))[None])[0]
    np.testing.assert_allclose(came, vector, atol=1e-7)


def replay(commands, *, state=3, safety_bits=1):
    made = FilterReplay(LIMITS, KINEMATICS, CONTRACT, 0)
    made.goal_id = 'ab'
    made.add_controller(SimpleNamespace(
        state=state, robot_mode=7, safety_mode=1, safety_status_bits=safety_bits, runtime_state=2
    ))
    for period, asked in enumerate(commands):
        made.add_command(SimpleNamespace(
            tick=20 * period, asked_rad=asked, sent_rad=asked, measured_rad=asked, limited=False
        ), period * 40_000_000)
    return made.figures()


def test_a_steady_motion_passes_and_a_fast_one_is_limited_by_name():
    steady = [HOME + 0.02 * period for period in range(5)]
    figures = replay(steady)
    assert (figures.commands, figures.passed) == (3, 3)
    fast = [HOME + np.array([0, 0, 0, 0, 0, 0.1 * period]) for period in range(5)]
    figures = replay(fast)
    assert (figures.limited, figures.stopped) == (3, 0)
    assert figures.reasons == {'velocity': 3}
    assert figures.event_count == 1
    assert (figures.events[0].severity, figures.events[0].goal_id) == ('LIMIT', 'ab')


def test_a_robot_that_is_not_well_is_stopped_by_name():
    figures = replay([HOME] * 4, safety_bits=0b101)
    assert (figures.stopped, figures.reasons) == (2, {'safety_bits:protective_stop': 2})


def test_nothing_is_judged_while_the_controller_may_not_move():
    assert replay([HOME] * 4, state=5).commands == 0


def test_old_states_count_while_the_arm_may_move():
    made = FilterReplay(LIMITS, KINEMATICS, CONTRACT, 0)
    timing = SimpleNamespace(state_age_us=np.array([1e3, 60e3, 120e3]))
    made.add_timing(timing)
    assert made.figures().stale_ticks == 0
    made.add_controller(SimpleNamespace(
        state=3, robot_mode=7, safety_mode=1, safety_status_bits=1, runtime_state=2
    ))
    made.add_timing(timing)
    assert (made.figures().stale_ticks, made.figures().stale_stop_ticks) == (2, 1)


def watched(position, velocity, *, state=3, safety_bits=1):
    made = MonitorReplay(LIMITS.monitor, KINEMATICS, 0)
    made.add_controller(SimpleNamespace(
        state=state, robot_mode=7, safety_mode=1, safety_status_bits=safety_bits, runtime_state=1
    ))
    for row, (at, speed) in enumerate(zip(position, velocity, strict=True)):
        made.add_joints(SimpleNamespace(position=at, velocity=speed), 20_000_000 * row)
    return made.figures()


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.01, 0.3, 1.0]))
def test_the_monitor_run_on_many_states_says_what_it_says_to_each(seed, spread):
    rng = np.random.default_rng(seed)
    position = HOME + spread * rng.normal(size=(20, 6))
    velocity = spread * 2.0 * rng.normal(size=(20, 6))
    expected = 0
    for at, speed in zip(position, velocity, strict=True):
        state = RobotState(0.0, 0, at, speed, 7, 1, 1, 1, 1.0)
        expected += bool(Monitor(LIMITS.monitor, KINEMATICS).check(state, 0))
    assert watched(position, velocity).violating == expected


def test_a_run_of_states_outside_a_limit_is_one_stop():
    velocity = np.zeros((6, 6))
    velocity[2:4, 5] = velocity[5, 5] = 3.0
    figures = watched([HOME] * 6, velocity)
    assert (figures.states, figures.violating, figures.event_count) == (6, 3, 2)
    assert figures.reasons == {'joint_speed:wrist_3_joint': 3}
    assert figures.events[0].time_s == 0.04
    assert watched([HOME] * 6, velocity, state=1).states == 0
    assert watched([HOME] * 3, np.full((3, 6), np.nan)).reasons == {'finite': 3}
    assert watched([HOME] * 2, np.zeros((2, 6)), safety_bits=0b101).event_count == 1
