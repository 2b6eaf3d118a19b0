"""The observation says what it claims, and its vectors turn with the arm."""

import dataclasses

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
import numpy as np
from perl_core.contract import OBSERVATION, OBSERVATION_SIZE, Contract, slice_bounds
from perl_core.kinematics import Kinematics, Pose
from perl_core.observation import build_observation, reach_errors
from perl_core.rotation import rotation_from_vector
import pytest

AT = slice_bounds(OBSERVATION)
KINEMATICS = Kinematics()
CONTRACT = Contract()
ON_AXIS = Contract(workspace_centre_base_m=(0.0, 0.0, 0.3))
TOLERANCE = 5e-6  # float32 of numbers up to 2 pi

joint_positions = arrays(float, 6, elements=st.floats(-np.pi, np.pi))
joint_rates = arrays(float, 6, elements=st.floats(-2.0, 2.0))
positions_m = arrays(float, 3, elements=st.floats(-0.8, 0.8))
# The rotation that is left is unique only short of half a turn.
rotations_rad = arrays(float, 3, elements=st.floats(-1.7, 1.7))


class TurnedKinematics(Kinematics):
    """An arm whose base was turned about a point: everything it reaches is turned alike."""

    def __init__(self, turn, centre_m):
        super().__init__()
        self._turn, self._centre_m = turn, centre_m

    def tool_pose_and_jacobian(self, joint_position_rad):
        pose, jacobian = super().tool_pose_and_jacobian(joint_position_rad)
        return turned_pose(pose, self._turn, self._centre_m), np.vstack(
            (self._turn @ jacobian[:3], self._turn @ jacobian[3:])
        )


def turned_pose(pose, turn, centre_m):
    return Pose(centre_m + turn @ (pose.position_m - centre_m), turn @ pose.rotation)


def goal_from(joints_rad, position_m, left_rad):
    """A goal at a known rotation from the tool."""
    tool = KINEMATICS.tool_pose(joints_rad)
    return Pose(position_m, rotation_from_vector(left_rad) @ tool.rotation)


def vectors_of(observation):
    return observation[:15].reshape(5, 3)


@given(joint_positions, joint_rates, positions_m, rotations_rad, rotations_rad)
def test_turning_arm_and_goal_about_the_centre_turns_the_vectors(
    joints_rad, rates_rad_s, position_m, left_rad, turn_rad
):
    turn, centre_m = rotation_from_vector(turn_rad), np.array(CONTRACT.workspace_centre_base_m)
    goal = goal_from(joints_rad, position_m, left_rad)
    before = build_observation(joints_rad, rates_rad_s, goal, KINEMATICS, CONTRACT)
    after = build_observation(
        joints_rad, rates_rad_s, turned_pose(goal, turn, centre_m),
        TurnedKinematics(turn, centre_m), CONTRACT,
    )
    np.testing.assert_allclose(vectors_of(after), vectors_of(before) @ turn.T, atol=TOLERANCE)
    np.testing.assert_array_equal(after[15:], before[15:])


@given(joint_positions, joint_rates, positions_m, rotations_rad, st.floats(-np.pi, np.pi))
def test_turning_the_first_joint_turns_the_vectors_when_the_centre_is_on_the_axis(
    joints_rad, rates_rad_s, position_m, left_rad, angle_rad
):
    turn = rotation_from_vector(np.array((0.0, 0.0, angle_rad)))
    goal = goal_from(joints_rad, position_m, left_rad)
    before = build_observation(joints_rad, rates_rad_s, goal, KINEMATICS, ON_AXIS)
    shifted_rad = joints_rad + np.array((angle_rad, 0.0, 0.0, 0.0, 0.0, 0.0))
    after = build_observation(
        shifted_rad, rates_rad_s, turned_pose(goal, turn, np.zeros(3)), KINEMATICS, ON_AXIS
    )
    np.testing.assert_allclose(vectors_of(after), vectors_of(before) @ turn.T, atol=TOLERANCE)


@given(joint_positions, joint_rates, positions_m, rotations_rad)
def test_every_slice_says_what_its_name_says(joints_rad, rates_rad_s, position_m, left_rad):
    goal = goal_from(joints_rad, position_m, left_rad)
    observation = build_observation(joints_rad, rates_rad_s, goal, KINEMATICS, CONTRACT)
    tool, jacobian = KINEMATICS.tool_pose_and_jacobian(joints_rad)
    expected = {
        'tool_position_from_centre_base_m': tool.position_m - CONTRACT.workspace_centre_base_m,
        'position_error_base_m': position_m - tool.position_m,
        'tool_velocity_base_m_s': jacobian[:3] @ rates_rad_s,
        'tool_angular_velocity_base_rad_s': jacobian[3:] @ rates_rad_s,
        'rotation_error_base_rad': left_rad,
        'joint_sine': np.sin(joints_rad),
        'joint_cosine': np.cos(joints_rad),
        'joint_position_rad': joints_rad,
        'joint_velocity_rad_s': rates_rad_s,
    }
    assert list(expected) == [part.name for part in OBSERVATION]
    assert observation.shape == (OBSERVATION_SIZE,)
    assert observation.dtype == np.float32
    for name, value in expected.items():
        np.testing.assert_allclose(observation[AT[name]], value, atol=TOLERANCE, err_msg=name)


@given(joint_positions, joint_rates, positions_m, rotations_rad)
def test_the_errors_are_read_from_the_observation(joints_rad, rates_rad_s, position_m, left_rad):
    goal = goal_from(joints_rad, position_m, left_rad)
    observation = build_observation(joints_rad, rates_rad_s, goal, KINEMATICS, CONTRACT)
    errors = reach_errors(observation)
    tool = KINEMATICS.tool_pose(joints_rad)
    distance_m = np.linalg.norm(goal.position_m - tool.position_m)
    assert errors.position_m == pytest.approx(distance_m, abs=TOLERANCE)
    assert errors.rotation_rad == pytest.approx(np.linalg.norm(left_rad), abs=TOLERANCE)
    batch = reach_errors(np.stack((observation, observation)))
    np.testing.assert_allclose(batch.position_m, errors.position_m)


def test_at_the_goal_nothing_is_left():
    joints_rad = np.array(CONTRACT.home_rad)
    goal = KINEMATICS.tool_pose(joints_rad)
    observation = build_observation(joints_rad, np.zeros(6), goal, KINEMATICS, CONTRACT)
    assert reach_errors(observation) == (0.0, pytest.approx(0.0, abs=1e-7))


def test_the_centre_is_that_of_the_contract():
    joints_rad = np.array(CONTRACT.home_rad)
    goal = KINEMATICS.tool_pose(joints_rad)
    moved = dataclasses.replace(CONTRACT, workspace_centre_base_m=(0.0, 0.0, 0.0))
    observation = build_observation(joints_rad, np.zeros(6), goal, KINEMATICS, moved)
    np.testing.assert_allclose(observation[:3], goal.position_m, atol=1e-7)
