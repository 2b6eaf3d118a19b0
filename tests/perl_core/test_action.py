"""What the robot is asked to do stays within its limits, whatever the policy says."""

from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
import numpy as np
from perl_core import action as planning
from perl_core.action import (
    HOMING_SPEED_RAD_S,
    MAX_JOINT_JERK_RAD_S3,
    Command,
    clip_radially,
    damped_least_squares,
    homing_velocity_target,
    joint_velocity_target,
    plan_segment,
    stoppable_velocity,
)
from perl_core.contract import Contract
from perl_core.kinematics import Kinematics
import pytest

CONTRACT = Contract()
KINEMATICS = Kinematics()
LOWER_RAD, UPPER_RAD = np.array(CONTRACT.joint_lower_rad), np.array(CONTRACT.joint_upper_rad)
ROUNDING_RAD = 1e-9
HOME = Command(np.array(CONTRACT.home_rad), np.zeros(6))

actions = arrays(float, 6, elements=st.floats(-5.0, 5.0))
rates_rad_s = arrays(
    float,
    6,
    elements=st.floats(-CONTRACT.max_joint_speed_rad_s, CONTRACT.max_joint_speed_rad_s),
)
fractions = arrays(float, 6, elements=st.floats(0.0, 1.0))
phases = st.lists(st.tuples(actions, st.integers(1, 30)), min_size=1, max_size=6)


def follow(command, action):
    target = joint_velocity_target(action, command, KINEMATICS, CONTRACT)
    return plan_segment(target, command, CONTRACT)


def brake(command):
    positions_rad = []
    while np.any(command.velocity_rad_s):
        segment = plan_segment(np.zeros(6), command, CONTRACT)
        positions_rad.append(segment.position_rad)
        command = segment.last
    return np.concatenate(positions_rad) if positions_rad else command.position_rad[None]


def beyond_limits_rad(positions_rad):
    return max((LOWER_RAD - positions_rad).max(), (positions_rad - UPPER_RAD).max())


@given(fractions, phases)
@settings(max_examples=60, deadline=None)
def test_no_action_sequence_leaves_the_joint_limits_even_when_braked_afterwards(start, sequence):
    command = Command(LOWER_RAD + start * (UPPER_RAD - LOWER_RAD), np.zeros(6))
    for action, periods in sequence:
        for _ in range(periods):
            segment = follow(command, action)
            command = segment.last
            assert beyond_limits_rad(segment.position_rad) <= ROUNDING_RAD
    assert beyond_limits_rad(brake(command)) <= ROUNDING_RAD


@given(st.integers(0, 5), st.sampled_from((-1.0, 1.0)), st.floats(0.0, 0.6), st.floats(0.0, 2.0))
@settings(max_examples=200, deadline=None)
@example(joint=2, sign=1.0, room_rad=0.2, speed_rad_s=2.0)
def test_the_fastest_target_stops_before_the_limit(joint, sign, room_rad, speed_rad_s):
    limit_rad = UPPER_RAD if sign > 0 else LOWER_RAD
    command = Command(limit_rad - sign * 10.0, np.zeros(6))
    command.velocity_rad_s[joint] = sign * speed_rad_s
    stopping_rad = np.abs(brake(command)[-1] - command.position_rad)
    command = command._replace(position_rad=limit_rad - sign * (stopping_rad + room_rad + 0.002))
    target = np.zeros(6)
    target[joint] = sign * CONTRACT.max_joint_speed_rad_s
    beyond_rad = []
    for _ in range(20):
        segment = plan_segment(stoppable_velocity(target, command, CONTRACT), command, CONTRACT)
        beyond_rad.append((sign * (segment.position_rad - limit_rad))[:, joint].max())
        beyond_rad.append((sign * (brake(segment.last) - limit_rad))[:, joint].max())
        command = segment.last
    assert max(beyond_rad) <= ROUNDING_RAD


@given(rates_rad_s, fractions, rates_rad_s)
@example(np.zeros(6), np.zeros(6), np.full(6, -0.05))
@settings(deadline=None)
def test_a_segment_is_continuous_and_within_its_limits(now_rad_s, accelerating, target_rad_s):
    most = CONTRACT.max_joint_acceleration_rad_s2
    command = Command(HOME.position_rad, now_rad_s, most * (2.0 * accelerating - 1.0))
    segment = plan_segment(target_rad_s, command, CONTRACT)
    velocity = np.vstack((now_rad_s, segment.velocity_rad_s))
    position = np.vstack((command.position_rad, segment.position_rad))
    dt = CONTRACT.control_period_s
    assert segment.position_rad.shape == (CONTRACT.substeps, 6)
    # What the acceleration of the start adds before the jerk has taken it away.
    overshoot = 0.5 * command.acceleration_rad_s2**2 / MAX_JOINT_JERK_RAD_S3
    assert (np.abs(velocity) <= CONTRACT.max_joint_speed_rad_s + overshoot + 1e-12).all()
    acceleration = np.vstack((command.acceleration_rad_s2, segment.acceleration_rad_s2))
    assert np.abs(acceleration).max() <= most * (1.0 + 1e-9)
    jerk = np.abs(np.diff(acceleration, axis=0)) / dt
    assert jerk.max() <= MAX_JOINT_JERK_RAD_S3 * (1.0 + 1e-6)
    np.testing.assert_allclose(
        np.diff(velocity, axis=0), segment.acceleration_rad_s2 * dt, atol=1e-12
    )
    np.testing.assert_allclose(np.diff(position, axis=0), segment.velocity_rad_s * dt, atol=1e-15)


@given(rates_rad_s)
def test_a_reachable_target_is_reached_and_held(now_rad_s):
    step = 0.4 * CONTRACT.max_joint_acceleration_rad_s2 * CONTRACT.policy_period_s
    segment = plan_segment(now_rad_s + step, Command(HOME.position_rad, now_rad_s), CONTRACT)
    np.testing.assert_allclose(segment.velocity_rad_s[-1], now_rad_s + step)
    np.testing.assert_allclose(segment.last.velocity_rad_s, segment.velocity_rad_s[-2])


@given(actions, fractions)
@settings(deadline=None)
def test_the_target_never_exceeds_the_joint_speed(action, place):
    command = Command(LOWER_RAD + place * (UPPER_RAD - LOWER_RAD), np.zeros(6))
    target = joint_velocity_target(action, command, KINEMATICS, CONTRACT)
    assert np.abs(target).max() <= CONTRACT.max_joint_speed_rad_s * (1.0 + 1e-12)


def test_a_small_action_moves_the_tool_as_it_says():
    action = np.array((0.1, -0.05, 0.1, 0.02, 0.0, -0.03))
    target = joint_velocity_target(action, HOME, KINEMATICS, CONTRACT)
    _, jacobian = KINEMATICS.tool_pose_and_jacobian(HOME.position_rad)
    np.testing.assert_allclose(jacobian @ target, action * CONTRACT.action_scale, atol=0.01)


def test_too_fast_a_twist_slows_all_joints_alike():
    _, jacobian = KINEMATICS.tool_pose_and_jacobian(HOME.position_rad)
    action = np.array((0.0, 0.0, 0.0, 0.6, 0.8, 0.0))
    slow = Contract(max_joint_speed_rad_s=0.2)
    free = damped_least_squares(jacobian, action * CONTRACT.action_scale, CONTRACT.damping)
    target = joint_velocity_target(action, HOME, KINEMATICS, slow)
    np.testing.assert_allclose(target, free * (0.2 / np.abs(free).max()))


def test_the_limit_can_be_reached():
    command = Command(UPPER_RAD - 0.5, np.zeros(6))
    for _ in range(50):
        target = stoppable_velocity(np.full(6, 2.0), command, CONTRACT)
        command = plan_segment(target, command, CONTRACT).last
    np.testing.assert_allclose(command.position_rad, UPPER_RAD, atol=5e-3)


@given(rates_rad_s, arrays(float, 6, elements=st.floats(-12.0, 12.0)), rates_rad_s, fractions)
def test_what_is_surely_stoppable_is(velocity, acceleration, wanted, place):
    position = LOWER_RAD + place * (UPPER_RAD - LOWER_RAD)
    command = Command(position, velocity, acceleration)
    if planning._surely_stoppable(wanted, command, CONTRACT):
        many = Command(*(part[None] for part in command))
        np.testing.assert_array_equal(stoppable_velocity(wanted[None], many, CONTRACT)[0], wanted)


@given(rates_rad_s, arrays(float, 6, elements=st.floats(-12.0, 12.0)), rates_rad_s, fractions)
def test_the_first_target_alone_is_that_of_the_plan(velocity, acceleration, wanted, place):
    command = Command(UPPER_RAD * place, velocity, acceleration)
    np.testing.assert_array_equal(
        planning.first_target_rad(wanted, command, CONTRACT),
        plan_segment(wanted, command, CONTRACT).position_rad[0],
    )


def test_an_arm_outside_its_limits_may_only_go_back():
    command = Command(UPPER_RAD + 0.05, np.zeros(6))
    outwards, inwards = np.full(6, 1.0), np.full(6, -1.0)
    np.testing.assert_array_equal(stoppable_velocity(outwards, command, CONTRACT), 0.0)
    np.testing.assert_array_equal(stoppable_velocity(inwards, command, CONTRACT), inwards)


@given(arrays(float, (6, 6), elements=st.floats(-2.0, 2.0)), actions)
def test_damped_least_squares_solves_the_normal_equations(jacobian, twist):
    damping = 0.05
    normal = jacobian.T @ jacobian + damping**2 * np.eye(6)
    expected = np.linalg.solve(normal, jacobian.T @ twist)
    rates = damped_least_squares(jacobian, twist, damping)
    np.testing.assert_allclose(rates, expected, rtol=1e-7, atol=1e-7)


@given(actions)
def test_clipping_is_radial(action):
    clipped = clip_radially(action).reshape(2, 3)
    for before, after in zip(action.reshape(2, 3), clipped, strict=True):
        norm = np.linalg.norm(before)
        assert np.linalg.norm(after) == pytest.approx(min(norm, 1.0), abs=1e-12)
        np.testing.assert_allclose(after * max(norm, 1.0), before, atol=1e-12)


@given(fractions)
@settings(max_examples=30, deadline=None)
def test_homing_comes_home_from_everywhere_slowly_and_within_limits(start):
    command = Command(LOWER_RAD + start * (UPPER_RAD - LOWER_RAD), np.zeros(6))
    for _ in range(round(10.0 * CONTRACT.policy_rate_hz)):
        segment = plan_segment(homing_velocity_target(command, CONTRACT), command, CONTRACT)
        assert beyond_limits_rad(segment.position_rad) <= ROUNDING_RAD
        assert np.abs(segment.velocity_rad_s).max() <= HOMING_SPEED_RAD_S + 1e-9
        command = segment.last
    assert np.abs(command.position_rad - HOME.position_rad).max() < 1e-3
