"""The control socket: faults, state and time, asked for while the emulator runs.

An abstract Unix socket (unix(7)): it takes no port, only this machine reaches it, and it ends with
the process. One JSON object a line in, one out; a reply has ``ok`` and what was asked for, or
``error``.
"""

from collections.abc import Callable, Mapping
import json
import logging
import socket
from typing import Any

from perl_core.errors import ConfigError, PerlError
from perl_sim.ur_controller.faults import CONTROL
from perl_sim.ur_controller.network import Connection
from perl_sim.ur_controller.rtde_protocol import ProtocolError

SERVICE = CONTROL
"""Name of this service in messages."""
MAX_LINES_PER_READ = 64
"""Own choice: what is asked here never holds up the clients of the robot."""
MAX_LINE_BYTES = 65536
"""Own choice."""

Reply = Callable[[dict[str, Any]], None]
"""Sends a reply later."""
Answer = Callable[[Mapping[str, Any], Reply], dict[str, Any] | None]
"""Obeys one request and returns the reply, or None if it calls ``Reply`` later; PerlError becomes
the reply ``error``."""

_LOG = logging.getLogger(__name__)


def socket_name(address: str) -> str:
    """Return the name of the abstract socket of the controller at an address."""
    return f'\0perl-ur-controller-{address}'


def open_listener(address: str) -> socket.socket:
    """Return the listening control socket of the controller at an address.

    Raises:
        OSError: another one listens.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(socket_name(address))
        listener.listen(16)
    except OSError:
        listener.close()
        raise
    return listener


class ControlSession:
    """One client of the control socket."""

    def __init__(self, connection: Connection, requests: Mapping[str, Answer]) -> None:
        """Obey these requests.

        Args:
            connection: of the client.
            requests: by the field ``do`` of what the client sends.
        """
        self._connection = connection
        self._requests = requests
        self._buffer = b''

    def receive(self, data: bytes) -> None:
        """Answer every line that is complete."""
        *lines, self._buffer = (self._buffer + data).split(b'\n')
        if len(lines) > MAX_LINES_PER_READ:
            raise ProtocolError(f'more than {MAX_LINES_PER_READ} requests at once are a flood')
        for line in lines:
            self._answer(line)
        if len(self._buffer) > MAX_LINE_BYTES:
            raise ProtocolError(f'a control request has at most {MAX_LINE_BYTES} bytes')

    def closed(self) -> None:
        """Nothing is kept for a client: its faults go on."""

    def _reply(self, reply: dict[str, Any]) -> None:
        self._connection.send(json.dumps({'ok': True, **reply}).encode() + b'\n')

    def _answer(self, line: bytes) -> None:
        try:
            request = _request(line)
            name = request.pop('do', None)
            if not isinstance(name, str) or name not in self._requests:
                raise ConfigError(f'do is one of {sorted(self._requests)}; got {name!r}')
            reply = self._requests[name](request, self._reply)
        except PerlError as error:
            _LOG.warning('%s: %s', self._connection.name, error)
            reply = {'ok': False, 'error': str(error)}
        if reply is not None:
            self._reply(reply)


def _request(line: bytes) -> dict[str, Any]:
    try:
        request = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f'a request is one JSON object a line: {error}') from None
    if not isinstance(request, dict):
        raise ConfigError(f'a request is a JSON object; got {type(request).__name__}')
    return request


def ask(address: str, request: Mapping[str, Any], limit_s: float = 5.0) -> dict[str, Any]:
    """Send one request to the controller at an address of this machine, and return its reply.

    Raises:
        ConfigError: it refuses the request.
        ConnectionError: no controller is there, or it does not answer.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(limit_s)
        try:
            client.connect(socket_name(address))
            client.sendall(json.dumps(request).encode() + b'\n')
            with client.makefile('rb') as lines:
                line = lines.readline()
        except OSError as error:
            raise ConnectionError(f'no emulated controller answers at {address}: {error}. '
                                  'Start one: python -m perl_sim.ur_controller') from error
    if not line.endswith(b'\n'):
        raise ConnectionError(f'the emulated controller at {address} hung up')
    reply = json.loads(line)
    if not reply.pop('ok'):
        raise ConfigError(reply['error'])
    return reply
