"""What is left of a control loop that stopped: written whole, whoever dies, and not for ever."""

import json
import os
import signal
import time

import numpy as np
from perl_control.black_box_config import BlackBoxConfig
from perl_control.black_box_writer import MOST_FILES, BlackBoxWriter
from perl_control.mailbox import Mode
from perl_control.states import State
from perl_control.telemetry import RECORD, TelemetryRing
from perl_core.black_box import BlackBox, BlackBoxHeader, read_black_box, write_black_box
from perl_core.contract import Contract
from perl_core.errors import BagError
import pytest

HEADER = BlackBoxHeader(
    cause='', robot_ip='127.0.0.1', bundle='here', bundle_sha256='b' * 64,
    calibration_sha256='c' * 64, limits='filter:', limits_sha256='d' * 64,
    contract=Contract().to_dict(), unix_offset_ns=0,
)


@pytest.fixture
def ring(tmp_path):
    return TelemetryRing.create(tmp_path / 'ring')


@pytest.fixture
def writer(ring, tmp_path):
    config = BlackBoxConfig(
        ring=str(tmp_path / 'ring'), folder=str(tmp_path / 'boxes'), rate_hz=500, header=HEADER
    )
    return BlackBoxWriter(config, 0.0)


def tick(ring, count=1, **values):
    record = np.zeros(1, dtype=RECORD)
    for name, value in values.items():
        record[name] = value
    for _ in range(count):
        ring.write(record[0])


def boxes(tmp_path):
    return sorted((tmp_path / 'boxes').glob('*'))


def test_a_stop_is_kept_with_the_ramp_that_follows_it(ring, writer, tmp_path):
    tick(ring, 5100, state=State.MOVING)
    writer.look(0.0)
    tick(ring, 10, state=State.STOPPING, stops=1, reasons=b'tool_speed; velocity', severity=2)
    writer.look(0.05)
    assert boxes(tmp_path) == [], 'the arm still moves'
    tick(ring, 10, state=State.FAULT, stops=1, reasons=b'tool_speed; velocity', severity=2)
    writer.look(0.1)
    (file,) = boxes(tmp_path)
    box = read_black_box(file)
    assert box.header.cause == 'tool_speed; velocity'
    assert box.header.bundle_sha256 == 'b' * 64
    assert box.header.unix_offset_ns == pytest.approx(
        time.time_ns() - time.monotonic_ns(), abs=5e9)
    assert set(box.signals) == set(RECORD.names)
    assert len(box.signals['tick']) == 5000
    assert box.signals['state'][-1] == State.FAULT
    writer.look(0.2)
    writer.end(meant=True, now_s=0.3)
    assert boxes(tmp_path) == [file], 'one stop, one file'


def test_a_loop_that_dies_or_falls_silent_leaves_one_and_one_that_ends_none(
    ring, writer, tmp_path
):
    tick(ring, 100, state=State.MOVING)
    writer.look(0.0)
    writer.look(2.0)
    writer.look(3.0)
    (silent,) = boxes(tmp_path)
    assert 'silent' in read_black_box(silent).header.cause
    tick(ring, 100, state=State.MOVING)
    writer.end(meant=True, now_s=4.0)
    assert boxes(tmp_path) == [silent]
    writer.end(meant=False, now_s=4.0)
    assert len(boxes(tmp_path)) == 2


def test_the_oldest_go_and_nothing_else_does(ring, writer, tmp_path):
    (tmp_path / 'boxes').mkdir()
    mine = tmp_path / 'boxes' / 'mine.npz'
    mine.touch()
    for stops in range(1, MOST_FILES + 4):
        tick(ring, state=State.FAULT, stops=stops, reasons=b'x')
        writer.look(float(stops))
    assert len(boxes(tmp_path)) == MOST_FILES + 1
    assert mine.exists()


def test_a_file_is_whole_or_not_there(tmp_path, monkeypatch):
    def full(_descriptor):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(os, 'fsync', full)
    box = BlackBox(header=HEADER, signals={'tick': np.arange(3)})
    with pytest.raises(OSError, match='No space'):
        write_black_box(tmp_path / 'box.npz', box)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('content', [b'', b'no archive', b'PK\x03\x04'])
def test_what_is_no_black_box_is_refused(tmp_path, content):
    file = tmp_path / 'box.npz'
    file.write_bytes(content)
    with pytest.raises(BagError, match='is no black box of this stack'):
        read_black_box(file)
    np.savez(file, header=np.array(json.dumps({'format': 'perl_black_box', 'version': 99})))
    with pytest.raises(BagError, match=r'expected .*1'):
        read_black_box(file)


@pytest.mark.alone
def test_a_killed_loop_leaves_its_last_seconds(start_loop, tmp_path):
    folder = tmp_path / 'boxes'
    child = start_loop('127.0.2.62', backend='loopback', black_box_folder=str(folder)).ready()
    child.order(mode=Mode.ARMED)
    child.run(3.0, until=lambda record: record['state'] == State.ARMED)
    child.run(1.5)
    os.kill(child.process.pid, signal.SIGKILL)
    end_s = time.monotonic() + 10.0
    while not list(folder.glob('black_box_*.npz')):
        assert time.monotonic() < end_s
        time.sleep(0.05)
    (file,) = folder.glob('*')
    box = read_black_box(file)
    assert box.header.cause == 'the control loop died'
    assert len(box.header.bundle_sha256) == len(box.header.calibration_sha256) == 64
    assert len(box.signals['tick']) > 500
    assert (np.diff(box.signals['tick']) == 1).all()
    assert box.signals['tick'][-1] >= child.records['tick'][-1]
