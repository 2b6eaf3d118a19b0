"""The command words of ur_rtde's control script that move and stop joints, or configure.

Arguments lie in the input registers as ur_rtde's recipes put them there. A target that the arm
cannot take is answered by a protective stop, as on the robot.
"""

from collections.abc import Callable

import numpy as np
from perl_sim.ur_controller.actions import require_finite
from perl_sim.ur_controller.motions import TICK_S
from perl_sim.ur_controller.performer import Routine
from perl_sim.ur_controller.script_errors import ScriptError
from perl_sim.ur_controller.script_machine import Command, ScriptMachine
from perl_sim.ur_controller.script_path import path_legs
from perl_sim.ur_controller.ways import Leg, Pace, Travel

WATCHDOG_RANGE_HZ = (0.01, 500.0)
"""Own choice: from a write in 100 s to one in every tick."""


def pace_in_registers(script: ScriptMachine) -> Pace:
    """Return the speed and acceleration of moveJ and moveL."""
    return Pace(*script.registers.vector(6, 2).tolist())


def servo_arguments(script: ScriptMachine) -> tuple[float, float]:
    """Return lookahead_time [s] and gain of servoJ and servoL, within their ranges."""
    registers = script.registers
    return script.actions.servo_arguments(registers.double(9), registers.double(10))


def travel(script: ScriptMachine, legs: list[Leg], asynchronous: bool) -> Routine | None:
    """Follow a path; return what waits for its end, if that is wanted."""
    motion = Travel(script.tool, legs)
    if not asynchronous:
        script.stop_background()
        return _follow(script, motion, signals=len(legs) > 1)
    script.in_background(_follow(script, motion, signals=len(legs) > 1))
    return None


def _follow(script: ScriptMachine, motion: Travel, signals: bool) -> Routine:
    def begin() -> None:
        motion.again()
        script.arm.begin(motion)

    reached = -1
    for _ in script.perform(begin):
        # Where several legs follow each other, the script in between tells which has begun.
        if signals and motion.leg != reached:
            reached = motion.leg
            script.signal_progress(reached)
        yield


def _is_asynchronous(script: ScriptMachine) -> bool:
    return script.registers.integer(1) == 1


def _move_j(script: ScriptMachine) -> Routine | None:
    leg = script.actions.joint_leg(script.registers.vector(), pace_in_registers(script))
    return travel(script, [leg], _is_asynchronous(script))


def _move_path(script: ScriptMachine) -> Routine | None:
    legs = path_legs(script.text, script.actions)
    if not legs:
        return None
    return travel(script, legs, _is_asynchronous(script))


def _servo_j(script: ScriptMachine) -> None:
    target_rad, arguments = script.registers.vector(), servo_arguments(script)
    script.actions.require_target(target_rad)
    script.keep_doing(lambda: script.arm.servo_j(target_rad, *arguments))


def _speed_j(script: ScriptMachine) -> None:
    velocity_rad_s, acceleration_rad_s2 = script.registers.vector(), script.registers.double(6)
    require_finite(np.append(velocity_rad_s, acceleration_rad_s2))
    script.speeds_are_linear = False
    script.keep_doing(lambda: script.arm.speed_j(velocity_rad_s, acceleration_rad_s2))


def _servo_stop(script: ScriptMachine) -> Routine:
    return script.perform(script.actions.stopping(script.registers.double(0), linear=True))


def _speed_stop(script: ScriptMachine) -> Routine:
    linear = script.speeds_are_linear
    return script.perform(script.actions.stopping(script.registers.double(0), linear))


def _stop_j_or_l(script: ScriptMachine) -> Routine | None:
    # The script ignores which of the two was called: its stop_type is 0 (stopj) until the first
    # asynchronous stop sets it to 1 (stopl) for good.
    asynchronous = _is_asynchronous(script)
    script.stop_background()
    script.stops_are_linear |= asynchronous
    stopping = script.actions.stopping(script.registers.double(0), script.stops_are_linear)
    if not asynchronous:
        return script.perform(stopping)
    script.in_background(script.perform(stopping))
    return None


def _set_watchdog(script: ScriptMachine) -> None:
    rate_hz = script.registers.double(0)
    if not WATCHDOG_RANGE_HZ[0] <= rate_hz <= WATCHDOG_RANGE_HZ[1]:
        raise ScriptError(f'setWatchdog takes {WATCHDOG_RANGE_HZ} Hz; got {rate_hz}')
    script.set_watchdog(max(1, round(1.0 / (rate_hz * TICK_S))))


def _set_payload(script: ScriptMachine) -> None:
    script.actions.set_payload(script.registers.double(0), script.registers.vector(1, 3))


def _set_target_payload(script: ScriptMachine) -> None:
    registers = script.registers
    script.actions.set_payload(
        registers.double(0), registers.vector(1, 3), registers.vector(4, 6))


def _set_tcp(script: ScriptMachine) -> None:
    script.actions.set_tcp(script.registers.vector())


def _set_gravity(script: ScriptMachine) -> None:
    script.actions.set_gravity(script.registers.vector(0, 3))


def _protective_stop(script: ScriptMachine) -> None:
    script.controller.protective_stop('the client asked for it (triggerProtectiveStop)')


def _direct_torque(script: ScriptMachine) -> None:
    # The script passes zero scales whatever the client says: it misspells its variables.
    torque_n_m = script.registers.vector()
    require_finite(torque_n_m)
    script.keep_doing(_nothing)
    script.arm.drives.command_torque(torque_n_m, np.zeros(6), np.zeros(6))


def _nothing() -> None:
    """Torque takes the place of a motion that went on."""


def acknowledge(reason: str) -> Callable[[ScriptMachine], None]:
    """Return a handler that does nothing but what every command does: say that it is done.

    Args:
        reason: why there is nothing to do.
    """
    def run(script: ScriptMachine) -> None:
        pass

    run.__doc__ = reason
    return run


COMMANDS = {
    1: Command('moveJ', _move_j),
    9: Command('speedJ', _speed_j, every_step=True),
    11: Command('servoJ', _servo_j, every_step=True),
    15: Command('speedStop', _speed_stop),
    16: Command('servoStop', _servo_stop),
    17: Command('setPayload', _set_payload),
    29: Command('setTcp', _set_tcp),
    31: Command('triggerProtectiveStop', _protective_stop),
    33: Command('stopL', _stop_j_or_l),
    34: Command('stopJ', _stop_j_or_l),
    35: Command('setWatchdog', _set_watchdog),
    45: Command('movePath', _move_path),
    55: Command('setExternalForceTorque', acknowledge('The RTDE input is all there is to it.')),
    59: Command('setGravity', _set_gravity),
    65: Command('setTargetPayload', _set_target_payload, since=(5, 10)),
    66: Command('directTorque', _direct_torque, every_step=True, since=(5, 26)),
}
"""What is emulated, by command word (ur_rtde rtde.h)."""
