"""The primary, secondary and real-time interfaces: what they send, and the scripts they take."""

from collections.abc import Callable
import enum
import logging
from typing import NamedTuple

from perl_core.kinematics import DHParameters
from perl_sim.ur_controller.modes import RuntimeState
from perl_sim.ur_controller.network import Connection
from perl_sim.ur_controller.primary_packages import (
    PROGRAM_STARTED,
    PROGRAM_STOPPED,
    RobotState,
    key_message,
    safety_mode_message,
    text_message,
    version_message,
)
from perl_sim.ur_controller.real_time_packages import RealTimePackage
from perl_sim.ur_controller.rtde_variables import OUTPUTS, Values, Version
from perl_sim.ur_controller.script_server import Program, ScriptReader

STATE_TICKS = 50
"""Ticks between two robot states. Source: UR client interfaces (10 Hz)."""
EVERYTHING = frozenset(OUTPUTS)
_ALWAYS = frozenset(('runtime_state', 'safety_mode', 'timestamp'))
_STOPPED = (int(RuntimeState.STOPPED),)

_LOG = logging.getLogger(__name__)


class Stream(enum.Enum):
    """What an interface sends."""

    PRIMARY = 'primary'
    SECONDARY = 'secondary'
    REAL_TIME = 'real-time'


class Interface(NamedTuple):
    """One port."""

    port: int
    """TCP."""
    name: str
    """For messages."""
    stream: Stream
    """What it sends."""
    takes_scripts: bool
    """Whether it runs what it is sent; the others ignore it."""


INTERFACES = (
    Interface(30001, 'primary', Stream.PRIMARY, True),
    Interface(30002, 'secondary', Stream.SECONDARY, True),
    Interface(30003, 'script', Stream.REAL_TIME, True),
    Interface(30011, 'primary read-only', Stream.PRIMARY, False),
    Interface(30012, 'secondary read-only', Stream.SECONDARY, False),
    Interface(30013, 'real-time read-only', Stream.REAL_TIME, False),
)
"""Source: UR client interfaces."""


class ClientInterfaces:
    """What all these ports share: the packages, and who gets them."""

    def __init__(
        self, values: Values, version: Version, dh: DHParameters, run: Callable[[Program], object]
    ) -> None:
        """Serve these values.

        Args:
            values: of all variables.
            version: of PolyScope: major, minor, bugfix, build.
            dh: parameters of the arm with their factory calibration.
            run: takes every program that arrives.
        """
        self.run = run
        self._values = values
        self._version = version
        self._state = RobotState(dh, version)
        self._real_time = RealTimePackage(version)
        self._safety_mode = values['safety_mode']
        self._program = ''
        self._connections: dict[Stream, list[Connection]] = {stream: [] for stream in Stream}

    def accept(self, interface: Interface, connection: Connection) -> 'InterfaceSession':
        """Return the session of a new client."""
        # ur_rtde sends scripts and never reads: on these ports a client may lag for ever.
        connection.may_lag = True
        if interface.stream is not Stream.REAL_TIME:
            connection.send(version_message(self._values, self._version))
        self._connections[interface.stream].append(connection)
        return InterfaceSession(self, interface, connection)

    def remove(self, stream: Stream, connection: Connection) -> None:
        """Forget a client."""
        self._connections[stream].remove(connection)

    def wanted(self, tick: int) -> frozenset[str]:
        """Return the variables that will be sent at this tick."""
        if self._state_is_due(tick):
            return EVERYTHING
        return self._real_time.wanted if self._real_time_readers() else _ALWAYS

    def publish(self, tick: int, values: Values) -> None:
        """Send everybody the package that is due.

        Args:
            tick: of the controller.
            values: to report.
        """
        if readers := self._real_time_readers():
            package = self._real_time.pack(values)
            for connection in readers:
                connection.send_newest(package)
        if values['safety_mode'] != self._safety_mode:
            self._safety_mode = values['safety_mode']
            self._tell_primary(safety_mode_message(values))
        if self._program and values['runtime_state'] == _STOPPED:
            self._program_stopped()
        if self._state_is_due(tick):
            package = self._state.pack(values)
            for connection in (*self._primary, *self._connections[Stream.SECONDARY]):
                connection.send_newest(package)

    def program_started(self, name: str) -> None:
        """Tell the primary clients that a program began, and later that it ended."""
        if self._program:
            self._program_stopped()
        self._program = name
        self._tell_primary(key_message(self._values, PROGRAM_STARTED, name))

    def say(self, text: str) -> None:
        """Send a line for the log to the primary clients, as the script's textmsg does."""
        self._tell_primary(text_message(self._values, text))

    def _program_stopped(self) -> None:
        self._tell_primary(key_message(self._values, PROGRAM_STOPPED, self._program))
        self._program = ''

    @property
    def _primary(self) -> list[Connection]:
        return self._connections[Stream.PRIMARY]

    def _tell_primary(self, message: bytes) -> None:
        for connection in self._primary:
            if not connection.lags:
                connection.send(message)

    def _real_time_readers(self) -> list[Connection]:
        clients = self._connections[Stream.REAL_TIME]
        return [connection for connection in clients if not connection.lags]

    def _state_is_due(self, tick: int) -> bool:
        if tick % STATE_TICKS:
            return False
        return bool(self._primary or self._connections[Stream.SECONDARY])


class InterfaceSession:
    """One client of one of these ports."""

    def __init__(
        self, interfaces: ClientInterfaces, interface: Interface, connection: Connection
    ) -> None:
        """Wait for scripts."""
        self._interfaces = interfaces
        self._interface = interface
        self._connection = connection
        self._reader = ScriptReader()

    def receive(self, data: bytes) -> None:
        """Run each program that is complete; where nothing may be run, ignore it."""
        if not self._interface.takes_scripts:
            return
        for program in self._reader.feed(data):
            _LOG.info('%s sent the program %s', self._connection.name, program.name)
            self._interfaces.run(program)

    def closed(self) -> None:
        """Let the program go on: on the robot, too, it does not need its sender."""
        self._interfaces.remove(self._interface.stream, self._connection)
