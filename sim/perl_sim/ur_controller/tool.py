"""The tool centre point: pose, speed and inverse kinematics with what is mounted on the flange.

A pose is position [m] and rotation vector [rad] in ``base``, shape (6,), as UR writes it.
"""

import numpy as np
from perl_core.kinematics import Kinematics, Pose
from perl_core.rotation import rotation_from_vector, vector_from_rotation
from perl_sim.robots.ur5e import JOINT_RANGE_RAD
from perl_sim.ur_controller.arm_model import ArmKinematics

MAX_STOP_RAD_S2 = 40.0
"""A stop asked for at the tool never slows a joint harder. Source: ur_rtde's limit of joint
accelerations."""
POSE_TOLERANCE = 1e-7
"""Inverse kinematics ends at this error [m, rad]. Own choice: below what a client can see."""
MAX_ITERATIONS = 60
"""Of inverse kinematics, beyond which a pose counts as out of reach. Own choice."""
MAX_ITERATION_STEP_RAD = 0.3
"""Longest step of one iteration, so that the solution stays near its start. Own choice."""
DAMPING = 1e-4
"""Of the least squares of one iteration. Own choice: keeps steps finite at a singularity."""
_STANDSTILL_M_S = 1e-6


def pose_from_vector(vector: np.ndarray) -> Pose:
    """Return UR's six numbers as a pose."""
    return Pose(np.array(vector[:3], dtype=float), rotation_from_vector(vector[3:]))


def vector_from_pose(pose: Pose) -> np.ndarray:
    """Return a pose as UR's six numbers."""
    return np.concatenate((pose.position_m, vector_from_rotation(pose.rotation)))


def pose_trans(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return ``second``, a pose in the frame ``first``, in the frame of ``first`` itself."""
    outer, inner = pose_from_vector(first), pose_from_vector(second)
    position_m = outer.position_m + outer.rotation @ inner.position_m
    return vector_from_pose(Pose(position_m, outer.rotation @ inner.rotation))


class Tool:
    """The tool centre point of one arm."""

    def __init__(self, kinematics: ArmKinematics | Kinematics | None = None) -> None:
        """Mount nothing: the tool centre point is the flange.

        Args:
            kinematics: of the arm; those of a nominal UR5e if left out.
        """
        self._kinematics = kinematics or Kinematics()
        self.offset = np.zeros(6)
        self._offset = pose_from_vector(self.offset)

    def mount(self, offset: np.ndarray) -> None:
        """Put the tool centre point at this pose in ``tool0``, shape (6,)."""
        self.offset = np.array(offset, dtype=float)
        self._offset = pose_from_vector(self.offset)

    def flange_pose(self, joints_rad: np.ndarray) -> np.ndarray:
        """Return the pose of ``tool0``, shape (6,)."""
        return vector_from_pose(self._kinematics.tool_pose(joints_rad))

    def pose_and_speed(
        self, joints_rad: np.ndarray, velocity_rad_s: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return pose and speed (linear [m/s], angular [rad/s]) of the tool centre point."""
        pose, jacobian = self.pose_and_jacobian(joints_rad)
        return vector_from_pose(pose), jacobian @ velocity_rad_s

    def pose(self, joints_rad: np.ndarray) -> np.ndarray:
        """Return the pose of the tool centre point, shape (6,)."""
        return vector_from_pose(self.pose_and_jacobian(joints_rad)[0])

    def pose_and_jacobian(self, joints_rad: np.ndarray) -> tuple[Pose, np.ndarray]:
        """Return pose and Jacobian, shape (6, 6), of the tool centre point in ``base``."""
        flange, jacobian = self._kinematics.tool_pose_and_jacobian(joints_rad)
        if not self.offset.any():
            return flange, jacobian
        arm_m = flange.rotation @ self._offset.position_m
        x, y, z = arm_m
        angular = jacobian[3:]
        jacobian[:3] += (
            angular[1] * z - angular[2] * y,
            angular[2] * x - angular[0] * z,
            angular[0] * y - angular[1] * x,
        )
        rotation = flange.rotation @ self._offset.rotation
        return Pose(flange.position_m + arm_m, rotation), jacobian

    def joints_for(
        self,
        target: np.ndarray,
        near_rad: np.ndarray,
        tolerance: tuple[float, float] = (POSE_TOLERANCE, POSE_TOLERANCE),
    ) -> np.ndarray | None:
        """Return joint angles that bring the tool centre point to a pose, or None.

        Args:
            target: pose, shape (6,).
            near_rad: joint angles from which the search begins, shape (6,).
            tolerance: largest error of position [m] and of rotation [rad].
        """
        return self.joints_at(pose_from_vector(target), near_rad, tolerance)

    def joints_at(
        self,
        goal: Pose,
        near_rad: np.ndarray,
        tolerance: tuple[float, float] = (POSE_TOLERANCE, POSE_TOLERANCE),
    ) -> np.ndarray | None:
        """Return joint angles that bring the tool centre point to a pose, as ``joints_for``."""
        joints_rad = np.array(near_rad, dtype=float)
        for _ in range(MAX_ITERATIONS):
            pose, jacobian = self.pose_and_jacobian(joints_rad)
            error = np.concatenate((
                goal.position_m - pose.position_m,
                vector_from_rotation(goal.rotation @ pose.rotation.T),
            ))
            if np.abs(error[:3]).max() < tolerance[0] and np.abs(error[3:]).max() < tolerance[1]:
                return joints_rad if np.abs(joints_rad).max() <= JOINT_RANGE_RAD else None
            joints_rad = joints_rad + _bounded_step(jacobian, error)
        return None

    def joint_deceleration(
        self, joints_rad: np.ndarray, velocity_rad_s: np.ndarray, deceleration_m_s2: float
    ) -> float:
        """Return the deceleration of the fastest joint that slows the tool by this much."""
        speed_m_s = float(np.linalg.norm(self.pose_and_speed(joints_rad, velocity_rad_s)[1][:3]))
        if speed_m_s < _STANDSTILL_M_S:
            return MAX_STOP_RAD_S2
        fastest_rad_s = float(np.abs(velocity_rad_s).max())
        return min(deceleration_m_s2 * fastest_rad_s / speed_m_s, MAX_STOP_RAD_S2)


def joint_velocity(jacobian: np.ndarray, twist: np.ndarray) -> np.ndarray:
    """Return joint rates [rad/s] for a twist, by least squares damped just enough to exist."""
    square = jacobian @ jacobian.T
    square[np.diag_indices(6)] += DAMPING**2
    return jacobian.T @ np.linalg.solve(square, twist)


def _bounded_step(jacobian: np.ndarray, error: np.ndarray) -> np.ndarray:
    step_rad = joint_velocity(jacobian, error)
    return step_rad * min(1.0, MAX_ITERATION_STEP_RAD / max(float(np.abs(step_rad).max()), 1e-12))
