"""One stack per robot address: an abstract Unix socket that dies with its owner."""

import socket

from perl_core.errors import RobotError


class AddressLock:
    """Held as long as this object lives; the kernel frees it with the process."""

    def __init__(self, robot_ip: str) -> None:
        """Take the lock.

        Args:
            robot_ip: address of the robot.

        Raises:
            RobotError: another process holds it.
        """
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        try:
            self._socket.bind(f'\0perl-{robot_ip}')
        except OSError as error:
            self._socket.close()
            raise RobotError(
                f'expected to be the only control loop of the robot at {robot_ip}, but another '
                'one is running on this machine. Stop that stack first.'
            ) from error

    def release(self) -> None:
        """Let another process have the address."""
        self._socket.close()
