"""Kinematics of many joint positions at once: the same figures as Kinematics, a path at a time."""

from typing import NamedTuple

import numpy as np
from perl_core.kinematics import Kinematics


class ToolArrays(NamedTuple):
    """Where ``tool0`` is, for n joint positions."""

    position_m: np.ndarray
    """In ``base``, shape (n, 3)."""
    rotation: np.ndarray
    """In ``base``, shape (n, 3, 3)."""
    jacobian: np.ndarray
    """As Kinematics returns it, shape (n, 6, 6)."""


def tool_arrays(kinematics: Kinematics, joint_position_rad: np.ndarray) -> ToolArrays:
    """Return pose and Jacobian of ``tool0`` for joint positions [rad] of shape (n, 6)."""
    parameters = kinematics.parameters
    links = _links(kinematics, joint_position_rad + parameters.theta_rad)
    count = len(joint_position_rad)
    frame = np.broadcast_to(np.eye(4), (count, 4, 4))
    axes, origins = np.empty((count, 6, 3)), np.empty((count, 6, 3))
    for joint in range(6):
        axes[:, joint], origins[:, joint] = frame[:, :3, 2], frame[:, :3, 3]
        frame = frame @ links[:, joint]
    position = frame[:, :3, 3]
    linear = np.cross(axes, position[:, None] - origins)
    jacobian = np.concatenate((linear, axes), axis=2).transpose(0, 2, 1)
    return ToolArrays(position, frame[:, :3, :3], jacobian)


def _links(kinematics: Kinematics, angle_rad: np.ndarray) -> np.ndarray:
    """Return the homogeneous matrix of every link, shape (n, 6, 4, 4)."""
    parameters = kinematics.parameters
    cosine, sine = np.cos(angle_rad), np.sin(angle_rad)
    cos_alpha, sin_alpha = np.cos(parameters.alpha_rad), np.sin(parameters.alpha_rad)
    links = np.zeros((*angle_rad.shape, 4, 4))
    links[..., 0, 0], links[..., 0, 1] = cosine, -sine * cos_alpha
    links[..., 0, 2], links[..., 0, 3] = sine * sin_alpha, parameters.a_m * cosine
    links[..., 1, 0], links[..., 1, 1] = sine, cosine * cos_alpha
    links[..., 1, 2], links[..., 1, 3] = -cosine * sin_alpha, parameters.a_m * sine
    links[..., 2, 1], links[..., 2, 2] = sin_alpha, cos_alpha
    links[..., 2, 3], links[..., 3, 3] = parameters.d_m, 1.0
    return links


def rotation_vectors(rotations: np.ndarray) -> np.ndarray:
    """Return the rotation vectors [rad], shape (n, 3), of rotations below half a turn."""
    sine = 0.5 * np.stack(
        (
            rotations[:, 2, 1] - rotations[:, 1, 2],
            rotations[:, 0, 2] - rotations[:, 2, 0],
            rotations[:, 1, 0] - rotations[:, 0, 1],
        ),
        axis=1,
    )
    length = np.linalg.norm(sine, axis=1, keepdims=True)
    angle = np.arctan2(length, 0.5 * (np.trace(rotations, axis1=1, axis2=2)[:, None] - 1.0))
    return sine * np.where(length > 1e-9, angle / np.maximum(length, 1e-9), 1.0)
