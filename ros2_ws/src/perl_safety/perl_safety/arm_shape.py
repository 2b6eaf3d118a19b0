"""The shape of the arm: capsules around its links, and points that rules look at."""

from typing import NamedTuple

import numpy as np
from perl_core.kinematics import DHParameters


class Capsule(NamedTuple):
    """All points within a radius of a segment, in the Denavit-Hartenberg frame of a link."""

    name: str
    """Of the link."""
    frame: int
    """0 (``base``) to 6 (``tool0``)."""
    begin_m: tuple[float, float, float]
    """One end of the segment."""
    end_m: tuple[float, float, float]
    """The other."""
    radius_m: float
    """Of the capsule."""


CAPSULES = (
    Capsule('base', 0, (0.0, 0.0, 0.0), (0.0, 0.0, 0.09), 0.0745),
    Capsule('shoulder', 1, (0.0, -0.03, 0.0), (0.0, 0.0, 0.01), 0.06),
    Capsule('upper_arm', 2, (0.425, 0.0, 0.13), (0.0, 0.0, 0.13), 0.06),
    Capsule('forearm', 3, (0.3922, 0.0, 0.01), (0.0, 0.0, 0.01), 0.05),
    Capsule('wrist_1', 4, (0.0, -0.033, 0.0), (0.0, 0.01, 0.0), 0.04),
    Capsule('wrist_2', 5, (0.0, 0.033, 0.0), (0.0, -0.01, 0.0), 0.04),
    Capsule('wrist_3', 6, (0.0, 0.0, -0.05), (0.0, 0.0, -0.0375), 0.0375),
)
"""One capsule a link. Own estimates from the UR5e data sheet (footprint of 149 mm, tubes of 120
and 100 mm, wrists of 80 mm); the same as those of the simulation, which a test compares."""

ELBOW, WRIST_CENTRE, TOOL = 2, 5, 6
"""Frames whose origins rules look at."""


def reach_of_joints_m(
    parameters: DHParameters, frame: int, point_m: tuple[float, float, float]
) -> np.ndarray:
    """Return how far from each joint's axis a point can ever be, an upper bound, shape (6,).

    The point moves at most this fast [m/s] for one rad/s of the joint; joints beyond its link do
    not move it.

    Args:
        parameters: of the arm.
        frame: in which the point is given.
        point_m: the point.
    """
    reach = np.zeros(6)
    a, d, alpha = parameters.a_m, parameters.d_m, parameters.alpha_rad
    tilt = np.minimum(np.abs(alpha), np.pi - np.minimum(np.abs(alpha), np.pi))
    x, y, z = point_m
    last = frame - 1
    if last < 0:
        return reach
    across = np.hypot(a[last] + x, y * np.cos(alpha[last]) - z * np.sin(alpha[last]))
    along = np.abs(d[last] + y * np.sin(alpha[last]) + z * np.cos(alpha[last]))
    reach[last] = across
    for joint in range(last):
        # An offset along an axis that is parallel to the joint's own leads no further away.
        leaning = np.sin(np.minimum(np.cumsum(tilt[joint:last]), 0.5 * np.pi))
        between = np.abs(a[joint:last]).sum() + np.abs(d[joint + 1 : last]) @ leaning[:-1]
        reach[joint] = between + across + along * leaning[-1]
    return reach
