import math
import subprocess
import sys
import time

from perl_core.errors import RobotError
from perl_safety.heartbeat import Beat, HeartbeatReader, HeartbeatWriter, heartbeat_path
import pytest

WRITER = """
import sys, time
from perl_safety.heartbeat import HeartbeatWriter
writer = HeartbeatWriter(sys.argv[1])
count = 0
while True:
    count += 1
    writer.beat(bool(count % 2), chr(97 + count % 26) * (count % 240))
    if len(sys.argv) > 2:
        time.sleep(float(sys.argv[2]))
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'beat'


@pytest.fixture
def start_writer(path):
    processes = []

    def start(*arguments):
        process = subprocess.Popen([sys.executable, '-c', WRITER, str(path), *arguments])
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()


def wait_until(condition, timeout_s=10.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, 'timed out'
        time.sleep(0.005)


def age_s(reader):
    return reader.read().age_s(time.monotonic_ns())


def test_path_is_in_shared_memory():
    assert str(heartbeat_path('127.0.3.1')) == '/dev/shm/perl-127.0.3.1-monitor'


def test_a_beat_is_read_back(path):
    writer, reader = HeartbeatWriter(path), HeartbeatReader(path)
    before = time.monotonic_ns()
    writer.beat(False, '')
    beat = reader.read()
    assert (beat.stop, beat.reason) == (False, '')
    assert before <= beat.time_ns <= time.monotonic_ns()
    writer.beat(True, 'tool_speed; späte Meldung')
    assert reader.read()[1:] == (True, 'tool_speed; späte Meldung')
    writer.beat(True, 'x' * 1000)
    assert reader.read().reason == 'x' * 245
    writer.close()
    assert reader.read()[1:] == (True, 'monitor_ended')


def test_no_file_is_infinitely_old_and_says_stop(path):
    reader = HeartbeatReader(path)
    assert reader.read().stop
    assert age_s(reader) == math.inf


@pytest.mark.parametrize('content', [b'', b'short', bytes(272)])
def test_a_file_without_a_whole_beat_is_infinitely_old(path, content):
    path.write_bytes(content)
    assert age_s(HeartbeatReader(path)) == math.inf


def test_a_torn_beat_is_not_believed(path):
    writer, reader = HeartbeatWriter(path), HeartbeatReader(path)
    writer.beat(False, 'whole')
    assert reader.read().reason == 'whole'
    with path.open('r+b') as file:
        file.write(b'\xff')  # the first counter is ahead: a writer died while writing
        file.seek(30)
        file.write(b'torn')
    assert reader.read().reason == 'whole'
    assert age_s(HeartbeatReader(path)) == math.inf
    writer.beat(False, 'whole again')
    assert reader.read().reason == 'whole again'


def test_a_beat_from_another_clock_is_infinitely_old():
    now = time.monotonic_ns()
    assert Beat(now + 10**9, False, '').age_s(now) == math.inf
    assert Beat(now + 1000, False, '').age_s(now) == 0.0
    assert Beat(now - 10**9, False, '').age_s(now) == pytest.approx(1.0)


def test_a_second_writer_is_refused_until_the_first_ends(path):
    writer = HeartbeatWriter(path)
    with pytest.raises(RobotError, match='another monitor'):
        HeartbeatWriter(path)
    writer.close()
    HeartbeatWriter(path).close()


def test_an_impossible_path_is_refused_with_a_sentence(tmp_path):
    with pytest.raises(RobotError, match='heartbeat file'):
        HeartbeatWriter(tmp_path / 'no' / 'beat')


def test_no_torn_read_while_another_process_writes_as_fast_as_it_can(path, start_writer):
    reader = HeartbeatReader(path)
    start_writer()
    wait_until(lambda: not math.isinf(age_s(reader)))
    seen = set()
    for _ in range(30000):
        beat = reader.read()
        assert len(set(beat.reason)) <= 1, 'letters of two beats in one'
        seen.add(beat.reason)
    assert len(seen) > 10


def test_a_killed_writer_grows_old_and_the_next_is_seen(path, start_writer):
    reader = HeartbeatReader(path)
    first = start_writer('0.005')
    wait_until(lambda: age_s(reader) < 0.2)
    first.kill()
    first.wait()
    wait_until(lambda: age_s(reader) > 0.2)
    start_writer('0.005')
    wait_until(lambda: age_s(reader) < 0.2)


def test_a_reader_follows_a_file_that_was_replaced(path):
    first, reader = HeartbeatWriter(path), HeartbeatReader(path)
    first.beat(False, 'old')
    assert reader.read().reason == 'old'
    path.unlink()
    second = HeartbeatWriter(path)
    second.beat(False, 'new')
    time.sleep(0.06)
    assert reader.read().reason == 'new'
