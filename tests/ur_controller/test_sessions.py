"""RTDE on the wire: refusals, ownership, clients that misbehave."""

import contextlib
import itertools
import socket
import struct
import time

from emulator import emulator
from perl_sim.ur_controller.rtde_protocol import (
    FrameReader,
    MessageLevel,
    PackageType,
    TextMessage,
    frame,
    pack_message,
    unpack_message,
)
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


def test_clients_at_different_rates_get_the_same_values(client, other):
    slow = Client()
    client.stream(b'timestamp,target_q', 500.0)
    other.stream(b'timestamp,target_q', 125.0)
    slow.stream(b'timestamp', 20.0)
    for reader, step_s, count in ((client, 0.002, 100), (other, 0.008, 25), (slow, 0.05, 5)):
        times_s = [reader.timestamp() for _ in range(count)]
        steps_s = [later - earlier for earlier, later in itertools.pairwise(times_s)]
        assert steps_s == pytest.approx([step_s] * (count - 1), abs=1e-9)
    slow.socket.close()


def test_a_client_may_choose_other_variables_later(client):
    client.stream(b'timestamp')
    client.send(PackageType.PAUSE)
    while client.next()[0] != PackageType.PAUSE:
        pass
    client.stream(b'robot_mode,safety_mode', 100.0)
    package_type, payload = client.next()
    assert package_type == PackageType.DATA_PACKAGE
    assert payload == struct.pack('>Bii', 1, 7, 1)


def test_refused_inputs_are_owned_by_nobody(client, other):
    names = b'input_int_register_33,input_int_register_99'
    assert client.ask(PackageType.SETUP_INPUTS, names) == b'\x00INT32,NOT_FOUND'
    assert other.ask(PackageType.SETUP_INPUTS, b'input_int_register_33') == b'\x01INT32'
    both = b'input_int_register_33,input_int_register_34'
    assert client.ask(PackageType.SETUP_INPUTS, both) == b'\x00IN_USE,INT32'
    assert other.ask(PackageType.SETUP_INPUTS, b'input_int_register_34') == b'\x02INT32'


def test_a_client_is_told_why_its_connection_is_closed(client):
    client.send(PackageType.DATA_PACKAGE, b'\x07')
    package_type, payload = client.next()
    message = unpack_message(payload)
    assert package_type == PackageType.TEXT_MESSAGE
    assert 'input recipes of this client are 1 to 0; got 07' in message.text
    assert (message.source, message.level) == ('RTDE', MessageLevel.EXCEPTION)
    assert client.is_closed()


def test_a_clients_message_is_taken_and_the_stream_goes_on(client):
    client.stream()
    message = TextMessage('hello', 'a test', MessageLevel.INFO)
    client.send(PackageType.TEXT_MESSAGE, pack_message(message))
    before_s = client.timestamp()
    assert max(client.timestamp() for _ in range(50)) > before_s


def test_every_register_of_both_ranges_can_be_written_and_read(client, other):
    for kind, layout, value in (('int', 'i', -7), ('double', 'd', 2.5)):
        names = ','.join(f'input_{kind}_register_{index}' for index in range(48)).encode()
        recipe_id = client.ask(PackageType.SETUP_INPUTS, names)[0]
        values = [value * index for index in range(48)]
        client.send(PackageType.DATA_PACKAGE, struct.pack(f'>B48{layout}', recipe_id, *values))
        other.stream(names)
        for _ in range(20):
            _, payload = other.next()
        assert list(struct.unpack(f'>B48{layout}', payload)[1:]) == values
        other.send(PackageType.PAUSE)
        while other.next()[0] != PackageType.PAUSE:
            pass


def test_a_flood_of_packages_closes_that_connection(client, other):
    other.stream()
    with contextlib.suppress(ConnectionError):
        client.socket.sendall(frame(PackageType.GET_URCONTROL_VERSION) * 20_000)
    assert client.is_closed()
    before_s = other.timestamp()
    assert max(other.timestamp() for _ in range(50)) > before_s


def test_a_list_of_names_beyond_the_vendors_limit_closes_the_connection(client):
    client.send(PackageType.SETUP_OUTPUTS, struct.pack('>d', 500.0) + b'actual_q,' * 1500)
    assert client.is_closed()
