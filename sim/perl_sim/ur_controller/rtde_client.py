"""A plain RTDE client: for the bench and the view, which must not depend on any client library."""

from collections.abc import Iterator, Sequence
import socket
import struct

from perl_core.errors import RobotError
from perl_sim.ur_controller.rtde_protocol import (
    PROTOCOL_VERSION,
    FrameReader,
    PackageType,
    frame,
)
from perl_sim.ur_controller.rtde_variables import FORMATS

PORT = 30004
"""Source: RTDE guide."""
SCRIPT_PORT = 30003
"""Source: UR client interfaces."""
ANSWER_LIMIT_S = 5.0
"""How long an answer may take. Own choice."""


class RtdeClient:
    """One connection to a controller."""

    def __init__(self, address: str) -> None:
        """Connect and agree on the protocol version.

        Args:
            address: of the controller.

        Raises:
            RobotError: nobody answers there, or not as a controller does.
        """
        try:
            self.socket = socket.create_connection((address, PORT), ANSWER_LIMIT_S)
        except OSError as error:
            raise RobotError(f'no controller answers at {address} port {PORT}: {error}') from error
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = FrameReader()
        self._waiting: list[tuple[PackageType, bytes]] = []
        self._layout = struct.Struct('>')
        version = struct.pack('>H', PROTOCOL_VERSION)
        if self._ask(PackageType.REQUEST_PROTOCOL_VERSION, version) != b'\x01':
            raise RobotError(f'{address} does not speak RTDE version {PROTOCOL_VERSION}')

    def close(self) -> None:
        """Leave."""
        self.socket.close()

    def stream(self, names: Sequence[str], rate_hz: float = 500.0) -> None:
        """Begin to receive these variables.

        Raises:
            RobotError: the controller refuses.
        """
        request = struct.pack('>d', rate_hz) + ','.join(names).encode()
        reply = self._ask(PackageType.SETUP_OUTPUTS, request)
        types = reply[1:].decode().split(',')
        if not reply[0] or self._ask(PackageType.START) != b'\x01':
            refused = [name for name, kind in zip(names, types, strict=True)
                       if kind == 'NOT_FOUND']
            raise RobotError(f'the controller refuses to send {refused or names} at {rate_hz} Hz')
        self._layout = struct.Struct('>' + ''.join(FORMATS[kind] for kind in types))

    def write_to(self, names: Sequence[str]) -> int:
        """Return the id of an input recipe of these variables.

        Raises:
            RobotError: the controller refuses.
        """
        reply = self._ask(PackageType.SETUP_INPUTS, ','.join(names).encode())
        if not reply[0]:
            raise RobotError(f'the controller refuses inputs: {reply[1:].decode()}')
        return reply[0]

    def write(self, payload: bytes) -> None:
        """Send a data package: recipe id and packed values."""
        self.socket.sendall(frame(PackageType.DATA_PACKAGE, payload))

    def packages(self) -> Iterator[tuple]:
        """Yield the numbers of each data package, in a row, as they come."""
        while True:
            package_type, payload = self._next()
            if package_type == PackageType.DATA_PACKAGE:
                yield self._layout.unpack_from(payload, 1)

    def _ask(self, package_type: PackageType, payload: bytes = b'') -> bytes:
        self.socket.sendall(frame(package_type, payload))
        while True:
            came, answer = self._next()
            if came == package_type:
                return answer

    def _next(self) -> tuple[PackageType, bytes]:
        while not self._waiting:
            try:
                data = self.socket.recv(65536)
            except OSError as error:
                raise RobotError(f'the controller does not answer: {error}') from error
            if not data:
                raise RobotError('the controller closed the connection')
            self._waiting += self._reader.feed(data)
        return self._waiting.pop(0)
