"""Deadlines and sentences of the plain-socket clients, against servers that misbehave."""

import contextlib
import socket
import struct
import threading
import time

from perl_core.errors import RobotError
from perl_safety.dashboard import DASHBOARD_PORT, Dashboard
from perl_safety.rtde_probe import RTDE_PORT, require_stream
import pytest

ADDRESS = '127.0.3.10'


@contextlib.contextmanager
def server(port, serve):
    """Accept connections on ADDRESS and hand each to ``serve`` in a thread."""
    with socket.create_server((ADDRESS, port)) as listener:
        open_connections = []

        def accept():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    open_connections.append(connection)
                    threading.Thread(target=quietly, args=(connection,), daemon=True).start()

        def quietly(connection):
            with contextlib.suppress(OSError):
                serve(connection)

        threading.Thread(target=accept, daemon=True).start()
        yield open_connections
        listener.shutdown(socket.SHUT_RDWR)
        for connection in open_connections:
            connection.close()


def answer(connection, greeting=b'Connected: Universal Robots Dashboard Server\n'):
    connection.sendall(greeting)
    while line := connection.recv(100):
        connection.sendall(b'answer to ' + line)


def test_the_dashboard_answers_command_by_command_on_one_connection():
    with server(DASHBOARD_PORT, answer) as connections:
        dashboard = Dashboard(ADDRESS)
        assert dashboard.command('stop') == 'answer to stop'
        assert dashboard.command('robotmode') == 'answer to robotmode'
        assert len(connections) == 1
        dashboard.close()


def test_a_connection_that_died_is_opened_again():
    with server(DASHBOARD_PORT, answer) as connections:
        dashboard = Dashboard(ADDRESS)
        dashboard.command('stop')
        connections[0].shutdown(socket.SHUT_RDWR)
        assert dashboard.command('stop') == 'answer to stop'
        dashboard.close()


def slowly(connection):
    for _ in range(100):
        connection.sendall(b'x')
        time.sleep(0.05)


@pytest.mark.parametrize('serve', [lambda connection: time.sleep(5), slowly, socket.socket.close])
def test_a_dashboard_that_does_not_answer_is_given_up(serve):
    with server(DASHBOARD_PORT, serve):
        began = time.monotonic()
        with pytest.raises(RobotError, match=f'{ADDRESS} does not answer .stop. .*29999'):
            Dashboard(ADDRESS, timeout_s=0.2).command('stop')
        assert time.monotonic() - began < 2.0


def test_no_dashboard_is_a_sentence():
    with pytest.raises(RobotError, match='dashboard port 29999'):
        Dashboard(ADDRESS).command('stop')


def package(kind, payload):
    return struct.pack('>HB', 3 + len(payload), ord(kind)) + payload


GOOD = {'V': b'\x01', 'O': b'\x01DOUBLE', 'S': b'\x01'}


def rtde(answers, data=True, first=b''):
    def serve(connection):
        connection.sendall(first)
        while header := connection.recv(3):
            size, kind = struct.unpack('>HB', header)
            connection.recv(size - 3 or 0)
            connection.sendall(package(chr(kind), answers[chr(kind)]))
            if chr(kind) == 'S' and data:
                connection.sendall(package('U', b'\x01' + bytes(8)))

    return serve


def test_a_controller_that_streams_passes_the_probe():
    with server(RTDE_PORT, rtde(GOOD)):
        require_stream(ADDRESS)
    with server(RTDE_PORT, rtde(GOOD, first=package('M', b'\x02hi\x01x\x03'))):
        require_stream(ADDRESS)


@pytest.mark.parametrize(('serve', 'sentence'), [
    (lambda connection: time.sleep(5), 'timed out'),
    (rtde(GOOD, data=False), 'timed out'),
    (rtde({**GOOD, 'S': b'\x00'}), 'refused'),
    (rtde({**GOOD, 'O': b'\x01NOT_FOUND'}), 'refused'),
    (rtde(GOOD, first=b'HTTP/1.1 400'), 'expected a package|timed out'),
    (socket.socket.close, 'closed|reset'),
])
def test_a_controller_that_does_not_stream_is_given_up(serve, sentence):
    with server(RTDE_PORT, serve):
        began = time.monotonic()
        with pytest.raises(RobotError, match=f'RTDE port 30004.*({sentence})'):
            require_stream(ADDRESS, timeout_s=0.3)
        assert time.monotonic() - began < 2.0


def test_no_controller_is_a_sentence():
    with pytest.raises(RobotError, match=f'{ADDRESS} does not stream .*30004'):
        require_stream(ADDRESS)
