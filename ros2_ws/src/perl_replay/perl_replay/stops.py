"""What the arm did after a stop: how long it took to come to rest, and whether it stayed there."""

from collections.abc import Sequence
import dataclasses
from typing import Any

import numpy as np

_REST_RAD_S = 0.02
"""Slower than this on every joint is at rest: ten times the noise of a UR5e that stands still."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class StopFigures:
    """One stop of an armed controller."""

    time_s: float
    """After the start of the bag."""
    source: str
    """Which layer said STOP first."""
    reasons: tuple[str, ...]
    """As it said."""
    time_to_rest_s: float
    """From the stop's stamp until every joint was at rest; NaN if the bag does not show it."""
    drift_rad: float
    """Largest motion of a joint after that, until the reset or the end; NaN if never at rest."""


class StopCollector:
    """Follows the joints after a stop."""

    def __init__(self, start_ns: int) -> None:
        """Start without stops.

        Args:
            start_ns: start of the bag, Unix time.
        """
        self._start_ns = start_ns
        self._done: list[StopFigures] = []
        self._now: tuple[int, str, tuple[str, ...]] | None = None
        self._rest_ns: int | None = None
        self._rest_rad = np.zeros(0)
        self._drift_rad = 0.0

    def begin(self, source: str, reasons: Sequence[str], stamp_ns: int) -> None:
        """Take a stop, unless one is in force."""
        if self._now is None:
            self._now = (stamp_ns, source, tuple(reasons))
            self._rest_ns, self._drift_rad = None, 0.0

    def add_joints(self, joints: Any, stamp_ns: int) -> None:
        """Take a JointState."""
        if self._now is None or stamp_ns < self._now[0]:
            return
        if self._rest_ns is not None:
            apart = np.abs(joints.position - self._rest_rad)
            self._drift_rad = max(self._drift_rad, float(apart.max(initial=0.0)))
        elif np.abs(joints.velocity).max(initial=0.0) < _REST_RAD_S:
            self._rest_ns, self._rest_rad = stamp_ns, joints.position

    def end(self) -> None:
        """Take the reset."""
        if self._now is None:
            return
        stamp_ns, source, reasons = self._now
        rested = self._rest_ns is not None
        self._done.append(StopFigures(
            time_s=(stamp_ns - self._start_ns) / 1e9,
            source=source,
            reasons=reasons,
            time_to_rest_s=((self._rest_ns or 0) - stamp_ns) / 1e9 if rested else np.nan,
            drift_rad=self._drift_rad if rested else np.nan,
        ))
        self._now = None

    def figures(self) -> tuple[StopFigures, ...]:
        """Return all stops, in order."""
        self.end()
        return tuple(self._done)
