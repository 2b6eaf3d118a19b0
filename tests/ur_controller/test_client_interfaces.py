"""The ports 30001 to 30003 and their read-only twins on the wire."""

import contextlib
import itertools
import socket
import struct
import time

from emulator import emulator, wait_until
import pytest

ADDRESS = '127.0.1.45'
PRIMARY, SECONDARY, REAL_TIME = 30001, 30002, 30003
READ_ONLY = 10
ENDLESS = b'def endless():\n  while True:\n    sync()\n  end\nend\n'


@pytest.fixture(scope='module', autouse=True)
def robot():
    with emulator(ADDRESS, '--log-level', 'ERROR') as process:
        yield process


class Reader:
    """A client that cuts the stream into packages: size, then the rest."""

    def __init__(self, port):
        self.socket = socket.create_connection((ADDRESS, port), timeout=5.0)
        self.buffer = b''

    def next(self):
        while len(self.buffer) < 4 or len(self.buffer) < self.size:
            data = self.socket.recv(65536)
            if not data:
                raise ConnectionError('closed by the emulator')
            self.buffer += data
        package, self.buffer = self.buffer[:self.size], self.buffer[self.size:]
        return package

    @property
    def size(self):
        return struct.unpack_from('>i', self.buffer)[0]


@contextlib.contextmanager
def reader(port):
    one = Reader(port)
    try:
        yield one
    finally:
        one.socket.close()


@contextlib.contextmanager
def dashboard():
    with socket.create_connection((ADDRESS, 29999), timeout=5.0) as sock:
        file = sock.makefile('rwb', buffering=0)
        file.readline()

        def ask(line):
            file.write(line.encode() + b'\n')
            return file.readline().decode().strip()

        yield ask


@pytest.mark.parametrize('port', [PRIMARY, SECONDARY, PRIMARY + READ_ONLY, SECONDARY + READ_ONLY])
def test_a_client_hears_the_version_then_robot_states_ten_times_a_second(port):
    with reader(port) as client:
        first = client.next()
        assert (first[4], first[14]) == (20, 3)
        assert struct.unpack_from('>2B2i', first, 25) == (5, 11, 5, 1234)
        states = [client.next() for _ in range(4)]
    assert {state[4] for state in states} == {16}
    times_us = [struct.unpack_from('>Q', state, 10)[0] for state in states]
    assert [later - sooner for sooner, later in itertools.pairwise(times_us)] == [
        100_000] * 3


@pytest.mark.parametrize('port', [REAL_TIME, REAL_TIME + READ_ONLY])
def test_the_real_time_stream_counts_the_controllers_ticks(port):
    with reader(port) as client:
        packages = [client.next() for _ in range(200)]
    assert {len(package) for package in packages} == {1220}
    times_s = [struct.unpack_from('>d', package, 4)[0] for package in packages]
    steps_s = [later - sooner for sooner, later in itertools.pairwise(times_s)]
    assert steps_s == pytest.approx([0.002] * 199, abs=1e-9)


@pytest.mark.parametrize('port', [PRIMARY, SECONDARY, REAL_TIME])
def test_a_script_is_run_and_a_read_only_twin_ignores_it(port):
    with dashboard() as ask, reader(port + READ_ONLY) as deaf, reader(port) as client:
        ask('stop')
        deaf.next()
        deaf.socket.sendall(ENDLESS)
        for _ in range(3):
            deaf.next()
        assert ask('running') == 'Program running: false'
        client.socket.sendall(ENDLESS)
        assert wait_until(lambda: ask('running') == 'Program running: true')
        ask('stop')


def test_a_client_that_never_reads_stays_and_its_scripts_still_run():
    # So does ur_rtde.
    with socket.create_connection((ADDRESS, REAL_TIME), timeout=5.0) as client, \
            dashboard() as ask:
        time.sleep(3.0)
        client.sendall(ENDLESS)
        assert wait_until(lambda: ask('running') == 'Program running: true')
        assert ask('stop') == 'Stopped'


def messages_until(client, kind, count):
    """Return the bodies of the first messages of these kinds."""
    found = []
    while len(found) < count:
        package = client.next()
        if package[4] == 20 and package[14] in kind:
            found.append((package[14], package[15:]))
    return found


def test_primary_clients_hear_a_program_begin_speak_and_end():
    with reader(PRIMARY) as client, reader(SECONDARY) as sender:
        sender.socket.sendall(b'def hello():\n  textmsg("it is ", 3)\n  sleep(0.02)\nend\n')
        begin, said, end = messages_until(client, (0, 7), 3)
    assert begin == (7, struct.pack('>2iB', 0, 0, 19) + b'PROGRAM_XXX_STARTEDhello')
    assert said == (0, b'it is 3')
    assert end == (7, struct.pack('>2iB', 0, 0, 19) + b'PROGRAM_XXX_STOPPEDhello')


def test_the_pendants_buttons_as_the_vendors_client_library_presses_them():
    with reader(PRIMARY) as client, dashboard() as ask:
        client.socket.sendall(b'power off\n')
        assert wait_until(lambda: ask('robotmode') == 'Robotmode: POWER_OFF')
        client.socket.sendall(b'power on\n')
        assert wait_until(lambda: ask('robotmode') == 'Robotmode: IDLE')
        client.socket.sendall(b'set robotmode run\n')
        assert wait_until(lambda: ask('robotmode') == 'Robotmode: RUNNING')
        client.socket.sendall(ENDLESS)
        assert wait_until(lambda: ask('programState') == 'PLAYING endless')
        client.socket.sendall(b'stop program\n')
        assert wait_until(lambda: ask('running') == 'Program running: false')


@pytest.mark.parametrize('garbage', [
    b'\xff' * 5000 + b'\n', b'\0\n' * 100, b'end\nend\n', b'def open():\n',
])
@pytest.mark.parametrize('port', [PRIMARY, REAL_TIME])
def test_garbage_disturbs_nobody(port, garbage):
    with reader(REAL_TIME + READ_ONLY) as other:
        with reader(port) as client:
            client.socket.sendall(garbage)
            before_s = struct.unpack_from('>d', other.next(), 4)[0]
        after_s = max(struct.unpack_from('>d', other.next(), 4)[0] for _ in range(100))
    assert after_s > before_s


def test_a_flood_of_scripts_closes_that_connection():
    with reader(PRIMARY) as client, contextlib.suppress(ConnectionError):
        client.socket.sendall(b'x\n' * 8000)
        while True:
            client.next()
    with dashboard() as ask:
        assert ask('robotmode') == 'Robotmode: RUNNING'


def test_more_clients_than_there_is_room_for_are_turned_away_and_the_first_go_on():
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(reader(REAL_TIME + READ_ONLY))
        crowd = [stack.enter_context(reader(PRIMARY + READ_ONLY)) for _ in range(80)]
        first.next()
        served = 0
        for client in crowd:
            with contextlib.suppress(ConnectionError):
                client.next()
                served += 1
        assert served == 64
        assert len(first.next()) == 1220
    assert wait_until(lambda: is_served(PRIMARY + READ_ONLY))


def is_served(port):
    with contextlib.suppress(ConnectionError), reader(port) as client:
        return bool(client.next())
    return False
