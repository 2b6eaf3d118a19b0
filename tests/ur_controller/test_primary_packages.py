"""Primary and real-time packages, byte by byte as the public documents have them."""

import struct

import numpy as np
from perl_core.contract import Contract
from perl_core.kinematics import UR5E_NOMINAL
from perl_sim.ur_controller.arm import Arm
from perl_sim.ur_controller.controller import Controller
from perl_sim.ur_controller.measurements import Measurements
from perl_sim.ur_controller.primary_packages import (
    RobotState,
    safety_mode_message,
    sub_packages,
    text_message,
    version_message,
)
from perl_sim.ur_controller.real_time_packages import RealTimePackage
from perl_sim.ur_controller.rtde_variables import resting_values
import pytest

VERSION = (5, 8, 0, 1)
SIZES_OF_5_8 = [
    (0, 47), (1, 251), (4, 101), (5, 225), (9, 53), (3, 75), (2, 37), (6, 445), (7, 61), (8, 9),
    (10, 43), (11, 26), (12, 8),
]
"""Type and size of each part of a UR5e's first robot state, PolyScope 5.8, in its order.
Source: Universal_Robots_Client_Library tests/test_primary_parser.cpp."""


@pytest.fixture(scope='module')
def values():
    values = resting_values()
    controller = Controller(Arm(np.array(Contract().home_rad)))
    controller.tick = 1000
    Measurements(values, controller)
    return values


def parts_of(package):
    size, kind = struct.unpack_from('>iB', package)
    assert (size, kind) == (len(package), 16)
    parts, start = {}, 5
    while start < size:
        length, number = struct.unpack_from('>IB', package, start)
        parts[number] = package[start + 5:start + length]
        start += length
    assert start == size
    return parts


def test_the_robot_state_has_the_parts_and_sizes_of_a_real_one(values):
    parts = parts_of(RobotState(UR5E_NOMINAL, VERSION).pack(values))
    assert [(number, len(body) + 5) for number, body in parts.items()] == SIZES_OF_5_8
    assert 13 in parts_of(RobotState(UR5E_NOMINAL, (5, 11, 5, 1)).pack(values))


def test_every_part_has_a_name():
    assert all(part.name for part in sub_packages(UR5E_NOMINAL))


def test_robot_mode_data(values):
    body = parts_of(RobotState(UR5E_NOMINAL, VERSION).pack(values))[0]
    assert struct.unpack('>Q7?2B3dB', body) == (
        44_000_000, True, True, True, False, False, False, False, 7, 0, 1.0, 1.0, 1.0, 0)


def test_a_protective_stop_and_a_program_show_in_robot_mode_data(values):
    stopped = {**values, 'safety_status_bits': (1 << 2,), 'runtime_state': (4,)}
    body = parts_of(RobotState(UR5E_NOMINAL, VERSION).pack(stopped))[0]
    assert struct.unpack('>Q7?2B3dB', body)[4:8] == (False, True, False, True)


def test_joint_data_is_joint_by_joint(values):
    body = parts_of(RobotState(UR5E_NOMINAL, VERSION).pack(values))[1]
    for joint in range(6):
        actual, target, speed, _, voltage, motor, _, mode = struct.unpack_from(
            '>3d4fB', body, 41 * joint)
        assert (actual, target) == (values['actual_q'][joint], values['target_q'][joint])
        assert (speed, voltage, motor, mode) == (0.0, 48.0, 25.0, 253)


def test_cartesian_info_is_pose_and_offset(values):
    body = parts_of(RobotState(UR5E_NOMINAL, VERSION).pack(values))[4]
    assert struct.unpack('>12d', body) == (*values['actual_TCP_pose'], *[0.0] * 6)


def test_kinematics_info_of_a_nominal_arm(values):
    body = parts_of(RobotState(UR5E_NOMINAL, VERSION).pack(values))[5]
    numbers = struct.unpack('>6I24dI', body)
    assert numbers[:6] == (0xFFFFFFFF,) * 6
    assert numbers[6:12] == (0.0,) * 6
    assert numbers[12:18] == (0.0, -0.425, -0.3922, 0.0, 0.0, 0.0)
    assert numbers[18:24] == (0.1625, 0.0, 0.0, 0.1333, 0.0997, 0.0996)
    assert numbers[24:30] == pytest.approx((np.pi / 2, 0, 0, np.pi / 2, -np.pi / 2, 0))
    assert numbers[30] == 0


def test_kinematics_info_of_a_calibrated_arm_has_its_numbers_and_checksums(values):
    calibrated = UR5E_NOMINAL._replace(d_m=UR5E_NOMINAL.d_m + np.array((1e-4, 0, 0, 0, 0, 0)))
    body = parts_of(RobotState(calibrated, VERSION).pack(values))[5]
    numbers = struct.unpack('>6I24dI', body)
    assert numbers[18] == 0.1626
    assert 0xFFFFFFFF not in numbers[:6]
    other = UR5E_NOMINAL._replace(d_m=UR5E_NOMINAL.d_m + np.array((2e-4, 0, 0, 0, 0, 0)))
    assert parts_of(RobotState(other, VERSION).pack(values))[5][:4] != body[:4]


def test_configuration_data(values):
    numbers = struct.unpack('>53d4i', parts_of(RobotState(UR5E_NOMINAL, VERSION).pack(values))[6])
    assert numbers[:2] == pytest.approx((-6.3355451848, 6.3355451848))
    assert numbers[12:14] == pytest.approx((3.341592653589793, 40.0))
    assert numbers[29:35] == (0.0, -0.425, -0.3922, 0.0, 0.0, 0.0)
    assert numbers[53:] == (6, 4, 1, 3)


def test_masterboard_data_shows_inputs_and_outputs(values):
    switched = {**values, 'actual_digital_output_bits': (0b101,), 'safety_mode': (2,),
                'analog_io_types': (0b0100,), 'standard_analog_output0': (7.5,)}
    body = parts_of(RobotState(UR5E_NOMINAL, VERSION).pack(switched))[3]
    numbers = struct.unpack('>2I2B2d2B2d4fB2?I3B', body)
    assert numbers[1] == 0b101
    assert numbers[6:10] == (1, 0, 7.5, 0.0)
    assert numbers[11] == 48.0
    assert numbers[14:17] == (2, True, False)


def test_the_version_message(values):
    message = version_message(values, (5, 11, 5, 1234))
    assert message[4] == 20
    assert struct.unpack_from('>iBQbB', message) == (len(message), 20, 44_000_000, -2, 3)
    assert message[15:25] == b'\x09URControl'
    assert struct.unpack_from('>2B2i', message, 25) == (5, 11, 5, 1234)


def test_other_messages(values):
    text = text_message(values, 'hello')
    assert (text[14], text[15:]) == (0, b'hello')
    safety = safety_mode_message({**values, 'safety_mode': (3,)})
    assert safety[14] == 5
    assert struct.unpack_from('>2iB', safety, 15) == (0, 0, 3)


@pytest.mark.parametrize(('version', 'size'), [
    ((5, 4, 0, 1), 1116), ((5, 8, 0, 1), 1116), ((5, 9, 0, 1), 1140), ((5, 10, 0, 1), 1220),
    ((5, 26, 0, 1), 1220), ((10, 11, 0, 1), 1220),
])
def test_the_real_time_package_has_the_size_of_its_version(values, version, size):
    package = RealTimePackage(version).pack(values)
    assert len(package) == size == struct.unpack_from('>i', package)[0]


@pytest.mark.parametrize(('column', 'name'), [
    (1, 'timestamp'), (2, 'target_q'), (32, 'actual_q'), (38, 'actual_qd'),
    (56, 'actual_TCP_pose'), (62, 'actual_TCP_speed'), (68, 'actual_TCP_force'),
    (74, 'target_TCP_pose'), (86, 'actual_digital_input_bits'), (87, 'joint_temperatures'),
    (95, 'robot_mode'), (96, 'joint_mode'), (102, 'safety_mode'),
    (109, 'actual_tool_accelerometer'), (118, 'speed_scaling'), (122, 'actual_main_voltage'),
    (125, 'actual_joint_voltage'), (131, 'actual_digital_output_bits'), (132, 'runtime_state'),
    (133, 'elbow_position'), (139, 'safety_status'), (143, 'payload'), (147, 'payload_inertia'),
])
def test_real_time_fields_are_in_their_documented_columns(values, column, name):
    changed = {**values, name: tuple(float(3 + index) for index in range(len(values[name])))}
    package = RealTimePackage((5, 11, 5, 1)).pack(changed)
    offset = 4 + 8 * (column - 1)
    assert struct.unpack_from(f'>{len(values[name])}d', package, offset) == changed[name]
