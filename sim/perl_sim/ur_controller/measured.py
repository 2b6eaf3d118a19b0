"""What the controller reports of arm, tool and program, as a table of RTDE variables.

What is not here is a register, is set by a command, or stays as it is at rest: see
rtde_variables.py.
"""

from collections.abc import Callable
import math
from typing import NamedTuple

import numpy as np
from perl_sim.ur_controller.arm import DEVIATION_LIMIT_RAD
from perl_sim.ur_controller.controller import Controller
from perl_sim.ur_controller.modes import RobotMode
from perl_sim.ur_controller.motions import TICK_S
from perl_sim.ur_controller.rtde_variables import Values

START_TIME_S = 42.0
"""The clock at start: UR's client library takes less than 40 s for a controller that boots."""
TORQUE_PER_CURRENT_N_M_A = np.array((13.0, 13.0, 13.0, 9.0, 9.0, 9.0))
"""Of the joints, behind their gears. Own choice, of the order that users identify."""
SUPPLY_V = 48.0
"""Of the arm when it is switched on. Source: UR5e user manual."""
IDLE_POWER_W = 100.0
"""Own choice: what control box and brakes take while the arm stands still."""


class Measurement(NamedTuple):
    """Variables that are measured together."""

    names: tuple[str, ...]
    """RTDE variables."""
    measure: Callable[[Controller, Values], tuple]
    """Returns a value for each name: an array, a tuple, or a single number. The present values
    of variables that commands set are in the second argument."""


def _modes(controller: Controller, _: Values) -> tuple:
    return (
        START_TIME_S + (controller.tick - controller.boot_tick) * TICK_S,
        int(controller.robot_mode),
        int(controller.safety_mode),
        int(controller.safety_mode),
        controller.safety_status_bits,
        controller.robot_status_bits,
        int(controller.runtime_state),
        controller.tick,
    )


def _actual_joints(controller: Controller, _: Values) -> tuple:
    return controller.arm.position_rad, controller.arm.velocity_rad_s


def _target_joints(controller: Controller, _: Values) -> tuple:
    arm = controller.arm
    return *arm.reference, arm.reference_acceleration_rad_s2


def _torques(controller: Controller, _: Values) -> tuple:
    torque_n_m = controller.arm.torque_n_m
    current_a = torque_n_m / TORQUE_PER_CURRENT_N_M_A
    return torque_n_m, torque_n_m, torque_n_m, current_a, current_a, current_a


def _power(controller: Controller, _: Values) -> tuple:
    if controller.robot_mode < RobotMode.POWER_ON:
        return 0.0, 0.0, (0.0,) * 6
    arm = controller.arm
    power_w = IDLE_POWER_W + abs(float(arm.torque_n_m @ arm.velocity_rad_s))
    return SUPPLY_V, power_w / SUPPLY_V, (SUPPLY_V,) * 6


def _actual_tool(controller: Controller, _: Values) -> tuple:
    arm = controller.arm
    pose, speed = arm.tool.pose_and_speed(arm.position_rad, arm.velocity_rad_s)
    return pose, speed


def _force(controller: Controller, _: Values) -> tuple:
    wrench = controller.arm.tool_wrench()
    return wrench, wrench, math.sqrt(float(wrench[:3] @ wrench[:3]))


def _target_tool(controller: Controller, _: Values) -> tuple:
    arm = controller.arm
    return arm.tool.pose_and_speed(*arm.reference)


def _speed_after(controller: Controller, joints: tuple, acceleration: np.ndarray) -> np.ndarray:
    """Return the change of the tool's speed [m/s^2, rad/s^2] while the joints speed up so."""
    position, velocity = joints
    tool = controller.arm.tool
    later = tool.pose_and_speed(position + TICK_S * velocity, velocity + TICK_S * acceleration)
    return (later[1] - tool.pose_and_speed(position, velocity)[1]) / TICK_S


def _actual_acceleration(controller: Controller, _: Values) -> tuple:
    arm = controller.arm
    joints = arm.position_rad, arm.velocity_rad_s
    acceleration = _speed_after(controller, joints, arm.acceleration_rad_s2)
    rotation = arm.tool.pose_and_jacobian(joints[0])[0].rotation
    felt = rotation.T @ (acceleration[:3] - arm.load.gravity_m_s2)
    return acceleration, felt, arm.acceleration_rad_s2


def _target_acceleration(controller: Controller, _: Values) -> tuple:
    arm = controller.arm
    return (_speed_after(controller, tuple(arm.reference), arm.reference_acceleration_rad_s2),)


def _elbow(controller: Controller, _: Values) -> tuple:
    arm = controller.arm
    elbow_m = arm.elbow_position_m
    # Only the first two joints move the elbow: the vertical one and the one it hangs on.
    base_rad_s, shoulder_rad_s = arm.velocity_rad_s[:2]
    shoulder_m = np.array((0.0, 0.0, float(arm.config.dh_parameters.d_m[0])))
    axis = np.array((math.sin(arm.position_rad[0]), -math.cos(arm.position_rad[0]), 0.0))
    velocity_m_s = (
        np.cross((0.0, 0.0, base_rad_s), elbow_m)
        + np.cross(shoulder_rad_s * axis, elbow_m - shoulder_m)
    )
    return elbow_m, velocity_m_s


def _ratios(controller: Controller, _: Values) -> tuple:
    arm = controller.arm
    deviation_rad = np.abs(arm.reference.position_rad - arm.position_rad).max()
    return float(deviation_rad) / DEVIATION_LIMIT_RAD, (
        arm.sensor.contact_force_n / arm.limits.force_n)


def _digital(_: Controller, values: Values) -> tuple:
    return (values['actual_digital_input_bits'][0] >> 8 & 0xFF,
            values['actual_digital_output_bits'][0] >> 8 & 0xFF)


MEASUREMENTS = (
    Measurement(
        ('timestamp', 'robot_mode', 'safety_mode', 'safety_status', 'safety_status_bits',
         'robot_status_bits', 'runtime_state', 'control_step'), _modes),
    Measurement(('joint_mode',), lambda controller, _: (controller.joint_modes,)),
    Measurement(('speed_scaling',), lambda controller, _: (controller.arm.speed_scaling,)),
    Measurement(('actual_q', 'actual_qd'), _actual_joints),
    Measurement(('target_q', 'target_qd', 'target_qdd'), _target_joints),
    Measurement(('target_moment', 'actual_moment', 'actual_current_as_torque', 'target_current',
                 'actual_current', 'joint_control_output'), _torques),
    Measurement(('actual_robot_voltage', 'actual_robot_current', 'actual_joint_voltage'), _power),
    Measurement(('actual_TCP_pose', 'actual_TCP_speed'), _actual_tool),
    Measurement(('target_TCP_pose', 'target_TCP_speed'), _target_tool),
    Measurement(('actual_TCP_force', 'wrench_calc_from_currents', 'tcp_force_scalar'), _force),
    Measurement(('ft_raw_wrench',),
                lambda controller, _: (controller.arm.sensor.raw_in_flange(),)),
    Measurement(('actual_TCP_acceleration', 'actual_tool_accelerometer', 'actual_qdd'),
                _actual_acceleration),
    Measurement(('target_TCP_acceleration',), _target_acceleration),
    Measurement(('elbow_position', 'elbow_velocity'), _elbow),
    Measurement(('joint_position_deviation_ratio', 'collision_detection_ratio'), _ratios),
    Measurement(('tcp_offset',), lambda controller, _: (controller.arm.tool.offset,)),
    Measurement(('target_gravity',), lambda controller, _: (controller.arm.load.gravity_m_s2,)),
    Measurement(('payload', 'payload_cog'), lambda controller, _: (
        controller.arm.load.mass_kg, controller.arm.load.centre_m)),
    Measurement(('actual_configurable_digital_input_bits',
                 'actual_configurable_digital_output_bits'), _digital),
)
"""Everything that is measured."""
