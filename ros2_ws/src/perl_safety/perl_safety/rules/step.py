"""A target that cannot be had within one period is approached, not jumped at."""

import math

import numpy as np

from perl_safety.stop_ramp import Braking, MotionState

_REACH_RAD = 1.0
"""A wish further away than this is approached as if it were this far; the speed is limited long
before it matters, and no number overflows."""


def step(asked_rad: np.ndarray, last: MotionState, braking: Braking) -> np.ndarray:
    """Return the joint velocity with which to approach a target that is far away, shape (6,).

    A joint approaches no faster than it can stop in front of the target, and changes its velocity
    so that its acceleration is gone when it has the speed that is right.

    Args:
        asked_rad: the target, shape (6,).
        last: the last command.
        braking: limits, and the period.
    """
    most, jerk, period_s = braking
    away_rad = np.minimum(np.maximum(asked_rad - last.position_rad, -_REACH_RAD), _REACH_RAD)
    # The acceleration of a stop takes this time to come and go.
    lag_s = 2.0 * most / jerk + period_s
    room = np.abs(away_rad)
    fastest = np.minimum(most * (np.sqrt(lag_s * lag_s + room * (2.0 / most)) - lag_s),
                         room / (4.0 * period_s))  # fmt: skip
    change = np.copysign(fastest, away_rad) - last.velocity_rad_s
    now = last.acceleration_rad_s2
    # The change that is left when the acceleration has been taken back at once.
    left = change - now * np.abs(now) * (0.5 / jerk) - 0.5 * now * period_s
    wanted = np.copysign(np.minimum(np.sqrt(2.0 * jerk * np.abs(left)), most), left)
    wanted = np.where(np.abs(wanted) * period_s > np.abs(change), change / period_s, wanted)
    return last.velocity_rad_s + period_s * wanted


def is_within_reach(candidate: MotionState, last: MotionState, braking: Braking) -> bool:
    """Return whether a command can follow the last one within acceleration and jerk.

    Args:
        candidate: the command.
        last: the last command.
        braking: limits, and the period.
    """
    now, before = candidate.acceleration_rad_s2, last.acceleration_rad_s2
    change = braking.jerk_rad_s3 * braking.period_s
    return bool(
        _greatest(now) <= braking.acceleration_rad_s2 * (1.0 + ROUNDING)
        and _greatest(now - before) <= change * (1.0 + ROUNDING)
    )


ROUNDING = 1e-6
"""Share of a limit by which a difference of commands may exceed it: positions are rounded to
1e-15 rad, and are divided by the period twice or three times."""


def _greatest(values: np.ndarray) -> float:
    highest, lowest = float(values.max()), float(values.min())
    return math.inf if highest != highest else max(highest, -lowest)
