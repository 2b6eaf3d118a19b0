"""The commands of the dashboard server as a table: name, what it does, who may, since when.

Source of commands and replies: UR dashboard server manual (e-Series);
Universal_Robots_Client_Library src/ur/dashboard_client_implementation_g5.cpp.
"""

from collections.abc import Callable
from typing import NamedTuple

from perl_sim.ur_controller.controller import Controller
from perl_sim.ur_controller.modes import RuntimeState
from perl_sim.ur_controller.pendant import UNNAMED, Pendant, ProgramFile, robot_path
from perl_sim.ur_controller.rtde_variables import Version

UNLOCK_TOO_EARLY = (
    'Cannot unlock protective stop until 5s after occurrence. '
    'Always inspect cause of protective stop before unlocking'
)
OPERATIONAL_MODES = ('MANUAL', 'AUTOMATIC')
REPORT_TYPES = ('controller', 'software', 'system')
BUILD_DATE = 'Mar 22 2022'
"""Of the version that is reported; of 5.11.5 itself, as its users show it."""


class Desk(NamedTuple):
    """What the commands act upon."""

    controller: Controller
    """Whose buttons these are."""
    pendant: Pendant
    """What PolyScope holds and shows."""
    version: Version
    """Of PolyScope, as reported."""
    play: Callable[[str, str], bool]
    """Starts a program, given its name and its script; returns whether it began."""

    @property
    def program_name(self) -> str:
        """Of the loaded program, or of the script that was sent."""
        if self.pendant.program is not None:
            return self.pendant.program.name
        stopped = self.controller.runtime_state == RuntimeState.STOPPED
        return UNNAMED if stopped else self.controller.program_name


class DashboardCommand(NamedTuple):
    """One command."""

    name: str
    """As a client writes it; its argument follows."""
    run: Callable[[Desk, str], str]
    """Does it to the desk, given the argument, and returns the reply."""
    remote_only: bool = False
    """Refused in local mode. Source: what users report; the set is not documented."""
    since: Version = (5, 0)
    """First PolyScope that knows it."""
    missing: str = ''
    """What of it is not emulated, or ''."""


def _load(desk: Desk, name: str) -> str:
    file = desk.pendant.find(name)
    if file is None:
        return f'File not found: {name}'
    script = file.with_suffix('.script')
    if file.suffix != '.urp' or not script.is_file():
        return f'Error while loading program: {name}'
    desk.controller.stop_program('another program is loaded')
    path = robot_path(name)
    desk.pendant.program = ProgramFile(path, script.read_text(encoding='utf-8', errors='replace'))
    return f'Loading program: {path}'


def _load_installation(desk: Desk, name: str) -> str:
    if name != desk.pendant.installation and desk.pendant.find(name) is None:
        return f'File not found: {name}'
    desk.pendant.installation = name
    return f'Loading installation: {robot_path(name)}'


def _play(desk: Desk, _: str) -> str:
    controller, program = desk.controller, desk.pendant.program
    began = controller.resume_program()
    if not began and program is not None and controller.runtime_state == RuntimeState.STOPPED:
        began = desk.play(program.name, program.script)
    return 'Starting program' if began else 'Failed to execute: play'


def _pause(desk: Desk, _: str) -> str:
    return 'Pausing program' if desk.controller.pause_program() else 'Failed to execute: pause'


def _stop(desk: Desk, _: str) -> str:
    desk.controller.stop_program('stopped at the dashboard')
    return 'Stopped'


def _running(desk: Desk, _: str) -> str:
    playing = desk.controller.runtime_state == RuntimeState.PLAYING
    return f'Program running: {_lower(playing)}'


def _program_state(desk: Desk, _: str) -> str:
    state = desk.controller.runtime_state
    shown = state if state in (RuntimeState.PLAYING, RuntimeState.PAUSED) else RuntimeState.STOPPED
    return f'{shown.name} {desk.program_name}'


def _loaded_program(desk: Desk, _: str) -> str:
    program = desk.pendant.program
    return 'No program loaded' if program is None else f'Loaded program: {program.path}'


def _power_on(desk: Desk, _: str) -> str:
    desk.controller.power_on()
    return 'Powering on'


def _power_off(desk: Desk, _: str) -> str:
    desk.controller.power_off()
    return 'Powering off'


def _brake_release(desk: Desk, _: str) -> str:
    desk.controller.brake_release()
    return 'Brake releasing'


def _unlock(desk: Desk, _: str) -> str:
    return 'Protective stop releasing' if desk.controller.unlock() else UNLOCK_TOO_EARLY


def _restart_safety(desk: Desk, _: str) -> str:
    desk.controller.restart_safety()
    return 'Restarting safety'


def _popup(desk: Desk, text: str) -> str:
    desk.pendant.popup = text
    return 'showing popup'


def _close_popup(desk: Desk, _: str) -> str:
    desk.pendant.popup = ''
    return 'closing popup'


def _add_to_log(desk: Desk, text: str) -> str:
    if not text:
        return 'No log message to add'
    desk.pendant.log.append(text)
    return 'Added log message'


def _set_operational_mode(desk: Desk, mode: str) -> str:
    if mode.upper() not in OPERATIONAL_MODES:
        return f'Failed setting operational mode: {mode}'
    desk.pendant.operational_mode = mode.upper()
    return f'Operational mode {mode.upper()} is set'


def _clear_operational_mode(desk: Desk, _: str) -> str:
    desk.pendant.operational_mode = 'NONE'
    return 'No longer controlling the operational mode. Current operational mode: NONE'


def _flight_report(desk: Desk, kind: str) -> str:
    if kind and kind not in REPORT_TYPES:
        return f'Error: unknown report type {kind}'
    desk.pendant.reports += 1
    return f'Flight Report generated with id: {desk.pendant.reports:08d}'


def _support_file(desk: Desk, folder: str) -> str:
    if not folder:
        return 'Error: no directory given'
    return f'Completed successfully: ur_{desk.pendant.serial_number}.zip'


def _shut_down(desk: Desk, _: str) -> str:
    desk.controller.power_off()
    desk.pendant.shut_down = True
    return 'Shutting down'


def _lower(flag: bool) -> str:
    return str(flag).lower()


def _number(desk: Desk) -> str:
    return '.'.join(map(str, desk.version))


COMMANDS = (
    DashboardCommand('load', _load, remote_only=True,
                     missing='x.urp needs the x.script that PolyScope saves beside it'),
    DashboardCommand('load installation', _load_installation, remote_only=True,
                     missing='an installation is found and named, its contents are not read'),
    DashboardCommand('play', _play, remote_only=True),
    DashboardCommand('pause', _pause, remote_only=True),
    DashboardCommand('stop', _stop, remote_only=True),
    DashboardCommand('quit', lambda *_: 'Disconnected'),
    DashboardCommand('shutdown', _shut_down, remote_only=True),
    DashboardCommand('running', _running),
    DashboardCommand('robotmode',
                     lambda desk, _: f'Robotmode: {desk.controller.robot_mode.name}'),
    DashboardCommand('get loaded program', _loaded_program),
    DashboardCommand('popup', _popup, missing='there is no screen to show it'),
    DashboardCommand('close popup', _close_popup),
    DashboardCommand('close safety popup', lambda *_: 'closing safety popup', remote_only=True,
                     missing='there is no popup of its own to close'),
    DashboardCommand('addToLog', _add_to_log),
    DashboardCommand('saveLog', lambda *_: 'Log saved to disk', since=(5, 8),
                     missing='no file is written'),
    DashboardCommand('isProgramSaved', lambda desk, _: f'true {desk.program_name}',
                     missing='programs are not edited here: always true'),
    DashboardCommand('programState', _program_state),
    DashboardCommand('PolyscopeVersion',
                     lambda desk, _: f'URSoftware {_number(desk)} ({BUILD_DATE})'),
    DashboardCommand('version', lambda desk, _: _number(desk)),
    DashboardCommand('set operational mode', _set_operational_mode,
                     missing='the mode is kept and reported, it forbids nothing'),
    DashboardCommand('get operational mode', lambda desk, _: desk.pendant.operational_mode,
                     since=(5, 6)),
    DashboardCommand('clear operational mode', _clear_operational_mode),
    DashboardCommand('power on', _power_on, remote_only=True),
    DashboardCommand('power off', _power_off, remote_only=True),
    DashboardCommand('brake release', _brake_release, remote_only=True),
    DashboardCommand('unlock protective stop', _unlock, remote_only=True),
    DashboardCommand('restart safety', _restart_safety, remote_only=True, since=(5, 1)),
    DashboardCommand('safetymode',
                     lambda desk, _: f'Safetymode: {desk.controller.safety_mode.name}'),
    DashboardCommand('safetystatus',
                     lambda desk, _: f'Safetystatus: {desk.controller.safety_mode.name}',
                     since=(5, 4)),
    DashboardCommand('is in remote control', lambda desk, _: _lower(desk.controller.remote),
                     since=(5, 6)),
    DashboardCommand('get serial number', lambda desk, _: desk.pendant.serial_number,
                     since=(5, 6)),
    DashboardCommand('get robot model', lambda *_: 'UR5', since=(5, 6)),
    DashboardCommand('generate flight report', _flight_report, since=(5, 8),
                     missing='a report gets a number, no file is written'),
    DashboardCommand('generate support file', _support_file, since=(5, 8),
                     missing='no file is written'),
)
"""All commands of the e-Series."""
