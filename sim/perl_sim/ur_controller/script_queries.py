"""The command words of ur_rtde's control script that ask something and move nothing."""

import numpy as np
from perl_sim.ur_controller.actions import require_finite
from perl_sim.ur_controller.motions import TICK_S
from perl_sim.ur_controller.script_machine import Command, ScriptMachine
from perl_sim.ur_controller.tool import Tool, pose_trans


def _step_time(script: ScriptMachine) -> None:
    script.registers.write_vector(np.array((TICK_S,)))


def _position_history(script: ScriptMachine) -> None:
    script.registers.write_vector(script.arm.past_position_rad(script.registers.integer(1)))


def _target_waypoint(script: ScriptMachine) -> None:
    # The robot answers with the pose that the present move goes to.
    script.registers.write_vector(script.tool.pose(script.actions.waypoint_rad))


def _pose_within_limits(script: ScriptMachine) -> None:
    script.registers.write_integer(1, script.actions.is_pose_safe(script.registers.vector()))


def _joints_within_limits(script: ScriptMachine) -> None:
    script.registers.write_integer(1, script.actions.are_joints_safe(script.registers.vector()))


def _joint_torques(script: ScriptMachine) -> None:
    # On the robot: torques without those that carry the arm's own weight.
    script.registers.write_vector(script.arm.drive_torque_n_m)


def _tcp_offset(script: ScriptMachine) -> None:
    script.registers.write_vector(script.tool.offset)


def _tcp_pose(script: ScriptMachine) -> None:
    script.registers.write_vector(script.tool.pose(script.arm.position_rad))


def _tcp_pose_of(script: ScriptMachine) -> None:
    # ur_rtde 1.6.5 does not always send the tool offset in doubles 6 to 11: then the answer is
    # that of an older command's numbers, on the robot as here.
    joints_rad, offset = script.registers.vector(), script.registers.vector(6)
    require_finite(np.append(joints_rad, offset))
    tool = Tool(script.arm.kinematics)
    tool.mount(offset)
    script.registers.write_vector(tool.pose(joints_rad))


def _is_steady(script: ScriptMachine) -> None:
    script.registers.write_integer(1, script.arm.is_steady)


def _flange_pose(script: ScriptMachine) -> None:
    script.registers.write_vector(script.tool.flange_pose(script.arm.position_rad))


def _inverse(script: ScriptMachine) -> None:
    pose = script.registers.vector()
    script.registers.write_vector(script.actions.solve(pose, script.arm.position_rad))


def _inverse_near(script: ScriptMachine) -> None:
    pose, near_rad, tolerance = _pose_near(script)
    script.registers.write_vector(script.actions.solve(pose, near_rad, tolerance))


def _has_inverse(script: ScriptMachine) -> None:
    found = script.actions.find(script.registers.vector(), script.arm.position_rad)
    script.registers.write_integer(1, found is not None)


def _has_inverse_near(script: ScriptMachine) -> None:
    pose, near_rad, tolerance = _pose_near(script)
    found = script.actions.find(pose, near_rad, tolerance)
    script.registers.write_integer(1, found is not None)


def _pose_near(script: ScriptMachine) -> tuple[np.ndarray, np.ndarray, tuple[float, float]]:
    registers = script.registers
    require_finite(registers.vector(0, 14))
    tolerance = registers.double(12), registers.double(13)
    return registers.vector(), registers.vector(6), tolerance


def _pose_trans(script: ScriptMachine) -> None:
    first, second = script.registers.vector(), script.registers.vector(6)
    require_finite(np.append(first, second))
    script.registers.write_vector(pose_trans(first, second))


def _mass_matrix(script: ScriptMachine) -> None:
    # The script asks for the matrix of the present joint angles, whatever the client says.
    script.registers.write_matrix(script.actions.mass_matrix())


def _coriolis(script: ScriptMachine) -> None:
    script.registers.write_vector(script.actions.coriolis_torques_n_m())


def _target_accelerations(script: ScriptMachine) -> None:
    script.registers.write_vector(script.arm.reference_acceleration_rad_s2)


def _jacobian(script: ScriptMachine) -> None:
    script.registers.write_matrix(script.actions.jacobian())


def _jacobian_derivative(script: ScriptMachine) -> None:
    script.registers.write_matrix(script.actions.jacobian_derivative())


QUERIES = {
    26: Command('getStepTime', _step_time, every_step=True),
    27: Command('getActualJointPositionsHistory', _position_history, every_step=True),
    28: Command('getTargetWaypoint', _target_waypoint),
    30: Command('getInverseKinematics(x, qnear)', _inverse_near),
    36: Command('isPoseWithinSafetyLimits', _pose_within_limits),
    37: Command('isJointsWithinSafetyLimits', _joints_within_limits),
    38: Command('getJointTorques', _joint_torques, every_step=True),
    39: Command('poseTrans', _pose_trans),
    40: Command('getTCPOffset', _tcp_offset),
    43: Command('getForwardKinematics()', _tcp_pose),
    44: Command('getForwardKinematics(q, tcp_offset)', _tcp_pose_of),
    46: Command('getInverseKinematics(x)', _inverse),
    47: Command('isSteady', _is_steady),
    58: Command('getActualToolFlangePose', _flange_pose, every_step=True),
    60: Command('getInverseKinematicsHasSolution(x)', _has_inverse, since=(5, 10)),
    61: Command('getInverseKinematicsHasSolution(x, qnear)', _has_inverse_near, since=(5, 10)),
    67: Command('getMassMatrix', _mass_matrix, every_step=True, since=(5, 23)),
    68: Command('getCoriolisAndCentrifugalTorques', _coriolis, every_step=True, since=(5, 23)),
    69: Command('getTargetJointAccelerations', _target_accelerations, every_step=True,
                since=(5, 23)),
    70: Command('getJacobian', _jacobian, every_step=True, since=(5, 23)),
    71: Command('getJacobianTimeDerivative', _jacobian_derivative, every_step=True,
                since=(5, 23)),
}
"""What is emulated of them, by command word (ur_rtde rtde.h)."""
