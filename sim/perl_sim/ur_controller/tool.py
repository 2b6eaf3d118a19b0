"""The tool centre point: pose and speed of the flange and of what is mounted on it."""

import math

import numpy as np
from perl_core.kinematics import Kinematics
from perl_core.rotation import rotation_from_vector, vector_from_rotation

MAX_STOP_RAD_S2 = 40.0
"""A stop asked for at the tool never slows a joint harder. Source: ur_rtde's limit of joint
accelerations."""
_STANDSTILL_M_S = 1e-6


class Tool:
    """Poses are position [m] and rotation vector [rad] in ``base``, shape (6,), UR's way."""

    def __init__(self) -> None:
        """Mount nothing: the tool centre point is the flange."""
        self._kinematics = Kinematics()
        self.offset = np.zeros(6)
        self._offset_rotation = np.eye(3)

    def mount(self, offset: np.ndarray) -> None:
        """Put the tool centre point at this pose in ``tool0``, shape (6,)."""
        self.offset = np.array(offset, dtype=float)
        self._offset_rotation = rotation_from_vector(self.offset[3:])

    def flange_pose(self, joints_rad: np.ndarray) -> np.ndarray:
        """Return the pose of ``tool0``, shape (6,)."""
        pose = self._kinematics.tool_pose(joints_rad)
        return np.concatenate((pose.position_m, vector_from_rotation(pose.rotation)))

    def pose_and_speed(
        self, joints_rad: np.ndarray, velocity_rad_s: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return pose and speed (linear [m/s], angular [rad/s]) of the tool centre point."""
        pose, jacobian = self._kinematics.tool_pose_and_jacobian(joints_rad)
        speed = jacobian @ velocity_rad_s
        arm_m = pose.rotation @ self.offset[:3]
        speed[:3] += np.array((
            speed[4] * arm_m[2] - speed[5] * arm_m[1],
            speed[5] * arm_m[0] - speed[3] * arm_m[2],
            speed[3] * arm_m[1] - speed[4] * arm_m[0],
        ))
        rotation = vector_from_rotation(pose.rotation @ self._offset_rotation)
        return np.concatenate((pose.position_m + arm_m, rotation)), speed

    def pose(self, joints_rad: np.ndarray) -> np.ndarray:
        """Return the pose of the tool centre point, shape (6,)."""
        return self.pose_and_speed(joints_rad, np.zeros(6))[0]

    def joint_deceleration(
        self, joints_rad: np.ndarray, velocity_rad_s: np.ndarray, deceleration_m_s2: float
    ) -> float:
        """Return the deceleration of the fastest joint that slows the tool by this much."""
        speed_m_s = float(np.linalg.norm(self.pose_and_speed(joints_rad, velocity_rad_s)[1][:3]))
        if speed_m_s < _STANDSTILL_M_S:
            return MAX_STOP_RAD_S2
        ratio = float(np.abs(velocity_rad_s).max()) / speed_m_s
        wanted = deceleration_m_s2 * ratio
        return min(wanted, MAX_STOP_RAD_S2) if math.isfinite(wanted) else MAX_STOP_RAD_S2
