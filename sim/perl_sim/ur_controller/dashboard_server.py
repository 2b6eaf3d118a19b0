"""The dashboard server, port 29999: one line in, one line out."""

from collections.abc import Callable
import logging

from perl_sim.ur_controller.controller import Controller
from perl_sim.ur_controller.dashboard_commands import COMMANDS, Desk
from perl_sim.ur_controller.network import Connection
from perl_sim.ur_controller.pendant import Pendant
from perl_sim.ur_controller.rtde_protocol import ProtocolError
from perl_sim.ur_controller.rtde_variables import Version

PORT = 29999
"""Source: UR dashboard server manual."""
GREETING = 'Connected: Universal Robots Dashboard Server'
MAX_LINE_BYTES = 4096
"""Own choice."""
MAX_LINES_PER_READ = 64
"""More commands in one read are a flood. Own choice."""
REFUSED_IN_LOCAL_MODE = (
    'Command is not allowed due to safety reasons, please switch robot to Remote Control mode '
    'and reconnect to port 29999'
)
"""Source: what users of e-Series robots report."""
FIRST_WITHOUT = (10, 0)
"""PolyScope X has no dashboard server (UR client library, PolyScope compatibility)."""

_LOG = logging.getLogger(__name__)


class Dashboard:
    """Answers the commands that a PolyScope version knows."""

    def __init__(
        self,
        controller: Controller,
        version: Version,
        pendant: Pendant | None = None,
        play: Callable[[str, str], bool] = lambda *_: False,
    ) -> None:
        """Serve this controller.

        Args:
            controller: whose buttons these are.
            version: of PolyScope, as reported: major, minor, bugfix, build.
            pendant: what PolyScope holds and shows.
            play: starts a program, given its name and its script; returns whether it began.
        """
        self._desk = Desk(controller, pendant or Pendant(), version, play)
        self._commands = {each.name: each for each in COMMANDS if version >= each.since}

    def answer(self, line: str) -> str:
        """Return the reply to one command line."""
        fitting = [name for name in self._commands
                   if line == name or line.startswith(name + ' ')]
        if not fitting:
            return f"could not understand: '{line}'"
        command = self._commands[max(fitting, key=len)]
        if command.remote_only and not self._desk.controller.remote:
            return REFUSED_IN_LOCAL_MODE
        return command.run(self._desk, line[len(command.name):].strip())


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
        if len(lines) > MAX_LINES_PER_READ:
            raise ProtocolError(f'{len(lines)} dashboard commands at once; '
                                f'at most {MAX_LINES_PER_READ}')
        if max(map(len, (*lines, self._buffer))) > MAX_LINE_BYTES:
            raise ProtocolError(f'a dashboard command has at most {MAX_LINE_BYTES} bytes')
        for line in lines:
            if not self._connection.closing:
                self._take(line.decode('latin-1').strip())

    def closed(self) -> None:
        """Nothing is kept for a client."""

    def _take(self, line: str) -> None:
        _LOG.info('%s: %s', self._connection.name, line)
        self._say(self._dashboard.answer(line))
        if line == 'quit':
            self._connection.closing = True

    def _say(self, text: str) -> None:
        self._connection.send(text.encode('latin-1', 'replace') + b'\n')
