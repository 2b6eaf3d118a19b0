"""The real ur_rtde clients of the wheel, against the emulator in its own process."""

import time

from dashboard_client import DashboardClient
from emulator import emulator, wait_until
import numpy as np
from perl_core.contract import Contract
from perl_core.kinematics import Kinematics
from perl_core.rotation import rotation_from_vector
import pytest
from rtde_control import RTDEControlInterface
from rtde_io import RTDEIOInterface
from rtde_receive import RTDEReceiveInterface

ADDRESS = '127.0.1.20'
HOME_RAD = np.array(Contract().home_rad)
PLAYING = 2
SERVO = (0.5, 0.5, 0.002, 0.03, 300.0)
"""servoJ: speed, acceleration (both unused by the script), time, lookahead, gain."""


@pytest.fixture(scope='module')
def robot():
    with emulator(ADDRESS) as process:
        yield process


@pytest.fixture(scope='module')
def receive(robot):
    client = RTDEReceiveInterface(ADDRESS)
    yield client
    client.disconnect()


@pytest.fixture(scope='module')
def control(robot):
    client = RTDEControlInterface(ADDRESS)
    yield client
    client.disconnect()


def stream_servo(control, path_rad):
    for target_rad in path_rad:
        start = control.initPeriod()
        assert control.servoJ(target_rad.tolist(), *SERVO)
        control.waitPeriod(start)


def test_servo_j_moves_the_arm_to_its_target(control, receive):
    begin_rad = np.array(receive.getActualQ())
    target_rad = HOME_RAD + np.array((0.3, -0.2, 0.25, 0.3, -0.3, 0.4))
    ramp = np.minimum(np.arange(1, 401) / 300, 1.0)[:, None]
    stream_servo(control, begin_rad + ramp * (target_rad - begin_rad))
    assert wait_until(lambda: np.abs(receive.getActualQ() - target_rad).max() < 1e-3)
    assert wait_until(lambda: np.abs(receive.getActualQd()).max() < 1e-3)
    assert control.servoStop()


def test_the_reported_pose_is_that_of_our_kinematics(control, receive):
    recipe = RTDEReceiveInterface(ADDRESS, 500.0, ['actual_q', 'actual_TCP_pose'])
    try:
        assert control.servoStop()
        time.sleep(0.2)
        pose = np.array(recipe.getActualTCPPose())
        expected = Kinematics().tool_pose(np.array(recipe.getActualQ()))
        np.testing.assert_allclose(pose[:3], expected.position_m, atol=1e-6)
        np.testing.assert_allclose(
            rotation_from_vector(pose[3:]), expected.rotation, atol=1e-6)
    finally:
        recipe.disconnect()


def test_move_j_blocks_until_the_arm_is_there(control, receive):
    assert control.moveJ(HOME_RAD.tolist(), 2.0, 5.0)
    assert np.abs(receive.getActualQ() - HOME_RAD).max() < 5e-3


def test_asynchronous_move_j_returns_at_once_and_reports_progress(control, receive):
    target_rad = HOME_RAD + 0.3
    assert control.moveJ(target_rad.tolist(), 1.0, 2.0, True)
    assert wait_until(lambda: control.getAsyncOperationProgress() >= 0, 2.0)
    assert np.abs(receive.getActualQ() - target_rad).max() > 0.01
    assert wait_until(lambda: control.getAsyncOperationProgress() < 0)
    assert wait_until(lambda: np.abs(receive.getActualQ() - target_rad).max() < 1e-3)


def test_speed_j_reaches_its_speed_and_speed_stop_ends_it(control, receive):
    assert control.speedJ([0.2, 0.0, 0.0, 0.0, 0.0, -0.2], 2.0, 0.1)
    assert wait_until(lambda: abs(receive.getActualQd()[0] - 0.2) < 0.01)
    # The time argument does not end it: the script issues it again and again.
    time.sleep(0.3)
    assert abs(receive.getActualQd()[5] + 0.2) < 0.01
    assert control.speedStop()
    assert wait_until(lambda: np.abs(receive.getActualQd()).max() < 1e-3)


def test_stop_j_ends_servo_j(control, receive):
    position_rad = np.array(receive.getActualQ())
    stream_servo(control, position_rad + np.linspace(0.0, 0.2, 100)[:, None])
    control.stopJ(4.0)
    assert wait_until(lambda: np.abs(receive.getActualQd()).max() < 1e-3)


def test_settings_and_getters(control, receive):
    assert control.setPayload(1.5, [0.0, 0.0, 0.1])
    assert wait_until(lambda: receive.getPayload() == 1.5)
    assert control.setPayload(0.0, [0.0, 0.0, 0.0])
    assert control.setTcp([0.0, 0.0, 0.1, 0.0, 0.0, 0.0])
    assert control.getTCPOffset() == [0.0, 0.0, 0.1, 0.0, 0.0, 0.0]
    flange = Kinematics().tool_pose(np.array(receive.getActualQ()))
    tip_m = flange.position_m + flange.rotation @ (0.0, 0.0, 0.1)
    assert wait_until(lambda: np.abs(receive.getActualTCPPose()[:3] - tip_m).max() < 1e-4)
    assert control.setTcp([0.0] * 6)
    assert control.isSteady()
    assert control.isJointsWithinSafetyLimits(HOME_RAD.tolist())
    assert not control.isJointsWithinSafetyLimits([7.0, 0.0, 0.0, 0.0, 0.0, 0.0])


def test_two_receive_clients_and_a_dashboard_at_once(control, receive):
    second = RTDEReceiveInterface(ADDRESS, 125.0)
    dashboard = DashboardClient(ADDRESS)
    dashboard.connect()
    try:
        for client in (receive, second):
            before_s = client.getTimestamp()
            assert wait_until(lambda c=client, t=before_s: c.getTimestamp() > t + 0.05)
        assert dashboard.robotmode() == 'Robotmode: RUNNING'
        assert dashboard.safetystatus() == 'Safetystatus: NORMAL'
        assert dashboard.running()
        assert dashboard.isInRemoteControl()
        assert 'PLAYING' in dashboard.programState()
        assert control.isProgramRunning()
    finally:
        dashboard.disconnect()
        second.disconnect()


def test_the_speed_slider_and_digital_outputs(control, receive):
    client = RTDEIOInterface(ADDRESS)
    try:
        assert client.setSpeedSlider(0.5)
        assert wait_until(lambda: receive.getTargetSpeedFraction() == 0.5)
        assert client.setSpeedSlider(1.0)
        assert client.setStandardDigitalOut(3, True)
        assert wait_until(lambda: receive.getActualDigitalOutputBits() == 1 << 3)
        assert client.setStandardDigitalOut(3, False)
        assert wait_until(lambda: receive.getActualDigitalOutputBits() == 0)
    finally:
        client.disconnect()


def test_a_second_control_client_is_refused_while_the_first_owns_the_registers(control):
    with pytest.raises(RuntimeError, match='in use'):
        RTDEControlInterface(ADDRESS)


def test_an_unknown_variable_is_refused(robot):
    with pytest.raises(RuntimeError, match='actual_speed_of_light'):
        RTDEReceiveInterface(ADDRESS, 500.0, ['timestamp', 'actual_speed_of_light'])


def test_stop_script_ends_the_program(control, receive):
    control.stopScript()
    assert wait_until(lambda: receive.getRuntimeState() == 1)
    assert not control.servoJ(HOME_RAD.tolist(), *SERVO)
    assert control.reuploadScript()
    assert wait_until(control.isProgramRunning)


def test_tool_commands(control, receive):
    assert control.moveJ(HOME_RAD.tolist(), 2.0, 5.0)
    time.sleep(0.2)
    start = np.array(receive.getActualTCPPose())
    target = start + np.array((0.0, 0.1, -0.05, 0.0, 0.0, 0.0))
    assert control.moveL(target.tolist(), 0.5, 2.0)
    assert wait_until(
        lambda: np.abs(np.array(receive.getActualTCPPose())[:3] - target[:3]).max() < 1e-3)
    assert control.speedL([0.0, -0.1, 0.0, 0.0, 0.0, 0.0], 1.0, 0.1)
    assert wait_until(lambda: abs(receive.getActualTCPSpeed()[1] + 0.1) < 0.01)
    assert control.speedStop()
    # Near a turn of pi the rotation vector has two signs: keep to one.
    here = np.concatenate((receive.getActualTCPPose()[:3], start[3:]))
    for share in np.linspace(0.0, 1.0, 200):
        begin = control.initPeriod()
        assert control.servoL((here + share * (start - here)).tolist(), *SERVO)
        control.waitPeriod(begin)
    assert wait_until(
        lambda: np.abs(np.array(receive.getActualTCPPose())[:3] - start[:3]).max() < 2e-3)
    assert control.servoStop()
    joints_rad = control.getInverseKinematics(target.tolist(), HOME_RAD.tolist())
    pose = Kinematics().tool_pose(np.array(joints_rad))
    np.testing.assert_allclose(pose.position_m, target[:3], atol=1e-5)
    assert control.getInverseKinematicsHasSolution(target.tolist())
    assert not control.getInverseKinematicsHasSolution([3.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    assert control.isPoseWithinSafetyLimits(target.tolist())
    assert control.moveJ_IK(start.tolist(), 1.0, 2.0)
