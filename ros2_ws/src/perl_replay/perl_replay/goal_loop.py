"""How the control loop and the filter did while one goal was pursued."""

import dataclasses
import math
from typing import Any

import numpy as np

_MOST_MESSAGES = 20_000
"""Of one goal; a goal that lasts longer than half an hour is cut, so that memory stays bounded."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class GoalLoopFigures:
    """Of one goal; timing is recorded ten times a second, so to a tenth of a second. NaN: none."""

    ticks: int
    """Control ticks."""
    lateness_p99_us: float
    """99 % of the wake-ups came at most so late."""
    lateness_max_us: float
    """The latest wake-up."""
    work_max_us: float
    """The longest tick."""
    overruns: int
    """Ticks whose work ended after the next deadline."""
    limited_periods: int
    """Policy periods in which the filter made the command slower or smaller."""


class GoalLoop:
    """Collects timing and commands of the goal that is pursued."""

    def __init__(self) -> None:
        """Start between goals."""
        self._collecting = False
        self._lateness: list[np.ndarray] = []
        self._work: list[np.ndarray] = []
        self._overruns_before: int | None = None
        self._overruns = self._limited = 0

    def begin_goal(self) -> None:
        """Collect from now on."""
        self._lateness, self._work = [], []
        self._overruns = self._limited = 0
        self._collecting = True

    def add_timing(self, timing: Any) -> None:
        """Take a LoopTiming."""
        before, now = self._overruns_before, int(timing.overruns)
        self._overruns_before = now
        if not self._collecting or len(self._lateness) >= _MOST_MESSAGES:
            return
        # A loop that was started again counts from zero.
        self._overruns += now - before if before is not None and now >= before else 0
        self._lateness.append(timing.lateness_us)
        self._work.append(timing.work_us)

    def add_command(self, command: Any) -> None:
        """Take a JointCommand."""
        self._limited += self._collecting and bool(command.limited)

    def end_goal(self) -> GoalLoopFigures:
        """Return the figures since the goal began."""
        self._collecting = False
        lateness, work = _together(self._lateness), _together(self._work)
        self._lateness, self._work = [], []
        known = bool(len(lateness))
        p99_us = np.quantile(lateness, 0.99, method='higher') if known else math.nan
        return GoalLoopFigures(
            ticks=len(lateness),
            lateness_p99_us=float(p99_us),
            lateness_max_us=float(lateness.max()) if known else math.nan,
            work_max_us=float(work.max()) if known else math.nan,
            overruns=self._overruns,
            limited_periods=self._limited,
        )


def _together(values_us: list[np.ndarray]) -> np.ndarray:
    """Return all values; NaN counts as infinitely late."""
    values = np.concatenate(values_us).astype(float) if values_us else np.empty(0)
    return np.where(np.isnan(values), np.inf, values)
