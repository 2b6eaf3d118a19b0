"""What the arm did, from the witness's trace: when it stood, and how far beyond which limit."""

import math
from typing import NamedTuple

import numpy as np
from perl_core.contract import JOINT_NAMES
from perl_core.kinematics import Kinematics
from perl_safety.limits import MonitorLimits

REST_RAD_S = 0.01
"""The arm stands below this in every joint."""


_ELBOW_FRAME = 2
"""Denavit-Hartenberg frame with its origin in the elbow."""


class Excess(NamedTuple):
    """How far the arm went beyond a limit; negative: how far it stayed away."""

    limit: str
    """Which one."""
    by: float
    """In the limit's own unit."""


def rest_ns(trace: np.ndarray, after_ns: int) -> int | None:
    """Return since when the arm has stood, at the end of a trace; None if it moves there.

    Args:
        trace: records, oldest first.
        after_ns: not earlier than this.
    """
    moving = np.flatnonzero(np.abs(trace['velocity_rad_s']).max(axis=1) >= REST_RAD_S)
    if not len(moving):
        return after_ns
    last = int(moving[-1])
    if last + 1 >= len(trace):
        return None
    return max(int(trace['time_ns'][last + 1]), after_ns)


def fastest_rad_s(trace: np.ndarray) -> float:
    """Return the highest speed of a joint in a trace; 0 if it is empty."""
    return float(np.abs(trace['velocity_rad_s']).max(initial=0.0))


def wandered_rad(trace: np.ndarray) -> float:
    """Return the largest way of a joint from where it stood at the beginning of a trace."""
    if not len(trace):
        return 0.0
    return float(np.abs(trace['position_rad'] - trace['position_rad'][0]).max())


def excesses(
    trace: np.ndarray, limits: MonitorLimits, kinematics: Kinematics
) -> tuple[Excess, ...]:
    """Return for each kind of limit the worst moment of a trace.

    Args:
        trace: records, at least one.
        limits: of the filter or of the monitor.
        kinematics: of the arm.
    """
    position, velocity = trace['position_rad'], trace['velocity_rad_s']
    beyond = np.maximum(limits.joint_lower_rad - position, position - limits.joint_upper_rad)
    speed = np.abs(velocity)
    joint, fastest = int(beyond.max(axis=0).argmax()), int(speed.max(axis=0).argmax())
    tools = [_tool(kinematics, q, qd) for q, qd in zip(position, velocity, strict=True)]
    elbows_m = [float(kinematics.frames(q)[_ELBOW_FRAME, 2, 3]) for q in position]
    distances_m = [math.dist(place, limits.workspace_centre_base_m) for place, _ in tools]
    return (
        Excess(f'joint_position:{JOINT_NAMES[joint]} [rad]', float(beyond.max())),
        Excess(f'joint_speed:{JOINT_NAMES[fastest]} [rad/s]',
               float(speed.max()) - limits.max_joint_speed_rad_s),
        Excess('workspace:sphere [m]', max(distances_m) - limits.workspace_radius_m),
        Excess('workspace:table [m]',
               limits.min_tool_height_base_m - min(float(place[2]) for place, _ in tools)),
        Excess('elbow:height [m]', limits.min_elbow_height_base_m - min(elbows_m)),
        Excess('tool_speed [m/s]',
               max(speed for _, speed in tools) - limits.max_tool_speed_m_s),
    )


def _tool(
    kinematics: Kinematics, position_rad: np.ndarray, velocity_rad_s: np.ndarray
) -> tuple[np.ndarray, float]:
    pose, jacobian = kinematics.tool_pose_and_jacobian(position_rad)
    return pose.position_m.copy(), float(np.linalg.norm(jacobian[:3] @ velocity_rad_s))
