"""The safety filter: every joint target passes through it, and it can only make it stricter.

One call a tick. The filter keeps the last command, turns the wish into a joint velocity, and folds
over the rules: each may shrink the interval of velocities that are still allowed, or say STOP. A
STOP is latched with its reason; from then on the output is a ramp to rest and then a hold, until
``reset``. What is not limited leaves the filter bit for bit as it came.
"""

from collections.abc import Sequence
import math
from typing import NamedTuple

import numpy as np
from perl_core.errors import RobotError
from perl_core.kinematics import Kinematics
from perl_core.robot_state import RobotState

from perl_safety.limits import SafetyLimits
from perl_safety.rules import RULES
from perl_safety.rules.rule import (
    Context,
    Interval,
    JointLimits,
    Rule,
    fastest_stoppable_rad_s,
    tighten,
)
from perl_safety.severity import Severity

_JOINTS = 6
_REACH_RAD = 1.0
"""A wish further away than this is approached as if it were this far; the speed is limited
long before it matters, and no number overflows."""
_ANY = Interval(np.full(_JOINTS, -math.inf), np.full(_JOINTS, math.inf))


class FilterResult(NamedTuple):
    """What to send to the robot, and why."""

    position_rad: np.ndarray
    """Joint target, shape (6,)."""
    velocity_rad_s: np.ndarray
    """Its velocity, shape (6,)."""
    severity: Severity
    """PASS: what was asked; LIMIT: less than that; STOP: ramping to rest, or resting."""
    reasons: tuple[str, ...]
    """Rules that limited this tick, or the latched reasons of the stop."""
    acceleration_rad_s2: np.ndarray
    """Change of the velocity since the last command, shape (6,)."""


class SafetyFilter:
    """Filters the joint targets of one arm; not thread-safe."""

    def __init__(
        self,
        limits: SafetyLimits,
        kinematics: Kinematics,
        period_s: float,
        rules: Sequence[Rule] = RULES,
    ) -> None:
        """Set the filter up; ``seed`` must follow before the first step.

        Args:
            limits: what may be commanded.
            kinematics: of this arm; not shared with another thread.
            period_s: time between steps.
            rules: in order of precedence.
        """
        self.limits = limits
        self.limited_ticks = 0
        self.stops = 0
        self._kinematics = kinematics
        self._period_s = period_s
        self._rules = tuple(rules)
        self._joints = JointLimits(
            np.array(limits.joint_lower_rad),
            np.array(limits.joint_upper_rad),
            np.full(_JOINTS, limits.max_joint_speed_rad_s),
            np.array(limits.workspace_centre_base_m),
        )
        self._position_rad: np.ndarray | None = None
        self._velocity_rad_s = np.zeros(_JOINTS)
        self._latched: dict[str, None] = {}

    @property
    def latched(self) -> tuple[str, ...]:
        """Reasons of the stop in force, oldest first; empty if there is none."""
        return tuple(self._latched)

    def seed(self, position_rad: np.ndarray, velocity_rad_s: np.ndarray | None = None) -> None:
        """Start from the measured position, at rest: after connecting, arming, resuming.

        Args:
            position_rad: shape (6,).
            velocity_rad_s: of the last command, shape (6,), where a recorded motion is judged
                from its middle; at rest without it.

        Raises:
            RobotError: not six finite numbers.
        """
        position = np.array(position_rad, dtype=float)
        velocity = np.zeros(_JOINTS) if velocity_rad_s is None else np.array(velocity_rad_s, float)
        for came in (position, velocity):
            if came.shape != (_JOINTS,) or not np.isfinite(came).all():
                raise RobotError(
                    f'the safety filter starts from six finite joint positions and velocities; '
                    f'got {position_rad!r} and {velocity_rad_s!r}'
                )
        self._position_rad, self._velocity_rad_s = position, velocity

    def stop(self, reason: str) -> None:
        """Latch a stop from outside the rules: a lost heartbeat, an overrun of the loop."""
        if not self._latched:
            self.stops += 1
        self._latched[reason] = None

    def reset(self) -> None:
        """Clear the latch. Seed from the measured position before the next step."""
        self._latched.clear()

    def step(
        self, asked_rad: np.ndarray | None, state: RobotState, now_ns: int
    ) -> FilterResult:
        """Return the joint target to send in this tick.

        Args:
            asked_rad: wanted joint target, shape (6,); None to come to rest and stay there.
            state: newest state of the robot.
            now_ns: time.monotonic_ns().

        Raises:
            RobotError: there was no ``seed`` yet.
        """
        context = self._context(asked_rad, state, now_ns)
        wish, binding = _wish(context)
        if not self._latched:
            velocity, binding = self._fold(context, wish, binding)
        if self._latched:
            return self._send(context, context.braking_rad_s, Severity.STOP, self.latched)
        if binding:
            self.limited_ticks += 1
            return self._send(context, velocity, Severity.LIMIT, binding)
        return self._send(context, velocity, Severity.PASS, ())

    def _context(
        self, asked_rad: np.ndarray | None, state: RobotState, now_ns: int
    ) -> Context:
        """Return what the rules look at in this tick."""
        if self._position_rad is None:
            raise RobotError('the safety filter has no position yet: call seed() before step()')
        last = self._velocity_rad_s
        step_rad_s = self.limits.max_joint_acceleration_rad_s2 * self._period_s
        return Context(
            asked_rad=None if asked_rad is None else np.asarray(asked_rad, dtype=float),
            state=state,
            now_ns=now_ns,
            position_rad=self._position_rad,
            velocity_rad_s=last,
            braking_rad_s=np.copysign(np.maximum(np.abs(last) - step_rad_s, 0.0), last),
            limits=self.limits,
            joints=self._joints,
            kinematics=self._kinematics,
            period_s=self._period_s,
        )

    def _fold(
        self, context: Context, wish: np.ndarray, binding: tuple[str, ...]
    ) -> tuple[np.ndarray, tuple[str, ...]]:
        """Return the velocity that all rules allow, and the names of those that changed it.

        The first STOP ends the fold: it is the cause, and what comes after is consequence.
        """
        interval, candidate = _ANY, wish
        for rule in self._rules:
            verdict = rule(context, candidate)
            if verdict is None:
                continue
            if verdict.severity is Severity.STOP:
                self.stop(verdict.reason)
                break
            interval = tighten(interval, verdict)
            allowed = interval.nearest(candidate)
            if (allowed != candidate).any():
                candidate, binding = allowed, (*binding, verdict.reason)
        return candidate, binding

    def _send(
        self,
        context: Context,
        velocity_rad_s: np.ndarray,
        severity: Severity,
        reasons: tuple[str, ...],
    ) -> FilterResult:
        """Remember and return a command; what passes is spared any rounding."""
        if severity is Severity.PASS and context.asked_rad is not None:
            target_rad = context.asked_rad.copy()
        else:
            target_rad = context.position_rad + velocity_rad_s * self._period_s
        acceleration_rad_s2 = (velocity_rad_s - context.velocity_rad_s) / context.period_s
        self._position_rad, self._velocity_rad_s = target_rad, velocity_rad_s
        return FilterResult(
            target_rad.copy(), velocity_rad_s.copy(), severity, reasons, acceleration_rad_s2
        )


def _wish(context: Context) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the joint velocity that was asked for, and ('step',) if it cannot be had.

    A joint whose target is further away than one step of the acceleration limit allows
    approaches it no faster than it can brake in front of it, so that it does not overshoot.
    """
    asked, last = context.asked_rad, context.velocity_rad_s
    if asked is None or asked.shape != last.shape or not np.isfinite(asked).all():
        return context.braking_rad_s, ()
    away_rad = np.minimum(np.maximum(asked - context.position_rad, -_REACH_RAD), _REACH_RAD)
    wish = away_rad / context.period_s
    acceleration = context.limits.max_joint_acceleration_rad_s2
    jumps = np.abs(wish - last) > acceleration * context.period_s
    if not jumps.any():
        return wish, ()
    fastest = fastest_stoppable_rad_s(np.abs(away_rad), acceleration, context.period_s)
    approach = np.minimum(np.maximum(wish, -fastest), fastest)
    return np.where(jumps, approach, wish), ('step',)
