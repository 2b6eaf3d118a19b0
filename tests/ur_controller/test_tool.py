"""Tool motions and inverse kinematics of the emulated arm."""

from hypothesis import assume, given, settings
from hypothesis import strategies as st
import numpy as np
from perl_core.contract import Contract
from perl_core.errors import RobotError
from perl_sim.ur_controller.motions import Reference
from perl_sim.ur_controller.tool import Tool, pose_from_vector, pose_trans
from perl_sim.ur_controller.tool_motions import SpeedL
from perl_sim.ur_controller.ways import Pace, Travel, tool_leg
import pytest

HOME_RAD = np.array(Contract().home_rad)
NEAR = st.lists(st.floats(-0.4, 0.4), min_size=6, max_size=6).map(np.array)
OFFSETS = st.lists(st.floats(-0.3, 0.3), min_size=6, max_size=6).map(np.array)


def mounted(offset):
    tool = Tool()
    tool.mount(offset)
    return tool


@settings(max_examples=40)
@given(change=NEAR, offset=OFFSETS)
def test_inverse_kinematics_gives_the_pose_back(change, offset):
    tool = mounted(offset)
    target = tool.pose(HOME_RAD + change)
    joints_rad = tool.joints_for(target, HOME_RAD)
    assume(joints_rad is not None)
    np.testing.assert_allclose(tool.pose(joints_rad)[:3], target[:3], atol=1e-6)


@settings(max_examples=40)
@given(change=NEAR, offset=OFFSETS, velocity=NEAR)
def test_the_jacobian_of_a_mounted_tool_is_its_derivative(change, offset, velocity):
    tool, joints_rad, step = mounted(offset), HOME_RAD + change, 1e-6
    _, speed = tool.pose_and_speed(joints_rad, velocity)
    before = tool.pose(joints_rad - step * velocity)[:3]
    after = tool.pose(joints_rad + step * velocity)[:3]
    np.testing.assert_allclose(speed[:3], (after - before) / (2 * step), atol=1e-6)


@given(offset=OFFSETS)
def test_the_pose_is_the_flange_then_the_offset(offset):
    tool = mounted(offset)
    expected = pose_from_vector(pose_trans(tool.flange_pose(HOME_RAD), offset))
    came = pose_from_vector(tool.pose(HOME_RAD))
    np.testing.assert_allclose(came.position_m, expected.position_m, atol=1e-9)
    np.testing.assert_allclose(came.rotation, expected.rotation, atol=1e-9)


def test_a_pose_out_of_reach_has_no_solution():
    assert Tool().joints_for(np.array((3.0, 0, 0, 0, 0, 0)), HOME_RAD) is None


def test_move_l_keeps_to_its_line_and_arrives():
    tool = Tool()
    start = tool.pose(HOME_RAD)
    target = start + np.array((0.05, 0.1, -0.1, 0.0, 0.0, 0.0))
    motion = Travel(tool, [tool_leg(tool, target, Pace(0.25, 1.2))])
    reference = Reference(HOME_RAD, np.zeros(6))
    direction = (target - start)[:3] / np.linalg.norm((target - start)[:3])
    for _ in range(2000):
        reference = motion.step(reference, 1.0)
        way = tool.pose(reference.position_rad)[:3] - start[:3]
        assert np.linalg.norm(way - direction * (way @ direction)) < 1e-5
        if motion.done:
            break
    assert motion.done
    np.testing.assert_allclose(tool.pose(reference.position_rad)[:3], target[:3], atol=1e-6)


def test_move_l_out_of_reach_says_so():
    target = Tool().pose(HOME_RAD) + np.array((-2.0, 0, 0, 0, 0, 0))
    tool = Tool()
    motion = Travel(tool, [tool_leg(tool, target, Pace(3.0, 50.0))])
    reference = Reference(HOME_RAD, np.zeros(6))
    with pytest.raises(RobotError, match='out of reach'):
        for _ in range(2000):
            reference = motion.step(reference, 1.0)


def test_speed_l_reaches_its_tool_speed():
    tool, twist = Tool(), np.array((0.0, 0.05, 0.0, 0.0, 0.0, 0.0))
    motion, reference = SpeedL(tool, twist, 0.5), Reference(HOME_RAD, np.zeros(6))
    for _ in range(200):
        reference = motion.step(reference, 1.0)
    _, speed = tool.pose_and_speed(*reference)
    np.testing.assert_allclose(speed, twist, atol=1e-4)
