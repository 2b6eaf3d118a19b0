"""What the controller reports of arm, tool and program, as a table of RTDE variables.

What is not here is a register, is set by a command, or stays as it is at rest: see
rtde_variables.py.
"""

from collections.abc import Callable
import math
from typing import NamedTuple

import numpy as np
from perl_core.kinematics import Pose
from perl_sim.ur_controller.arm import DEVIATION_LIMIT_RAD
from perl_sim.ur_controller.controller import Controller
from perl_sim.ur_controller.modes import RobotMode
from perl_sim.ur_controller.motions import TICK_S
from perl_sim.ur_controller.rtde_variables import Values
from perl_sim.ur_controller.tool import vector_from_pose

START_TIME_S = 42.0
"""The clock at start: UR's client library takes less than 40 s for a controller that boots."""
TORQUE_PER_CURRENT_N_M_A = np.array((13.0, 13.0, 13.0, 9.0, 9.0, 9.0))
"""Of the joints, behind their gears. Own choice, of the order that users identify."""
SUPPLY_V = 48.0
"""Of the arm when it is switched on. Source: UR5e user manual."""
IDLE_POWER_W = 100.0
"""Own choice: what control box and brakes take while the arm stands still."""


class Snapshot:
    """The robot at one tick; what several measurements need is worked out once."""

    def __init__(self, controller: Controller, values: Values) -> None:
        """Look at a robot.

        Args:
            controller: of the robot.
            values: of the variables that commands set.
        """
        self.controller = controller
        self.arm = controller.arm
        self.values = values
        self.position_rad = controller.arm.position_rad
        """Measured joint angles, shape (6,)."""
        self.velocity_rad_s = controller.arm.velocity_rad_s
        """Measured joint velocities, shape (6,)."""
        self._torque_n_m: np.ndarray | None = None
        self._tool: tuple[Pose, np.ndarray] | None = None
        self._target_tool: tuple[Pose, np.ndarray] | None = None

    # Not cached_property: before Python 3.12 it takes a lock, which costs more than it saves.
    @property
    def torque_n_m(self) -> np.ndarray:
        """Of the drives, shape (6,)."""
        if self._torque_n_m is None:
            self._torque_n_m = self.arm.torque_n_m
        return self._torque_n_m

    @property
    def tool(self) -> tuple[Pose, np.ndarray]:
        """Measured pose and Jacobian of the tool centre point."""
        if self._tool is None:
            self._tool = self.arm.tool.pose_and_jacobian(self.position_rad)
        return self._tool

    @property
    def target_tool(self) -> tuple[Pose, np.ndarray]:
        """Commanded pose and Jacobian of the tool centre point."""
        if self._target_tool is None:
            self._target_tool = self.arm.tool.pose_and_jacobian(self.arm.reference.position_rad)
        return self._target_tool


class Measurement(NamedTuple):
    """Variables that are measured together."""

    names: tuple[str, ...]
    """RTDE variables."""
    measure: Callable[[Snapshot], tuple]
    """Returns a value for each name: an array, a tuple, or a single number."""


def _modes(now: Snapshot) -> tuple:
    controller = now.controller
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


def _torques(now: Snapshot) -> tuple:
    torque_n_m = now.torque_n_m
    current_a = torque_n_m / TORQUE_PER_CURRENT_N_M_A
    return torque_n_m, torque_n_m, torque_n_m, current_a, current_a, current_a


def _power(now: Snapshot) -> tuple:
    if now.controller.robot_mode < RobotMode.POWER_ON:
        return 0.0, 0.0, (0.0,) * 6
    power_w = IDLE_POWER_W + abs(float(now.torque_n_m @ now.velocity_rad_s))
    return SUPPLY_V, power_w / SUPPLY_V, (SUPPLY_V,) * 6


def _actual_tool(now: Snapshot) -> tuple:
    pose, jacobian = now.tool
    return vector_from_pose(pose), jacobian @ now.velocity_rad_s


def _target_tool(now: Snapshot) -> tuple:
    pose, jacobian = now.target_tool
    return vector_from_pose(pose), jacobian @ now.arm.reference.velocity_rad_s


def _force(now: Snapshot) -> tuple:
    wrench = now.arm.sensor.at_tool(now.tool[0])
    return wrench, wrench, math.sqrt(float(wrench[:3] @ wrench[:3]))


def _actual_acceleration(now: Snapshot) -> tuple:
    joints_rad_s2 = now.arm.acceleration_rad_s2
    pose, jacobian = now.tool
    acceleration = _tool_acceleration(
        now, jacobian, (now.position_rad, now.velocity_rad_s, joints_rad_s2))
    felt_m_s2 = pose.rotation.T @ (acceleration[:3] - now.arm.load.gravity_m_s2)
    return acceleration, felt_m_s2, joints_rad_s2


def _target_acceleration(now: Snapshot) -> tuple:
    return (_tool_acceleration(
        now, now.target_tool[1], (*now.arm.reference, now.arm.reference_acceleration_rad_s2)),)


def _tool_acceleration(now: Snapshot, jacobian: np.ndarray, joints: tuple) -> np.ndarray:
    """Return how the tool speeds up [m/s^2, rad/s^2], given the joints' motion."""
    position_rad, velocity_rad_s, acceleration_rad_s2 = joints
    if not velocity_rad_s.any():
        return jacobian @ acceleration_rad_s2
    later = now.arm.tool.pose_and_jacobian(position_rad + TICK_S * velocity_rad_s)[1]
    return jacobian @ acceleration_rad_s2 + (later - jacobian) @ velocity_rad_s / TICK_S


def _elbow(now: Snapshot) -> tuple:
    elbow_m = now.arm.elbow_position_m
    # Only the first two joints move the elbow: the vertical one and the one it hangs on.
    base_rad_s, shoulder_rad_s = now.velocity_rad_s[:2].tolist()
    turn_rad = float(now.position_rad[0])
    x_m, y_m, z_m = elbow_m.tolist()
    axis_x, axis_y = math.sin(turn_rad), -math.cos(turn_rad)
    up_m = z_m - float(now.arm.config.dh_parameters.d_m[0])
    return elbow_m, (
        -base_rad_s * y_m + shoulder_rad_s * axis_y * up_m,
        base_rad_s * x_m - shoulder_rad_s * axis_x * up_m,
        shoulder_rad_s * (axis_x * y_m - axis_y * x_m),
    )


def _ratios(now: Snapshot) -> tuple:
    deviation_rad = np.abs(now.arm.reference.position_rad - now.position_rad).max()
    return float(deviation_rad) / DEVIATION_LIMIT_RAD, (
        now.arm.sensor.contact_force_n / now.arm.limits.force_n)


def _digital(now: Snapshot) -> tuple:
    return (now.values['actual_digital_input_bits'][0] >> 8 & 0xFF,
            now.values['actual_digital_output_bits'][0] >> 8 & 0xFF)


MEASUREMENTS = (
    Measurement(
        ('timestamp', 'robot_mode', 'safety_mode', 'safety_status', 'safety_status_bits',
         'robot_status_bits', 'runtime_state', 'control_step'), _modes),
    Measurement(('joint_mode',), lambda now: (now.controller.joint_modes,)),
    Measurement(('speed_scaling',), lambda now: (now.arm.speed_scaling,)),
    Measurement(('actual_q', 'actual_qd'),
                lambda now: (now.position_rad, now.velocity_rad_s)),
    Measurement(('target_q', 'target_qd', 'target_qdd'), lambda now: (
        *now.arm.reference, now.arm.reference_acceleration_rad_s2)),
    Measurement(('target_moment', 'actual_moment', 'actual_current_as_torque', 'target_current',
                 'actual_current', 'joint_control_output'), _torques),
    Measurement(('actual_robot_voltage', 'actual_robot_current', 'actual_joint_voltage'), _power),
    Measurement(('actual_TCP_pose', 'actual_TCP_speed'), _actual_tool),
    Measurement(('target_TCP_pose', 'target_TCP_speed'), _target_tool),
    Measurement(('actual_TCP_force', 'wrench_calc_from_currents', 'tcp_force_scalar'), _force),
    Measurement(('ft_raw_wrench',),
                lambda now: (now.arm.sensor.raw_in_flange(),)),
    Measurement(('actual_TCP_acceleration', 'actual_tool_accelerometer', 'actual_qdd'),
                _actual_acceleration),
    Measurement(('target_TCP_acceleration',), _target_acceleration),
    Measurement(('actual_momentum',), lambda now: (now.arm.momentum_kg_m_s,)),
    Measurement(('elbow_position', 'elbow_velocity'), _elbow),
    Measurement(('joint_position_deviation_ratio', 'collision_detection_ratio'), _ratios),
    Measurement(('tcp_offset',), lambda now: (now.arm.tool.offset,)),
    Measurement(('target_gravity',), lambda now: (now.arm.load.gravity_m_s2,)),
    Measurement(('payload', 'payload_cog'), lambda now: (
        now.arm.load.mass_kg, now.arm.load.centre_m)),
    Measurement(('actual_configurable_digital_input_bits',
                 'actual_configurable_digital_output_bits'), _digital),
)
"""Everything that is measured."""
