"""Runs the safety filter again on recorded commands: what would it limit, what would it stop.

One command a policy period is recorded. Each is judged from the command before it, as it was
really sent, so the answer is about the recorded motion: what the arm would have done after a
command that was limited otherwise, no recording knows. Speeds and accelerations are means over a
policy period. Many commands are looked at at once; the filter is run where it is not certain that
it lets a command pass.
"""

import collections
import dataclasses
from typing import Any, NamedTuple

import numpy as np
from perl_core.contract import Contract
from perl_core.kinematics import Kinematics
from perl_core.robot_state import (
    ROBOT_MODE_RUNNING,
    RUNTIME_PLAYING,
    SAFETY_MODE_NORMAL,
    RobotState,
)
from perl_safety.filter import SafetyFilter
from perl_safety.limits import SafetyLimits
from perl_safety.rules import STOPPING
from perl_safety.severity import Severity

from perl_replay.passing import Commands, Passing

_BATCH = 512
"""Commands that are looked at at once."""
MOVING_ALLOWED = (2, 3, 4)
"""ControllerState ARMED, MOVING and STOPPING: only then what is sent is what was asked."""
_NORMAL = (ROBOT_MODE_RUNNING, SAFETY_MODE_NORMAL, 1)
"""Robot mode, safety mode, and the safety bit 'normal' alone."""
_MOST_EVENTS = 100
"""Would-be stops and limits that are listed; all are counted."""


class Situation(NamedTuple):
    """What the controller last said of the robot and of itself."""

    state: int
    """ControllerState.state."""
    robot_mode: int
    """As the robot reports it."""
    safety_mode: int
    """As the robot reports it."""
    safety_status_bits: int
    """As the robot reports it."""
    runtime_state: int
    """As the robot reports it."""

    @classmethod
    def of(cls, state: Any) -> 'Situation':
        """Return the situation in a ControllerState."""
        return cls(
            state.state, state.robot_mode, state.safety_mode, state.safety_status_bits,
            state.runtime_state,
        )


class _Row(NamedTuple):
    """A recorded command and what preceded it."""

    time_s: float
    goal_id: str
    situation: Situation
    asked_rad: np.ndarray
    measured_rad: np.ndarray
    before_rad: np.ndarray
    velocity_rad_s: np.ndarray


@dataclasses.dataclass(frozen=True, kw_only=True)
class FilterEvent:
    """The filter would begin to limit or stop here."""

    time_s: float
    """After the start of the bag."""
    goal_id: str
    """The goal pursued, hexadecimal; empty between goals."""
    severity: str
    """LIMIT or STOP."""
    reasons: tuple[str, ...]
    """Names of the rules."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class FilterReplayFigures:
    """What the filter would do with the recorded commands."""

    commands: int
    """Recorded commands that were judged."""
    passed: int
    """As they are."""
    limited: int
    """Made slower or smaller."""
    stopped: int
    """Answered by a stop."""
    limited_recorded: int
    """Policy periods in which the filter limited when they were recorded."""
    reasons: dict[str, int]
    """How many commands each rule limited or stopped."""
    stale_ticks: int
    """Control ticks whose state was too old to move on."""
    stale_stop_ticks: int
    """Control ticks whose state was so old that the filter stops."""
    events: tuple[FilterEvent, ...]
    """Where limits and stops begin: the first hundred."""
    event_count: int
    """How many there are."""


class FilterReplay:
    """Takes commands and controller states in the order of the bag."""

    def __init__(
        self, limits: SafetyLimits, kinematics: Kinematics, contract: Contract, start_ns: int
    ) -> None:
        """Start without commands.

        Args:
            limits: of the filter.
            kinematics: of this arm.
            contract: gives rates.
            start_ns: start of the bag, Unix time.
        """
        self.goal_id = ''
        """The goal that is pursued now."""
        self._limits = limits
        self._period_s, self._substeps = contract.policy_period_s, contract.substeps
        self._filter = SafetyFilter(limits, kinematics, self._period_s, STOPPING)
        self._passing = Passing(limits, kinematics, self._period_s, STOPPING)
        self._rows: list[_Row] = []
        self._start_ns = start_ns
        self._situation: Situation | None = None
        self._history: list[Any] = []
        self._next_tick = -1
        self._severities: collections.Counter[Severity] = collections.Counter()
        self._reasons: collections.Counter[str] = collections.Counter()
        self._limited_recorded = self._stale = self._stale_stop = 0
        self._events: list[FilterEvent] = []
        self._event_count = 0
        self._last: tuple[Severity, tuple[str, ...]] = (Severity.PASS, ())

    def add_controller(self, state: Any) -> None:
        """Take a ControllerState."""
        self._situation = Situation.of(state)

    def add_timing(self, timing: Any) -> None:
        """Take a LoopTiming."""
        if self._situation is not None and self._situation.state in MOVING_ALLOWED:
            age_s = timing.state_age_us * 1e-6
            self._stale += int((age_s > self._limits.state_hold_age_s).sum())
            self._stale_stop += int((age_s > self._limits.state_stop_age_s).sum())

    def add_command(self, command: Any, stamp_ns: int) -> None:
        """Take a JointCommand."""
        situation = self._situation
        moving = situation is not None and situation.state in MOVING_ALLOWED
        if command.tick != self._next_tick or not moving:
            self._history.clear()
        self._next_tick = command.tick + self._substeps
        if situation is not None and moving:
            if len(self._history) == 2:
                self._take(command, stamp_ns, situation)
            self._history = [*self._history[-1:], command]

    def _take(self, command: Any, stamp_ns: int, situation: Situation) -> None:
        first, last = self._history
        before = last.sent_rad
        self._limited_recorded += bool(command.limited)
        self._rows.append(_Row(
            time_s=(stamp_ns - self._start_ns) / 1e9,
            goal_id=self.goal_id,
            situation=situation,
            asked_rad=command.asked_rad,
            # The filter compares the command before with what is measured then.
            measured_rad=last.measured_rad,
            before_rad=before,
            velocity_rad_s=(before - first.sent_rad) / self._period_s,
        ))
        if len(self._rows) >= _BATCH:
            self._judge_rows()

    def figures(self) -> FilterReplayFigures:
        """Return the figures."""
        self._judge_rows()
        return FilterReplayFigures(
            commands=self._severities.total(),
            passed=self._severities[Severity.PASS],
            limited=self._severities[Severity.LIMIT],
            stopped=self._severities[Severity.STOP],
            limited_recorded=self._limited_recorded,
            reasons=dict(sorted(self._reasons.items())),
            stale_ticks=self._stale,
            stale_stop_ticks=self._stale_stop,
            events=tuple(self._events),
            event_count=self._event_count,
        )

    def _judge_rows(self) -> None:
        """Judge the commands that wait."""
        rows, self._rows = self._rows, []
        if not rows:
            return
        sure = self._passing.surely(Commands(
            np.array([row.asked_rad for row in rows]),
            np.array([row.measured_rad for row in rows]),
            np.array([row.before_rad for row in rows]),
            np.array([row.velocity_rad_s for row in rows]),
            np.array([is_normal(row.situation) for row in rows]),
        ))
        for row, passes in zip(rows, sure.tolist(), strict=True):
            if passes:
                self._note(row, Severity.PASS, ())
            else:
                self._judge(row)

    def _judge(self, row: _Row) -> None:
        """Run the filter on one command."""
        state = RobotState(
            row.time_s, 0, row.measured_rad, np.zeros(6), row.situation.robot_mode,
            row.situation.safety_mode, row.situation.safety_status_bits,
            row.situation.runtime_state, 1.0,
        )
        self._filter.seed(row.before_rad, row.velocity_rad_s)
        result = self._filter.step(row.asked_rad, state, 0)
        self._filter.reset()
        self._note(row, result.severity, result.reasons)

    def _note(self, row: _Row, severity: Severity, reasons: tuple[str, ...]) -> None:
        self._severities[severity] += 1
        self._reasons.update(reasons)
        if severity is not Severity.PASS and (severity, reasons) != self._last:
            self._event_count += 1
            if len(self._events) < _MOST_EVENTS:
                self._events.append(FilterEvent(
                    time_s=row.time_s, goal_id=row.goal_id, severity=severity.name,
                    reasons=reasons,
                ))
        self._last = (severity, reasons)


def is_normal(situation: Situation, program: bool = True) -> bool:
    """Return whether nothing in the robot's own report can stop the arm.

    Args:
        situation: the report.
        program: the program must run too.
    """
    return situation[1:4] == _NORMAL and (
        situation.runtime_state == RUNTIME_PLAYING or not program
    )
