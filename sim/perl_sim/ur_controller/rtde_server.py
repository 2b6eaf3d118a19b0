"""RTDE, port 30004: sessions, recipes, ownership of inputs, the stream of outputs."""

import logging
import math
import struct

from perl_sim.ur_controller.faults import Faults
from perl_sim.ur_controller.network import Connection
from perl_sim.ur_controller.rtde_protocol import (
    PROTOCOL_VERSION,
    FrameReader,
    MessageLevel,
    PackageType,
    ProtocolError,
    TextMessage,
    frame,
    pack_message,
    split_names,
    unpack,
    unpack_message,
)
from perl_sim.ur_controller.rtde_recipes import MAX_RATE_HZ, InputRecipe, OutputLayout, Rate
from perl_sim.ur_controller.rtde_variables import INPUTS, Values, Version, outputs_of

PORT = 30004
"""Source: RTDE guide."""
MAX_INPUT_RECIPES = 255
"""The id of a recipe is one byte, and 0 means refused."""
MAX_NAMES_BYTES = 2048
"""Longest list of names in a set-up. Source: RTDE guide."""

MAX_DATA_PER_READ = 1024
"""More data packages in one read are a flood. Own choice: a client that writes without a pause
sends some hundred after a stall of the host."""
MAX_REQUESTS_PER_READ = 64
"""The same for all other packages. Own choice: clients wait for each answer."""
MESSAGE_SOURCE = 'RTDE'
"""Who sends the text messages of this server."""

_LOG = logging.getLogger(__name__)


class RtdeServer:
    """What all sessions share: the values, who owns which input, what was written."""

    def __init__(self, values: Values, version: Version, faults: Faults) -> None:
        """Serve these values.

        Args:
            values: of all variables; inputs are written here, outputs read from here.
            version: of PolyScope, as reported: major, minor, bugfix, build.
            faults: what goes wrong on purpose.
        """
        self.values = values
        self.version = version
        self.faults = faults
        self.outputs = outputs_of(version)
        self.owners: dict[str, Session] = {}
        self.sessions: list[Session] = []
        self.written: set[str] = set()
        """Inputs written since ``publish``."""
        self.wanted: frozenset[str] = frozenset()
        """Names of all variables that clients read; another object when it changes."""

    def accept(self, connection: Connection) -> 'Session':
        """Return the session of a new client."""
        session = Session(self, connection)
        self.sessions.append(session)
        return session

    def publish(self, tick: int, values: Values) -> None:
        """Send every client its data package, if one is due.

        Args:
            tick: of the controller.
            values: to report.
        """
        for session in self.sessions:
            session.publish(tick, values)
        self.written.clear()

    def layout(self, names: tuple[str, ...], types: list[str]) -> OutputLayout:
        """Return the layout of a package; clients who ask alike share one."""
        alike = (session.layout for session in self.sessions)
        shared = (layout for layout in alike if layout is not None and layout.names == names)
        return next(shared, None) or OutputLayout(names, types)

    def recipes_changed(self) -> None:
        """Look again at what is wanted."""
        self.wanted = frozenset(
            name for session in self.sessions if session.layout is not None
            for name in session.layout.names
        )


class Session:
    """One RTDE client."""

    def __init__(self, server: RtdeServer, connection: Connection) -> None:
        """Start without recipes, not streaming."""
        self._server = server
        self._connection = connection
        self._reader = FrameReader()
        self.layout: OutputLayout | None = None
        self._rate = Rate(MAX_RATE_HZ)
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
        try:
            left = {True: MAX_DATA_PER_READ, False: MAX_REQUESTS_PER_READ}
            for package_type, payload in self._reader.feed(data):
                is_data = package_type is PackageType.DATA_PACKAGE
                left[is_data] -= 1
                if left[is_data] < 0:
                    raise ProtocolError('so many packages at once are a flood')
                self._answers[package_type](payload)
        except ProtocolError as error:
            self._say(str(error), MessageLevel.EXCEPTION)
            raise

    def closed(self) -> None:
        """Give back the inputs that this client owned."""
        owners = self._server.owners
        for name in [name for name, owner in owners.items() if owner is self]:
            del owners[name]
        self._server.sessions.remove(self)
        self._server.recipes_changed()

    def publish(self, tick: int, values: Values) -> None:
        """Send the data package, if one is due at this tick."""
        if self._started and self.layout is not None and self._rate.is_due(tick):
            self._connection.send_newest(self.layout.package(tick, values))

    def _reply(self, package_type: PackageType, payload: bytes) -> None:
        self._connection.send(frame(package_type, payload))

    def _say(self, text: str, level: MessageLevel) -> None:
        message = pack_message(TextMessage(text, MESSAGE_SOURCE, level))
        self._reply(PackageType.TEXT_MESSAGE, message)

    def _answer_protocol(self, payload: bytes) -> None:
        (version,) = unpack('>H', payload, 'a protocol version request')
        self._reply(PackageType.REQUEST_PROTOCOL_VERSION, bytes([version == PROTOCOL_VERSION]))

    def _answer_version(self, _: bytes) -> None:
        version = struct.pack('>4I', *self._server.version)
        self._reply(PackageType.GET_URCONTROL_VERSION, version)

    def _note_message(self, payload: bytes) -> None:
        message = unpack_message(payload)
        _LOG.info('%s says %r (level %d, source %r)', self._connection.name, message.text,
                  message.level, message.source)

    def _set_up_outputs(self, payload: bytes) -> None:
        if len(payload) < 8:
            raise ProtocolError(f'an output set-up begins with 8 bytes of frequency; '
                                f'got {len(payload)}')
        (rate_hz,) = struct.unpack_from('>d', payload)
        names = _names(payload[8:])
        types = [self._server.outputs.get(name, 'NOT_FOUND') for name in names]
        usable = math.isfinite(rate_hz) and 0.0 < rate_hz <= MAX_RATE_HZ
        self.layout = None
        if usable and names and 'NOT_FOUND' not in types:
            self.layout = self._server.layout(tuple(names), types)
            self._rate = Rate(rate_hz)
        else:
            _LOG.warning('%s asked for %g Hz (0 to 500) of %s: refused', self._connection.name,
                         rate_hz, _unusable(names, types))
        self._server.recipes_changed()
        recipe_id = int(self.layout is not None)
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
        self._started = self.layout is not None and not self._server.faults.refuses_start
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
