"""What a rule sees and what it may say."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from perl_core.kinematics import Kinematics
from perl_core.robot_state import RobotState

from perl_safety.limits import SafetyLimits
from perl_safety.severity import Severity


class JointLimits(NamedTuple):
    """Joint limits and other arrays that are made once."""

    lower_rad: np.ndarray
    """Shape (6,)."""
    upper_rad: np.ndarray
    """Shape (6,)."""
    speed_rad_s: np.ndarray
    """Shape (6,)."""
    centre_base_m: np.ndarray
    """Centre of the workspace, shape (3,)."""


class Context(NamedTuple):
    """Everything about one tick that a rule may look at."""

    asked_rad: np.ndarray | None
    """What the caller asked for, possibly not finite; None: to come to rest."""
    state: RobotState
    """What the robot reports."""
    now_ns: int
    """time.monotonic_ns() of this tick."""
    position_rad: np.ndarray
    """Last command, shape (6,)."""
    velocity_rad_s: np.ndarray
    """Velocity of the last command, shape (6,)."""
    braking_rad_s: np.ndarray
    """The last velocity, brought towards zero as fast as allowed, shape (6,)."""
    limits: SafetyLimits
    """Limits as they were read."""
    joints: JointLimits
    """Limits as arrays."""
    kinematics: Kinematics
    """Of this arm."""
    period_s: float
    """Time between commands."""


class Verdict(NamedTuple):
    """What a rule asks for: a severity, or bounds on the joint velocity, or both."""

    severity: Severity
    """STOP latches; PASS with bounds becomes LIMIT if the bounds change the command."""
    reason: str
    """Name of the rule, and of the joint or bit that it is about."""
    lower_rad_s: np.ndarray | None = None
    """Lowest joint velocity, shape (6,)."""
    upper_rad_s: np.ndarray | None = None
    """Highest joint velocity, shape (6,)."""


Rule = Callable[[Context, np.ndarray], Verdict | None]
"""Takes the tick and the candidate velocity [rad/s]; None means: no objection."""


class Interval(NamedTuple):
    """Joint velocities that are still allowed; never empty."""

    lower_rad_s: np.ndarray
    """Shape (6,)."""
    upper_rad_s: np.ndarray
    """Shape (6,)."""

    def nearest(self, velocity_rad_s: np.ndarray) -> np.ndarray:
        """Return the allowed velocity nearest to this one, joint by joint."""
        return np.minimum(np.maximum(velocity_rad_s, self.lower_rad_s), self.upper_rad_s)


def tighten(interval: Interval, verdict: Verdict) -> Interval:
    """Return the part of the interval that the verdict allows, or what is nearest to it.

    The result lies inside ``interval`` whatever the verdict says, so a fold over rules can only
    tighten. Where both exclude each other the earlier rule wins. If the interval and the
    verdict's bounds, or the interval's end nearest to zero, contain the braking velocity, so does
    the result.
    """
    if verdict.lower_rad_s is None or verdict.upper_rad_s is None:
        return interval
    return Interval(interval.nearest(verdict.lower_rad_s), interval.nearest(verdict.upper_rad_s))


def fastest_stoppable_rad_s(
    room_rad: np.ndarray, acceleration_rad_s2: float, period_s: float
) -> np.ndarray:
    """Return the speed that may be held for one period and then braked within ``room_rad``.

    v T + v^2 / (2 a) <= room, which bounds the braking in steps from above.
    """
    room_rad = np.maximum(room_rad, 0.0)
    return acceleration_rad_s2 * (
        np.sqrt(period_s * period_s + room_rad * (2.0 / acceleration_rad_s2)) - period_s
    )


def stop_position_rad(context: Context, velocity_rad_s: np.ndarray) -> np.ndarray:
    """Return where the arm rests if it moves at this velocity for one period and then brakes.

    Summed over the periods exactly as the commands will be, so that the prediction made one
    period later, while braking, is the same.
    """
    step_rad_s = context.limits.max_joint_acceleration_rad_s2 * context.period_s
    speed_rad_s = np.abs(velocity_rad_s)
    periods = np.floor(speed_rad_s / step_rad_s)
    braking = periods * (speed_rad_s - 0.5 * step_rad_s * (periods + 1.0))
    return context.position_rad + context.period_s * (
        velocity_rad_s + np.copysign(braking, velocity_rad_s)
    )
