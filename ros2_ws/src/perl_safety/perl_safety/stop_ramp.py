"""The stop ramp: how the arm comes to rest from any commanded state, within all joint limits.

First every joint gives up its acceleration, all in the same time; from then on all joints slow
down alike, along a straight line in joint space, at the acceleration limit of the fastest. Both
parts are closed formulas in continuous time; the commands sample them, so that differences of
commands never exceed the velocity, acceleration and jerk of the formulas (mean value theorem).
"""

import math
from typing import NamedTuple

import numpy as np


class MotionState(NamedTuple):
    """The last command and how it came about."""

    position_rad: np.ndarray
    """Shape (6,)."""
    velocity_rad_s: np.ndarray
    """Since the command before, shape (6,)."""
    acceleration_rad_s2: np.ndarray
    """Since the velocity before, shape (6,)."""


def following(position_rad: np.ndarray, last: MotionState, period_s: float) -> MotionState:
    """Return the state in which a command follows the last one.

    Args:
        position_rad: of the command, shape (6,); kept.
        last: the last command.
        period_s: time between them.
    """
    velocity = (position_rad - last.position_rad) / period_s
    return MotionState(position_rad, velocity, (velocity - last.velocity_rad_s) / period_s)


class Braking(NamedTuple):
    """How hard a ramp brakes."""

    acceleration_rad_s2: float
    """Of the fastest joint."""
    jerk_rad_s3: float
    """Of the fastest joint."""
    period_s: float
    """Time between commands."""


class StopRamp(NamedTuple):
    """One ramp to rest."""

    start: MotionState
    """Where it begins."""
    coast_rad_s: np.ndarray
    """Velocity when the acceleration of the start is gone, shape (6,)."""
    release_s: float
    """Until then."""
    rise_s: float
    """For the deceleration to reach its greatest value, and for it to end."""
    hold_s: float
    """At the greatest deceleration."""
    rest_rad: np.ndarray
    """Where it ends, shape (6,)."""

    @property
    def slowing_s(self) -> float:
        """Time from ``coast_rad_s`` to rest."""
        return 2.0 * self.rise_s + self.hold_s

    @property
    def duration_s(self) -> float:
        """Time to rest."""
        return self.release_s + self.slowing_s


def stop_ramp(start: MotionState, braking: Braking) -> StopRamp:
    """Return the ramp from a state to rest."""
    position, velocity, acceleration = start
    most, jerk, _ = braking
    release_s = float(np.abs(acceleration).max()) / jerk
    coast = velocity + (0.5 * release_s) * acceleration
    fastest = float(np.abs(coast).max())
    rise_s = min(most / jerk, math.sqrt(fastest / jerk))
    hold_s = max(fastest / most - rise_s, 0.0) if rise_s > 0.0 else 0.0
    rest = (
        position + release_s * velocity + (release_s * release_s / 3.0) * acceleration
        + (rise_s + 0.5 * hold_s) * coast
    )
    return StopRamp(start, coast, release_s, rise_s, hold_s, rest)


def ramp_positions(ramp: StopRamp, braking: Braking) -> np.ndarray:
    """Return the commands of a ramp, one a period, down to rest; shape (n, 6), n >= 1."""
    period_s = braking.period_s
    count = math.ceil(ramp.duration_s / period_s - 1e-9) + 1
    time_s = np.arange(1, count + 1) * period_s
    velocity = np.where(
        (time_s < ramp.release_s)[:, None], _releasing(ramp, time_s[:, None]),
        _share(ramp, time_s - ramp.release_s)[:, None] * ramp.coast_rad_s,
    )
    return ramp.start.position_rad + period_s * np.cumsum(velocity, axis=0)


def _releasing(ramp: StopRamp, time_s: np.ndarray) -> np.ndarray:
    """Return the velocity while the acceleration falls evenly to zero."""
    _, velocity, acceleration = ramp.start
    over = 0.5 / ramp.release_s if ramp.release_s > 0.0 else 0.0
    return velocity + acceleration * (time_s * (1.0 - over * time_s))


def _share(ramp: StopRamp, time_s: np.ndarray) -> np.ndarray:
    """Return which share of the coasting velocity is left, at times since the release."""
    rise, hold = ramp.rise_s, ramp.hold_s
    if rise == 0.0:
        return np.zeros_like(time_s)
    # In units in which the deceleration rises from 0 to 1.
    whole = rise + hold
    falling = np.minimum(np.maximum(time_s, 0.0), rise)
    steady = np.minimum(np.maximum(time_s - rise, 0.0), hold)
    ending = np.minimum(np.maximum(time_s - rise - hold, 0.0), rise)
    gone = 0.5 * falling * falling / rise + steady + ending * (1.0 - 0.5 * ending / rise)
    return np.where(time_s >= ramp.slowing_s - 1e-12, 0.0, 1.0 - gone / whole)


class Span(NamedTuple):
    """Where a ramp's commands lie, joint by joint."""

    lowest_rad: np.ndarray
    """Shape (6,)."""
    highest_rad: np.ndarray
    """Shape (6,)."""
    aside_rad: np.ndarray
    """How far commands may lie from the straight line between start and rest, shape (6,)."""


def span(ramp: StopRamp, braking: Braking) -> Span:
    """Return bounds on all commands of a ramp.

    A sum over periods exceeds the integral while the velocity rises, by less than one period at
    the highest velocity.
    """
    position, velocity, acceleration = ramp.start
    first_s, then_s = ramp.release_s + braking.period_s, 0.5 * ramp.slowing_s
    up, down = np.maximum(ramp.coast_rad_s, 0.0), np.minimum(ramp.coast_rad_s, 0.0)
    highest = position + first_s * np.maximum(velocity, up) + then_s * up
    lowest = position + first_s * np.minimum(velocity, down) + then_s * down
    aside = (
        braking.period_s * np.maximum(np.abs(velocity), np.abs(ramp.coast_rad_s))
        + (ramp.release_s * ramp.release_s) * np.abs(acceleration)
    )
    return Span(lowest, highest, aside)
