"""What programs can do with the robot, whether a register or a line of script asks for it.

Arguments are checked here. What the arm cannot do is answered by a protective stop, what makes no
sense by the end of the program: see script_errors.py.
"""

from collections.abc import Callable
import math

import numpy as np
from perl_core.rotation import rotation_from_vector
from perl_sim.ur_controller.arm import target_violation
from perl_sim.ur_controller.arm_model import MAX_PAYLOAD_KG
from perl_sim.ur_controller.compliance import (
    FREEDRIVE_DAMPING,
    FREEDRIVE_LIMIT,
    MAX_DAMPING,
    MAX_GAIN,
    Compliance,
    ForceGains,
    Task,
)
from perl_sim.ur_controller.controller import Controller
from perl_sim.ur_controller.motions import Reference
from perl_sim.ur_controller.rtde_variables import Values
from perl_sim.ur_controller.script_errors import ImpossibleTargetError, ScriptError
from perl_sim.ur_controller.tool import pose_from_vector
from perl_sim.ur_controller.ways import Leg, Pace, joint_leg, tool_leg

LOOKAHEAD_RANGE_S = (0.03, 0.2)
"""Source: UR script manual, servoj."""
GAIN_RANGE = (100.0, 2000.0)
"""Source: UR script manual, servoj."""
MAX_DECELERATION_RAD_S2 = 40.0
"""Source: ur_rtde's limit of joint accelerations."""
MAX_ARGUMENT = 1e6
"""Own choice: far beyond any length, angle, speed or mass, far below an overflow."""
MAX_GRAVITY_M_S2 = 30.0
"""Own choice: a mistake beyond it; on Earth it is 9.8."""
NEAR_SINGULARITY = (0.05, 0.02)
"""Smallest singular value of the Jacobian below which freedrive is near to a singularity, and too
near. Own choice."""
JACOBIAN_STEP_S = 1e-6
"""Step of the numerical time derivative of the Jacobian. Own choice: errors below 1e-8."""
_SLOW_M_S = 1e-4


def require_finite(numbers: np.ndarray | float) -> None:
    """Raise ImpossibleTargetError unless all numbers are finite, and none is absurd."""
    # Written so that what is no number is refused, too.
    if not np.all(np.abs(numbers) <= MAX_ARGUMENT):
        raise ImpossibleTargetError(f'an argument that is not finite or absurd: {numbers}')


class Actions:
    """What can be done with one robot."""

    def __init__(self, controller: Controller, values: Values) -> None:
        """Act on this robot.

        Args:
            controller: of the robot.
            values: of all RTDE variables.
        """
        self.controller, self.values = controller, values
        self.arm, self.tool = controller.arm, controller.arm.tool
        self.force_gains = ForceGains()
        self.waypoint_rad = self.arm.position_rad
        self._reads_external_sensor = False

    def begin_program(self) -> None:
        """Forget what a program before had set for itself."""
        self.force_gains = ForceGains()
        self.waypoint_rad = self.arm.position_rad
        self.enable_external_sensor(False)

    def step(self) -> None:
        """Hand over what is new in this tick: the reading of an external force sensor."""
        if self._reads_external_sensor:
            self.arm.sensor.external = np.array(self.values['external_force_torque'])

    def enable_external_sensor(self, enable: bool) -> None:
        """Take forces from the RTDE input external_force_torque, or from the own sensor again.

        Gravity on the external sensor itself is not modelled.
        """
        self._reads_external_sensor = enable
        if not enable:
            self.arm.sensor.external = None

    def require_target(self, joints_rad: np.ndarray) -> None:
        """Raise ImpossibleTargetError unless the arm can have these joint angles."""
        reason = target_violation(joints_rad, self.arm.limits.joint_range_rad)
        if reason:
            raise ImpossibleTargetError(reason)

    def solve(
        self, pose: np.ndarray, near_rad: np.ndarray, tolerance: tuple[float, float] | None = None
    ) -> np.ndarray:
        """Return joint angles for a pose; ScriptError if there are none."""
        joints_rad = self.find(pose, near_rad, tolerance)
        if joints_rad is None:
            raise ScriptError(f'no joint angles found for the pose {pose.round(4).tolist()}')
        return joints_rad

    def find(
        self, pose: np.ndarray, near_rad: np.ndarray, tolerance: tuple[float, float] | None = None
    ) -> np.ndarray | None:
        """Return joint angles for a pose, or None."""
        require_finite(pose)
        if tolerance is None:
            return self.tool.joints_for(pose, near_rad)
        return self.tool.joints_for(pose, near_rad, tolerance)

    def joint_leg(self, target_rad: np.ndarray, pace: Pace, blend_m: float = 0.0) -> Leg:
        """Return the leg of a moveJ to joint angles that the arm can have."""
        self.require_target(target_rad)
        require_finite(np.array((*pace, blend_m)))
        self.waypoint_rad = target_rad
        return joint_leg(target_rad, pace, blend_m)

    def tool_leg(self, pose: np.ndarray, pace: Pace, blend_m: float = 0.0) -> Leg:
        """Return the leg of a moveL to a pose that the arm can reach."""
        require_finite(np.array((*pace, blend_m)))
        self.waypoint_rad = self.solve(pose, self.arm.reference.position_rad)
        return tool_leg(self.tool, pose, pace, blend_m)

    def servo_arguments(self, lookahead_s: float, gain: float) -> tuple[float, float]:
        """Return lookahead_time [s] and gain of servoJ within their ranges."""
        # The order of max and min turns a number that is none into the lower bound.
        return (
            min(max(LOOKAHEAD_RANGE_S[0], lookahead_s), LOOKAHEAD_RANGE_S[1]),
            min(max(GAIN_RANGE[0], gain), GAIN_RANGE[1]),
        )

    def stopping(self, deceleration: float, linear: bool) -> Callable[[], None]:
        """Return what stops the arm: stopl if linear, else stopj."""
        require_finite(deceleration)
        if linear:
            deceleration = self.tool.joint_deceleration(*self.arm.reference, deceleration)
        deceleration_rad_s2 = min(deceleration, MAX_DECELERATION_RAD_S2)
        return lambda: self.arm.stop_j(deceleration_rad_s2)

    def set_tcp(self, offset: np.ndarray) -> None:
        """Move the tool centre point to this pose in ``tool0``."""
        require_finite(offset)
        self.tool.mount(offset)

    def set_payload(
        self, mass_kg: float, centre_m: np.ndarray, inertia_kg_m2: np.ndarray | None = None
    ) -> None:
        """Declare a payload; a centre of zeros keeps the one declared before."""
        require_finite(np.append(centre_m, mass_kg))
        if not 0.0 <= mass_kg <= MAX_PAYLOAD_KG:
            raise ScriptError(
                f'a UR5e carries 0 to {MAX_PAYLOAD_KG} kg; the payload is set to {mass_kg}')
        centre_m = centre_m if centre_m.any() else self.arm.load.centre_m
        self.values['payload'] = (float(mass_kg),)
        self.values['payload_cog'] = tuple(centre_m.tolist())
        if inertia_kg_m2 is not None:
            require_finite(inertia_kg_m2)
            self.values['payload_inertia'] = tuple(inertia_kg_m2.tolist())
        self.arm.load.declare(mass_kg, centre_m)

    def set_gravity(self, upward_m_s2: np.ndarray) -> None:
        """Believe in gravity against this acceleration, as set_gravity has it: upright is +z."""
        if not float(np.abs(upward_m_s2).max()) <= MAX_GRAVITY_M_S2:
            raise ScriptError(
                f'gravity is at most {MAX_GRAVITY_M_S2} m/s^2; set_gravity says {upward_m_s2}')
        self.arm.load.believe(-upward_m_s2)

    def set_force_damping(self, damping: float) -> None:
        """force_mode_set_damping."""
        self.force_gains.damping = min(max(0.0, damping), MAX_DAMPING)

    def set_force_scaling(self, scaling: float) -> None:
        """force_mode_set_gain_scaling."""
        self.force_gains.scaling = min(max(0.0, scaling), MAX_GAIN)

    def force_mode(
        self, frame: np.ndarray, axes: np.ndarray, wrench: np.ndarray, kind: int,
        limits: np.ndarray,
    ) -> Compliance:
        """Return how the tool gives way in a force mode; arguments as of force_mode."""
        require_finite(np.concatenate((frame, wrench, limits)))
        if kind not in (1, 2, 3):
            raise ScriptError(f'the type of a force mode is 1, 2 or 3; got {kind}')
        axes = np.asarray(axes) != 0
        # Of axes that do not give way the limit is a deviation, which is always kept.
        task = Task(self._task_frame(frame, kind), axes, np.where(axes, wrench, 0.0),
                    np.where(axes, np.abs(limits), 0.0))
        return Compliance(self.tool, task, self.force_gains)

    def freedrive(self, axes: np.ndarray, feature: np.ndarray) -> Compliance:
        """Return how the tool gives way in freedrive, along these axes of this frame."""
        require_finite(feature)
        rotation = rotation_from_vector(feature[3:])
        task = Task(lambda _: rotation, np.asarray(axes) != 0, np.zeros(6), FREEDRIVE_LIMIT)
        return Compliance(self.tool, task, ForceGains(damping=FREEDRIVE_DAMPING, scaling=1.0))

    def freedrive_status(self) -> int:
        """Return get_freedrive_status: 0 normal, 1 near to a singularity, 2 too near."""
        _, jacobian = self.tool.pose_and_jacobian(self.arm.position_rad)
        smallest = float(np.linalg.svd(jacobian, compute_uv=False)[-1])
        return sum(smallest < limit for limit in NEAR_SINGULARITY)

    def zero_force_sensor(self) -> None:
        """zero_ftsensor."""
        self.arm.sensor.zero()

    def tool_contact(self, direction: np.ndarray) -> int:
        """Return since how many ticks the tool touches something that way; 0 if it does not."""
        require_finite(direction)
        return self.arm.touch.ticks(direction[:3])

    def mass_matrix(self) -> np.ndarray:
        """get_mass_matrix of the present joint angles, shape (6, 6)."""
        return self.arm.kinematics.dynamics(self.arm.position_rad, np.zeros(6))[0]

    def coriolis_torques_n_m(self) -> np.ndarray:
        """get_coriolis_and_centrifugal_torques of the present state, shape (6,)."""
        return self.arm.kinematics.dynamics(self.arm.position_rad, self.arm.velocity_rad_s)[1]

    def jacobian(self) -> np.ndarray:
        """get_jacobian of the tool centre point at the present joint angles, shape (6, 6)."""
        return self.tool.pose_and_jacobian(self.arm.position_rad)[1]

    def jacobian_derivative(self) -> np.ndarray:
        """get_jacobian_time_derivative of the present state, shape (6, 6)."""
        position_rad = self.arm.position_rad
        way_rad = JACOBIAN_STEP_S * self.arm.velocity_rad_s
        _, before = self.tool.pose_and_jacobian(position_rad - way_rad)
        _, after = self.tool.pose_and_jacobian(position_rad + way_rad)
        return (after - before) / (2.0 * JACOBIAN_STEP_S)

    def is_pose_safe(self, pose: np.ndarray) -> bool:
        """is_within_safety_limits of a pose."""
        joints_rad = self.find(pose, self.arm.position_rad)
        return joints_rad is not None and self.are_joints_safe(joints_rad)

    def are_joints_safe(self, joints_rad: np.ndarray) -> bool:
        """is_within_safety_limits of joint angles."""
        if target_violation(joints_rad, self.arm.limits.joint_range_rad):
            return False
        position_m = self.tool.pose(joints_rad)[:3]
        return all(plane.excess_m(position_m) <= 0.0 for plane in self.arm.config.planes)

    def _task_frame(self, frame: np.ndarray, kind: int) -> Callable[[Reference], np.ndarray]:
        pose = pose_from_vector(frame)
        if kind == 1:
            return lambda reference: self._towards_origin(pose.position_m, pose.rotation,
                                                          reference)
        if kind == 3:
            return lambda reference: self._along_velocity(pose.rotation, reference)
        return lambda _: pose.rotation

    def _towards_origin(
        self, origin_m: np.ndarray, rotation: np.ndarray, reference: Reference
    ) -> np.ndarray:
        way = origin_m - self.tool.pose(reference.position_rad)[:3]
        return _frame_from(1, way, rotation)

    def _along_velocity(self, rotation: np.ndarray, reference: Reference) -> np.ndarray:
        _, speed = self.tool.pose_and_speed(*reference)
        normal = rotation[:, 2]
        flat = speed[:3] - (normal @ speed[:3]) * normal
        return _frame_from(0, flat, rotation)


def _frame_from(index: int, direction: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """Return the rotation with this direction as its axis ``index``, z as near as can be."""
    length = math.sqrt(float(direction @ direction))
    if length < _SLOW_M_S:
        return rotation
    axis = direction / length
    other = np.cross(rotation[:, 2], axis) if index == 0 else np.cross(axis, rotation[:, 2])
    square = float(other @ other)
    if square < _SLOW_M_S:
        return rotation
    other = other / math.sqrt(square)
    x, y = (axis, other) if index == 0 else (other, axis)
    return np.column_stack((x, y, np.cross(x, y)))
