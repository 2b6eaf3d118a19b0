"""Sockets without threads: accept, read and write whatever is possible now, never wait."""

from collections.abc import Callable
import logging
import selectors
import socket
import struct
from typing import Protocol

from perl_sim.ur_controller.impairment import DeadLink, Impairment
from perl_sim.ur_controller.rtde_protocol import ProtocolError

_LOG = logging.getLogger(__name__)

STALL_LIMIT_TICKS = 1000
"""A client that takes no byte for so many ticks (2 s) is dropped. Own choice; the real
controller shuts its RTDE down (Universal_Robots_Client_Library doc/architecture/rtde_client)."""
SEND_BUFFER_BYTES = 65536
"""Kernel buffer of one connection: about 0.1 s of the largest stream, so that a slow client
reads recent data."""
QUEUE_LIMIT_BYTES = 1 << 20
"""Replies waiting for one client; beyond it the client is dropped."""
READ_BYTES = 16384
"""Read from one connection in one tick: what it asks for never holds up the others. Own choice:
three ticks for the longest script of ur_rtde."""
MAX_CLIENTS = 64
"""Connections to one service; beyond it a new one is closed. Own choice: far more than a robot
has, and it bounds what a flood of connections can cost."""
ACCEPTS_PER_TICK = 32
"""Own choice, for the same reason."""
_NO_LINGER = struct.pack('ii', 1, 0)
"""struct linger (socket(7)): closing discards what waits and resets the connection."""


class Handler(Protocol):
    """What a server does with one of its connections."""

    def receive(self, data: bytes) -> None:
        """Take what arrived. ProtocolError closes the connection."""

    def closed(self) -> None:
        """Forget the connection: it is gone."""


class Connection:
    """One client: what it is still to be sent, and how long it has taken nothing."""

    def __init__(self, sock: socket.socket, service: str, peer: str) -> None:
        """Take over a connected, non-blocking socket.

        Args:
            sock: to read from and write to.
            service: that the client uses.
            peer: where the client is, for messages.
        """
        self.socket = sock
        self.service = service
        self.name = f'{service} client {peer}'
        self.impairment: Impairment | None = None
        """What a fault makes wrong with this connection."""
        self.closing = False
        self.may_lag = False
        """Whether a client that never reads stays connected."""
        self.stalled_ticks = 0
        self.corked = False
        """Whether replies wait for each other, to leave in one go."""
        self._queue = bytearray()
        self._newest = b''

    @property
    def lags(self) -> bool:
        """Whether the client has not yet taken what it was sent."""
        return bool(self._queue)

    def send(self, data: bytes) -> None:
        """Send these bytes, now or later, in order."""
        if self.impairment is None:
            self.transmit(data)
        else:
            self.impairment.reply(data)

    def send_newest(self, data: bytes) -> None:
        """Send these bytes unless the client lags: then only the newest of them, later."""
        if self.impairment is None:
            self.transmit_newest(data)
        else:
            self.impairment.package(data)

    def transmit(self, data: bytes) -> None:
        """Do ``send``, past any impairment."""
        self._queue += data
        if not self.corked:
            self.flush()

    def transmit_newest(self, data: bytes) -> None:
        """Do ``send_newest``, past any impairment."""
        if self._queue:
            self._newest = data
        else:
            self.transmit(data)

    def drop_newest(self) -> None:
        """Forget data that waits for a lagging client."""
        self._newest = b''
        if self.impairment is not None:
            self.impairment.forget_packages()

    def flush(self) -> None:
        """Write what the client takes now."""
        if not self._queue:
            return
        try:
            sent = self.socket.send(self._queue)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.closing = True
            return
        del self._queue[:sent]
        if sent:
            self.stalled_ticks = 0
        if not self._queue and self._newest:
            self._queue += self._newest
            self._newest = b''

    def tick(self) -> None:
        """Write again, and give up on a client that does not read."""
        if self.impairment is not None:
            self.impairment.tick(self)
            if self.impairment.is_over:
                self.impairment = None
        if not self._queue:
            return
        self.stalled_ticks += 1
        self.flush()
        stalled = self.stalled_ticks > STALL_LIMIT_TICKS and not self.may_lag
        if stalled or len(self._queue) > QUEUE_LIMIT_BYTES:
            _LOG.warning('%s does not read; its connection is closed', self.name)
            self.closing = True


class Network:
    """All listening sockets and connections of one controller."""

    def __init__(self, address: str) -> None:
        """Listen on nothing yet.

        Args:
            address: IP address of the controller.
        """
        self._address = address
        self.on_connected: Callable[[Connection], None] = lambda _: None
        """Told of every new connection before anything is sent: faults hook in here."""
        self._selector = selectors.DefaultSelector()
        self._connections: dict[Connection, Handler] = {}
        self._listeners: list[socket.socket] = []

    def listen(self, port: int, service: str, accept: Callable[[Connection], Handler]) -> None:
        """Listen on a port.

        Args:
            port: TCP port.
            service: name of what is offered there, for messages.
            accept: makes the handler of a new connection.

        Raises:
            OSError: the port is taken, or the address is not one of this machine's.
        """
        family = socket.AF_INET6 if ':' in self._address else socket.AF_INET
        listener = socket.create_server((self._address, port), family=family, backlog=128)
        self.serve(listener, service, accept)

    def serve(
        self, listener: socket.socket, service: str, accept: Callable[[Connection], Handler]
    ) -> None:
        """Accept connections from a listening socket, which is closed with the network.

        Args:
            listener: TCP or Unix.
            service: name of what is offered there, for messages.
            accept: makes the handler of a new connection.
        """
        listener.setblocking(False)
        self._listeners.append(listener)
        self._selector.register(listener, selectors.EVENT_READ, (listener, service, accept))

    @property
    def connections(self) -> list[Connection]:
        """All connections that are open."""
        return list(self._connections)

    def poll(self) -> None:
        """Accept and read all that is there."""
        for key, _ in self._selector.select(0):
            if isinstance(key.data, Connection):
                self._read(key.data)
            else:
                self._accept_all(*key.data)

    def abandon(self, connection: Connection) -> None:
        """Make a connection half-open: the client believes in it, nothing goes in or out."""
        if connection.impairment is None or not connection.impairment.is_dead:
            connection.impairment = DeadLink()
            self._selector.unregister(connection.socket)

    def reset(self, connection: Connection) -> None:
        """Cut a connection: the client gets a reset instead of an end."""
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        connection.closing = True

    def tick(self) -> None:
        """Write what waits, and drop clients that are gone or do not read."""
        for connection in self._connections:
            connection.tick()
        self.close_finished()

    def close_finished(self) -> None:
        """Close the connections that are to be closed."""
        for connection in [each for each in self._connections if each.closing]:
            self._close(connection)

    def close(self) -> None:
        """Close everything."""
        for connection in list(self._connections):
            self._close(connection)
        for listener in self._listeners:
            listener.close()
        self._selector.close()

    def _accept_all(
        self, listener: socket.socket, service: str, accept: Callable[[Connection], Handler]
    ) -> None:
        for _ in range(ACCEPTS_PER_TICK):
            try:
                sock, peer = listener.accept()
            except OSError:
                return  # Nobody is left, or the client gave up before it was served.
            if sum(each.service == service for each in self._connections) >= MAX_CLIENTS:
                _LOG.warning('%s has %d clients: another one is turned away', service,
                             MAX_CLIENTS)
                sock.close()
                continue
            self._accept(sock, ':'.join(map(str, peer[:2])) or 'here', service, accept)

    def _accept(
        self, sock: socket.socket, peer: str, service: str,
        accept: Callable[[Connection], Handler],
    ) -> None:
        sock.setblocking(False)
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        connection = Connection(sock, service, peer)
        self.on_connected(connection)
        self._connections[connection] = accept(connection)
        self._selector.register(sock, selectors.EVENT_READ, connection)

    def _read(self, connection: Connection) -> None:
        try:
            data = connection.socket.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b''
        if not data:
            self._close(connection)
            return
        connection.corked = True
        try:
            self._connections[connection].receive(data)
        except ProtocolError as error:
            _LOG.warning('%s: %s; its connection is closed', connection.name, error)
            connection.closing = True
        connection.corked = False
        connection.flush()

    def _close(self, connection: Connection) -> None:
        handler = self._connections.pop(connection)
        if connection.impairment is None or not connection.impairment.is_dead:
            self._selector.unregister(connection.socket)
        connection.socket.close()
        handler.closed()
