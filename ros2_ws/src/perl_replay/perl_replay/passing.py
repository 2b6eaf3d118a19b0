"""Which of many commands the safety filter surely passes, so that it need not be run on them.

Never says so of a command that the filter would limit or stop (tests compare the two); where it
is not sure, the filter itself decides.
"""

from typing import NamedTuple

import numpy as np
from perl_core.kinematics import Kinematics
from perl_safety.limits import SafetyLimits
from perl_safety.rules.rule import fastest_stoppable_rad_s

from perl_replay.arm_arrays import tool_arrays

_MARGIN = 1e-9
"""Relative: rounding differs between one command and many."""


class Commands(NamedTuple):
    """Commands in rows, each with the one before it."""

    asked_rad: np.ndarray
    """Shape (n, 6)."""
    measured_rad: np.ndarray
    """Shape (n, 6)."""
    before_rad: np.ndarray
    """The command before, shape (n, 6)."""
    velocity_rad_s: np.ndarray
    """Of the command before, shape (n, 6)."""
    normal: np.ndarray
    """Nothing in the robot's own report can stop the arm, bool, shape (n,)."""


def surely_pass(
    commands: Commands, limits: SafetyLimits, kinematics: Kinematics, period_s: float
) -> np.ndarray:
    """Return of each command whether no rule of the filter can object, bool, shape (n,)."""
    finite = np.asarray(np.isfinite(np.concatenate(commands[:4], axis=1)).all(axis=1))
    sure = np.asarray(finite & commands.normal)
    asked, measured, before, last = (
        np.where(finite[:, None], rows, 0.0) for rows in commands[:4]
    )
    wish = (asked - before) / period_s
    room = 1.0 - _MARGIN
    acceleration = limits.max_joint_acceleration_rad_s2
    sure &= _within(before - measured, limits.max_deviation_rad * room)
    sure &= _within(wish - last, acceleration * period_s * room)
    sure &= _within(wish, limits.max_joint_speed_rad_s * room)
    down = fastest_stoppable_rad_s(before - limits.joint_lower_rad, acceleration, period_s)
    up = fastest_stoppable_rad_s(limits.joint_upper_rad - before, acceleration, period_s)
    sure &= ((wish >= -down * room) & (wish <= up * room)).all(axis=1)
    speed = np.einsum('nij,nj->ni', tool_arrays(kinematics, before).jacobian[:, :3], wish)
    sure &= np.linalg.norm(speed, axis=1) <= limits.max_tool_speed_m_s * room
    return np.asarray(sure & _rests_inside(before, wish, limits, kinematics, period_s))


def _within(values: np.ndarray, limit: float) -> np.ndarray:
    return np.asarray((np.abs(values) <= limit).all(axis=1))


def _rests_inside(
    before: np.ndarray,
    wish: np.ndarray,
    limits: SafetyLimits,
    kinematics: Kinematics,
    period_s: float,
) -> np.ndarray:
    """Return whether tool0 would come to rest inside the workspace after this command."""
    step = limits.max_joint_acceleration_rad_s2 * period_s
    speed = np.abs(wish)
    periods = np.floor(speed / step)
    braking = periods * (speed - 0.5 * step * (periods + 1.0))
    rest = before + period_s * (wish + np.copysign(braking, wish))
    tool = tool_arrays(kinematics, rest).position_m
    away = np.linalg.norm(tool - limits.workspace_centre_base_m, axis=1)
    inside = away <= limits.workspace_radius_m - _MARGIN
    above = tool[:, 2] >= limits.min_tool_height_base_m + _MARGIN
    return np.asarray(inside & above)
