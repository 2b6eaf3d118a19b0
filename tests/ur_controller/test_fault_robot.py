"""Faults of the robot and of its controller, as the real ur_rtde clients see them."""

from concurrent.futures import ThreadPoolExecutor
import time

from dashboard_client import DashboardClient
from emulator import emulator, wait_until
import numpy as np
from perl_core.contract import Contract
from perl_sim.ur_controller.control_server import ask
import pytest
from rtde_control import RTDEControlInterface
from rtde_receive import RTDEReceiveInterface

SHARED = '127.0.1.70'
HOME_RAD = np.array(Contract().home_rad)
PLAYING, PAUSED, STOPPED = 2, 4, 1
SERVO = (0.5, 0.5, 0.002, 0.03, 300.0)
VARIABLES = [
    'timestamp', 'actual_q', 'actual_qd', 'actual_TCP_force', 'robot_mode', 'joint_mode',
    'safety_mode', 'safety_status_bits', 'runtime_state',
]


@pytest.fixture(scope='module')
def robot():
    """A robot that recovers from what the tests do to it."""
    with emulator(SHARED, '--log-level', 'ERROR') as process:
        yield process


@pytest.fixture(scope='module')
def receive(robot):
    client = RTDEReceiveInterface(SHARED, 500.0, VARIABLES)
    yield client
    client.disconnect()


@pytest.fixture(scope='module')
def dashboard(robot):
    client = DashboardClient(SHARED)
    client.connect()
    yield client
    client.disconnect()


@pytest.fixture(scope='module')
def control(robot):
    client = RTDEControlInterface(SHARED)
    yield client
    client.disconnect()


@pytest.fixture
def connected():
    """Return a function that takes a client; all are disconnected at the end, at once.

    A disconnect of ur_rtde sleeps for half a second.
    """
    clients = []
    yield lambda client: clients.append(client) or client
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda client: client.disconnect(), clients))


@pytest.fixture
def at(start_emulator, connected):
    """Return a function that starts an emulator at an address and connects a receive client."""
    def start(address, *options):
        start_emulator(address, '--log-level', 'ERROR', *options)
        return connected(RTDEReceiveInterface(address, 500.0, VARIABLES))
    return start


def begin(address, name, **arguments):
    ask(address, {'do': 'begin', 'fault': name, **arguments})


def swing(control, receive):
    """Stream servoJ until the arm moves."""
    position_rad = HOME_RAD.copy()
    for _ in range(500):
        position_rad[0] += 0.001
        assert control.servoJ(position_rad.tolist(), *SERVO)
        time.sleep(0.002)
        if abs(receive.getActualQd()[0]) > 0.1:
            return
    pytest.fail('the arm did not move')


def is_still(receive):
    return np.abs(receive.getActualQd()).max() < 1e-3


def test_a_script_that_never_starts(receive, control):
    assert wait_until(lambda: receive.getRuntimeState() == PLAYING)
    begin(SHARED, 'script_never_starts', for_s=0.6)
    control.stopScript()
    assert control.reuploadScript()
    time.sleep(0.2)
    assert not control.isProgramRunning()
    assert wait_until(lambda: not ask(SHARED, {'do': 'status'})['faults'])
    assert control.reuploadScript()
    assert wait_until(control.isProgramRunning)


def test_local_mode(dashboard):
    begin(SHARED, 'local_mode')
    with pytest.raises(RuntimeError, match='remote control'):
        RTDEControlInterface(SHARED)
    ask(SHARED, {'do': 'clear', 'fault': 'local_mode'})
    assert dashboard.isInRemoteControl()


def test_a_clock_that_jumps(receive):
    before_s = receive.getTimestamp()
    begin(SHARED, 'clock_jump', by_s=-30.0, for_s=0.3)
    assert wait_until(lambda: receive.getTimestamp() < before_s - 25.0, 1.0)
    assert wait_until(lambda: receive.getTimestamp() > before_s, 2.0)


@pytest.fixture
def recovers(receive, control, dashboard):
    """Let the shared robot recover after the test: no stop, switched on, at home."""
    yield
    ask(SHARED, {'do': 'clear'})
    dashboard.restartSafety()
    dashboard.powerOn()
    assert wait_until(lambda: dashboard.robotmode() == 'Robotmode: IDLE')
    dashboard.brakeRelease()
    assert wait_until(lambda: receive.getRobotMode() == 7)
    assert receive.getSafetyStatusBits() == 1
    assert control.reuploadScript()
    # Asked of the control client: what the other one's stream says may be news to it.
    assert wait_until(control.isProgramRunning)
    assert control.moveJ(HOME_RAD.tolist(), 2.0, 5.0)


@pytest.mark.parametrize(('name', 'bit', 'state'), [
    ('protective_stop', 2, PAUSED),
    ('safeguard_stop', 4, PAUSED),
    ('emergency_stop', 7, STOPPED),
    ('violation', 8, STOPPED),
])
def test_stops_end_a_motion(receive, control, recovers, name, bit, state):
    swing(control, receive)
    begin(SHARED, name)
    assert wait_until(lambda: receive.getSafetyStatusBits() & 1 << bit)
    assert wait_until(lambda: receive.getRuntimeState() == state)
    assert wait_until(lambda: is_still(receive), 2.0)
    rest_rad = np.array(receive.getActualQ())
    assert not control.servoJ((rest_rad + 0.05).tolist(), *SERVO)
    time.sleep(0.1)
    np.testing.assert_allclose(receive.getActualQ(), rest_rad, atol=2e-3)


def test_a_safeguard_that_closes_lets_the_program_go_on_when_it_is_played(
    receive, control, dashboard,
):
    assert wait_until(control.isProgramRunning)
    begin(SHARED, 'safeguard_stop', for_s=0.2)
    assert wait_until(lambda: dashboard.safetystatus() == 'Safetystatus: SAFEGUARD_STOP')
    assert wait_until(lambda: dashboard.safetystatus() == 'Safetystatus: NORMAL')
    assert receive.getRuntimeState() == PAUSED
    dashboard.play()
    assert wait_until(lambda: receive.getRuntimeState() == PLAYING)


def test_the_drive_of_a_joint_fails(receive, control, recovers):
    swing(control, receive)
    begin(SHARED, 'joint_drive_fault', joint='elbow_joint')
    assert wait_until(lambda: receive.getJointMode()[2] == 252)
    assert receive.getSafetyStatusBits() & 1 << 9
    assert receive.getJointMode().count(252) == 1
    assert wait_until(lambda: not control.isProgramRunning())
    assert wait_until(lambda: is_still(receive), 2.0)


def test_a_push_is_felt_bends_the_arm_and_ends(receive):
    assert wait_until(lambda: is_still(receive))
    time.sleep(0.2)
    begin_rad = np.array(receive.getActualQ())
    begin(SHARED, 'contact', force_n=[0.0, 0.0, -60.0], for_s=0.4)
    assert wait_until(lambda: receive.getActualTCPForce()[2] < -50.0, 1.0)
    assert wait_until(lambda: np.abs(receive.getActualQ() - begin_rad).max() > 3e-4, 1.0)
    assert wait_until(lambda: abs(receive.getActualTCPForce()[2]) < 5.0, 2.0)
    assert wait_until(lambda: np.abs(receive.getActualQ() - begin_rad).max() < 2e-4, 3.0)


def test_sensors_that_read_wrong(receive):
    assert wait_until(lambda: is_still(receive))
    truth_rad = np.array(receive.getActualQ())
    bias = [0.0, 0.02, 0.0, 0.0, 0.0, -0.01]
    begin(SHARED, 'sensor_bias', of='actual_q', by=bias)
    assert wait_until(lambda: abs(receive.getActualQ()[1] - truth_rad[1] - 0.02) < 1e-3)
    time.sleep(0.1)
    np.testing.assert_allclose(receive.getActualQ(), truth_rad + bias, atol=1e-3)
    begin(SHARED, 'sensor_bias', of='force', by=[0.0, 0.0, 7.0, 0.0, 0.0, 0.0])
    assert wait_until(lambda: np.linalg.norm(receive.getActualTCPForce()[:3]) > 6.0)
    ask(SHARED, {'do': 'clear'})
    assert wait_until(lambda: np.linalg.norm(receive.getActualTCPForce()[:3]) < 1.0)
    np.testing.assert_allclose(receive.getActualQ(), truth_rad, atol=1e-3)


def test_an_arm_that_is_switched_off_is_switched_on_again(receive, dashboard):
    begin(SHARED, 'robot_mode', mode='power_off')
    assert dashboard.robotmode() == 'Robotmode: POWER_OFF'
    assert wait_until(lambda: receive.getRobotMode() == 3)
    dashboard.powerOn()
    assert wait_until(lambda: dashboard.robotmode() == 'Robotmode: IDLE')
    dashboard.brakeRelease()
    assert wait_until(lambda: dashboard.robotmode() == 'Robotmode: RUNNING')


def test_a_power_loss_silences_everything_and_the_controller_boots_switched_off(at):
    address = '127.0.1.81'
    receive = at(address)
    begin(address, 'power_loss', for_s=1.5)
    time.sleep(0.1)
    frozen_s = receive.getTimestamp()
    time.sleep(0.2)
    assert receive.getTimestamp() == frozen_s
    assert wait_until(lambda: not ask(address, {'do': 'status'})['faults'], 3.0)
    status = ask(address, {'do': 'status'})
    assert (status['robot_mode'], status['runtime_state']) == ('POWER_OFF', 'STOPPED')
    assert receive.reconnect()
    # The clock of a controller begins anew when it boots: without that it would show more.
    assert receive.getTimestamp() < 42.0 + status['time_s']
    assert receive.getRobotMode() == 3
    assert is_still(receive)


def test_a_scenario_comes_at_its_times(at, tmp_path):
    file = tmp_path / 'faults.yaml'
    file.write_text("""
        faults:
          - {at_s: 0.8, fault: freeze_stream, for_s: 0.3}
          - {at_s: 1.3, fault: protective_stop}
    """)
    address = '127.0.1.82'
    receive = at(address, '--faults', str(file))
    assert wait_until(lambda: ask(address, {'do': 'status'})['faults'], 5.0)
    assert not receive.getSafetyStatusBits() & 1 << 2
    assert wait_until(lambda: receive.getSafetyStatusBits() & 1 << 2, 5.0)
    assert receive.getTimestamp() == pytest.approx(43.3, abs=0.5)
