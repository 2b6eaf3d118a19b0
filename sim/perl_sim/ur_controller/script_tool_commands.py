"""The command words of ur_rtde's control script that speak of the tool's pose, as a table."""

import numpy as np
from perl_sim.ur_controller.script_commands import (
    move_to_joints,
    pace_in_registers,
    require_finite,
    require_target,
    servo_arguments,
    travel,
)
from perl_sim.ur_controller.script_machine import Command, ScriptError, ScriptMachine
from perl_sim.ur_controller.tool import pose_trans
from perl_sim.ur_controller.tool_motions import SpeedL
from perl_sim.ur_controller.ways import tool_leg


def _solve(script: ScriptMachine, pose: np.ndarray, near_rad: np.ndarray) -> np.ndarray:
    require_finite(pose)
    joints_rad = script.tool.joints_for(pose, near_rad)
    if joints_rad is None:
        raise ScriptError(f'no joint angles found for the pose {pose.round(4).tolist()}')
    return joints_rad


def _has_solution(script: ScriptMachine, near_rad: np.ndarray) -> None:
    pose = script.registers.vector()
    require_finite(pose)
    script.registers.write_integer(1, script.tool.joints_for(pose, near_rad) is not None)


def _move_j_to_pose(script: ScriptMachine) -> None:
    pose = script.registers.vector()
    move_to_joints(script, _solve(script, pose, script.arm.reference.position_rad))


def _move_l_to(script: ScriptMachine, pose: np.ndarray) -> None:
    pace = pace_in_registers(script)
    script.waypoint_rad = _solve(script, pose, script.arm.reference.position_rad)
    travel(script, tool_leg(script.tool, pose, pace))


def _move_l(script: ScriptMachine) -> None:
    _move_l_to(script, script.registers.vector())


def _move_l_to_joints(script: ScriptMachine) -> None:
    joints_rad = script.registers.vector()
    require_target(joints_rad)
    _move_l_to(script, script.tool.pose(joints_rad))


def _speed_l(script: ScriptMachine) -> None:
    twist, acceleration_m_s2 = script.registers.vector(), script.registers.double(6)
    require_finite(np.append(twist, acceleration_m_s2))
    motion = SpeedL(script.tool, twist, acceleration_m_s2)
    script.keep_doing(lambda: script.arm.begin(motion))


def _servo_l(script: ScriptMachine) -> None:
    pose, arguments = script.registers.vector(), servo_arguments(script)
    target_rad = _solve(script, pose, script.arm.reference.position_rad)
    script.keep_doing(lambda: script.arm.servo_j(target_rad, *arguments))


def _inverse(script: ScriptMachine) -> None:
    pose = script.registers.vector()
    script.registers.write_vector(_solve(script, pose, script.arm.position_rad))


def _inverse_near(script: ScriptMachine) -> None:
    pose, near_rad = script.registers.vector(), script.registers.vector(6)
    require_target(near_rad)
    script.registers.write_vector(_solve(script, pose, near_rad))


def _has_inverse(script: ScriptMachine) -> None:
    _has_solution(script, script.arm.position_rad)


def _has_inverse_near(script: ScriptMachine) -> None:
    near_rad = script.registers.vector(6)
    require_target(near_rad)
    _has_solution(script, near_rad)


def _pose_trans(script: ScriptMachine) -> None:
    first, second = script.registers.vector(), script.registers.vector(6)
    require_finite(np.append(first, second))
    script.registers.write_vector(pose_trans(first, second))


TOOL_COMMANDS = {
    2: Command('moveJ_IK', _move_j_to_pose),
    3: Command('moveL', _move_l),
    4: Command('moveL_FK', _move_l_to_joints),
    10: Command('speedL', _speed_l, every_step=True),
    24: Command('servoL', _servo_l, every_step=True),
    30: Command('getInverseKinematics(x, qnear)', _inverse_near),
    36: Command('isPoseWithinSafetyLimits', _has_inverse),
    39: Command('poseTrans', _pose_trans),
    46: Command('getInverseKinematics(x)', _inverse),
    60: Command('getInverseKinematicsHasSolution(x)', _has_inverse),
    61: Command('getInverseKinematicsHasSolution(x, qnear)', _has_inverse_near),
}
"""What is emulated of them, by command word (ur_rtde rtde.h)."""
