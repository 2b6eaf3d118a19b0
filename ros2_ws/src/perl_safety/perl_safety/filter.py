"""The safety filter: every joint target passes through it, and it can only make it stricter.

One call a tick. From the last command the filter always knows a stop ramp that was verified: all
of it lies inside all limits. A target is passed, bit for bit, if the ramp that would follow it is
verified too. If not, a small quadratic programme looks for the nearest velocity that may do; its
answer has to pass the same verification. Whatever fails, is late or is not found, the next
command is that of the ramp that was verified before. So from every command on the arm can stop
inside all limits, whatever is asked for.

A STOP is latched with its reason; from then on the output is the ramp and then a hold, until
``reset``.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from perl_core.errors import RobotError
from perl_core.kinematics import Kinematics
from perl_core.robot_state import RobotState

from perl_safety.limits import SafetyLimits
from perl_safety.pursuit import Pursuit
from perl_safety.rules import STOPPING
from perl_safety.rules.facts import ALL_WELL, LoopFacts
from perl_safety.rules.judged import Observed, StoppingRule
from perl_safety.rules.stale_state import is_ageing
from perl_safety.severity import Severity
from perl_safety.stop_ramp import (
    Braking,
    MotionState,
    StopRamp,
    following,
    ramp_positions,
    stop_ramp,
)

_JOINTS = 6


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
        stopping: Sequence[StoppingRule] = STOPPING,
    ) -> None:
        """Set the filter up; ``seed`` must follow before the first step.

        Args:
            limits: what may be commanded.
            kinematics: of this arm; not shared with another thread.
            period_s: time between steps.
            stopping: rules that stop the arm, in order of precedence.
        """
        self.limits = limits
        self.limited_ticks = 0
        self.stops = 0
        self._period_s = period_s
        self._stopping = tuple(stopping)
        self._braking = Braking(
            limits.max_joint_acceleration_rad_s2, limits.max_joint_jerk_rad_s3, period_s
        )
        self._pursuit = Pursuit(limits, kinematics, self._braking)
        self._seeded = False
        self._last = MotionState(np.zeros(_JOINTS), np.zeros(_JOINTS), np.zeros(_JOINTS))
        self._ramp = stop_ramp(self._last, self._braking)
        self._ramp_rad: np.ndarray | None = None
        self._ramp_tick = 0
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
        self._last = MotionState(position, velocity, np.zeros(_JOINTS))
        self._ramp, self._ramp_rad = stop_ramp(self._last, self._braking), None
        self._pursuit.seed(position)
        self._seeded = True

    def stop(self, reason: str) -> None:
        """Latch a stop from outside the rules: a lost heartbeat, a policy that failed."""
        if not self._latched:
            self.stops += 1
        self._latched[reason] = None

    def reset(self) -> None:
        """Clear the latch. Seed from the measured position before the next step."""
        self._latched.clear()

    def step(
        self,
        asked_rad: np.ndarray | None,
        state: RobotState,
        now_ns: int,
        facts: LoopFacts = ALL_WELL,
    ) -> FilterResult:
        """Return the joint target to send in this tick.

        Args:
            asked_rad: wanted joint target, shape (6,); None to come to rest and stay there.
            state: newest state of the robot.
            now_ns: time.monotonic_ns().
            facts: what only the loop knows.

        Raises:
            RobotError: there was no ``seed`` yet.
        """
        if not self._seeded:
            raise RobotError('the safety filter has no position yet: call seed() before step()')
        asked = None if asked_rad is None else np.asarray(asked_rad, dtype=float)
        observed = Observed(asked, self._last.position_rad, state, now_ns, facts, self.limits)
        if not self._latched:
            self._stop_if_needed(observed)
        if self._latched:
            return self._brake(Severity.STOP, self.latched)
        if asked is None:
            return self._brake(Severity.PASS, ())
        if is_ageing(observed):
            return self._brake(Severity.LIMIT, ('stale_state',))
        return self._pursue(asked, state.speed_scaling)

    def rehearse(self, asked_rad: np.ndarray, state: RobotState, now_ns: int) -> None:
        """Do what most of a step is and forget it, so that the caches are warm for the next.

        Args:
            asked_rad: a joint target, shape (6,).
            state: newest state of the robot.
            now_ns: time.monotonic_ns().
        """
        observed = Observed(
            asked_rad, self._last.position_rad, state, now_ns, ALL_WELL, self.limits
        )
        for rule in self._stopping:
            rule(observed)
        self._pursuit.rehearse(asked_rad, self._last)

    def _stop_if_needed(self, observed: Observed) -> None:
        """Latch the first reason: it is the cause, and what comes after is consequence."""
        for rule in self._stopping:
            reason = rule(observed)
            if reason is not None:
                self.stop(reason)
                return

    def _pursue(self, asked_rad: np.ndarray, speed_scaling: float) -> FilterResult:
        """Go where asked as far as every rule allows."""
        last, pursuit = self._last, self._pursuit
        ramp = pursuit.as_asked(asked_rad, last, speed_scaling)
        if ramp is not None:
            return self._accept(ramp, Severity.PASS, ())
        braking_rad_s = (self._next_of_ramp() - last.position_rad) / self._period_s
        found = pursuit.nearest(asked_rad, last, braking_rad_s, speed_scaling)
        if found.ramp is None:
            return self._brake(Severity.LIMIT, found.reasons)
        severity = Severity.LIMIT if found.reasons else Severity.PASS
        return self._accept(found.ramp, severity, found.reasons)

    def _next_of_ramp(self) -> np.ndarray:
        """Return the next command of the ramp that was verified."""
        if self._ramp_rad is None:
            self._ramp_rad, self._ramp_tick = ramp_positions(self._ramp, self._braking), 0
        return self._ramp_rad[min(self._ramp_tick, len(self._ramp_rad) - 1)]

    def _brake(self, severity: Severity, reasons: tuple[str, ...]) -> FilterResult:
        """Follow the ramp that was verified."""
        state = following(self._next_of_ramp(), self._last, self._period_s)
        self._ramp_tick += 1
        return self._send(state, severity, reasons)

    def _accept(
        self, ramp: StopRamp, severity: Severity, reasons: tuple[str, ...]
    ) -> FilterResult:
        """Take a command whose ramp was verified just now."""
        self._ramp, self._ramp_rad = ramp, None
        return self._send(ramp.start, severity, reasons)

    def _send(
        self, state: MotionState, severity: Severity, reasons: tuple[str, ...]
    ) -> FilterResult:
        """Remember and return a command."""
        self._last = state
        self.limited_ticks += severity is Severity.LIMIT
        position, velocity, acceleration = state
        return FilterResult(
            position.copy(), velocity.copy(), severity, reasons, acceleration.copy()
        )
