"""What a rule sees and what it may say. There are three kinds of rules.

Stopping rules look at what was asked, at the robot's report and at the loop, and name the reason
of a stop or say nothing. Bounding rules give the lowest and highest velocity of every joint.
Border rules say where links may not be, as rows of ``perl_safety.clearance``.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from perl_core.robot_state import RobotState

from perl_safety.clearance import Row
from perl_safety.limits import SafetyLimits
from perl_safety.rules.facts import LoopFacts
from perl_safety.stop_ramp import MotionState, StopRamp


class JointLimits(NamedTuple):
    """Limits as arrays, made once."""

    lower_rad: np.ndarray
    """Shape (6,)."""
    upper_rad: np.ndarray
    """Shape (6,)."""


class Observed(NamedTuple):
    """Everything about one tick that a stopping rule may look at."""

    asked_rad: np.ndarray | None
    """What the caller asked for, possibly not finite; None: to come to rest."""
    position_rad: np.ndarray
    """Last command, shape (6,)."""
    state: RobotState
    """What the robot reports."""
    now_ns: int
    """time.monotonic_ns() of this tick."""
    facts: LoopFacts
    """What the loop knows."""
    limits: SafetyLimits
    """Limits as they were read."""


class Tick(NamedTuple):
    """Everything about one tick that a bounding rule may look at."""

    last: MotionState
    """The last command."""
    ramp: StopRamp
    """From the command that is wished for; its times hold for those near it."""
    speed_scaling: float
    """As the robot reports it, 0 to 1."""
    period_s: float
    """Time between commands."""
    joints: JointLimits
    """Limits as arrays."""
    limits: SafetyLimits
    """Limits as they were read."""

    @property
    def gain(self) -> float:
        """How much further a velocity still rises, for one rad/s that it rises in this tick.

        The acceleration of the tick falls to zero within ``release_s``: its mean is half.
        """
        return 0.5 * self.ramp.release_s / self.period_s


class Bounds(NamedTuple):
    """Joint velocities that a bounding rule allows."""

    lower_rad_s: np.ndarray
    """Shape (6,)."""
    upper_rad_s: np.ndarray
    """Shape (6,)."""


StoppingRule = Callable[[Observed], str | None]
"""The reason of a stop, or None: no objection."""
BoundingRule = Callable[[Tick], Bounds]
"""Bounds on the next velocity."""
BorderRule = Callable[[SafetyLimits], list[Row]]
"""Rows that must not become negative."""
