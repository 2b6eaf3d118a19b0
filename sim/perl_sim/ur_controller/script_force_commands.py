"""The command words of ur_rtde's control script about forces, contacts and guiding by hand."""

import numpy as np
from perl_sim.ur_controller.actions import require_finite
from perl_sim.ur_controller.performer import Routine
from perl_sim.ur_controller.script_commands import travel
from perl_sim.ur_controller.script_machine import Command, ScriptMachine
from perl_sim.ur_controller.tool_motions import SpeedL
from perl_sim.ur_controller.ways import Pace

FORCE_STOP_M_S2 = 10.0
"""Source: rtde_control.script, force_mode_stop."""
CONTACT_STOP_M_S2 = 3.0
"""Source: rtde_control.script, move_until_contact."""
BACK_PACE = Pace(0.25, 1.2)
"""Back to the contact. Source: defaults of movel (UR script manual)."""
_ALL_AXES = np.ones(6)


def _force_mode(script: ScriptMachine) -> None:
    registers = script.registers
    arguments = (registers.vector(), registers.integers(2, 6), registers.vector(6),
                 registers.integer(1), registers.vector(12))
    wanted = script.actions.force_mode(*arguments)
    present = script.arm.compliance
    if present is None or script.arm.is_free:
        script.give_way(wanted)
    else:
        # The tool keeps the speed that it has along its way.
        present.task = wanted.task


def _force_mode_stop(script: ScriptMachine) -> Routine:
    script.give_way(None)
    return script.perform(script.actions.stopping(FORCE_STOP_M_S2, linear=True))


def _set_damping(script: ScriptMachine) -> None:
    script.actions.set_force_damping(script.registers.double(0))


def _set_gain_scaling(script: ScriptMachine) -> None:
    script.actions.set_force_scaling(script.registers.double(0))


def _zero_force(script: ScriptMachine) -> None:
    script.actions.zero_force_sensor()


def _teach_mode(script: ScriptMachine) -> None:
    script.give_way(script.actions.freedrive(_ALL_AXES, np.zeros(6)), free=True)


def _freedrive(script: ScriptMachine) -> None:
    registers = script.registers
    way = script.actions.freedrive(registers.integers(1, 6), registers.vector())
    script.give_way(way, free=True)


def _end_freedrive(script: ScriptMachine) -> None:
    script.give_way(None)


def _freedrive_status(script: ScriptMachine) -> None:
    script.registers.write_integer(1, script.actions.freedrive_status())


def _tool_contact(script: ScriptMachine) -> None:
    ticks = script.actions.tool_contact(script.registers.vector())
    script.registers.write_integer(1, ticks)


def _return_to_contact(script: ScriptMachine, ticks: int) -> Routine:
    touched_rad = script.arm.past_position_rad(ticks)
    yield from script.perform(script.actions.stopping(CONTACT_STOP_M_S2, linear=True))
    leg = script.actions.tool_leg(script.tool.pose(touched_rad), BACK_PACE)
    yield from travel(script, [leg], asynchronous=False) or ()


def _move_until_contact(script: ScriptMachine) -> Routine:
    registers = script.registers
    require_finite(registers.vector(0, 13))
    twist, direction = registers.vector(), registers.vector(6)
    motion = SpeedL(script.tool, twist, registers.double(12))
    script.keep_doing(lambda: script.arm.begin(motion))
    yield
    while not (ticks := script.actions.tool_contact(direction)):
        yield
    yield from _return_to_contact(script, ticks)


def _start_detection(script: ScriptMachine) -> None:
    direction = script.registers.vector()
    require_finite(direction)
    script.watch(_detect(script, direction))


def _detect(script: ScriptMachine, direction: np.ndarray) -> Routine:
    # The script's own test for "no direction given": the sum of all six.
    along_speed = direction.sum() < 1e-10
    script.contact_ticks = 0

    def touched() -> int:
        if not along_speed:
            return script.actions.tool_contact(direction)
        _, speed = script.tool.pose_and_speed(*script.arm.reference)
        return script.actions.tool_contact(speed)

    while touched():
        yield
    while not (ticks := touched()):
        yield
    script.contact_ticks = ticks
    script.stop_background()
    script.do_next(lambda: _return_to_contact(script, ticks))


def _stop_detection(script: ScriptMachine) -> None:
    script.watch(None)
    script.registers.write_integer(1, script.contact_ticks)


def _read_detection(script: ScriptMachine) -> None:
    script.registers.write_integer(1, script.contact_ticks)


def _enable_external_sensor(script: ScriptMachine) -> None:
    script.actions.enable_external_sensor(script.registers.integer(1) == 1)


FORCE_COMMANDS = {
    6: Command('forceMode', _force_mode, every_step=True),
    7: Command('forceModeStop', _force_mode_stop),
    8: Command('zeroFtSensor', _zero_force),
    18: Command('teachMode', _teach_mode),
    19: Command('endTeachMode', _end_freedrive),
    20: Command('forceModeSetDamping', _set_damping),
    21: Command('forceModeSetGainScaling', _set_gain_scaling),
    25: Command('toolContact', _tool_contact, every_step=True, since=(5, 4)),
    51: Command('moveUntilContact', _move_until_contact, since=(5, 4)),
    52: Command('freedriveMode', _freedrive, since=(5, 10)),
    53: Command('endFreedriveMode', _end_freedrive, since=(5, 10)),
    54: Command('getFreedriveStatus', _freedrive_status, since=(5, 10)),
    56: Command('ftRtdeInputEnable', _enable_external_sensor, since=(5, 9)),
    57: Command('enableExternalFtSensor', _enable_external_sensor),
    62: Command('startContactDetection', _start_detection),
    63: Command('stopContactDetection', _stop_detection),
    64: Command('readContactDetection', _read_detection),
}
"""What is emulated of them, by command word (ur_rtde rtde.h)."""
