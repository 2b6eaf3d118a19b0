"""Forward kinematics and Jacobian of the UR5e from Denavit-Hartenberg parameters (numpy only).

All poses are of the flange frame ``tool0`` in UR's own frame ``base`` (the frame in which the
controller reports actual_TCP_pose). ROS's ``base_link`` is ``base`` turned by 180 degrees about z.
"""

import math
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


_BASE = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0)
"""Axes x, y, z and origin of ``base`` itself."""


class Kinematics:
    """Forward kinematics of one arm."""

    def __init__(self, parameters: DHParameters = UR5E_NOMINAL) -> None:
        """Precompute what does not depend on the joint angles.

        Args:
            parameters: nominal or calibrated DH parameters.
        """
        self.parameters = parameters
        self._links = tuple(zip(
            parameters.theta_rad.tolist(), parameters.d_m.tolist(), parameters.a_m.tolist(),
            np.cos(parameters.alpha_rad).tolist(), np.sin(parameters.alpha_rad).tolist(),
            strict=True,
        ))

    def _chain(self, joint_position_rad: np.ndarray) -> list[tuple[float, ...]]:
        """Return the frames 0 to 6: the axes x, y and z and the origin, in ``base``."""
        # Plain floats: this runs in loops of 500 Hz, where numpy would take four times as long.
        chain = [_BASE]
        x0, x1, x2, y0, y1, y2, z0, z1, z2, p0, p1, p2 = _BASE
        for angle_rad, link in zip(joint_position_rad.tolist(), self._links, strict=True):
            theta_rad, d_m, a_m, cos_alpha, sin_alpha = link
            cosine, sine = math.cos(angle_rad + theta_rad), math.sin(angle_rad + theta_rad)
            # About z by the joint angle, along z and x by the link, about x by its twist.
            v0, v1, v2 = cosine * y0 - sine * x0, cosine * y1 - sine * x1, cosine * y2 - sine * x2
            x0, x1, x2 = cosine * x0 + sine * y0, cosine * x1 + sine * y1, cosine * x2 + sine * y2
            p0 += a_m * x0 + d_m * z0
            p1 += a_m * x1 + d_m * z1
            p2 += a_m * x2 + d_m * z2
            y0, z0 = cos_alpha * v0 + sin_alpha * z0, cos_alpha * z0 - sin_alpha * v0
            y1, z1 = cos_alpha * v1 + sin_alpha * z1, cos_alpha * z1 - sin_alpha * v1
            y2, z2 = cos_alpha * v2 + sin_alpha * z2, cos_alpha * z2 - sin_alpha * v2
            chain.append((x0, x1, x2, y0, y1, y2, z0, z1, z2, p0, p1, p2))
        return chain

    def frames(self, joint_position_rad: np.ndarray) -> np.ndarray:
        """Return the frames 0 (``base``) to 6 (``tool0``) as homogeneous matrices.

        Args:
            joint_position_rad: shape (6,), in UR's joint order.

        Returns:
            Shape (7, 4, 4), each in ``base``.
        """
        frames = np.zeros((7, 4, 4))
        frames[:, 3, 3] = 1.0
        columns = np.array(self._chain(joint_position_rad)).reshape(7, 4, 3)
        frames[:, :3] = columns.transpose(0, 2, 1)
        return frames

    def tool_pose(self, joint_position_rad: np.ndarray) -> Pose:
        """Return the pose of ``tool0`` in ``base`` for joint angles [rad] of shape (6,)."""
        return _pose(self._chain(joint_position_rad)[6])

    def tool_pose_and_jacobian(self, joint_position_rad: np.ndarray) -> tuple[Pose, np.ndarray]:
        """Return the pose of ``tool0`` and the geometric Jacobian, both in ``base``.

        Args:
            joint_position_rad: shape (6,).

        Returns:
            The pose, and the Jacobian of shape (6, 6): rows 0-2 give the linear velocity of the
            origin of ``tool0`` [m/s], rows 3-5 its angular velocity [rad/s], for joint rates
            [rad/s].
        """
        *joints, tool = self._chain(joint_position_rad)
        *_, p0, p1, p2 = tool
        columns = []
        for *_, z0, z1, z2, o0, o1, o2 in joints:
            r0, r1, r2 = p0 - o0, p1 - o1, p2 - o2
            columns.append((z1 * r2 - z2 * r1, z2 * r0 - z0 * r2, z0 * r1 - z1 * r0, z0, z1, z2))
        return _pose(tool), np.array(np.array(columns).T, order='C')


def _pose(frame: tuple[float, ...]) -> Pose:
    x0, x1, x2, y0, y1, y2, z0, z1, z2, *position_m = frame
    return Pose(
        np.array(position_m), np.array(((x0, y0, z0), (x1, y1, z1), (x2, y2, z2)))
    )
