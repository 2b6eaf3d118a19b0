"""The methods of ur_rtde's RTDEControlInterface, compared with kinematics."""

import time

from emulator import emulator, wait_until
import numpy as np
from perl_core.contract import Contract
from perl_core.kinematics import Kinematics
from perl_core.rotation import rotation_from_vector
from perl_sim.ur_controller.tool import Tool, pose_trans
import pytest
from rtde_control import Path, PathEntry, RTDEControlInterface
from rtde_receive import RTDEReceiveInterface

ADDRESS, NEW_ADDRESS = '127.0.5.1', '127.0.5.2'
HOME_RAD = np.array(Contract().home_rad)
HOME = Tool().pose(HOME_RAD)
DOWN = HOME + np.array((0.0, 0.0, -0.05, 0.0, 0.0, 0.0))
SERVO = (0.5, 0.5, 0.002, 0.03, 300.0)


@pytest.fixture(scope='module')
def clients():
    with emulator(ADDRESS):
        control, receive = RTDEControlInterface(ADDRESS), RTDEReceiveInterface(ADDRESS)
        yield control, receive
        control.disconnect()
        receive.disconnect()


@pytest.fixture
def control(clients):
    """The control client, its arm at home and its program running."""
    control, receive = clients
    if not control.isProgramRunning():
        assert control.reuploadScript()
        assert wait_until(control.isProgramRunning)
    assert control.moveJ(HOME_RAD.tolist(), 2.0, 8.0)
    assert wait_until(lambda: is_at(receive, HOME_RAD))
    return control


@pytest.fixture
def receive(clients):
    return clients[1]


def is_at(receive, joints_rad, tolerance_rad=1e-3):
    return np.abs(receive.getActualQ() - np.asarray(joints_rad)).max() < tolerance_rad


def is_still(receive):
    return np.abs(receive.getActualQd()).max() < 1e-3


def asked(getter, expected, tolerance=1e-4):
    """A real-time getter answers with what the registers held before: ask until it is right."""
    return wait_until(lambda: np.allclose(getter(), expected, atol=tolerance), 3.0)


def test_moves_to_joints_and_poses_end_where_kinematics_say(control, receive):
    assert control.moveL(DOWN.tolist(), 0.5, 2.0)
    assert wait_until(lambda: np.abs(receive.getActualTCPPose() - DOWN).max() < 1e-3)
    assert control.moveJ_IK(HOME.tolist(), 2.0, 8.0)
    assert wait_until(lambda: is_at(receive, HOME_RAD))
    near_rad = HOME_RAD + 0.05
    assert control.moveL_FK(near_rad.tolist(), 0.5, 2.0)
    assert wait_until(lambda: is_at(receive, near_rad, 2e-3))


def test_asynchronous_moves_report_progress_and_can_be_stopped(control, receive):
    before = control.getAsyncOperationProgressEx().operationId()
    assert control.moveJ((HOME_RAD + 0.5).tolist(), 0.5, 2.0, True)
    assert wait_until(lambda: control.getAsyncOperationProgressEx().isAsyncOperationRunning())
    assert control.getAsyncOperationProgress() == 0
    control.stopJ(4.0, False)
    assert wait_until(lambda: is_still(receive))
    status = control.getAsyncOperationProgressEx()
    assert not status.isAsyncOperationRunning()
    assert status.operationId() == before + 1
    assert not is_at(receive, HOME_RAD + 0.5, 0.05)
    assert control.moveL(DOWN.tolist(), 0.1, 2.0, True)
    control.stopL(4.0, True)
    assert wait_until(lambda: is_still(receive))


def test_paths_are_followed_with_progress_and_blends(control, receive):
    corner, end = HOME.copy(), HOME.copy()
    corner[1] += 0.1
    end[:3] += (0.0, 0.1, -0.1)
    path = Path()
    for pose, blend_m in ((corner, 0.03), (end, 0.0)):
        path.addEntry(PathEntry(PathEntry.MoveL, PathEntry.PositionTcpPose,
                                [*pose, 0.2, 1.0, blend_m]))
    joints_rad = HOME_RAD + 0.05
    path.addEntry(PathEntry(PathEntry.MoveJ, PathEntry.PositionJoints,
                            [*joints_rad, 1.0, 4.0, 0.0]))
    assert control.movePath(path, True)
    seen, nearest_m = set(), 1.0
    while control.getAsyncOperationProgress() >= 0:
        seen.add(control.getAsyncOperationProgress())
        nearest_m = min(nearest_m, np.linalg.norm(receive.getActualTCPPose()[:3] - corner[:3]))
        time.sleep(0.002)
    assert seen == {0, 1, 2}
    assert 0.002 < nearest_m < 0.03
    assert wait_until(lambda: is_at(receive, joints_rad))
    assert control.moveJ([[*HOME_RAD, 1.0, 4.0, 0.02], [*joints_rad, 1.0, 4.0, 0.0]])
    assert wait_until(lambda: is_at(receive, joints_rad))
    assert control.moveL([[*HOME, 0.5, 2.0, 0.0]])
    assert wait_until(lambda: np.abs(receive.getActualTCPPose() - HOME).max() < 1e-3)


def test_servo_and_speed_commands(control, receive):
    target_rad = HOME_RAD + 0.05
    for _ in range(100):
        start = control.initPeriod()
        assert control.servoJ(target_rad.tolist(), *SERVO)
        control.waitPeriod(start)
    assert wait_until(lambda: is_at(receive, target_rad))
    start = np.array(receive.getTargetTCPPose())
    for share in np.linspace(0.0, 1.0, 100):
        period = control.initPeriod()
        assert control.servoL((start + share * (DOWN - start)).tolist(), *SERVO)
        control.waitPeriod(period)
    assert wait_until(lambda: np.abs(receive.getActualTCPPose() - DOWN).max() < 1e-3)
    assert control.servoStop()
    assert control.speedL([0.0, 0.05, 0.0, 0.0, 0.0, 0.0], 0.5, 0.1)
    assert wait_until(lambda: abs(receive.getActualTCPSpeed()[1] - 0.05) < 2e-3)
    assert control.speedStop()
    assert wait_until(lambda: is_still(receive))
    assert control.speedJ([0.0, 0.0, 0.0, 0.0, 0.0, 0.2], 2.0)
    assert wait_until(lambda: abs(receive.getActualQd()[5] - 0.2) < 5e-3)
    assert control.speedStop(5.0)
    assert wait_until(lambda: is_still(receive))


def test_servo_c_reaches_its_pose(control, receive):
    assert control.servoC(DOWN.tolist(), 0.25, 1.0)
    assert wait_until(lambda: np.abs(receive.getActualTCPPose() - DOWN).max() < 1e-3)
    # The script acknowledges servoC, for which the client does not wait; so it takes the script
    # for busy, gives up after 4 s and clears the command. It is no different on a robot.
    assert not control.servoStop()
    assert control.servoStop()


@pytest.mark.parametrize(('feature', 'frame'), [
    (RTDEControlInterface.FEATURE_BASE, []), (RTDEControlInterface.FEATURE_TOOL, []),
    (RTDEControlInterface.FEATURE_CUSTOM, [0.0, 0.0, 0.0, 0.0, 0.0, 1.0]),
])
def test_jogging_along_a_feature(control, receive, feature, frame):
    turn = {RTDEControlInterface.FEATURE_BASE: np.zeros(3),
            RTDEControlInterface.FEATURE_TOOL: HOME[3:],
            RTDEControlInterface.FEATURE_CUSTOM: np.array((0.0, 0.0, 1.0))}[feature]
    expected = rotation_from_vector(turn) @ (0.0, 0.05, 0.0)
    assert control.jogStart([0.0, 0.05, 0.0, 0.0, 0.0, 0.0], feature, 0.5, frame)
    assert wait_until(lambda: np.abs(receive.getActualTCPSpeed()[:3] - expected).max() < 2e-3)
    assert control.jogStop()
    assert wait_until(lambda: is_still(receive))


def test_force_mode_moves_along_its_axis_only(control, receive):
    assert control.forceModeSetDamping(0.05)
    assert control.forceModeSetGainScaling(1.0)
    for _ in range(100):
        start = control.initPeriod()
        assert control.forceMode([0.0] * 6, [0, 0, 1, 0, 0, 0], [0, 0, 20.0, 0, 0, 0], 2,
                                 [0.1] * 6)
        control.waitPeriod(start)
    assert wait_until(lambda: receive.getActualTCPPose()[2] > HOME[2] + 0.01)
    assert control.forceModeStop()
    assert wait_until(lambda: is_still(receive))
    np.testing.assert_allclose(receive.getActualTCPPose()[:2], HOME[:2], atol=1e-3)


def test_freedrive_and_teach_mode(control):
    assert control.freedriveMode([1, 1, 1, 0, 0, 0])
    assert control.getFreedriveStatus() in (0, 1, 2)
    assert control.endFreedriveMode()
    assert control.teachMode()
    assert wait_until(lambda: control.getRobotStatus() >> 2 & 1)
    assert control.endTeachMode()
    assert wait_until(lambda: not control.getRobotStatus() >> 2 & 1)


def test_kinematics_queries(control):
    offset = [0.0, 0.0, 0.1, 0.0, 0.0, 0.0]
    np.testing.assert_allclose(control.getForwardKinematics(), HOME, atol=1e-3)
    np.testing.assert_allclose(
        control.getForwardKinematics(HOME_RAD.tolist(), offset),
        pose_trans(HOME, np.array(offset)), atol=1e-6)
    np.testing.assert_allclose(control.getInverseKinematics(HOME.tolist()), HOME_RAD, atol=1e-3)
    near_rad = (HOME_RAD + 0.1).tolist()
    np.testing.assert_allclose(
        control.getInverseKinematics(HOME.tolist(), near_rad), HOME_RAD, atol=1e-3)
    assert control.getInverseKinematicsHasSolution(HOME.tolist())
    assert control.getInverseKinematicsHasSolution(HOME.tolist(), near_rad)
    assert not control.getInverseKinematicsHasSolution([3.0, 0, 0, 0, 0, 0])
    turned = [0.1, 0.2, 0.3, 0.1, 0.2, 0.3]
    np.testing.assert_allclose(control.poseTrans(HOME.tolist(), turned),
                               pose_trans(HOME, np.array(turned)), atol=1e-9)
    assert control.isPoseWithinSafetyLimits(HOME.tolist())
    assert not control.isPoseWithinSafetyLimits([3.0, 0, 0, 0, 0, 0])
    assert control.isJointsWithinSafetyLimits(HOME_RAD.tolist())
    assert not control.isJointsWithinSafetyLimits([7.0, 0, 0, 0, 0, 0])


def test_a_pose_that_cannot_be_reached_ends_the_program(control):
    assert not control.moveL([3.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    assert wait_until(lambda: not control.isProgramRunning())


def test_settings_are_reported(control, receive):
    assert control.setPayload(0.5, [0.0, 0.0, 0.1])
    assert wait_until(lambda: receive.getPayload() == 0.5)
    np.testing.assert_allclose(receive.getPayloadCog(), (0.0, 0.0, 0.1))
    assert control.setPayload(0.25, [])
    assert wait_until(lambda: receive.getPayload() == 0.25)
    np.testing.assert_allclose(receive.getPayloadCog(), (0.0, 0.0, 0.1))
    assert control.setTargetPayload(0.0, [0.0, 0.0, 0.01], [0.1, 0.1, 0.1, 0.0, 0.0, 0.0])
    assert wait_until(lambda: receive.getPayloadInertia()[0] == 0.1)
    assert control.setTcp([0.0, 0.0, 0.1, 0.0, 0.0, 0.0])
    np.testing.assert_allclose(control.getTCPOffset(), (0, 0, 0.1, 0, 0, 0))
    tip = pose_trans(HOME, np.array((0, 0, 0.1, 0, 0, 0)))
    assert wait_until(lambda: np.abs(receive.getActualTCPPose() - tip).max() < 1e-3)
    np.testing.assert_allclose(control.getTargetWaypoint(), tip, atol=1e-3)
    assert control.setTcp([0.0] * 6)
    assert control.setGravity([0.0, 0.0, 9.80665])
    assert control.zeroFtSensor()
    assert control.ftRtdeInputEnable(False)
    assert control.enableExternalFtSensor(False)


def test_getters_of_the_present_state(control, receive):
    assert asked(lambda: [control.getStepTime()], [0.002], 1e-9)
    assert asked(lambda: control.getActualJointPositionsHistory(0), HOME_RAD, 1e-3)
    assert asked(control.getJointTorques, np.zeros(6), 0.5)
    assert asked(control.getActualToolFlangePose, HOME, 1e-3)
    assert control.isSteady()
    assert control.toolContact([0.0] * 6) in (0, 1)
    assert control.isConnected()


def test_contact_detection_without_a_contact(control):
    assert control.startContactDetection([0.0, 0.0, 1.0, 0.0, 0.0, 0.0])
    assert not control.readContactDetection()
    assert not control.stopContactDetection()


def test_the_watchdog_is_kicked_and_expires(control):
    assert control.setWatchdog(10.0)
    for _ in range(30):
        assert control.kickWatchdog()
        time.sleep(0.01)
    assert control.isProgramRunning()
    assert wait_until(lambda: not control.isProgramRunning())


def test_custom_scripts_run_between_uploads(control, receive):
    target = (HOME_RAD + 0.05).tolist()
    assert control.sendCustomScriptFunction('move_a_bit', f'movej({target}, a=4, v=1)\nsync()')
    assert wait_until(lambda: is_at(receive, target))
    assert control.isProgramRunning()
    text = ('def mine():\n  write_output_integer_register(0, 1)\n  set_digital_out(2, True)\n'
            '  write_output_integer_register(0, 2)\nend\n')
    assert control.sendCustomScript(text)
    assert wait_until(lambda: receive.getDigitalOutState(2))


def test_a_custom_script_file_runs(control, tmp_path):
    file = tmp_path / 'mine.script'
    file.write_text('def mine():\n  write_output_integer_register(0, 1)\n  sleep(0.05)\n'
                    '  write_output_integer_register(0, 2)\nend\n')
    assert control.sendCustomScriptFile(str(file))


def test_a_protective_stop_by_the_client(control, receive):
    # The last one of this module: the stop stays.
    control.triggerProtectiveStop()
    assert wait_until(lambda: receive.isProtectiveStopped())
    assert not control.moveJ(HOME_RAD.tolist())


@pytest.fixture(scope='module')
def new_client():
    with emulator(NEW_ADDRESS, '--version', '5.26.0'):
        client = RTDEControlInterface(NEW_ADDRESS)
        yield client
        client.disconnect()


def test_the_jacobian_is_that_of_our_kinematics(new_client):
    expected = Kinematics().tool_pose_and_jacobian(HOME_RAD)[1]
    assert asked(lambda: np.reshape(new_client.getJacobian(), (6, 6)).T, expected)
    assert asked(lambda: new_client.getJacobianTimeDerivative(), np.zeros(36), 1e-2)


def test_dynamics(new_client):
    assert wait_until(lambda: np.reshape(new_client.getMassMatrix(), (6, 6))[1, 1] > 1.0)
    mass = np.reshape(new_client.getMassMatrix(), (6, 6))
    np.testing.assert_allclose(mass, mass.T, atol=1e-9)
    assert np.linalg.eigvalsh(mass)[0] > 0.0
    assert asked(new_client.getCoriolisAndCentrifugalTorques, np.zeros(6), 1e-2)
    assert asked(new_client.getTargetJointAccelerations, np.zeros(6), 1e-2)


def test_direct_torque_moves_a_joint(new_client):
    receive = RTDEReceiveInterface(NEW_ADDRESS)
    try:
        for _ in range(150):
            start = new_client.initPeriod()
            assert new_client.directTorque([0.0, 0.0, 0.0, 0.0, 0.0, 0.2])
            new_client.waitPeriod(start)
        assert receive.getActualQ()[5] > HOME_RAD[5] + 0.05
        assert new_client.stopScript() is None
        assert wait_until(lambda: is_still(receive))
    finally:
        receive.disconnect()
