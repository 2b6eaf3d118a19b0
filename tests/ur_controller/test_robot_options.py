"""What the command line says of the robot is what its clients are told."""

import socket
import struct

import numpy as np
from perl_core.kinematics import UR5E_NOMINAL, Kinematics
from perl_sim.ur_controller.command_line import config_from, parser
import pytest
from rtde_receive import RTDEReceiveInterface
import yaml

from calibration.loader import ROBOTS_FOLDER

ADDRESS = '127.0.1.46'
LONGER_M = 0.0005


@pytest.fixture
def calibration(tmp_path):
    nominal = next((ROBOTS_FOLDER / 'nominal').glob('*.yaml'))
    content = yaml.safe_load(nominal.read_text())
    content['dh_parameters']['a_m'][1] -= LONGER_M
    file = tmp_path / 'calibration.yaml'
    file.write_text(yaml.safe_dump(content))
    return file


def kinematics_info():
    """Return the checksums and the columns theta, a, d, alpha that the primary interface tells."""
    with socket.create_connection((ADDRESS, 30001), timeout=5.0) as client:
        data = b''
        while (start := data.find(struct.pack('>IB', 225, 5))) < 0 or len(data) < start + 225:
            data += client.recv(65536)
    numbers = struct.unpack_from('>6I24dI', data, start + 5)
    return numbers[:6], np.array(numbers[6:30]).reshape(4, 6)


def test_a_factory_calibration_is_reported_and_true(start_emulator, calibration, tmp_path):
    (tmp_path / 'wait.urp').touch()
    (tmp_path / 'wait.script').write_text('def wait():\n  sync()\nend\n')
    start_emulator(ADDRESS, '--calibration', str(calibration), '--serial-number', '20245500042',
                   '--programs', str(tmp_path))
    checksums, (theta, a_m, d_m, alpha) = kinematics_info()
    assert 0xFFFFFFFF not in checksums
    assert a_m[1] == UR5E_NOMINAL.a_m[1] - LONGER_M
    np.testing.assert_array_equal(d_m, UR5E_NOMINAL.d_m)
    parameters = UR5E_NOMINAL._replace(theta_rad=theta, a_m=a_m, d_m=d_m, alpha_rad=alpha)
    receive = RTDEReceiveInterface(ADDRESS, 500.0, ['timestamp', 'actual_q', 'actual_TCP_pose'])
    try:
        pose = Kinematics(parameters).tool_pose(np.array(receive.getActualQ()))
        np.testing.assert_allclose(
            receive.getActualTCPPose()[:3], pose.position_m, atol=1e-6)
    finally:
        receive.disconnect()
    with socket.create_connection((ADDRESS, 29999), timeout=5.0) as client:
        file = client.makefile('rwb', buffering=0)
        file.readline()
        for line, reply in ((b'get serial number\n', b'20245500042\n'),
                            (b'load wait.urp\n', b'Loading program: /programs/wait.urp\n')):
            file.write(line)
            assert file.readline() == reply


def test_the_defaults_are_a_nominal_robot_without_programs():
    config = config_from(parser().parse_args([]))
    assert config.arm.dh_parameters is UR5E_NOMINAL
    assert config.programs_folder is None
    assert config.serial_number.isdecimal()
