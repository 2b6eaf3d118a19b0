"""What is measured: every variable is alive or says why not, and only what is wanted costs."""

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
from perl_core.contract import Contract
from perl_core.kinematics import Kinematics
from perl_sim.ur_controller.arm import Arm
from perl_sim.ur_controller.controller import Controller
from perl_sim.ur_controller.inputs import apply_inputs
from perl_sim.ur_controller.measured import MEASUREMENTS, START_TIME_S
from perl_sim.ur_controller.measurements import Measurements
from perl_sim.ur_controller.rtde_variables import (
    CONSTANT,
    INPUTS,
    LENGTHS,
    OUTPUTS,
    SINCE,
    coverage,
    resting_values,
)
import pytest

HOME_RAD = np.array(Contract().home_rad)
SET_BY_COMMANDS = {
    'target_speed_fraction', 'payload_inertia', 'analog_io_types', 'tool_output_voltage',
    'actual_digital_input_bits', 'actual_digital_output_bits', 'standard_analog_input0',
    'standard_analog_input1', 'standard_analog_output0', 'standard_analog_output1',
}
"""Changed by RTDE inputs, scripts or faults instead of being measured."""


@pytest.fixture(scope='module')
def robot():
    controller = Controller(Arm(HOME_RAD))
    for _ in range(10):
        controller.arm.step()
    return controller


def is_register(name):
    return 'register' in name


def test_every_output_is_measured_set_or_constant_and_nothing_is_two_of_them():
    measured = [name for each in MEASUREMENTS for name in each.names]
    assert len(measured) == len(set(measured))
    accounted = set(measured) | SET_BY_COMMANDS | set(CONSTANT)
    assert len(accounted) == len(measured) + len(SET_BY_COMMANDS) + len(CONSTANT)
    assert accounted == {name for name in OUTPUTS if not is_register(name)}


def test_the_tables_name_only_variables_that_exist():
    assert set(SINCE) <= set(OUTPUTS)
    assert set(CONSTANT) <= set(OUTPUTS)
    rows = coverage()
    assert len(rows) == len(OUTPUTS) + len(INPUTS)
    assert {row.missing for row in rows if row.name == 'encoder0_raw'} == {
        'no conveyor encoder is fitted'}


def test_every_measured_value_has_the_length_of_its_type(robot):
    values = resting_values()
    Measurements(values, robot)
    for name, kind in OUTPUTS.items():
        assert len(values[name]) == LENGTHS[kind], name
        assert all(np.isfinite(values[name])), name


def test_only_what_is_wanted_is_measured(robot):
    values = resting_values()
    measurements = Measurements(values, robot)
    values['actual_q'] = values['timestamp'] = values['actual_TCP_pose'] = ()
    robot.tick += 500
    measurements.update(frozenset(('timestamp',)), frozenset())
    assert values['timestamp'] == (START_TIME_S + robot.tick * 0.002,)
    assert values['actual_q'] == values['actual_TCP_pose'] == ()
    measurements.update(frozenset(('timestamp',)), frozenset(('actual_qd',)))
    assert values['actual_q'] == tuple(robot.arm.position_rad)
    assert values['actual_TCP_pose'] == ()


def moving_arm(velocity_rad_s):
    arm = Arm(HOME_RAD)
    arm.speed_j(np.array(velocity_rad_s), 5.0)
    for _ in range(150):
        arm.step()
    return arm


VELOCITIES = st.lists(st.floats(-0.5, 0.5), min_size=6, max_size=6)


@given(velocity_rad_s=VELOCITIES)
def test_elbow_and_tool_are_where_the_kinematics_put_them(velocity_rad_s):
    arm = moving_arm(velocity_rad_s)
    values = resting_values()
    Measurements(values, Controller(arm))
    kinematics, step = Kinematics(), 1e-5
    joints_rad, rates_rad_s = np.array(values['actual_q']), np.array(values['actual_qd'])
    before, after = (
        kinematics.frames(joints_rad + sign * step * rates_rad_s).copy() for sign in (-1, 1))
    np.testing.assert_allclose(
        values['elbow_position'], kinematics.frames(joints_rad)[2, :3, 3], atol=2e-3)
    np.testing.assert_allclose(
        values['elbow_velocity'], (after - before)[2, :3, 3] / (2 * step), atol=2e-3)
    np.testing.assert_allclose(
        values['actual_TCP_speed'][:3], (after - before)[6, :3, 3] / (2 * step), atol=2e-3)


def test_the_momentum_of_a_turning_base_is_mass_times_speed():
    values = resting_values()
    Measurements(values, Controller(moving_arm([0.5, 0, 0, 0, 0, 0])))
    # 15.4 to 16 kg of moving links, whose centre is 0.1 to 0.4 m from the axis.
    assert 0.5 * 15.0 * 0.1 < values['actual_momentum'][0] < 0.5 * 18.0 * 0.4


def test_the_accelerometer_of_an_arm_at_rest_feels_gravity(robot):
    values = resting_values()
    Measurements(values, robot)
    felt = np.array(values['actual_tool_accelerometer'])
    rotation = Kinematics().tool_pose(HOME_RAD).rotation
    np.testing.assert_allclose(rotation @ felt, (0.0, 0.0, 9.81), atol=0.1)


def test_an_arm_without_power_has_no_voltage(robot):
    values = resting_values()
    measurements = Measurements(values, robot)
    assert values['actual_joint_voltage'] == (48.0,) * 6
    robot.power_off()
    measurements.update(frozenset(OUTPUTS))
    assert values['actual_joint_voltage'] == (0.0,) * 6
    assert values['robot_mode'] == (3,)
    assert values['joint_mode'] == (239,) * 6


@pytest.mark.parametrize(('written', 'name', 'expected'), [
    ({'speed_slider_mask': 1, 'speed_slider_fraction': 0.4}, 'target_speed_fraction', 0.4),
    ({'speed_slider_mask': 0, 'speed_slider_fraction': 0.4}, 'target_speed_fraction', 1.0),
    ({'speed_slider_mask': 1, 'speed_slider_fraction': float('nan')},
     'target_speed_fraction', 0.0),
    ({'standard_digital_output_mask': 0b110, 'standard_digital_output': 0b011},
     'actual_digital_output_bits', 0b010),
    ({'configurable_digital_output_mask': 1, 'configurable_digital_output': 1},
     'actual_digital_output_bits', 1 << 8),
    ({'tool_digital_output_mask': 2, 'tool_digital_output': 2},
     'actual_digital_output_bits', 1 << 17),
    ({'standard_analog_output_mask': 1, 'standard_analog_output_type': 1,
      'standard_analog_output_0': 0.5}, 'standard_analog_output0', 5.0),
    ({'standard_analog_output_mask': 2, 'standard_analog_output_type': 0,
      'standard_analog_output_1': 0.5}, 'standard_analog_output1', 0.012),
    ({'standard_analog_output_mask': 2, 'standard_analog_output_type': 2,
      'standard_analog_output_1': 9.0}, 'analog_io_types', 0b1000),
])
def test_inputs_have_their_effect(written, name, expected):
    values = resting_values()
    values.update({key: (value,) for key, value in written.items()})
    apply_inputs(values, set(written))
    assert values[name] == (pytest.approx(expected),)
