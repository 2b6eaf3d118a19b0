"""Clients choose recipes and scripts by PolyScope version; all of them work."""

import socket
import time

import numpy as np
from perl_core.contract import Contract
from perl_core.errors import ConfigError
from perl_sim.ur_controller.emulator_config import parse_version
from perl_sim.ur_controller.rtde_variables import outputs_of
import pytest
from rtde_control import RTDEControlInterface
from rtde_receive import RTDEReceiveInterface

HOME_RAD = np.array(Contract().home_rad)


@pytest.mark.parametrize(('version', 'address', 'flags'), [
    ('5.4.0', '127.0.1.64', RTDEControlInterface.FLAG_UPLOAD_SCRIPT),
    ('5.26.0', '127.0.1.65', RTDEControlInterface.FLAG_UPLOAD_SCRIPT),
    ('10.11.0', '127.0.1.66', RTDEControlInterface.FLAG_UPLOAD_SCRIPT),
    ('5.8.0', '127.0.1.61', RTDEControlInterface.FLAG_UPLOAD_SCRIPT),
    ('5.23.0', '127.0.1.62', RTDEControlInterface.FLAG_UPLOAD_SCRIPT),
    ('5.11.5', '127.0.1.63', RTDEControlInterface.FLAG_UPLOAD_SCRIPT
     | RTDEControlInterface.FLAG_UPPER_RANGE_REGISTERS),
])
def test_servo_j_under_another_version(start_emulator, version, address, flags):
    start_emulator(address, '--version', version)
    receive = RTDEReceiveInterface(address)
    control = RTDEControlInterface(address, 500.0, flags)
    try:
        assert control.moveJ((HOME_RAD + 0.1).tolist(), 1.0, 5.0)
        for step in range(100):
            start = control.initPeriod()
            assert control.servoJ((HOME_RAD + 0.1 + 0.001 * step).tolist(), 0.5, 0.5, 0.002,
                                  0.03, 300.0)
            control.waitPeriod(start)
        time.sleep(0.5)
        assert np.abs(receive.getActualQ() - HOME_RAD - 0.199).max() < 1e-3
    finally:
        control.disconnect()
        receive.disconnect()


def test_polyscope_x_has_no_dashboard_server(start_emulator):
    start_emulator('127.0.1.67', '--version', '10.11.0')
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(('127.0.1.67', 29999), timeout=2.0)


def test_what_came_later_is_not_found_on_the_wire(start_emulator):
    start_emulator('127.0.1.68', '--version', '5.4.0')
    with pytest.raises(RuntimeError, match='ft_raw_wrench'):
        RTDEReceiveInterface('127.0.1.68', 500.0, ['timestamp', 'ft_raw_wrench'])


@pytest.mark.parametrize(('version', 'known', 'unknown'), [
    ((5, 4, 0, 1), 'safety_status', 'payload'),
    ((5, 5, 0, 1), 'actual_q', 'payload_cog'),
    ((5, 5, 1, 1), 'payload', 'ft_raw_wrench'),
    ((5, 9, 0, 1), 'ft_raw_wrench', 'payload_inertia'),
    ((5, 11, 5, 1), 'payload_inertia', 'actual_current_as_torque'),
    ((5, 23, 0, 1), 'actual_robot_energy_consumed', 'control_step'),
    ((10, 0, 0, 1), 'payload_inertia', 'actual_current_as_torque'),
    ((10, 9, 0, 1), 'actual_current_as_torque', 'actual_robot_energy_consumed'),
    ((10, 12, 0, 1), 'control_step', 'actual_speed_of_light'),
])
def test_variables_by_version(version, known, unknown):
    assert known in outputs_of(version)
    assert unknown not in outputs_of(version)


@pytest.mark.parametrize('text', ['5.3.0', '3.15.0', '4.0.0', '6.1.0', '11.0.0', '5', '5.a.1',
                                  '5.999.0', '5.11.5.99999999999', ''])
def test_versions_that_cannot_be_emulated_are_refused(text):
    with pytest.raises(ConfigError, match='PolyScope'):
        parse_version(text)
