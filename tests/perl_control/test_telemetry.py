import os
from pathlib import Path
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
from perl_control.telemetry import CAPACITY, RECORD, TelemetryRing
import pytest

WRITER = textwrap.dedent("""
    import itertools, sys
    from pathlib import Path
    import numpy as np
    from perl_control.telemetry import RECORD, TelemetryRing
    ring = TelemetryRing.open(Path(sys.argv[1]))
    record = np.zeros(1, dtype=RECORD)
    print('writing', flush=True)
    for n in itertools.count(int(ring._written[0])):
        record['tick'] = record['stops'] = n
        record['sent_rad'] = record['measured_rad'] = n
        record['observation'] = n % 1000
        ring.write(record[0])
""")


@pytest.fixture
def ring():
    path = Path(f'/dev/shm/perl-test-{os.getpid()}-telemetry')
    yield TelemetryRing.create(path), path
    path.unlink(missing_ok=True)


def numbered(tick):
    record = np.zeros((), dtype=RECORD)
    record['tick'] = tick
    return record


def test_a_reader_gets_every_record_once_and_in_order(ring):
    writer, reader = ring[0], TelemetryRing.open(ring[1])
    ticks = []
    for tick in range(3 * CAPACITY):
        writer.write(numbered(tick))
        if tick % 700 == 0:
            drained = reader.drain()
            assert drained.lost == 0
            ticks.extend(drained.records['tick'])
    ticks.extend(reader.drain().records['tick'])
    assert ticks == list(range(3 * CAPACITY))
    assert len(reader.drain().records) == 0


def test_a_slow_reader_is_told_how_many_it_lost(ring):
    writer, reader = ring[0], TelemetryRing.open(ring[1])
    for tick in range(CAPACITY + 500):
        writer.write(numbered(tick))
    drained = reader.drain()
    assert drained.lost + len(drained.records) == CAPACITY + 500
    assert drained.lost >= 500
    assert list(drained.records['tick']) == list(range(drained.lost, CAPACITY + 500))


def test_the_ring_holds_four_seconds_of_ticks():
    assert CAPACITY / 500 >= 4.0


def test_records_are_whole_while_writers_write_and_are_killed(ring):
    reader, total, lost, last = ring[0], 0, 0, -1
    for _ in range(2):
        writer = subprocess.Popen(
            [sys.executable, '-c', WRITER, str(ring[1])], stdout=subprocess.PIPE
        )
        try:
            writer.stdout.readline()
            end_s = time.monotonic() + 0.5
            while time.monotonic() < end_s:
                drained = reader.drain()
                records, tick = drained.records, drained.records['tick']
                assert (np.diff(tick) == 1).all()
                assert (records['stops'] == tick).all()
                assert (records['sent_rad'] == tick[:, None]).all()
                assert (records['measured_rad'] == tick[:, None]).all()
                assert (records['observation'] == (tick % 1000)[:, None]).all()
                # A drain that was overtaken entirely returns nothing, and tells what it lost.
                lost += drained.lost
                if len(tick):
                    assert tick[0] == last + 1 + lost
                    last, lost = int(tick[-1]), 0
                total += len(tick)
                time.sleep(0.003)
        finally:
            os.kill(writer.pid, signal.SIGKILL)
            writer.communicate()
    assert total > 1000
