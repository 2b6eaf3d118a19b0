"""The command words of ur_rtde's control script that steer the tool, as a table."""

import numpy as np
from perl_core.rotation import rotation_from_vector
from perl_sim.ur_controller.actions import require_finite
from perl_sim.ur_controller.performer import Routine
from perl_sim.ur_controller.script_commands import pace_in_registers, servo_arguments, travel
from perl_sim.ur_controller.script_machine import Command, ScriptMachine
from perl_sim.ur_controller.tool_motions import ServoC, SpeedL

JOG_STOP_M_S2 = 1.2
"""Source: rtde_control.script, stop_jog."""
BASE, TOOL, CUSTOM = 0.0, 1.0, 2.0
"""Features of jogging. Source: rtde_control.script."""


def _is_asynchronous(script: ScriptMachine) -> bool:
    return script.registers.integer(1) == 1


def _move_j_to_pose(script: ScriptMachine) -> Routine | None:
    actions = script.actions
    joints_rad = actions.solve(script.registers.vector(), script.arm.reference.position_rad)
    leg = actions.joint_leg(joints_rad, pace_in_registers(script))
    return travel(script, [leg], _is_asynchronous(script))


def _move_l_to(script: ScriptMachine, pose: np.ndarray) -> Routine | None:
    leg = script.actions.tool_leg(pose, pace_in_registers(script))
    return travel(script, [leg], _is_asynchronous(script))


def _move_l(script: ScriptMachine) -> Routine | None:
    return _move_l_to(script, script.registers.vector())


def _move_l_to_joints(script: ScriptMachine) -> Routine | None:
    joints_rad = script.registers.vector()
    script.actions.require_target(joints_rad)
    return _move_l_to(script, script.tool.pose(joints_rad))


def steer(script: ScriptMachine, twist: np.ndarray, acceleration_m_s2: float) -> None:
    """Move the tool with this velocity until something else is asked for."""
    require_finite(np.append(twist, acceleration_m_s2))
    motion = SpeedL(script.tool, twist, acceleration_m_s2)
    script.keep_doing(lambda: script.arm.begin(motion))


def _speed_l(script: ScriptMachine) -> None:
    script.speeds_are_linear = True
    steer(script, script.registers.vector(), script.registers.double(6))


def _servo_l(script: ScriptMachine) -> None:
    pose, arguments = script.registers.vector(), servo_arguments(script)
    target_rad = script.actions.solve(pose, script.arm.reference.position_rad)
    script.keep_doing(lambda: script.arm.servo_j(target_rad, *arguments))


def _servo_c(script: ScriptMachine) -> None:
    # The blend radius of the last argument has no effect here: the tool goes on its way as soon
    # as a new target comes.
    registers = script.registers
    pose = registers.vector()
    require_finite(registers.vector(0, 9))
    script.actions.solve(pose, script.arm.reference.position_rad)
    motion = ServoC(script.tool, registers.double(6), registers.double(7))
    motion.target = pose
    script.keep_doing(lambda: script.arm.begin(motion))


def _jog_start(script: ScriptMachine) -> None:
    registers = script.registers
    speeds, feature = registers.vector(), registers.double(6)
    require_finite(registers.vector(0, 14))
    if feature == TOOL:
        rotation = rotation_from_vector(script.tool.pose(script.arm.position_rad)[3:])
    elif feature == CUSTOM:
        rotation = rotation_from_vector(registers.vector(8)[3:])
    else:
        rotation = np.eye(3)
    twist = np.concatenate((rotation @ speeds[:3], rotation @ speeds[3:]))
    steer(script, twist, registers.double(7))


def _jog_stop(script: ScriptMachine) -> Routine:
    return script.perform(script.actions.stopping(JOG_STOP_M_S2, linear=True))


TOOL_COMMANDS = {
    2: Command('moveJ_IK', _move_j_to_pose),
    3: Command('moveL', _move_l),
    4: Command('moveL_FK', _move_l_to_joints),
    10: Command('speedL', _speed_l, every_step=True),
    12: Command('servoC', _servo_c),
    24: Command('servoL', _servo_l, every_step=True),
    41: Command('jogStart', _jog_start),
    42: Command('jogStop', _jog_stop),
}
"""What is emulated of them, by command word (ur_rtde rtde.h)."""
