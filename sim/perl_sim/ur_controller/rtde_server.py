"""RTDE, port 30004: sessions, recipes, ownership of inputs, the stream of outputs."""

from itertools import chain
import logging
import math
import struct

from perl_sim.ur_controller.faults import Faults
from perl_sim.ur_controller.network import Connection
from perl_sim.ur_controller.rtde_protocol import (
    PROTOCOL_VERSION,
    FrameReader,
    PackageType,
    ProtocolError,
    frame,
    split_names,
    unpack,
)
from perl_sim.ur_controller.rtde_variables import FORMATS, INPUTS, LENGTHS, Values, outputs_of

PORT = 30004
"""Source: RTDE guide."""
MAX_RATE_HZ = 500.0
"""Source: RTDE guide, e-Series."""
MAX_INPUT_RECIPES = 255
"""The id of a recipe is one byte, and 0 means refused."""

MAX_NAMES_BYTES = 2048
"""Longest list of names in a set-up. Source: RTDE guide."""

_LOG = logging.getLogger(__name__)


class OutputRecipe:
    """Which variables a client reads, in which order, how often."""

    def __init__(self, names: list[str], types: list[str], rate_hz: float) -> None:
        """Compile the layout of the package.

        Args:
            names: of readable variables.
            types: of the same.
            rate_hz: packages per second, at most 500.
        """
        self._names = names
        self._layout = struct.Struct('>HBB' + ''.join(FORMATS[kind] for kind in types))
        self._head = (self._layout.size, int(PackageType.DATA_PACKAGE), 1)
        self._ticks_per_package = MAX_RATE_HZ / rate_hz
        self._due_tick = 0.0

    def is_due(self, tick: int) -> bool:
        """Return whether a package is due at this tick; true once for each."""
        if tick < self._due_tick:
            return False
        self._due_tick = max(self._due_tick + self._ticks_per_package, tick)
        return True

    def pack(self, values: Values) -> bytes:
        """Return the data package of the present values."""
        fields = [values[name] for name in self._names]
        return self._layout.pack(*self._head, *chain.from_iterable(fields))


class InputRecipe:
    """Which variables a client writes, in which order."""

    def __init__(self, names: list[str], types: list[str]) -> None:
        """Compile the layout of the payload.

        Args:
            names: of writable variables.
            types: of the same.
        """
        self.names = names
        self._lengths = [LENGTHS[kind] for kind in types]
        self._layout = struct.Struct('>' + ''.join(FORMATS[kind] for kind in types))

    def unpack(self, fields: bytes) -> Values:
        """Return the values of a data package.

        ur_rtde 1.6.5 sends packages that are too short or too long for their recipe
        (getForwardKinematics, setExternalForceTorque): bytes are cut off or taken as zero.
        """
        numbers = self._layout.unpack(fields[:self._layout.size].ljust(self._layout.size, b'\0'))
        values, start = {}, 0
        for name, length in zip(self.names, self._lengths, strict=True):
            values[name] = numbers[start:start + length]
            start += length
        return values


class RtdeServer:
    """What all sessions share: the values, who owns which input, what was written."""

    def __init__(
        self, values: Values, version: tuple[int, int, int, int], faults: Faults
    ) -> None:
        """Serve these values.

        Args:
            values: of all variables; inputs are written here, outputs read from here.
            version: of PolyScope, as reported.
            faults: what goes wrong on purpose.
        """
        self.values = values
        self.version = version
        self.faults = faults
        self.outputs = outputs_of(version[:2])
        self.owners: dict[str, Session] = {}
        self.sessions: list[Session] = []
        self.written: set[str] = set()
        """Inputs written since ``publish``."""

    def accept(self, connection: Connection) -> 'Session':
        """Return the session of a new client."""
        session = Session(self, connection)
        self.sessions.append(session)
        return session

    def publish(self, tick: int) -> None:
        """Send every client its data package, if one is due."""
        for session in self.sessions:
            session.publish(tick)
        self.written.clear()


class Session:
    """One RTDE client."""

    def __init__(self, server: RtdeServer, connection: Connection) -> None:
        """Start without recipes, not streaming."""
        self._server = server
        self._connection = connection
        self._reader = FrameReader()
        self._output: OutputRecipe | None = None
        self._inputs: list[InputRecipe] = []
        self._started = False
        self._answers = {
            PackageType.REQUEST_PROTOCOL_VERSION: self._answer_protocol,
            PackageType.GET_URCONTROL_VERSION: self._answer_version,
            PackageType.TEXT_MESSAGE: self._note_message,
            PackageType.DATA_PACKAGE: self._take_data,
            PackageType.SETUP_OUTPUTS: self._set_up_outputs,
            PackageType.SETUP_INPUTS: self._set_up_inputs,
            PackageType.START: self._start,
            PackageType.PAUSE: self._pause,
        }

    def receive(self, data: bytes) -> None:
        """Answer every package that is complete."""
        for package_type, payload in self._reader.feed(data):
            self._answers[package_type](payload)

    def closed(self) -> None:
        """Give back the inputs that this client owned."""
        owners = self._server.owners
        for name in [name for name, owner in owners.items() if owner is self]:
            del owners[name]
        self._server.sessions.remove(self)

    def publish(self, tick: int) -> None:
        """Send the data package, if one is due at this tick."""
        if self._started and self._output is not None and self._output.is_due(tick):
            self._connection.send_newest(self._output.pack(self._server.values))

    def _reply(self, package_type: PackageType, payload: bytes) -> None:
        self._connection.send(frame(package_type, payload))

    def _answer_protocol(self, payload: bytes) -> None:
        (version,) = unpack('>H', payload, 'a protocol version request')
        self._reply(PackageType.REQUEST_PROTOCOL_VERSION, bytes([version == PROTOCOL_VERSION]))

    def _answer_version(self, _: bytes) -> None:
        version = struct.pack('>4I', *self._server.version)
        self._reply(PackageType.GET_URCONTROL_VERSION, version)

    def _note_message(self, payload: bytes) -> None:
        _LOG.info('%s says %r', self._connection.name, payload)

    def _set_up_outputs(self, payload: bytes) -> None:
        if len(payload) < 8:
            raise ProtocolError(f'an output set-up begins with 8 bytes of frequency; '
                                f'got {len(payload)}')
        (rate_hz,) = struct.unpack_from('>d', payload)
        names = _names(payload[8:])
        types = [self._server.outputs.get(name, 'NOT_FOUND') for name in names]
        usable = math.isfinite(rate_hz) and 0.0 < rate_hz <= MAX_RATE_HZ
        self._output = None
        if usable and names and 'NOT_FOUND' not in types:
            self._output = OutputRecipe(names, types, rate_hz)
        else:
            _LOG.warning('%s asked for %g Hz (0 to 500) of %s: refused', self._connection.name,
                         rate_hz, _unusable(names, types))
        recipe_id = int(self._output is not None)
        self._reply(PackageType.SETUP_OUTPUTS, bytes([recipe_id]) + ','.join(types).encode())

    def _set_up_inputs(self, payload: bytes) -> None:
        names = _names(payload)
        types = [self._input_type(name) for name in names]
        usable = bool(names) and not {'NOT_FOUND', 'IN_USE'} & set(types)
        accepted = usable and len(self._inputs) < MAX_INPUT_RECIPES
        if accepted:
            self._server.owners.update(dict.fromkeys(names, self))
            self._inputs.append(InputRecipe(names, types))
        else:
            _LOG.warning('%s asked to write %s: refused', self._connection.name,
                         _unusable(names, types))
        recipe_id = len(self._inputs) if accepted else 0
        self._reply(PackageType.SETUP_INPUTS, bytes([recipe_id]) + ','.join(types).encode())

    def _input_type(self, name: str) -> str:
        if self._server.owners.get(name, self) is not self or self._server.faults.owns(name):
            return 'IN_USE'
        return INPUTS.get(name, 'NOT_FOUND')

    def _take_data(self, payload: bytes) -> None:
        if not payload or not 1 <= payload[0] <= len(self._inputs):
            raise ProtocolError(
                f'input recipes of this client are 1 to {len(self._inputs)}; '
                f'got {payload[:1].hex() or "none"}'
            )
        recipe = self._inputs[payload[0] - 1]
        self._server.values.update(recipe.unpack(payload[1:]))
        self._server.written.update(recipe.names)

    def _start(self, _: bytes) -> None:
        self._started = self._output is not None and not self._server.faults.refuses_start
        self._reply(PackageType.START, bytes([self._started]))

    def _pause(self, _: bytes) -> None:
        self._started = False
        self._connection.drop_newest()
        self._reply(PackageType.PAUSE, b'\x01')


def _names(payload: bytes) -> list[str]:
    if len(payload) > MAX_NAMES_BYTES:
        raise ProtocolError(f'a list of variables has at most {MAX_NAMES_BYTES} bytes; '
                            f'got {len(payload)}')
    return split_names(payload)


def _unusable(names: list[str], types: list[str]) -> str:
    bad = [f'{name} ({kind})' for name, kind in zip(names, types, strict=True)
           if kind in ('NOT_FOUND', 'IN_USE')]
    return ', '.join(bad) or f'{len(names)} variables'
