"""Every public method of ur_rtde's clients is tried, and those that read agree with our models."""

import ast
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import time

from dashboard_client import DashboardClient
from emulator import emulator, wait_until
import mujoco
import numpy as np
from perl_core.contract import Contract
from perl_core.kinematics import Kinematics
from perl_core.rotation import rotation_from_vector
from perl_sim.robots.ur5e import load_ur5e
from perl_sim.ur_controller.control_server import ask
import pytest
from rtde_control import RTDEControlInterface
from rtde_io import RTDEIOInterface
from rtde_receive import RTDEReceiveInterface

ADDRESS = '127.0.1.100'
HOME_RAD = np.array(Contract().home_rad)
PLAYING = 2
NOT_CALLABLE_FROM_PYTHON = {
    'setUserRole': 'its argument, ur_rtde::UserRole, has no Python type in the wheel',
}
CLIENTS = (RTDEControlInterface, RTDEReceiveInterface, RTDEIOInterface, DashboardClient)
SCRIPT = """def turn():
  movej([0.0, -1.5708, 1.5708, -1.5708, -1.5708, 0.3], a=1.0, v=0.2)
end
"""


@pytest.fixture(scope='module')
def robot(tmp_path_factory):
    programs = tmp_path_factory.mktemp('programs')
    (programs / 'turn.urp').write_bytes(b'')
    (programs / 'turn.script').write_text(SCRIPT)
    with emulator(ADDRESS, '--programs', str(programs), '--log-level', 'ERROR') as process:
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


@pytest.fixture(scope='module')
def io(robot):
    client = RTDEIOInterface(ADDRESS)
    yield client
    client.disconnect()


@pytest.fixture(scope='module')
def dashboard(robot):
    client = DashboardClient(ADDRESS)
    client.connect()
    yield client
    client.disconnect()


def test_no_public_method_is_left_untried():
    called = set()
    for file in Path(__file__).parent.glob('test_*.py'):
        nodes = ast.walk(ast.parse(file.read_text()))
        called |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    public = {name for client in CLIENTS for name in dir(client)
              if not name.startswith('_') and callable(getattr(client, name))
              and not isinstance(getattr(client, name), type)}
    assert len(public) > 150
    assert public - called == set(NOT_CALLABLE_FROM_PYTHON)


def test_kinematics_of_the_arm_at_rest(receive):
    joints_rad = np.array(receive.getActualQ())
    pose = Kinematics().tool_pose(joints_rad)
    for reported in (receive.getActualTCPPose(), receive.getTargetTCPPose()):
        np.testing.assert_allclose(reported[:3], pose.position_m, atol=1e-4)
        np.testing.assert_allclose(
            rotation_from_vector(np.array(reported[3:])), pose.rotation, atol=1e-3)
    np.testing.assert_allclose(receive.getTargetQ(), HOME_RAD, atol=1e-9)
    for still in (receive.getActualQd(), receive.getTargetQd(), receive.getTargetQdd(),
                  receive.getActualTCPSpeed(), receive.getTargetTCPSpeed()):
        np.testing.assert_allclose(still, 0.0, atol=1e-6)
    assert receive.getActualMomentum() == pytest.approx(0.0, abs=1e-6)


def test_torques_and_currents_of_the_arm_at_rest(receive):
    model = load_ur5e()
    data = mujoco.MjData(model)
    data.qpos[:] = receive.getActualQ()
    mujoco.mj_forward(model, data)
    np.testing.assert_allclose(receive.getTargetMoment(), data.qfrc_gravcomp, atol=0.2)
    currents_a = np.array(receive.getActualCurrent())
    np.testing.assert_allclose(receive.getTargetCurrent(), currents_a, atol=0.2)
    # The joints that carry the weight take the current.
    assert np.abs(currents_a).argmax() == np.abs(data.qfrc_gravcomp).argmax()
    assert np.isfinite(receive.getJointControlOutput()).all()
    assert receive.getActualRobotCurrent() > 0.0
    assert receive.getActualRobotVoltage() == pytest.approx(48.0)
    assert receive.getActualMainVoltage() == pytest.approx(48.0)
    assert receive.getActualJointVoltage() == pytest.approx([48.0] * 6, abs=3.0)
    assert receive.getJointTemperatures() == [25.0] * 6
    assert receive.getActualExecutionTime() >= 0.0


def test_forces_and_accelerations_of_the_arm_at_rest(receive):
    np.testing.assert_allclose(receive.getActualTCPForce(), 0.0, atol=0.5)
    assert np.linalg.norm(receive.getFtRawWrench()) < 10.0
    np.testing.assert_allclose(
        np.linalg.norm(receive.getActualToolAccelerometer()), 9.81, atol=0.2)


def test_modes_and_states(receive, control):
    assert wait_until(control.isProgramRunning)
    assert wait_until(lambda: receive.getRuntimeState() == PLAYING)
    assert receive.getRobotMode() == 7
    assert receive.getJointMode() == [253] * 6
    assert receive.getSafetyMode() == 1
    assert receive.getSafetyStatusBits() == 1
    assert receive.getRobotStatus() == 3
    assert not receive.isProtectiveStopped()
    assert not receive.isEmergencyStopped()
    assert receive.isConnected()
    assert receive.getSpeedScaling() == 1.0
    assert receive.getTargetSpeedFraction() == 1.0
    assert wait_until(lambda: receive.getSpeedScalingCombined() == 1.0)


def test_velocities_while_the_arm_moves_are_those_of_the_jacobian(receive, control):
    assert control.speedJ([0.2, -0.1, 0.1, 0.0, 0.1, 0.0], 2.0)
    assert wait_until(lambda: abs(receive.getActualQd()[0] - 0.2) < 1e-3)
    recipe = RTDEReceiveInterface(
        ADDRESS, 500.0, ['actual_q', 'actual_qd', 'actual_TCP_speed', 'actual_momentum'])
    for _ in range(10):
        # Two packages may lie between three getters: the velocity hardly changes meanwhile.
        _, jacobian = Kinematics().tool_pose_and_jacobian(np.array(recipe.getActualQ()))
        np.testing.assert_allclose(
            recipe.getActualTCPSpeed(), jacobian @ recipe.getActualQd(), atol=5e-3)
        time.sleep(0.01)
    assert recipe.getActualMomentum() > 0.1
    assert control.speedStop()
    recipe.disconnect()


def test_digital_and_analog_outputs(receive, io):
    assert io.setStandardDigitalOut(2, True)
    assert io.setConfigurableDigitalOut(1, True)
    assert io.setToolDigitalOut(0, True)
    assert wait_until(lambda: receive.getActualDigitalOutputBits() == 1 << 2 | 1 << 9 | 1 << 16)
    assert receive.getDigitalOutState(2)
    assert receive.getDigitalOutState(9)
    assert not receive.getDigitalOutState(3)
    assert not receive.getDigitalInState(0)
    assert receive.getActualDigitalInputBits() == 0
    assert io.setAnalogOutputVoltage(0, 0.5)
    assert wait_until(lambda: receive.getStandardAnalogOutput0() == pytest.approx(5.0))
    assert io.setAnalogOutputCurrent(1, 0.25)
    assert wait_until(lambda: receive.getStandardAnalogOutput1() == pytest.approx(0.008))
    assert receive.getStandardAnalogInput0() == receive.getStandardAnalogInput1() == 0.0


def test_the_speed_slider_and_registers(receive, io):
    assert io.setSpeedSlider(0.4)
    assert wait_until(lambda: receive.getTargetSpeedFraction() == pytest.approx(0.4))
    assert io.setSpeedSlider(1.0)
    assert io.setInputIntRegister(19, 7)
    assert io.setInputDoubleRegister(20, 2.5)
    recipe = RTDEReceiveInterface(ADDRESS, 500.0, ['timestamp'])
    assert recipe.getTimestamp() > 42.0
    recipe.disconnect()
    assert receive.getOutputIntRegister(12) == 0
    assert receive.getOutputDoubleRegister(12) == 0.0
    assert io.isConnected()
    assert io.reconnect()
    assert io.setStandardDigitalOut(2, False)


def test_the_payload(receive, control):
    assert control.setTargetPayload(1.2, [0.0, 0.01, 0.05], [0.01, 0.01, 0.01, 0.0, 0.0, 0.0])
    assert wait_until(lambda: receive.getPayload() == pytest.approx(1.2))
    assert receive.getPayloadCog() == pytest.approx([0.0, 0.01, 0.05])
    assert receive.getPayloadInertia() == pytest.approx([0.01, 0.01, 0.01, 0.0, 0.0, 0.0])
    assert control.setPayload(0.0, [0.0, 0.0, 0.0])


def test_a_recording_and_the_period(receive, tmp_path):
    file = tmp_path / 'record.csv'
    assert receive.startFileRecording(str(file), ['timestamp', 'actual_q'])
    start = receive.initPeriod()
    receive.waitPeriod(start)
    time.sleep(0.2)
    assert receive.stopFileRecording()
    lines = file.read_text().splitlines()
    assert len(lines) > 10
    assert lines[0].startswith('timestamp,actual_q_0')


def test_the_dashboard_answers(dashboard):
    assert dashboard.isConnected()
    assert dashboard.polyscopeVersion().startswith('5.11.5')
    assert dashboard.getSerialNumber().isdigit()
    assert dashboard.getRobotModel().startswith('UR5')
    assert dashboard.isInRemoteControl()
    assert dashboard.robotmode() == 'Robotmode: RUNNING'
    assert dashboard.safetymode() == 'Safetymode: NORMAL'
    assert dashboard.safetystatus() == 'Safetystatus: NORMAL'
    assert isinstance(dashboard.isProgramSaved(), bool)
    dashboard.popup('look here')
    dashboard.closePopup()
    dashboard.closeSafetyPopup()
    dashboard.addToLog('a line')
    dashboard.send('robotmode\n')
    assert dashboard.receive().startswith('Robotmode: ')


def test_a_push_ends_a_move_until_contact(receive, control):
    begin = np.array(receive.getActualTCPPose())
    with ThreadPoolExecutor() as pool:
        moving = pool.submit(control.moveUntilContact, [0.0, 0.0, -0.05, 0.0, 0.0, 0.0])
        assert wait_until(lambda: receive.getActualTCPPose()[2] < begin[2] - 0.02)
        assert not moving.done()
        ask(ADDRESS, {'do': 'begin', 'fault': 'contact', 'force_n': [0.0, 0.0, 40.0],
                      'for_s': 0.5})
        assert moving.result(10.0)
    assert wait_until(lambda: np.abs(receive.getActualQd()).max() < 1e-3)


def test_programs_at_the_dashboard(dashboard, receive, control):
    control.stopScript()
    assert wait_until(lambda: not dashboard.running())
    dashboard.loadURP('turn.urp')
    assert dashboard.getLoadedProgram().endswith('turn.urp')
    dashboard.play()
    assert wait_until(dashboard.running)
    assert 'turn' in dashboard.programState()
    assert wait_until(lambda: abs(receive.getActualQd()[5]) > 0.05)
    dashboard.pause()
    assert wait_until(lambda: np.abs(receive.getActualQd()).max() < 1e-3)
    dashboard.play()
    assert wait_until(lambda: abs(receive.getActualQ()[5] - 0.3) < 1e-3)
    dashboard.stop()
    assert not dashboard.running()


def test_a_script_file_of_ones_own(receive, control):
    # An empty name means: none.
    control.setCustomScriptFile('')
    control.stopScript()
    assert wait_until(lambda: receive.getRuntimeState() != PLAYING)
    assert control.reuploadScript()
    assert wait_until(control.isProgramRunning)


def test_an_external_force_is_taken_and_changes_nothing(receive, control):
    # ur_rtde sends it to a recipe without that variable, 4 bytes too few, and never clears the
    # command: no other can follow before the script begins anew.
    assert control.setExternalForceTorque([1.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    time.sleep(0.1)
    assert control.isProgramRunning()
    assert np.abs(receive.getActualQd()).max() < 1e-3


def test_power_and_recovery_at_the_dashboard(dashboard, receive):
    dashboard.powerOff()
    assert wait_until(lambda: receive.getRobotMode() == 3)
    dashboard.restartSafety()
    dashboard.powerOn()
    assert wait_until(lambda: dashboard.robotmode() == 'Robotmode: IDLE')
    dashboard.brakeRelease()
    assert wait_until(lambda: receive.getRobotMode() == 7)
    # Nothing is to be unlocked: the robot says yes, and ur_rtde is content.
    dashboard.unlockProtectiveStop()


def test_a_client_leaves_the_dashboard(robot):
    client = DashboardClient(ADDRESS)
    client.connect()
    # ur_rtde's own disconnect would be a second end of the same connection.
    client.quit()


def test_the_dashboard_shuts_the_controller_down():
    address = '127.0.1.101'
    with emulator(address, '--log-level', 'ERROR'):
        client = DashboardClient(address)
        client.connect()
        client.shutdown()
        client.disconnect()
