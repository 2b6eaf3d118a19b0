"""Ask an RTDE server whether it streams, with a deadline (plain sockets).

The constructor of ur_rtde's client holds the interpreter's lock, and waits long or for ever for a
server that accepts connections but does not stream. So this is asked first.
"""

import socket
import struct
import time

from perl_core.errors import RobotError

RTDE_PORT = 30004
"""Real-Time Data Exchange (Universal Robots, "RTDE guide")."""
_HEADER = struct.Struct('>HB')
_PROTOCOL_VERSION, _SETUP_OUTPUTS, _START, _DATA, _TEXT = b'VOSUM'


def require_stream(robot_ip: str, timeout_s: float = 2.0) -> None:
    """Return when the controller has sent one data package.

    Args:
        robot_ip: address of the controller.
        timeout_s: for everything together.

    Raises:
        RobotError: it does not answer, or not as an RTDE server would.
    """
    deadline_s = time.monotonic() + timeout_s
    try:
        with socket.create_connection((robot_ip, RTDE_PORT), timeout_s) as connection:
            version = _ask(connection, _PROTOCOL_VERSION, struct.pack('>H', 2), deadline_s)
            outputs = struct.pack('>d', 125.0) + b'timestamp'
            recipe = _ask(connection, _SETUP_OUTPUTS, outputs, deadline_s)
            started = _ask(connection, _START, b'', deadline_s)
            if version != b'\x01' or recipe[1:] != b'DOUBLE' or started != b'\x01':
                raise ConnectionError(
                    f'refused: protocol {version!r}, timestamp {recipe!r}, start {started!r}'
                )
            _receive(connection, _DATA, deadline_s)
    except OSError as error:
        raise RobotError(
            f'the robot at {robot_ip} does not stream its state on RTDE port {RTDE_PORT} within '
            f'{timeout_s} s ({error}); check its address and that it is switched on'
        ) from error


def _ask(connection: socket.socket, kind: int, payload: bytes, deadline_s: float) -> bytes:
    """Send one package and return the payload of its answer."""
    connection.sendall(_HEADER.pack(_HEADER.size + len(payload), kind) + payload)
    return _receive(connection, kind, deadline_s)


def _receive(connection: socket.socket, kind: int, deadline_s: float) -> bytes:
    """Return the payload of the next package of this kind; text messages are passed over."""
    while True:
        size, came = _HEADER.unpack(_read(connection, _HEADER.size, deadline_s))
        payload = _read(connection, size - _HEADER.size, deadline_s)
        if came == kind:
            return payload
        if came != _TEXT:
            raise ConnectionError(f'expected a package {chr(kind)!r}, got {chr(came)!r}')


def _read(connection: socket.socket, size: int, deadline_s: float) -> bytes:
    """Return exactly ``size`` bytes."""
    received = b''
    while len(received) < size:
        left_s = deadline_s - time.monotonic()
        if left_s <= 0.0:
            raise TimeoutError('timed out')
        connection.settimeout(left_s)
        chunk = connection.recv(size - len(received))
        if not chunk:
            raise ConnectionError('the server closed the connection')
        received += chunk
    return received
