"""Which of many commands the safety filter surely passes, so that it need not be run on them.

Everything here is on the safe side of what the filter computes, whatever it has seen before: what
it would limit or stop is never called sure (tests compare the two), and where it is not sure, the
filter itself decides. A filter with a rule that is not known here is always asked.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from perl_core.kinematics import Kinematics
from perl_safety.arm_shape import TOOL, reach_of_joints_m
from perl_safety.clearance import Clearances
from perl_safety.limits import SafetyLimits
from perl_safety.rules import BORDERS, BOUNDING
from perl_safety.rules.judged import StoppingRule

from perl_replay.arm_arrays import tool_arrays

KNOWN = frozenset((
    # Look at what is asked, at the robot's report, and at what is measured.
    'finite', 'safety_bits', 'runtime_state', 'deviation',
    # Look at ages, and at what only the loop knows: nothing is old or wrong in a replay.
    'stale_state', 'stale_goal', 'overrun', 'tool_force',
    # Bound velocities. In a replay the speed slider stands at 1.
    'acceleration', 'jerk', 'velocity', 'speed_scaling', 'joint_position',
))  # fmt: skip
"""Names of the stopping and bounding rules that are looked after here. Border rules need not be
known: their rows are evaluated by the filter's own function."""
_ROOM = 1.0 - 1e-9
"""Share of every limit that may be used: rounding differs between one command and many."""
_MARGIN = 1e-9
"""The same for what is compared with a place [m, rad]."""
_MOST_LEFT = 0.25
"""Largest product of the share of its velocity that a stop ramp has left and the share of its
duration whose way is done, see ToolSpeed: below sqrt(1 - 2 w) w, whose maximum is 0.193, and
what the filter adds for ramps between."""
_STRIDES = (16, 4, 1)
"""Borders are evaluated at the place of every so manieth command that is not yet sure."""


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


class _Ramps(NamedTuple):
    """The stop ramps that follow commands; formulas as in perl_safety.stop_ramp."""

    velocity_rad_s: np.ndarray
    """Of the commands, shape (n, 6)."""
    acceleration_rad_s2: np.ndarray
    """Shape (n, 6)."""
    coast_rad_s: np.ndarray
    """Shape (n, 6)."""
    release_s: np.ndarray
    """Shape (n, 1)."""
    slowing_s: np.ndarray
    """Shape (n, 1)."""
    rest_rad: np.ndarray
    """Shape (n, 6)."""

    @property
    def fastest_rad_s(self) -> np.ndarray:
        """Of every joint on the ramp, shape (n, 6)."""
        return np.maximum(np.abs(self.velocity_rad_s), np.abs(self.coast_rad_s))


class Passing:
    """Judges many commands of one arm at once."""

    def __init__(
        self,
        limits: SafetyLimits,
        kinematics: Kinematics,
        period_s: float,
        stopping: Sequence[StoppingRule],
    ) -> None:
        """Make everything that does not depend on the commands.

        Args:
            limits: of the filter.
            kinematics: of the arm.
            period_s: between commands.
            stopping: the filter's rules that stop the arm.
        """
        self._limits, self._kinematics, self._period_s = limits, kinematics, period_s
        self._is_known = {rule.__name__ for rule in (*stopping, *BOUNDING)} <= KNOWN
        rows = [row for rule in BORDERS for row in rule(limits)]
        self._clearances = Clearances(kinematics, rows)
        reach_m = reach_of_joints_m(kinematics.parameters, TOOL, (0.0, 0.0, 0.0))
        self._turning_m = reach_m[np.maximum(np.arange(6)[:, None], np.arange(6))]

    def surely(self, commands: Commands) -> np.ndarray:
        """Return of each command whether no rule of the filter can object, bool, shape (n,)."""
        finite = np.isfinite(np.concatenate(commands[:4], axis=1)).all(axis=1)
        sure = finite & commands.normal & self._is_known
        rows = np.flatnonzero(sure)
        commands = Commands(*(values[rows] for values in commands))
        if len(rows):
            ramps = self._ramps(commands)
            held = self._joints_hold(commands, ramps) & self._tool_holds(commands, ramps)
            held[held] = self._inside(commands.asked_rad[held], ramps, np.flatnonzero(held))
            sure[rows] = held
        return sure

    def _ramps(self, commands: Commands) -> _Ramps:
        """Return the ramps that follow the commands."""
        period_s, most = self._period_s, self._limits.max_joint_acceleration_rad_s2
        jerk = self._limits.max_joint_jerk_rad_s3
        velocity = (commands.asked_rad - commands.before_rad) / period_s
        acceleration = (velocity - commands.velocity_rad_s) / period_s
        release_s = np.abs(acceleration).max(axis=1, keepdims=True) / jerk
        coast = velocity + (0.5 * release_s) * acceleration
        fastest = np.abs(coast).max(axis=1, keepdims=True)
        rise_s = np.minimum(most / jerk, np.sqrt(fastest / jerk))
        slowing_s = 2.0 * rise_s + np.maximum(fastest / most - rise_s, 0.0)
        rest = (
            commands.asked_rad + release_s * velocity
            + (release_s * release_s / 3.0) * acceleration + 0.5 * slowing_s * coast
        )
        return _Ramps(velocity, acceleration, coast, release_s, slowing_s, rest)

    def _joints_hold(self, commands: Commands, ramps: _Ramps) -> np.ndarray:
        """Return whether every joint keeps its own limits on the whole ramp, shape (n,)."""
        limits, velocity = self._limits, ramps.velocity_rad_s
        most = min(
            limits.max_joint_acceleration_rad_s2, limits.max_joint_jerk_rad_s3 * self._period_s
        )
        first_s, then_s = ramps.release_s + self._period_s, 0.5 * ramps.slowing_s
        up, down = np.maximum(ramps.coast_rad_s, 0.0), np.minimum(ramps.coast_rad_s, 0.0)
        highest = commands.asked_rad + first_s * np.maximum(velocity, up) + then_s * up
        lowest = commands.asked_rad + first_s * np.minimum(velocity, down) + then_s * down
        apart = np.abs(commands.before_rad - commands.measured_rad)
        return np.asarray((
            (apart <= limits.max_deviation_rad * _ROOM)
            & (np.abs(ramps.acceleration_rad_s2) <= most * _ROOM)
            & (ramps.fastest_rad_s <= limits.max_joint_speed_rad_s * _ROOM)
            & (highest <= np.array(limits.joint_upper_rad) - _MARGIN)
            & (lowest >= np.array(limits.joint_lower_rad) + _MARGIN)
        ).all(axis=1))

    def _tool_holds(self, commands: Commands, ramps: _Ramps) -> np.ndarray:
        """Return whether tool0 is slow enough on the whole ramp, shape (n,); see ToolSpeed."""
        jacobian = tool_arrays(self._kinematics, commands.asked_rad).jacobian[:, :3]
        now, later = (
            np.linalg.norm(np.einsum('nij,nj->ni', jacobian, rates), axis=1)
            for rates in (ramps.velocity_rad_s, ramps.coast_rad_s)
        )
        fastest = ramps.fastest_rad_s
        growth = (fastest * (fastest @ self._turning_m.T)).sum(axis=1)
        lasting_s = (ramps.release_s + _MOST_LEFT * ramps.slowing_s)[:, 0]
        highest = np.maximum(now, later) + growth * lasting_s
        return highest <= self._limits.max_tool_speed_m_s * _ROOM

    def _inside(self, start_rad: np.ndarray, ramps: _Ramps, rows: np.ndarray) -> np.ndarray:
        """Return whether whole ramps are inside all borders, by values at places near them.

        What follows from one place with the rows' Lipschitz constants follows, too, from the
        three places of the ramp that the filter evaluates if it must.
        """
        rest_rad = ramps.rest_rad[rows]
        aside_rad = (
            self._period_s * ramps.fastest_rad_s[rows]
            + ramps.release_s[rows] ** 2 * np.abs(ramps.acceleration_rad_s2[rows])
        )
        inside = np.zeros(len(rows), dtype=bool)
        for stride in _STRIDES:
            left = np.flatnonzero(~inside)
            if not len(left):
                break
            places_rad = start_rad[left[stride // 2 :: stride]]
            if not len(places_rad):
                continue
            value = self._clearances.at(places_rad).value
            nearest = np.minimum(np.arange(len(left)) // stride, len(places_rad) - 1)
            place_rad = places_rad[nearest]
            away = aside_rad[left] + np.maximum(
                np.abs(start_rad[left] - place_rad), np.abs(rest_rad[left] - place_rad)
            )
            room = value[nearest] - away @ self._clearances.lipschitz.T
            inside[left] = room.min(axis=1) >= _MARGIN
        return inside
