"""Runs the monitor again on measured states: what would it have stopped under these limits.

Joint states are read every 20 ms, a few times more seldom than the monitor looks, so a peak that
is shorter can be missed.
"""

import collections
import dataclasses
from typing import Any, NamedTuple

import numpy as np
from perl_core.kinematics import Kinematics
from perl_core.robot_state import RobotState
from perl_safety.limits import MonitorLimits
from perl_safety.monitor import Monitor

from perl_replay.arm_arrays import tool_arrays
from perl_replay.filter_replay import MOVING_ALLOWED, FilterEvent, Situation, is_normal

_BATCH = 512
_MOST_EVENTS = 100
"""Would-be stops that are listed; all are counted."""
_MARGIN = 1e-9
"""Relative: rounding differs between one state and many."""


class _Row(NamedTuple):
    """A measured state."""

    time_s: float
    goal_id: str
    situation: Situation
    position_rad: np.ndarray
    velocity_rad_s: np.ndarray


@dataclasses.dataclass(frozen=True, kw_only=True)
class MonitorReplayFigures:
    """What the monitor would say to the recorded states."""

    states: int
    """Measured while the controller might move."""
    violating: int
    """Of these, how many are outside a limit; the first of a run of them is a stop."""
    reasons: dict[str, int]
    """How many states violate each limit."""
    events: tuple[FilterEvent, ...]
    """Where stops begin: the first hundred."""
    event_count: int
    """How many there are."""


class MonitorReplay:
    """Takes joint states and controller states in the order of the bag."""

    def __init__(self, limits: MonitorLimits, kinematics: Kinematics, start_ns: int) -> None:
        """Start without states.

        Args:
            limits: of the monitor that is run.
            kinematics: of this arm.
            start_ns: start of the bag, Unix time.
        """
        self.goal_id = ''
        """The goal that is pursued now."""
        self._limits, self._kinematics, self._start_ns = limits, kinematics, start_ns
        self._situation: Situation | None = None
        self._rows: list[_Row] = []
        self._states = self._violating = self._event_count = 0
        self._reasons: collections.Counter[str] = collections.Counter()
        self._events: list[FilterEvent] = []
        self._wrong_before = False

    def add_controller(self, state: Any) -> None:
        """Take a ControllerState."""
        self._situation = Situation.of(state)

    def add_joints(self, joints: Any, stamp_ns: int) -> None:
        """Take a JointState."""
        situation = self._situation
        if situation is None or situation.state not in MOVING_ALLOWED:
            return
        self._rows.append(_Row(
            (stamp_ns - self._start_ns) / 1e9, self.goal_id, situation, joints.position,
            joints.velocity,
        ))
        if len(self._rows) >= _BATCH:
            self._judge()

    def figures(self) -> MonitorReplayFigures:
        """Return the figures."""
        self._judge()
        return MonitorReplayFigures(
            states=self._states,
            violating=self._violating,
            reasons=dict(sorted(self._reasons.items())),
            events=tuple(self._events),
            event_count=self._event_count,
        )

    def _judge(self) -> None:
        """Judge the states that wait."""
        rows, self._rows = self._rows, []
        if not rows:
            return
        self._states += len(rows)
        fine = self._surely_fine(rows)
        for row, good in zip(rows, fine.tolist(), strict=True):
            self._note(row, () if good else self._check(row))

    def _surely_fine(self, rows: list[_Row]) -> np.ndarray:
        """Return of which states the monitor surely says nothing, bool, shape (n,)."""
        limits, room = self._limits, 1.0 - _MARGIN
        position = np.array([row.position_rad for row in rows])
        velocity = np.array([row.velocity_rad_s for row in rows])
        measured = np.concatenate((position, velocity), axis=1)
        finite = np.asarray(np.isfinite(measured).all(axis=1))
        position = np.where(finite[:, None], position, 0.0)
        tool = tool_arrays(self._kinematics, position)
        speed = np.linalg.norm(np.einsum('nij,nj->ni', tool.jacobian[:, :3], velocity), axis=1)
        away = np.linalg.norm(tool.position_m - limits.workspace_centre_base_m, axis=1)
        fine = (
            finite
            & np.array([is_normal(row.situation, program=False) for row in rows])
            & (position >= limits.joint_lower_rad).all(axis=1)
            & (position <= limits.joint_upper_rad).all(axis=1)
            & (np.abs(velocity) <= limits.max_joint_speed_rad_s).all(axis=1)
            & (speed <= limits.max_tool_speed_m_s * room)
            & (away <= limits.workspace_radius_m * room)
            & (tool.position_m[:, 2] >= limits.min_tool_height_base_m + _MARGIN)
        )
        return np.asarray(fine)

    def _check(self, row: _Row) -> tuple[str, ...]:
        """Run the monitor itself on one state."""
        _, robot_mode, safety_mode, bits, runtime = row.situation
        state = RobotState(
            row.time_s, 0, row.position_rad, row.velocity_rad_s, robot_mode, safety_mode, bits,
            runtime, 1.0,
        )
        return Monitor(self._limits, self._kinematics).check(state, 0)

    def _note(self, row: _Row, reasons: tuple[str, ...]) -> None:
        self._violating += bool(reasons)
        self._reasons.update(reasons)
        if reasons and not self._wrong_before:
            self._event_count += 1
            if len(self._events) < _MOST_EVENTS:
                self._events.append(FilterEvent(
                    time_s=row.time_s, goal_id=row.goal_id, severity='STOP', reasons=reasons
                ))
        self._wrong_before = bool(reasons)
