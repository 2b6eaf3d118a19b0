"""Forward kinematics and Jacobian of the UR5e from Denavit-Hartenberg parameters (numpy only).

All poses are of the flange frame ``tool0`` in UR's own frame ``base`` (the frame in which the
controller reports actual_TCP_pose). ROS's ``base_link`` is ``base`` turned by 180 degrees about z.
"""

from typing import NamedTuple

import numpy as np


class DHParameters(NamedTuple):
    """Standard Denavit-Hartenberg parameters of six joints, in UR's order."""

    theta_rad: np.ndarray
    """Joint zero offsets [rad], shape (6,)."""
    d_m: np.ndarray
    """Link offsets [m], shape (6,)."""
    a_m: np.ndarray
    """Link lengths [m], shape (6,)."""
    alpha_rad: np.ndarray
    """Link twists [rad], shape (6,)."""


UR5E_NOMINAL = DHParameters(
    theta_rad=np.zeros(6),
    d_m=np.array((0.1625, 0.0, 0.0, 0.1333, 0.0997, 0.0996)),
    a_m=np.array((0.0, -0.425, -0.3922, 0.0, 0.0, 0.0)),
    alpha_rad=np.array((np.pi / 2, 0.0, 0.0, np.pi / 2, -np.pi / 2, 0.0)),
)
"""UR5e without calibration (Universal Robots, "DH parameters for calculations of kinematics")."""


class Pose(NamedTuple):
    """A pose of ``tool0`` in ``base``."""

    position_m: np.ndarray
    """Shape (3,)."""
    rotation: np.ndarray
    """Shape (3, 3)."""


class Kinematics:
    """Forward kinematics of one arm."""

    def __init__(self, parameters: DHParameters = UR5E_NOMINAL) -> None:
        """Precompute what does not depend on the joint angles.

        Args:
            parameters: nominal or calibrated DH parameters.
        """
        self.parameters = parameters
        self._links = np.zeros((6, 4, 4))
        self._links[:, 3, 3] = 1.0
        self._cos_alpha = np.cos(parameters.alpha_rad)
        self._sin_alpha = np.sin(parameters.alpha_rad)
        self._links[:, 2, 1] = self._sin_alpha
        self._links[:, 2, 2] = self._cos_alpha
        self._links[:, 2, 3] = parameters.d_m

    def frames(self, joint_position_rad: np.ndarray) -> np.ndarray:
        """Return the frames 0 (``base``) to 6 (``tool0``) as homogeneous matrices.

        Args:
            joint_position_rad: shape (6,), in UR's joint order.

        Returns:
            Shape (7, 4, 4), each in ``base``.
        """
        angle_rad = joint_position_rad + self.parameters.theta_rad
        cosine, sine = np.cos(angle_rad), np.sin(angle_rad)
        links = self._links
        links[:, 0, 0] = cosine
        links[:, 0, 1] = -sine * self._cos_alpha
        links[:, 0, 2] = sine * self._sin_alpha
        links[:, 0, 3] = self.parameters.a_m * cosine
        links[:, 1, 0] = sine
        links[:, 1, 1] = cosine * self._cos_alpha
        links[:, 1, 2] = -cosine * self._sin_alpha
        links[:, 1, 3] = self.parameters.a_m * sine
        frames = np.empty((7, 4, 4))
        frames[0] = np.eye(4)
        for joint in range(6):
            np.matmul(frames[joint], links[joint], out=frames[joint + 1])
        return frames

    def tool_pose(self, joint_position_rad: np.ndarray) -> Pose:
        """Return the pose of ``tool0`` in ``base`` for joint angles [rad] of shape (6,)."""
        tool = self.frames(joint_position_rad)[6]
        return Pose(tool[:3, 3].copy(), tool[:3, :3].copy())

    def tool_pose_and_jacobian(self, joint_position_rad: np.ndarray) -> tuple[Pose, np.ndarray]:
        """Return the pose of ``tool0`` and the geometric Jacobian, both in ``base``.

        Args:
            joint_position_rad: shape (6,).

        Returns:
            The pose, and the Jacobian of shape (6, 6): rows 0-2 give the linear velocity of the
            origin of ``tool0`` [m/s], rows 3-5 its angular velocity [rad/s], for joint rates
            [rad/s].
        """
        frames = self.frames(joint_position_rad)
        tool = frames[6]
        axes = frames[:6, :3, 2]
        arms_m = tool[:3, 3] - frames[:6, :3, 3]
        jacobian = np.empty((6, 6))
        jacobian[0] = axes[:, 1] * arms_m[:, 2] - axes[:, 2] * arms_m[:, 1]
        jacobian[1] = axes[:, 2] * arms_m[:, 0] - axes[:, 0] * arms_m[:, 2]
        jacobian[2] = axes[:, 0] * arms_m[:, 1] - axes[:, 1] * arms_m[:, 0]
        jacobian[3:] = axes.T
        return Pose(tool[:3, 3].copy(), tool[:3, :3].copy()), jacobian
