"""What each command word of ur_rtde's control script does here, as a table.

Arguments lie in the input registers as ur_rtde's recipes put them there. A target that the arm
cannot take is answered by a protective stop, as on the robot.
"""

import logging

import numpy as np
from perl_sim.ur_controller.arm import target_violation
from perl_sim.ur_controller.arm_model import MAX_PAYLOAD_KG
from perl_sim.ur_controller.motions import TICK_S
from perl_sim.ur_controller.script_machine import (
    Command,
    ImpossibleTargetError,
    ScriptError,
    ScriptMachine,
)
from perl_sim.ur_controller.ways import Leg, Pace, Travel, joint_leg

LOOKAHEAD_RANGE_S = (0.03, 0.2)
"""Source: UR script manual, servoj."""
GAIN_RANGE = (100.0, 2000.0)
"""Source: UR script manual, servoj."""
MAX_DECELERATION_RAD_S2 = 40.0
"""Source: ur_rtde's limit of joint accelerations."""
WATCHDOG_RANGE_HZ = (0.01, 500.0)
"""Own choice: from a write in 100 s to one in every tick."""
MAX_ARGUMENT = 1e6
"""Own choice: far beyond any length, angle, speed or mass, far below an overflow."""

_LOG = logging.getLogger(__name__)


def require_finite(numbers: np.ndarray | float) -> None:
    """Raise ImpossibleTargetError unless all numbers are finite, and none is absurd."""
    # Written so that what is no number is refused, too.
    if not np.all(np.abs(numbers) <= MAX_ARGUMENT):
        raise ImpossibleTargetError(f'an argument that is not finite or absurd: {numbers}')


def require_target(joints_rad: np.ndarray) -> None:
    """Raise ImpossibleTargetError unless the arm can have these joint angles."""
    reason = target_violation(joints_rad)
    if reason:
        raise ImpossibleTargetError(reason)


def servo_arguments(script: ScriptMachine) -> tuple[float, float]:
    """Return lookahead_time [s] and gain of servoJ and servoL, within their ranges."""
    lookahead_s, gain = script.registers.double(9), script.registers.double(10)
    # The order of max and min turns a number that is none into the lower bound.
    return (
        min(max(LOOKAHEAD_RANGE_S[0], lookahead_s), LOOKAHEAD_RANGE_S[1]),
        min(max(GAIN_RANGE[0], gain), GAIN_RANGE[1]),
    )


def move_to_joints(script: ScriptMachine, target_rad: np.ndarray) -> None:
    """Do moveJ with the speed, acceleration and asynchronous flag in the registers."""
    require_target(target_rad)
    script.waypoint_rad = target_rad
    travel(script, joint_leg(target_rad, pace_in_registers(script)))


def pace_in_registers(script: ScriptMachine) -> Pace:
    """Return the speed and acceleration of moveJ and moveL."""
    speed, acceleration = script.registers.vector(6, 2).tolist()
    require_finite(np.array((speed, acceleration)))
    return Pace(speed, acceleration)


def travel(script: ScriptMachine, leg: Leg) -> None:
    """Go one way, with the asynchronous flag in the registers."""
    motion = Travel(script.tool, [leg])

    def begin() -> None:
        motion.again()
        script.arm.begin(motion)

    script.move(begin, asynchronous=script.registers.integer(1) == 1)


def _move_j(script: ScriptMachine) -> None:
    move_to_joints(script, script.registers.vector())


def _servo_j(script: ScriptMachine) -> None:
    target_rad, arguments = script.registers.vector(), servo_arguments(script)
    require_target(target_rad)
    script.keep_doing(lambda: script.arm.servo_j(target_rad, *arguments))


def _speed_j(script: ScriptMachine) -> None:
    velocity_rad_s, acceleration_rad_s2 = script.registers.vector(), script.registers.double(6)
    require_finite(np.append(velocity_rad_s, acceleration_rad_s2))
    script.keep_doing(lambda: script.arm.speed_j(velocity_rad_s, acceleration_rad_s2))


def _stop(script: ScriptMachine, deceleration: float, linear: bool, asynchronous: bool) -> None:
    require_finite(deceleration)
    if linear:
        reference = script.arm.reference
        deceleration = script.tool.joint_deceleration(*reference, deceleration)
    deceleration_rad_s2 = min(deceleration, MAX_DECELERATION_RAD_S2)
    script.move(lambda: script.arm.stop_j(deceleration_rad_s2), asynchronous)


def _servo_stop(script: ScriptMachine) -> None:
    _stop(script, script.registers.double(0), linear=True, asynchronous=False)


def _speed_stop(script: ScriptMachine) -> None:
    _stop(script, script.registers.double(0), linear=False, asynchronous=False)


def _stop_j_or_l(script: ScriptMachine) -> None:
    # The script ignores which of the two was called: its stop_type is 0 (stopj) until the first
    # asynchronous stop sets it to 1 (stopl) for good.
    asynchronous = bool(script.registers.integer(1))
    script.stops_are_linear |= asynchronous
    _stop(script, script.registers.double(0), script.stops_are_linear, asynchronous)


def _set_watchdog(script: ScriptMachine) -> None:
    rate_hz = script.registers.double(0)
    if not WATCHDOG_RANGE_HZ[0] <= rate_hz <= WATCHDOG_RANGE_HZ[1]:
        raise ScriptError(f'setWatchdog takes {WATCHDOG_RANGE_HZ} Hz; got {rate_hz}')
    script.set_watchdog(max(1, round(1.0 / (rate_hz * TICK_S))))


def _set_payload(script: ScriptMachine) -> None:
    mass_kg, *centre_m = script.registers.vector(0, 4).tolist()
    require_finite(np.array((mass_kg, *centre_m)))
    if not 0.0 <= mass_kg <= MAX_PAYLOAD_KG:
        raise ScriptError(f'a UR5e carries 0 to {MAX_PAYLOAD_KG} kg; setPayload says {mass_kg}')
    script.values['payload'] = (mass_kg,)
    script.values['payload_cog'] = tuple(centre_m)
    script.arm.load.declare(mass_kg, np.array(centre_m))


def _set_tcp(script: ScriptMachine) -> None:
    offset = script.registers.vector()
    require_finite(offset)
    script.tool.mount(offset)


def _protective_stop(script: ScriptMachine) -> None:
    script.controller.protective_stop('the client asked for it (triggerProtectiveStop)')


def _step_time(script: ScriptMachine) -> None:
    script.registers.write_vector(np.array((TICK_S,)))


def _position_history(script: ScriptMachine) -> None:
    script.registers.write_vector(script.arm.past_position_rad(script.registers.integer(1)))


def _target_waypoint(script: ScriptMachine) -> None:
    script.registers.write_vector(script.waypoint_rad)


def _joints_within_limits(script: ScriptMachine) -> None:
    script.registers.write_integer(1, target_violation(script.registers.vector()) is None)


def _joint_torques(script: ScriptMachine) -> None:
    # On the robot: torques without those that carry the arm's own weight.
    script.registers.write_vector(script.arm.drive_torque_n_m)


def _tcp_offset(script: ScriptMachine) -> None:
    script.registers.write_vector(script.tool.offset)


def _tcp_pose(script: ScriptMachine) -> None:
    script.registers.write_vector(script.tool.pose(script.arm.position_rad))


def _tcp_pose_of(script: ScriptMachine) -> None:
    # The tool offset in doubles 6 to 11 is not read: ur_rtde 1.6.5 leaves stale numbers there.
    joints_rad = script.registers.vector()
    require_finite(joints_rad)
    script.registers.write_vector(script.tool.pose(joints_rad))


def _is_steady(script: ScriptMachine) -> None:
    script.registers.write_integer(1, script.arm.is_steady)


def _flange_pose(script: ScriptMachine) -> None:
    script.registers.write_vector(script.tool.flange_pose(script.arm.position_rad))


def _zero_force(script: ScriptMachine) -> None:
    _LOG.info('zeroFtSensor: the emulated sensor reads zero already')


COMMANDS = {
    1: Command('moveJ', _move_j),
    8: Command('zeroFtSensor', _zero_force),
    9: Command('speedJ', _speed_j, every_step=True),
    11: Command('servoJ', _servo_j, every_step=True),
    15: Command('speedStop', _speed_stop),
    16: Command('servoStop', _servo_stop),
    17: Command('setPayload', _set_payload),
    26: Command('getStepTime', _step_time, every_step=True),
    27: Command('getActualJointPositionsHistory', _position_history, every_step=True),
    28: Command('getTargetWaypoint', _target_waypoint),
    29: Command('setTcp', _set_tcp),
    31: Command('triggerProtectiveStop', _protective_stop),
    33: Command('stopL', _stop_j_or_l),
    34: Command('stopJ', _stop_j_or_l),
    35: Command('setWatchdog', _set_watchdog),
    37: Command('isJointsWithinSafetyLimits', _joints_within_limits),
    38: Command('getJointTorques', _joint_torques, every_step=True),
    40: Command('getTCPOffset', _tcp_offset),
    43: Command('getForwardKinematics()', _tcp_pose),
    44: Command('getForwardKinematics(q)', _tcp_pose_of),
    47: Command('isSteady', _is_steady),
    58: Command('getActualToolFlangePose', _flange_pose, every_step=True),
}
"""What is emulated, by command word (ur_rtde rtde.h)."""
