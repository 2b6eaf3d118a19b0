"""Forward kinematics against published poses, the Jacobian against finite differences."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
import numpy as np
from perl_core.kinematics import UR5E_NOMINAL, DHParameters, Kinematics
from perl_core.rotation import rotation_from_vector, vector_from_rotation
import pytest

STEP_RAD = 1e-6
joint_positions = arrays(float, 6, elements=st.floats(-2 * np.pi, 2 * np.pi))
deviations = arrays(float, (4, 6), elements=st.floats(-0.01, 0.01))


def calibrated(deviation):
    return Kinematics(DHParameters(*(np.array(UR5E_NOMINAL) + deviation)))


@given(joint_positions, deviations)
def test_the_jacobian_is_the_derivative_of_the_pose(joints_rad, deviation):
    kinematics = calibrated(deviation)
    pose, jacobian = kinematics.tool_pose_and_jacobian(joints_rad)
    for joint in range(6):
        step = np.zeros(6)
        step[joint] = STEP_RAD
        ahead, behind = (kinematics.tool_pose(joints_rad + sign * step) for sign in (1.0, -1.0))
        linear = (ahead.position_m - behind.position_m) / (2 * STEP_RAD)
        angular = vector_from_rotation(ahead.rotation @ behind.rotation.T) / (2 * STEP_RAD)
        np.testing.assert_allclose(jacobian[:3, joint], linear, atol=1e-7)
        np.testing.assert_allclose(jacobian[3:, joint], angular, atol=1e-7)
    np.testing.assert_array_equal(pose.position_m, kinematics.tool_pose(joints_rad).position_m)


def test_the_stretched_arm_is_as_long_as_its_links():
    pose = Kinematics().tool_pose(np.zeros(6))
    np.testing.assert_allclose(
        pose.position_m, (-0.425 - 0.3922, -0.1333 - 0.0996, 0.1625 - 0.0997), atol=1e-12
    )


def test_the_upright_arm_is_as_high_as_its_links():
    pose = Kinematics().tool_pose(np.array((0.0, -np.pi / 2, 0.0, -np.pi / 2, 0.0, 0.0)))
    np.testing.assert_allclose(
        pose.position_m, (0.0, -0.1333 - 0.0996, 0.1625 + 0.425 + 0.3922 + 0.0997), atol=1e-12
    )


@given(joint_positions, st.floats(-np.pi, np.pi))
def test_turning_the_first_joint_turns_everything_about_the_base(joints_rad, angle_rad):
    kinematics = Kinematics()
    turn = rotation_from_vector(np.array((0.0, 0.0, angle_rad)))
    before, jacobian = kinematics.tool_pose_and_jacobian(joints_rad)
    joints_rad = joints_rad + np.array((angle_rad, 0.0, 0.0, 0.0, 0.0, 0.0))
    after, turned_jacobian = kinematics.tool_pose_and_jacobian(joints_rad)
    np.testing.assert_allclose(after.position_m, turn @ before.position_m, atol=1e-12)
    np.testing.assert_allclose(after.rotation, turn @ before.rotation, atol=1e-12)
    np.testing.assert_allclose(turned_jacobian[:3], turn @ jacobian[:3], atol=1e-12)
    np.testing.assert_allclose(turned_jacobian[3:], turn @ jacobian[3:], atol=1e-12)


@given(joint_positions)
def test_every_frame_is_a_rigid_motion(joints_rad):
    frames = Kinematics().frames(joints_rad)
    assert frames.shape == (7, 4, 4)
    for frame in frames:
        np.testing.assert_allclose(frame[:3, :3] @ frame[:3, :3].T, np.eye(3), atol=1e-12)
        assert np.linalg.det(frame[:3, :3]) == pytest.approx(1.0)
        np.testing.assert_array_equal(frame[3], (0.0, 0.0, 0.0, 1.0))


def test_an_earlier_pose_is_not_overwritten_by_a_later_one():
    kinematics = Kinematics()
    first = kinematics.tool_pose(np.zeros(6))
    kept = first.position_m.copy()
    kinematics.tool_pose(np.ones(6))
    np.testing.assert_array_equal(first.position_m, kept)
