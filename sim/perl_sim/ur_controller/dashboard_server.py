"""The dashboard server, port 29999: one line in, one line out.

Source of the replies: UR dashboard server manual (e-Series);
Universal_Robots_Client_Library src/ur/dashboard_client_implementation_g5.cpp.
"""

from collections.abc import Callable
import logging

from perl_sim.ur_controller.controller import Controller, RobotMode, RuntimeState
from perl_sim.ur_controller.network import Connection
from perl_sim.ur_controller.rtde_protocol import ProtocolError

PORT = 29999
"""Source: UR dashboard server manual."""
GREETING = 'Connected: Universal Robots Dashboard Server'
SERIAL_NUMBER = '20195500001'
"""Digits only, as ur_rtde wants; no robot has this number."""
MAX_LINE_BYTES = 4096
"""Own choice."""
UNLOCK_TOO_EARLY = (
    'Cannot unlock protective stop until 5s after occurrence. '
    'Always inspect cause of protective stop before unlocking'
)
REMOTE_ONLY = (
    'play', 'pause', 'stop', 'power on', 'power off', 'brake release', 'unlock protective stop',
    'load', 'close safety popup', 'restart safety',
)
"""Refused in local mode. Source: replies seen in public clients; the exact set is not
documented."""

_LOG = logging.getLogger(__name__)


class Dashboard:
    """What the dashboard's commands do, as a table."""

    def __init__(self, controller: Controller, version: tuple[int, int, int, int]) -> None:
        """Serve this controller.

        Args:
            controller: whose buttons these are.
            version: of PolyScope, as reported.
        """
        self._controller = controller
        self._version = '.'.join(map(str, version))
        self._operational_mode = 'NONE'
        self.commands: dict[str, Callable[[str], str]] = {
            'PolyscopeVersion': lambda _: f'URSoftware {self._version} (Mar 22 2022)',
            'version': lambda _: self._version,
            'get serial number': lambda _: SERIAL_NUMBER,
            'get robot model': lambda _: 'UR5',
            'is in remote control': lambda _: str(controller.remote).lower(),
            'robotmode': lambda _: f'Robotmode: {controller.robot_mode.name}',
            'safetymode': lambda _: f'Safetymode: {controller.safety_mode.name}',
            'safetystatus': lambda _: f'Safetystatus: {controller.safety_mode.name}',
            'programState': lambda _: self._program_state(),
            'running': lambda _: f'Program running: {str(self._plays()).lower()}',
            'play': lambda _: 'Starting program' if controller.resume_program()
            else 'Failed to execute: play',
            'pause': lambda _: 'Pausing program' if controller.pause_program()
            else 'Failed to execute: pause',
            'stop': lambda _: self._stop(),
            'load': lambda name: f'File not found: {name}',
            'get loaded program': lambda _: 'No program loaded',
            'isProgramSaved': lambda _: f'true {controller.program_name}',
            'power on': lambda _: self._power('Powering on', RobotMode.IDLE),
            'power off': lambda _: self._power('Powering off', RobotMode.POWER_OFF),
            'brake release': lambda _: self._power('Brake releasing', RobotMode.RUNNING),
            'unlock protective stop': lambda _: 'Protective stop releasing'
            if controller.unlock() else UNLOCK_TOO_EARLY,
            'close safety popup': lambda _: 'closing safety popup',
            'close popup': lambda _: 'closing popup',
            'popup': lambda _: 'showing popup',
            'addToLog': lambda _: 'Added log message',
            'saveLog': lambda _: 'Log saved to disk',
            'restart safety': lambda _: self._power('Restarting safety', RobotMode.POWER_OFF),
            'set operational mode': self._set_operational_mode,
            'get operational mode': lambda _: self._operational_mode,
            'clear operational mode': lambda _: self._clear_operational_mode(),
        }

    def answer(self, line: str) -> str:
        """Return the reply to one command line."""
        fitting = [name for name in self.commands if line == name or line.startswith(name + ' ')]
        if not fitting:
            return f"could not understand: '{line}'"
        name = max(fitting, key=len)
        if name in REMOTE_ONLY and not self._controller.remote:
            return 'Not in remote control'
        return self.commands[name](line[len(name):].strip())

    def _plays(self) -> bool:
        return self._controller.runtime_state == RuntimeState.PLAYING

    def _program_state(self) -> str:
        return f'{self._controller.runtime_state.name} {self._controller.program_name}'.strip()

    def _stop(self) -> str:
        self._controller.stop_program('stopped at the dashboard')
        return 'Stopped'

    def _power(self, reply: str, mode: RobotMode) -> str:
        self._controller.power(mode)
        return reply

    def _set_operational_mode(self, mode: str) -> str:
        self._operational_mode = mode.upper()
        return f'Operational mode {self._operational_mode} is set'

    def _clear_operational_mode(self) -> str:
        self._operational_mode = 'NONE'
        return 'No longer controlling the operational mode. Current operational mode: NONE'


class DashboardSession:
    """One client of the dashboard."""

    def __init__(self, connection: Connection, dashboard: Dashboard) -> None:
        """Greet the client."""
        self._connection = connection
        self._dashboard = dashboard
        self._buffer = b''
        self._say(GREETING)

    def receive(self, data: bytes) -> None:
        """Answer every line that is complete."""
        *lines, self._buffer = (self._buffer + data).split(b'\n')
        for line in lines:
            self._take(line.decode('latin-1').strip())
        if len(self._buffer) > MAX_LINE_BYTES:
            raise ProtocolError(f'a dashboard command has at most {MAX_LINE_BYTES} bytes')

    def closed(self) -> None:
        """Nothing is kept for a client."""

    def _take(self, line: str) -> None:
        _LOG.info('%s: %s', self._connection.name, line)
        if line in ('quit', 'shutdown'):
            self._say('Disconnected' if line == 'quit' else 'Shutting down')
            self._connection.closing = True
        else:
            self._say(self._dashboard.answer(line))

    def _say(self, text: str) -> None:
        self._connection.send(text.encode('latin-1', 'replace') + b'\n')
