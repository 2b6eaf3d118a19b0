"""Rotations as 3 x 3 matrices and rotation vectors (numpy only).

Rotation vectors and not quaternions: a quaternion covers each rotation twice, so it is not a
representation of SO(3).
"""

import math

import numpy as np

_SMALL_ANGLE_RAD = 1e-7


def skew(vector: np.ndarray) -> np.ndarray:
    """Return the matrix of the cross product: ``skew(a) @ b == np.cross(a, b)``.

    Args:
        vector: shape (3,).

    Returns:
        Shape (3, 3).
    """
    x, y, z = vector
    return np.array(((0.0, -z, y), (z, 0.0, -x), (-y, x, 0.0)))


def rotation_from_vector(rotation_vector_rad: np.ndarray) -> np.ndarray:
    """Return the rotation matrix of a rotation vector (Rodrigues' formula).

    Args:
        rotation_vector_rad: axis times angle [rad], shape (3,).

    Returns:
        Shape (3, 3).
    """
    angle_rad = float(np.linalg.norm(rotation_vector_rad))
    cross = skew(rotation_vector_rad)
    if angle_rad < _SMALL_ANGLE_RAD:
        return np.eye(3) + cross
    return (
        np.eye(3)
        + np.sin(angle_rad) / angle_rad * cross
        + (1.0 - np.cos(angle_rad)) / angle_rad**2 * cross @ cross
    )


def vector_from_rotation(rotation: np.ndarray) -> np.ndarray:
    """Return the rotation vector of a rotation matrix, with an angle in [0, pi].

    Args:
        rotation: shape (3, 3).

    Returns:
        Axis times angle [rad], shape (3,).
    """
    # Plain floats: this runs in loops of 500 Hz, where numpy would take five times as long.
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = rotation.tolist()
    x, y, z = zy - yz, xz - zx, yx - xy
    sine = 0.5 * math.sqrt(x * x + y * y + z * z)
    cosine = 0.5 * (xx + yy + zz - 1.0)
    angle_rad = math.atan2(sine, cosine)
    if sine > _SMALL_ANGLE_RAD or cosine > 0.0:
        scale = 0.5 * angle_rad / sine if sine > _SMALL_ANGLE_RAD else 0.5
        return np.array((x * scale, y * scale, z * scale))
    # At pi the antisymmetric part vanishes; the axis is the largest column of (R + 1) / 2.
    symmetric = 0.5 * (rotation + np.eye(3))
    column = int(np.argmax(np.diag(symmetric)))
    return symmetric[:, column] / np.linalg.norm(symmetric[:, column]) * angle_rad


def random_rotation(generator: np.random.Generator) -> np.ndarray:
    """Return a rotation drawn from the Haar measure on SO(3), shape (3, 3)."""
    return rotation_from_quaternion(generator.normal(size=4))


def quaternion_from_rotation(rotation: np.ndarray) -> np.ndarray:
    """Return (x, y, z, w) with w >= 0, for ROS messages only; shape (4,)."""
    vector_rad = vector_from_rotation(rotation)
    angle_rad = float(np.linalg.norm(vector_rad))
    if angle_rad < _SMALL_ANGLE_RAD:
        return np.append(0.5 * vector_rad, 1.0)
    return np.append(np.sin(0.5 * angle_rad) / angle_rad * vector_rad, np.cos(0.5 * angle_rad))


def rotation_from_quaternion(quaternion_xyzw: np.ndarray) -> np.ndarray:
    """Return the rotation matrix of a ROS quaternion (x, y, z, w), normalised; shape (3, 3)."""
    x, y, z, w = np.asarray(quaternion_xyzw, dtype=float) / np.linalg.norm(quaternion_xyzw)
    vector = np.array((x, y, z))
    return (
        (w * w - vector @ vector) * np.eye(3)
        + 2.0 * np.outer(vector, vector)
        + 2.0 * w * skew(vector)
    )
