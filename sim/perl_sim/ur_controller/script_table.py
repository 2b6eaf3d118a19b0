"""Every command word of ur_rtde's control script that is emulated, and why others are not."""

from perl_sim.ur_controller.script_commands import COMMANDS
from perl_sim.ur_controller.script_force_commands import FORCE_COMMANDS
from perl_sim.ur_controller.script_machine import Command
from perl_sim.ur_controller.script_queries import QUERIES
from perl_sim.ur_controller.script_tool_commands import TOOL_COMMANDS

ALL_COMMANDS: dict[int, Command] = {
    **COMMANDS, **TOOL_COMMANDS, **FORCE_COMMANDS, **QUERIES,
}
"""By command word (ur_rtde rtde.h)."""

NOT_FOR_THE_SCRIPT = {
    13: 'SET_STD_DIGITAL_OUT: of the IO interface; an RTDE input, no command of the script',
    14: 'SET_TOOL_DIGITAL_OUT: of the IO interface; an RTDE input, no command of the script',
    22: 'SET_SPEED_SLIDER: of the IO interface; an RTDE input, no command of the script',
    23: 'SET_STD_ANALOG_OUT: of the IO interface; an RTDE input, no command of the script',
    48: 'SET_CONF_DIGITAL_OUT: of the IO interface; an RTDE input, no command of the script',
    49: 'SET_INPUT_INT_REGISTER: of the IO interface; an RTDE input, no command of the script',
    50: 'SET_INPUT_DOUBLE_REGISTER: of the IO interface; an RTDE input, no command of the script',
    99: 'WATCHDOG: goes out as 0, which feeds the watchdog',
    0: 'NO_CMD: ready for the next command',
    255: 'STOP_SCRIPT: ends the program; in script_machine.py',
}
"""Words of ur_rtde's enumeration that are no entry of the table, and what they are."""
