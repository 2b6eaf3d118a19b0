"""Looks for the command that comes nearest to what is asked and from which the arm can stop."""

from typing import NamedTuple

import numpy as np
from perl_core.kinematics import Kinematics

from perl_safety.clearance import Clearances
from perl_safety.envelope import Envelope, Inspection
from perl_safety.limits import SafetyLimits
from perl_safety.quadratic_programme import MOST_ROWS, Problem, QuadraticProgramme
from perl_safety.rules import BORDERS, BOUNDING
from perl_safety.rules.judged import Bounds, JointLimits, Tick
from perl_safety.rules.step import ROUNDING, is_within_reach, step
from perl_safety.rules.tool_speed import ToolSpeed
from perl_safety.stop_ramp import (
    Braking,
    MotionState,
    Span,
    StopRamp,
    following,
    span,
    stop_ramp,
)
from perl_safety.swift_ramp import SwiftRamps

_JOINTS = 6
_FAR_RAD = 1.0
"""Nobody moves this far in one period; beyond it numbers might overflow."""
_NEAR_M = 0.03
"""Borders nearer than this are told to the solver: within a tick they do not come nearer by more
than a tenth of it."""
_ROUNDING_RAD_S = 1e-12
"""Of a velocity that is a difference of positions over the period."""
_SHARES = (1.0, 0.5, 0.25)
"""Of the way from braking to what the solver found: its rows are linear, the limits are not."""


class Found(NamedTuple):
    """The command nearest to what was asked."""

    ramp: StopRamp | None
    """From that command, verified; None if none was found."""
    reasons: tuple[str, ...]
    """Rules that limited it; empty: it is what was asked."""


class Pursuit:
    """Verifies commands of one arm, and finds ones that can be verified."""

    def __init__(
        self, limits: SafetyLimits, kinematics: Kinematics, braking: Braking
    ) -> None:
        """Make everything that does not depend on the tick.

        Args:
            limits: what may be commanded.
            kinematics: of the arm; not shared with another thread.
            braking: limits of the stop ramp, and the period.
        """
        self._limits, self._braking = limits, braking
        self._joints = JointLimits(
            np.array(limits.joint_lower_rad), np.array(limits.joint_upper_rad)
        )
        self._swift = SwiftRamps(
            limits.joint_lower_rad, limits.joint_upper_rad, limits.max_joint_speed_rad_s, braking
        )
        self._tool_speed = ToolSpeed(kinematics, limits.max_tool_speed_m_s)
        rows = [row for rule in BORDERS for row in rule(limits)]
        self._envelope = Envelope(Clearances(kinematics, rows))
        self._programme = QuadraticProgramme()
        self._near: Inspection | None = None

    def seed(self, position_rad: np.ndarray) -> None:
        """Rest here, wherever it is."""
        self._near = None
        self._envelope.seed(position_rad)

    def as_asked(
        self, asked_rad: np.ndarray, last: MotionState, speed_scaling: float
    ) -> StopRamp | None:
        """Return the verified ramp from the command that is asked for, or None.

        Args:
            asked_rad: six finite numbers.
            last: the last command.
            speed_scaling: as the robot reports it.
        """
        swift = self._swift.following(asked_rad, last, min(max(speed_scaling, 0.0), 1.0))
        if swift is None:
            return None
        ramp = swift.ramp
        if not (self._tool_speed.is_slow(swift.fastest_rad_s) or self._tool_speed.holds(ramp)):
            return None
        if self._envelope.holds_as_before(swift.start_rad, swift.rest_rad, swift.aside_rad):
            self._near = None
            return ramp
        reach = span(ramp, self._braking)
        if self._envelope.surely_holds(ramp, reach):
            self._near = None
            return ramp
        if self._near is None:
            self._near = self._envelope.inspect(ramp, reach, briefly=False)
            if (self._near.room >= 0.0).all():
                self._near = None
                return ramp
        return None

    def rehearse(self, asked_rad: np.ndarray, last: MotionState) -> None:
        """Do most of ``as_asked`` without any trace.

        Args:
            asked_rad: six finite numbers.
            last: the last command.
        """
        swift = self._swift.following(asked_rad, last, 1.0)
        if swift is not None:
            self._tool_speed.is_slow(swift.fastest_rad_s)
            self._envelope.holds_as_before(swift.start_rad, swift.rest_rad, swift.aside_rad)

    def nearest(
        self,
        asked_rad: np.ndarray,
        last: MotionState,
        braking_rad_s: np.ndarray,
        speed_scaling: float,
    ) -> Found:
        """Return the command nearest to what is asked that can be verified.

        Args:
            asked_rad: six finite numbers.
            last: the last command.
            braking_rad_s: the velocity with which the ramp in force goes on, shape (6,).
            speed_scaling: as the robot reports it.
        """
        period_s = self._braking.period_s
        wish, reasons = self._wish(asked_rad, last)
        bounds, names = self._bounds(wish, last, braking_rad_s, speed_scaling)
        reasons |= names
        velocity, names = self._solve(wish, bounds, last, braking_rad_s)
        reasons |= names
        if velocity is None:
            return Found(None, tuple(reasons))
        velocity = np.minimum(np.maximum(velocity, bounds.lower_rad_s), bounds.upper_rad_s)
        for share in _SHARES:
            blend = braking_rad_s + share * (velocity - braking_rad_s)
            target_rad = last.position_rad + period_s * blend
            if not reasons and share == 1.0:
                target_rad = asked_rad.copy()
            candidate = following(target_rad, last, period_s)
            ramp = stop_ramp(candidate, self._braking)
            reach = span(ramp, self._braking)
            if is_within_reach(candidate, last, self._braking) and self._joints_and_tool_hold(
                ramp, reach, last, speed_scaling
            ):
                failed = self._beyond_borders(ramp, reach)
                return Found(None if failed else ramp, tuple(reasons | failed))
            reasons['stopping'] = None
        return Found(None, tuple(reasons))

    def _wish(
        self, asked_rad: np.ndarray, last: MotionState
    ) -> tuple[np.ndarray, dict[str, None]]:
        """Return the velocity that is asked for, or ('step') what a jump is replaced by."""
        if np.abs(asked_rad - last.position_rad).max() <= _FAR_RAD:
            asked = following(asked_rad, last, self._braking.period_s)
            if is_within_reach(asked, last, self._braking):
                return asked.velocity_rad_s, {}
        return step(asked_rad, last, self._braking), {'step': None}

    def _beyond_borders(self, ramp: StopRamp, reach: Span) -> dict[str, None]:
        """Return the names of the borders that a ramp may pass; empty: it is verified."""
        if self._envelope.surely_holds(ramp, reach):
            return {}
        self._near = self._envelope.inspect(ramp, reach, briefly=True)
        rows = self._envelope.clearances.rows
        return {rows[index].reason: None for index in np.flatnonzero(self._near.room < 0.0)}

    def _joints_and_tool_hold(
        self, ramp: StopRamp, reach: Span, last: MotionState, speed_scaling: float
    ) -> bool:
        """Return whether every joint, and tool0's speed, keep their limits on the whole ramp."""
        scale = min(max(speed_scaling, 0.0), 1.0)
        fastest = scale * self._limits.max_joint_speed_rad_s * (1.0 + ROUNDING)
        speeds = np.maximum(np.abs(ramp.start.velocity_rad_s), np.abs(ramp.coast_rad_s))
        lowest = np.minimum(self._joints.lower_rad, last.position_rad)
        highest = np.maximum(self._joints.upper_rad, last.position_rad)
        return bool(
            speeds.max() <= fastest
            and (reach.lowest_rad >= lowest).all()
            and (reach.highest_rad <= highest).all()
            and self._tool_speed.holds(ramp)
        )

    def _bounds(
        self,
        wish: np.ndarray,
        last: MotionState,
        braking_rad_s: np.ndarray,
        speed_scaling: float,
    ) -> tuple[Bounds, dict[str, None]]:
        """Return what all bounding rules allow, and the names of those that cut the wish.

        Braking is always allowed, whatever a rule says: it was verified before.
        """
        period_s = self._braking.period_s
        wished = following(last.position_rad + period_s * wish, last, period_s)
        scale = min(max(speed_scaling, 0.0), 1.0)
        tick = Tick(
            last, stop_ramp(wished, self._braking), scale, period_s, self._joints, self._limits
        )
        each = [rule(tick) for rule in BOUNDING]
        lower = np.minimum(np.array([bounds.lower_rad_s for bounds in each]), braking_rad_s)
        upper = np.maximum(np.array([bounds.upper_rad_s for bounds in each]), braking_rad_s)
        lower, upper = np.maximum.accumulate(lower), np.minimum.accumulate(upper)
        allowed = np.vstack((wish, np.minimum(np.maximum(wish, lower), upper)))
        cut = np.abs(np.diff(allowed, axis=0)).max(axis=1) > _ROUNDING_RAD_S
        names = {BOUNDING[index].__name__: None for index in np.flatnonzero(cut)}
        return Bounds(lower[-1], upper[-1]), names

    def _solve(
        self, wish: np.ndarray, bounds: Bounds, last: MotionState, braking_rad_s: np.ndarray
    ) -> tuple[np.ndarray | None, dict[str, None]]:
        """Return the velocity nearest to the wish that keeps linearised borders."""
        period_s = self._braking.period_s
        allowed = np.minimum(np.maximum(wish, bounds.lower_rad_s), bounds.upper_rad_s)
        ramp = stop_ramp(following(last.position_rad + period_s * allowed, last, period_s),
                         self._braking)  # fmt: skip
        normals, offsets, names = self._rows(ramp, last)
        if not names:
            return allowed, {}
        # Braking keeps every border: what the linearisation says of it is only less exact.
        offsets = np.minimum(offsets, normals @ braking_rad_s)
        solution = self._programme.solve(
            Problem(wish, bounds.lower_rad_s, bounds.upper_rad_s, normals, offsets)
        )
        if solution is None:
            return None, {'no_solution': None}
        active = {names[index]: None for index in np.flatnonzero(solution.active)}
        return solution.velocity_rad_s, active

    def _rows(
        self, ramp: StopRamp, last: MotionState
    ) -> tuple[np.ndarray, np.ndarray, list[str]]:
        """Return the rows of the programme: normals, offsets, names."""
        normals, offsets, names = np.zeros((0, _JOINTS)), np.zeros(0), []
        if self._near is not None:
            normals, offsets, names = self._border_rows(self._near, ramp, last)
        if not self._tool_speed.holds(ramp):
            normal, limit = self._tool_speed.row(last.position_rad, ramp)
            rise = 0.5 * ramp.release_s / self._braking.period_s
            normals = np.vstack((normals, -normal))
            offset = (limit + rise * float(normal @ last.velocity_rad_s)) / (1.0 + rise)
            offsets, names = np.append(offsets, -offset), [*names, 'tool_speed']
        return normals, offsets, names

    def _border_rows(
        self, near: Inspection, ramp: StopRamp, last: MotionState
    ) -> tuple[np.ndarray, np.ndarray, list[str]]:
        """Return a row for each of the borders that are nearest to where the arm would rest.

        Where the ramp ends is a linear function of the next velocity, with the times of the ramp.
        """
        rows = np.argsort(near.rest_room)[: MOST_ROWS - 1]
        rows = rows[near.rest_room[rows] < _NEAR_M]
        gradient = self._envelope.clearances.gradients(near.contacts, rows)
        period_s, release_s, half_s = (
            self._braking.period_s, ramp.release_s, 0.5 * ramp.slowing_s,
        )
        held = (release_s * release_s / 3.0 + 0.5 * half_s * release_s) / period_s
        gain = period_s + release_s + half_s + held
        base_rad = last.position_rad - held * last.velocity_rad_s
        offsets = -near.rest_room[rows] - gradient @ (base_rad - near.rest_rad)
        names = [self._envelope.clearances.rows[index].reason for index in rows]
        return gain * gradient, offsets, names

