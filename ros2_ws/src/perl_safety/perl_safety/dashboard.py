"""A client of the robot's dashboard server with deadlines of its own (plain sockets).

ur_rtde's own dashboard client holds the interpreter's lock while it connects and reads; the
monitor must go on watching meanwhile.
"""

import contextlib
import socket
import time

from perl_core.errors import RobotError

DASHBOARD_PORT = 29999
"""Dashboard server of the e-Series (Universal Robots, "Dashboard Server e-Series")."""


class Dashboard:
    """One connection, opened when needed; not thread-safe."""

    def __init__(self, robot_ip: str, timeout_s: float = 1.0) -> None:
        """Remember whom to ask.

        Args:
            robot_ip: address of the controller.
            timeout_s: for connecting and for each answer.
        """
        self._address = (robot_ip, DASHBOARD_PORT)
        self._timeout_s = timeout_s
        self._socket: socket.socket | None = None

    def command(self, line: str) -> str:
        """Send one command and return the one-line answer.

        A connection that has died since the last command is opened again, once.

        Args:
            line: without line end.

        Raises:
            RobotError: the server does not answer in time.
        """
        if self._socket is not None:
            with contextlib.suppress(OSError):
                return self._ask(self._socket, line)
        self.close()
        try:
            self._socket = socket.create_connection(self._address, self._timeout_s)
            self._read_line(self._socket)
            return self._ask(self._socket, line)
        except OSError as error:
            self.close()
            ip, port = self._address
            raise RobotError(
                f'the robot at {ip} does not answer {line!r} on its dashboard port {port} within '
                f'{self._timeout_s} s ({error}); check its address and that it is switched on'
            ) from error

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _ask(self, connection: socket.socket, line: str) -> str:
        """Send a line and return the next one that comes."""
        connection.sendall(f'{line}\n'.encode())
        return self._read_line(connection)

    def _read_line(self, connection: socket.socket) -> str:
        """Return one line, within the timeout as a whole."""
        deadline_s = time.monotonic() + self._timeout_s
        received = b''
        while not received.endswith(b'\n'):
            left_s = deadline_s - time.monotonic()
            if left_s <= 0.0:
                raise TimeoutError(f'only {received!r} came')
            connection.settimeout(left_s)
            chunk = connection.recv(4096)
            if not chunk:
                raise ConnectionError('the server closed the connection')
            received += chunk
        return received.decode(errors='replace').strip()
