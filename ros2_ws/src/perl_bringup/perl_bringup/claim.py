"""At most one stack a robot address, and one a ROS domain, on this machine.

Two stacks with the same node names in one domain would lead each other's nodes through their
lifecycles. An abstract Unix socket says who is there, and dies with its owner.
"""

from collections.abc import Mapping
from pathlib import Path
import socket

from perl_core.errors import ConfigError


class Claim:
    """Held as long as this object lives, at most as long as the process."""

    def __init__(self, robot_ip: str, environment: Mapping[str, str]) -> None:
        """Claim the address and the domain.

        Args:
            robot_ip: address of the robot.
            environment: says ROS_DOMAIN_ID; 0 if it does not.

        Raises:
            ConfigError: another stack of this machine holds one of them.
        """
        self._robot_ip = robot_ip
        domain = environment.get('ROS_DOMAIN_ID') or '0'
        self._sockets: list[socket.socket] = []
        self._bind(
            f'perl-stack-{robot_ip}',
            f'a stack for the robot at {robot_ip} is already running on this machine; stop it '
            'first, or give another robot_ip',
        )
        self._bind(
            f'perl-stack-domain-{domain}',
            f'a stack is already running in ROS domain {domain} on this machine; stop it first, '
            'or set another ROS_DOMAIN_ID',
        )

    def release(self) -> None:
        """Let another stack have both, and take away what killed processes left in memory.

        Only when the stack's processes have ended.
        """
        for left in Path('/dev/shm').glob(f'perl-{self._robot_ip}-*'):
            left.unlink(missing_ok=True)
        self._close()

    def _close(self) -> None:
        for held in self._sockets:
            held.close()

    def _bind(self, name: str, refusal: str) -> None:
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._sockets.append(claim)
        try:
            claim.bind('\0' + name)
        except OSError as error:
            self._close()
            raise ConfigError(refusal) from error
