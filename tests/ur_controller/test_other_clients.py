"""Clients other than ur_rtde, where they are installed: none of them is needed by this project.

pip install urx universal-robots-clients
pip install git+https://github.com/UniversalRobots/RTDE_Python_Client_Library
"""

import logging

from emulator import emulator, wait_until
import numpy as np
from perl_core.contract import Contract
from perl_core.kinematics import Kinematics
from perl_sim.ur_controller.rtde_client import RtdeClient
import pytest

ADDRESS = '127.0.1.105'
HOME_RAD = np.array(Contract().home_rad)
SCRIPT = 'def wait():\n  sleep(5)\nend\n'


@pytest.fixture(scope='module')
def robot(tmp_path_factory):
    programs = tmp_path_factory.mktemp('programs')
    (programs / 'wait.urp').write_bytes(b'')
    (programs / 'wait.script').write_text(SCRIPT)
    with emulator(ADDRESS, '--programs', str(programs), '--log-level', 'ERROR') as process:
        yield process


def digital_outputs():
    client = RtdeClient(ADDRESS)
    client.stream(['actual_digital_output_bits'])
    (bits,) = next(client.packages())
    client.close()
    return bits


def test_the_rtde_client_of_universal_robots(robot):
    rtde = pytest.importorskip('rtde.rtde')
    client = rtde.RTDE(ADDRESS, 30004)
    client.connect()
    assert client.get_controller_version() == (5, 11, 5, 1234)
    names = ['timestamp', 'actual_q', 'robot_mode', 'input_int_register_30']
    types = ['DOUBLE', 'VECTOR6D', 'INT32', 'INT32']
    assert client.send_output_setup(names, types, frequency=125)
    inputs = client.send_input_setup(
        ['input_int_register_30', 'input_double_register_30'], ['INT32', 'DOUBLE'])
    assert client.send_start()
    states = [client.receive() for _ in range(5)]
    np.testing.assert_allclose(np.diff([state.timestamp for state in states]), 0.008, atol=1e-9)
    np.testing.assert_allclose(states[0].actual_q, HOME_RAD, atol=1e-4)
    assert states[0].robot_mode == 7
    inputs.input_int_register_30, inputs.input_double_register_30 = 5, 1.5
    client.send(inputs)
    assert wait_until(lambda: client.receive().input_int_register_30 == 5)
    assert client.send_pause()
    client.disconnect()


def test_urx(robot):
    # Its parser warns of every package that is no robot state.
    logging.getLogger('ursecmon').setLevel(logging.ERROR)
    urrobot = pytest.importorskip('urx.urrobot', exc_type=ImportError)
    client = urrobot.URRobot(ADDRESS)
    try:
        target_rad = HOME_RAD + 0.1
        # urx 0.11 cannot wait: it does not know the size of the e-Series' robot mode data.
        client.movej(target_rad.tolist(), acc=2.0, vel=1.0, wait=False)
        assert wait_until(lambda: np.abs(np.array(client.getj()) - target_rad).max() < 1e-3)
        position_m = Kinematics().tool_pose(target_rad).position_m
        assert wait_until(lambda: np.abs(client.getl()[:3] - position_m).max() < 1e-3)
        pose = list(client.getl())
        pose[2] -= 0.05
        client.movel(pose, acc=1.0, vel=0.3, wait=False)
        assert wait_until(lambda: np.abs(np.array(client.getl()[:3]) - pose[:3]).max() < 1e-3)
        client.send_program('set_digital_out(2, True)')
        assert wait_until(lambda: digital_outputs() == 1 << 2)
        client.stopj(2.0)
    finally:
        client.close()


def test_universal_robots_clients(robot):
    dashboard = pytest.importorskip('universal_robots_clients.dashboard_client')
    assert dashboard.load_and_play_program(ADDRESS, 'wait.urp') == 'Starting program'
    assert dashboard.get_program_state(ADDRESS) == 'PLAYING wait.urp'
    assert dashboard.pause_program(ADDRESS) == 'Pausing program'
    assert dashboard.play_program(ADDRESS) == 'Starting program'
    assert dashboard.stop_program(ADDRESS) == 'Stopped'
    assert dashboard.send_command(ADDRESS, 'robotmode') == 'Robotmode: RUNNING'
