"""What of the protocols is emulated: ``python -m perl_sim.ur_controller.coverage``.

Everything here comes from the tables that the emulator itself runs by.
"""

from collections.abc import Iterable, Iterator
import re
import sys

import numpy as np
from perl_core.contract import Contract
from perl_core.kinematics import UR5E_NOMINAL
from perl_sim.ur_controller import dashboard_server, rtde_server, rtde_variables
from perl_sim.ur_controller.actions import Actions
from perl_sim.ur_controller.arm import Arm
from perl_sim.ur_controller.client_interfaces import INTERFACES, Stream
from perl_sim.ur_controller.controller import Controller
from perl_sim.ur_controller.dashboard_commands import COMMANDS
from perl_sim.ur_controller.fault_table import KINDS
from perl_sim.ur_controller.pendant import Pendant
from perl_sim.ur_controller.pendant_lines import PENDANT_LINES
from perl_sim.ur_controller.performer import Performer
from perl_sim.ur_controller.primary_packages import sub_packages
from perl_sim.ur_controller.real_time_packages import FIELDS, LATER_FIELDS, OLDEST_VERSION
from perl_sim.ur_controller.rtde_protocol import PackageType
from perl_sim.ur_controller.script_table import ALL_COMMANDS, NOT_FOR_THE_SCRIPT
from perl_sim.ur_controller.urscript_functions import functions
from perl_sim.ur_controller.urscript_motions import MotionFunctions

DONE = 'done'
Row = tuple[str, ...]

INTRODUCTION = """\
# What the emulated UR controller covers

Generated from the emulator's own tables by `python -m perl_sim.ur_controller.coverage`; a test
holds this page to them. "done" means emulated; anything else says what is missing, and why.
What is unknown is refused by name: an RTDE variable with NOT_FOUND, a dashboard command with
"could not understand", a command word or a script function by ending the program with a line in
the log and a message to the primary clients.
"""
STREAMS = {
    Stream.PRIMARY: 'version message, robot state with kinematics information, messages',
    Stream.SECONDARY: 'version message, robot state',
    Stream.REAL_TIME: 'real-time package at 500 Hz',
}
_NUMBERED = re.compile(r'(.+_)(\d+)$')


def ports() -> list[Row]:
    """Return port, name and what it does."""
    rows = [
        (str(rtde_server.PORT), 'RTDE', 'protocol version 2, all package types: '
         + ', '.join(f'{kind.name} ({chr(kind)})' for kind in PackageType)),
        (str(dashboard_server.PORT), 'dashboard', 'all commands below'),
    ]
    for interface in INTERFACES:
        takes = 'takes scripts' if interface.takes_scripts else 'reads nothing'
        rows.append((str(interface.port), interface.name,
                     f'{STREAMS[interface.stream]}; {takes}'))
    return sorted(rows)


def command_words() -> list[Row]:
    """Return word, name and coverage of ur_rtde's control script."""
    rows = [(word, command.name, _since(command.since)) for word, command in ALL_COMMANDS.items()]
    for word, text in NOT_FOR_THE_SCRIPT.items():
        name, _, reason = text.partition(': ')
        rows.append((word, name, reason))
    return [(str(word), name, text) for word, name, text in sorted(rows)]


def dashboard_commands() -> list[Row]:
    """Return command, since which version, and coverage."""
    return [(command.name, '.'.join(map(str, command.since)),
             f'{DONE}; {command.missing}' if command.missing else DONE)
            for command in COMMANDS]


def robot_state() -> list[Row]:
    """Return number, name, since which version, and coverage of the parts of the robot state."""
    return [(str(part.number), part.name, '.'.join(map(str, part.since)),
             f'{DONE}; {part.missing}' if part.missing else DONE)
            for part in sub_packages(UR5E_NOMINAL)]


def real_time_fields() -> list[Row]:
    """Return field, doubles and since which version of the real-time package."""
    groups = ((OLDEST_VERSION, FIELDS), *LATER_FIELDS)
    return [(f'`{field.variable}`' if field.variable else 'of UR only, zero', str(field.count),
             '.'.join(map(str, since)))
            for since, fields in groups for field in fields]


def script_functions() -> list[str]:
    """Return the names of the URScript functions that programs may call."""
    controller = Controller(Arm(np.array(Contract().home_rad)))
    values = rtde_variables.resting_values()
    actions = Actions(controller, values)
    motions = MotionFunctions(Performer(controller.arm), actions).table()
    others = functions(actions, values, Pendant(), lambda _: None)
    return sorted({*motions, *others})


def variables(direction: str) -> list[Row]:
    """Return name, type, since which version, and coverage of the inputs or outputs."""
    rows = [(each.name, each.kind, each.since, each.missing or DONE)
            for each in rtde_variables.coverage() if each.direction == direction]
    return list(_collapse(rows))


def faults() -> list[Row]:
    """Return fault, parameters and what it does."""
    return [(name, ', '.join(kind.parameters) or '-', kind.help)
            for name, kind in KINDS.items()]


def page() -> str:
    """Return the whole page as Markdown."""
    words = ', '.join(f'`{name}`' for name in script_functions())
    sections = (
        ('Ports', _table(('port', 'name', 'what it does'), ports())),
        ("Command words of ur_rtde's control script",
         _table(('word', 'method', 'coverage'), command_words())),
        ('Dashboard commands', _table(('command', 'since', 'coverage'), dashboard_commands())),
        ('Robot state of the primary and secondary interfaces',
         _table(('type', 'part', 'since', 'coverage'), robot_state())),
        ('Real-time package', _table(('field', 'doubles', 'since'), real_time_fields())),
        ('Lines on the script ports that press a button',
         'Instead of a script: ' + ', '.join(f'`{line}`' for line in PENDANT_LINES) + '.'),
        ('URScript', 'Programs, single lines and secondary programs (`sec`) run: variables, '
         'functions, threads, conditions, loops, lists, poses, and these functions. Any other '
         f'ends the program by name.\n\n{words}.'),
        ('RTDE outputs', _table(('variable', 'type', 'since', 'coverage'), variables('output'))),
        ('RTDE inputs', _table(('variable', 'type', 'since', 'coverage'), variables('input'))),
        ('Faults', _table(('fault', 'parameters', 'what it does'), faults())),
    )
    return '\n'.join([INTRODUCTION, *(f'## {title}\n\n{text}\n' for title, text in sections)])


def _since(version: tuple[int, int]) -> str:
    return f'{DONE}; since {version[0]}.{version[1]}' if any(version) else DONE


def _collapse(rows: Iterable[Row]) -> Iterator[Row]:
    """Join rows that differ in a number at the end of the name only, as registers do."""
    groups: dict[Row, list[str]] = {}
    for name, *rest in rows:
        found = _NUMBERED.fullmatch(name)
        stem, number = found.groups() if found else (name, '')
        groups.setdefault((stem, *rest), []).append(number)
    for (stem, *rest), numbers in groups.items():
        name = f'{stem}{numbers[0]}' + (f' to {numbers[-1]}' if len(numbers) > 1 else '')
        yield (f'`{name}`', *rest)


def _table(heads: Row, rows: Iterable[Row]) -> str:
    lines = [heads, ('---',) * len(heads), *rows]
    return '\n'.join(f'| {" | ".join(line)} |' for line in lines)


def main() -> int:
    """Print the page."""
    sys.stdout.write(page())
    return 0


if __name__ == '__main__':
    sys.exit(main())
