"""RTDE on the wire: refusals, ownership, clients that misbehave."""

import contextlib
import itertools
import socket
import struct
import time

from emulator import emulator
from perl_sim.ur_controller.rtde_protocol import FrameReader, PackageType, frame
import pytest

ADDRESS = '127.0.1.40'
RTDE, SCRIPT, DASHBOARD = 30004, 30003, 29999


@pytest.fixture(scope='module', autouse=True)
def robot():
    with emulator(ADDRESS) as process:
        yield process


class Client:
    """A plain RTDE client."""

    def __init__(self, receive_buffer=None):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(5.0)
        self.socket.connect((ADDRESS, RTDE))
        self.reader = FrameReader()
        self.waiting = []

    def send(self, package_type, payload=b''):
        self.socket.sendall(frame(package_type, payload))

    def next(self):
        while not self.waiting:
            data = self.socket.recv(65536)
            if not data:
                raise ConnectionError('closed by the emulator')
            self.waiting += self.reader.feed(data)
        return self.waiting.pop(0)

    def ask(self, package_type, payload=b''):
        self.send(package_type, payload)
        answer_type, answer = self.next()
        assert answer_type == package_type
        return answer

    def stream(self, names=b'timestamp', rate_hz=500.0):
        reply = self.ask(PackageType.SETUP_OUTPUTS, struct.pack('>d', rate_hz) + names)
        assert reply[0] == 1
        assert self.ask(PackageType.START) == b'\x01'

    def timestamp(self):
        package_type, payload = self.next()
        assert package_type == PackageType.DATA_PACKAGE
        return struct.unpack_from('>d', payload, 1)[0]

    def is_closed(self, limit_s=5.0):
        deadline = time.monotonic() + limit_s
        with contextlib.suppress(ConnectionError):
            while self.socket.recv(65536):
                if time.monotonic() > deadline:
                    return False
        return True


@pytest.fixture
def client():
    one = Client()
    yield one
    one.socket.close()


@pytest.fixture
def other():
    one = Client()
    yield one
    one.socket.close()


def test_versions(client):
    assert client.ask(PackageType.REQUEST_PROTOCOL_VERSION, b'\x00\x02') == b'\x01'
    assert client.ask(PackageType.REQUEST_PROTOCOL_VERSION, b'\x00\x07') == b'\x00'
    version = client.ask(PackageType.GET_URCONTROL_VERSION)
    assert struct.unpack('>4I', version) == (5, 11, 5, 1234)


def test_unknown_outputs_are_not_found_and_nothing_starts(client):
    reply = client.ask(PackageType.SETUP_OUTPUTS, struct.pack('>d', 500.0) + b'timestamp,nope,')
    assert reply == b'\x00DOUBLE,NOT_FOUND'
    assert client.ask(PackageType.START) == b'\x00'


@pytest.mark.parametrize('rate_hz', [0.0, -1.0, 501.0, float('nan')])
def test_impossible_rates_are_refused(client, rate_hz):
    reply = client.ask(PackageType.SETUP_OUTPUTS, struct.pack('>d', rate_hz) + b'timestamp')
    assert reply[0] == 0


def test_inputs_belong_to_one_client_until_it_leaves(client, other):
    names = b'input_int_register_30,input_double_register_30'
    assert client.ask(PackageType.SETUP_INPUTS, names) == b'\x01INT32,DOUBLE'
    assert client.ask(PackageType.SETUP_INPUTS, b'input_int_register_30') == b'\x02INT32'
    assert other.ask(PackageType.SETUP_INPUTS, names) == b'\x00IN_USE,IN_USE'
    client.socket.close()
    deadline = time.monotonic() + 5.0
    while other.ask(PackageType.SETUP_INPUTS, names)[0] == 0:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_inputs_can_be_read_back_by_another_client(client, other):
    client.ask(PackageType.SETUP_INPUTS, b'input_double_register_40')
    client.send(PackageType.DATA_PACKAGE, struct.pack('>Bd', 1, 3.25))
    other.stream(b'input_double_register_40')
    values = [other.timestamp() for _ in range(50)]
    assert values[-1] == 3.25


def test_the_stream_begins_after_start_and_counts_the_controllers_ticks(client):
    client.stream()
    times_s = [client.timestamp() for _ in range(200)]
    assert times_s[0] >= 42.0
    steps_s = [later - earlier for earlier, later in itertools.pairwise(times_s)]
    assert steps_s == pytest.approx([0.002] * 199, abs=1e-9)


def test_pause_ends_the_stream(client):
    client.stream()
    client.send(PackageType.PAUSE)
    while client.next()[0] != PackageType.PAUSE:
        pass
    client.socket.settimeout(0.2)
    with pytest.raises(TimeoutError):
        client.next()


def test_a_package_may_arrive_byte_by_byte(client):
    for byte in frame(PackageType.GET_URCONTROL_VERSION):
        client.socket.sendall(bytes([byte]))
        time.sleep(0.003)
    assert client.next()[0] == PackageType.GET_URCONTROL_VERSION


def send_until_closed(bad, garbage):
    with contextlib.suppress(ConnectionError):
        bad.sendall(garbage)
        while bad.recv(4096):
            pass


@pytest.mark.parametrize(('port', 'garbage'), [
    (RTDE, b'\x00\x01\x02'), (RTDE, b'GET / HTTP/1.1\r\n\r\n'), (RTDE, b'\x00\x05U\x09\x00'),
    (DASHBOARD, b'x' * 5000), (SCRIPT, b'def a():\n' + b'  sync()\n' * 130_000),
])
def test_garbage_closes_that_connection_and_no_other(client, port, garbage):
    client.stream()
    with socket.create_connection((ADDRESS, port), timeout=5.0) as bad:
        send_until_closed(bad, garbage)
    before_s = client.timestamp()
    assert max(client.timestamp() for _ in range(100)) > before_s


def test_a_client_that_never_reads_is_dropped_and_disturbs_no_other(client):
    lazy = Client(4096)
    names = b','.join(b'actual_q' for _ in range(100))
    lazy.stream(names)
    client.stream()
    before_s = client.timestamp()
    while client.timestamp() < before_s + 3.5:
        pass
    assert lazy.is_closed()
    lazy.socket.close()


def test_a_slow_client_reads_recent_data(client, other):
    slow = Client(4096)
    slow.stream(b'timestamp,' + b','.join(b'actual_q' for _ in range(100)))
    client.stream()
    time.sleep(1.0)
    now_s = 0.0
    for _ in range(490):
        now_s = client.timestamp()
    received = [slow.timestamp() for _ in range(60)]
    slow.socket.close()
    assert received == sorted(received)
    # 60 packages of 4.8 kB are more than the buffers hold: the rest was skipped.
    assert received[-1] > now_s - 0.5


def test_a_list_of_names_beyond_the_vendors_limit_closes_the_connection(client):
    client.send(PackageType.SETUP_OUTPUTS, struct.pack('>d', 500.0) + b'actual_q,' * 1500)
    assert client.is_closed()
