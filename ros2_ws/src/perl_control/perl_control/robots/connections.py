"""The connections that a library holds: whether they live, and that they do not wait.

ur_rtde answers a broken connection by making it anew from two threads at once, which corrupts its
heap (measured: "malloc(): mismatching next->prev_size" after a reset of both connections). So a
process whose connection breaks must not touch the library again; this tells it in time.
"""

import contextlib
import os
import select
import socket
import stat


class Connections:
    """The TCP connections of this process to one port of one host, as they are now."""

    def __init__(self, peer: str, port: int) -> None:
        """Find them.

        Args:
            peer: address of the other end.
            port: of the other end.
        """
        self._poll, host = select.poll(), socket.gethostbyname(peer)
        self._sockets: dict[int, int] = {}
        for name in os.listdir('/proc/self/fd'):
            if _peer(int(name)) == (host, port):
                # Errors, hang-ups and closed descriptors are told unasked.
                self._poll.register(int(name), select.POLLRDHUP)
                self._sockets[int(name)] = os.fstat(int(name)).st_ino

    def send_at_once(self) -> None:
        """Let nothing wait for the acknowledgement of what was sent before (TCP_NODELAY).

        ur_rtde leaves that as it is: when the robot's stream falls silent, its acknowledgements
        come 40 ms late, and so do the targets, all at once (measured: a joint at 2 rad/s then
        jumps ahead at 3 rad/s).
        """
        for descriptor in self._sockets:
            with socket.socket(fileno=os.dup(descriptor)) as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._sockets)

    @property
    def alive(self) -> bool:
        """Whether none of them has ended, or was replaced; costs some microseconds."""
        return not self._poll.poll(0) and all(
            _inode(descriptor) == inode for descriptor, inode in self._sockets.items()
        )


def _inode(descriptor: int) -> int | None:
    """Return what tells a socket from another one at the same descriptor."""
    try:
        return os.fstat(descriptor).st_ino
    except OSError:
        return None


def _peer(descriptor: int) -> tuple[str, int] | None:
    """Return the other end of a TCP connection; None for everything else."""
    with contextlib.suppress(OSError):
        if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            return None
        with socket.socket(fileno=os.dup(descriptor)) as connection:
            return connection.getpeername()
    return None
