"""Whatever goes wrong, the arm stands still, says so, and does not jump afterwards."""

import contextlib
import os
import signal
import subprocess
import sys
import time

from dashboard_client import DashboardClient
from emulator import wait_until
import numpy as np
from perl_core.contract import Contract
import pytest
from rtde_control import RTDEControlInterface
from rtde_receive import RTDEReceiveInterface

HOME_RAD = np.array(Contract().home_rad)
STOPPED, PLAYING, PAUSED = 1, 2, 4
PROTECTIVE_BITS = 1 << 2 | 1 << 10
SERVO = (0.5, 0.5, 0.002, 0.03, 300.0)

CLIENT = """
import sys
from rtde_control import RTDEControlInterface
control = RTDEControlInterface(sys.argv[1])
assert control.setWatchdog(10.0)
position = [float(angle) for angle in sys.argv[3:]]
print('armed', flush=True)
while True:
    start = control.initPeriod()
    if sys.argv[2] == 'servoJ':
        position[0] += 0.0005
        control.servoJ(position, 0.5, 0.5, 0.002, 0.03, 300.0)
    else:
        control.speedJ([0.25, 0.0, 0.0, 0.0, 0.0, 0.0], 2.0, 0.0)
    control.waitPeriod(start)
"""


def is_still(receive):
    return np.abs(receive.getActualQd()).max() < 1e-3


@contextlib.contextmanager
def streaming_client(address, command):
    """A process that streams one command, its watchdog armed."""
    process = subprocess.Popen(
        [sys.executable, '-c', CLIENT, address, command, *map(str, HOME_RAD)],
        stdout=subprocess.PIPE, start_new_session=True)
    try:
        assert process.stdout.readline() == b'armed\n'
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


@contextlib.contextmanager
def connected(client):
    """Disconnect at the end."""
    try:
        yield client
    finally:
        client.disconnect()


@pytest.mark.parametrize(('command', 'address'), [
    ('servoJ', '127.0.1.30'), ('speedJ', '127.0.1.31')])
def test_the_watchdog_stops_the_arm_of_a_killed_client(start_emulator, command, address):
    start_emulator(address)
    with connected(RTDEReceiveInterface(address)) as receive, \
            streaming_client(address, command) as client:
        assert wait_until(lambda: receive.getActualQd()[0] > 0.2)
        os.killpg(client.pid, signal.SIGKILL)
        assert wait_until(lambda: receive.getRuntimeState() == STOPPED, 3.0)
        assert wait_until(lambda: is_still(receive), 3.0)
        rest_rad = np.array(receive.getActualQ())
        time.sleep(0.3)
        np.testing.assert_allclose(receive.getActualQ(), rest_rad, atol=1e-3)


def test_without_a_watchdog_a_dead_client_leaves_speed_j_running(start_emulator):
    # As on the robot; the reason why the watchdog must always be armed.
    address = '127.0.1.32'
    start_emulator(address)
    with connected(RTDEReceiveInterface(address)) as receive:
        control = RTDEControlInterface(address)
        assert control.speedJ([0.2, 0.0, 0.0, 0.0, 0.0, 0.0], 2.0, 0.0)
        control.disconnect()
        time.sleep(0.5)
        assert receive.getActualQd()[0] == pytest.approx(0.2, abs=0.01)
        with connected(DashboardClient(address)) as dashboard:
            dashboard.connect()
            dashboard.stop()
        assert wait_until(lambda: is_still(receive), 3.0)


def test_a_protective_stop_refuses_servo_j_until_it_is_unlocked_after_five_seconds(
    start_emulator,
):
    address = '127.0.1.33'
    start_emulator(address)
    with connected(RTDEReceiveInterface(address)) as receive, \
            connected(RTDEControlInterface(address)) as control, \
            connected(DashboardClient(address)) as dashboard:
        dashboard.connect()
        for step in range(100):
            control.servoJ((HOME_RAD + 0.002 * step).tolist(), *SERVO)
            time.sleep(0.002)
        stopped_s = receive.getTimestamp()
        control.triggerProtectiveStop()
        assert wait_until(lambda: receive.getSafetyStatusBits() == PROTECTIVE_BITS)
        assert receive.getRuntimeState() == PAUSED
        assert receive.isProtectiveStopped()
        assert wait_until(lambda: is_still(receive))
        rest_rad = np.array(receive.getActualQ())
        assert not control.servoJ(HOME_RAD.tolist(), *SERVO)
        assert not control.moveJ(HOME_RAD.tolist())
        assert dashboard.safetystatus() == 'Safetystatus: PROTECTIVE_STOP'
        # The client raises whenever the answer is not "Protective stop releasing".
        with pytest.raises(Exception, match='5s after'):
            dashboard.unlockProtectiveStop()
        assert wait_until(lambda: receive.getTimestamp() > stopped_s + 5.2)
        dashboard.unlockProtectiveStop()
        assert wait_until(lambda: receive.getSafetyStatusBits() == 1)
        np.testing.assert_allclose(receive.getActualQ(), rest_rad, atol=1e-3)
        assert control.reuploadScript()
        assert wait_until(control.isProgramRunning)
        assert control.moveJ(HOME_RAD.tolist(), 1.0, 2.0)


@pytest.mark.parametrize(('target', 'address'), [
    ([7.0, 0.0, 0.0, 0.0, 0.0, 0.0], '127.0.1.34'),
    ([float('nan')] * 6, '127.0.1.35'),
])
def test_an_impossible_target_is_a_protective_stop(start_emulator, target, address):
    start_emulator(address)
    with connected(RTDEReceiveInterface(address)) as receive, \
            connected(RTDEControlInterface(address)) as control:
        control.servoJ(target, *SERVO)
        assert wait_until(lambda: receive.getSafetyStatusBits() == PROTECTIVE_BITS)
        time.sleep(0.2)
        np.testing.assert_allclose(receive.getActualQ(), HOME_RAD, atol=1e-3)


def test_the_table_stops_the_arm(start_emulator):
    address = '127.0.1.36'
    start_emulator(address)
    with connected(RTDEReceiveInterface(address)) as receive, \
            connected(RTDEControlInterface(address)) as control:
        control.speedJ([0.0, 0.5, 0.0, 0.0, 0.0, 0.0], 2.0, 0.0)
        assert wait_until(lambda: receive.getSafetyStatusBits() == PROTECTIVE_BITS, 8.0)
        assert wait_until(lambda: is_still(receive))


def test_a_protective_stop_by_signal(start_emulator):
    address = '127.0.1.37'
    process = start_emulator(address)
    with connected(RTDEReceiveInterface(address)) as receive:
        process.send_signal(signal.SIGUSR1)
        assert wait_until(lambda: receive.isProtectiveStopped())


def test_local_mode_refuses_the_control_client(start_emulator):
    address = '127.0.1.38'
    start_emulator(address, '--local-mode')
    with pytest.raises(RuntimeError, match='remote control'):
        RTDEControlInterface(address)


def test_a_robot_in_protective_stop_starts_no_program(start_emulator):
    address = '127.0.1.39'
    start_emulator(address, '--protective-stop')
    with connected(RTDEReceiveInterface(address)) as receive:
        assert receive.isProtectiveStopped()
        with pytest.raises(RuntimeError, match='Failed to start control script'):
            RTDEControlInterface(address)
        np.testing.assert_allclose(receive.getActualQ(), HOME_RAD, atol=1e-3)
