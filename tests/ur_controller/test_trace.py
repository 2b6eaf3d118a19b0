"""The trace of what the arm really did."""

import time

import numpy as np
from perl_core.errors import ConfigError
from perl_sim.ur_controller.control_server import ask
from perl_sim.ur_controller.trace import TraceReader
import pytest


def test_the_trace_tells_the_truth_while_sensors_and_streams_lie(start_emulator, tmp_path):
    address, file = '127.0.5.210', tmp_path / 'trace'
    emulator = start_emulator(address, '--trace', str(file))
    trace = TraceReader(file)
    ask(address, {'do': 'begin', 'fault': 'freeze_stream'})
    ask(address, {'do': 'begin', 'fault': 'sensor_bias', 'of': 'actual_q', 'by': [1.0] * 6})
    asked_ns, count = time.monotonic_ns(), trace.count
    while trace.count < count + 20:
        time.sleep(0.01)
    records = trace.since(asked_ns)
    assert len(records) >= 19
    assert (np.diff(records['time_ns']) > 0).all()
    assert records['time_ns'][0] >= asked_ns
    truth = ask(address, {'do': 'status'})['joints_rad']
    np.testing.assert_allclose(records['position_rad'][-1], truth, atol=1e-3)
    assert records['robot_mode'][-1] == 7
    emulator.kill()
    emulator.wait()
    assert trace.newest()['time_ns'] >= records['time_ns'][-1]


def test_a_file_that_is_no_trace_is_refused(tmp_path):
    (tmp_path / 'short').write_bytes(b'x')
    with pytest.raises(ConfigError, match='no trace of an emulated controller'):
        TraceReader(tmp_path / 'short')
