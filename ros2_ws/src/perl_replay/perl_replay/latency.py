"""From command to motion: the delay at which measured velocities follow commanded ones best."""

import dataclasses
from typing import Any

import numpy as np

_LAGS_S = np.arange(0.0, 0.201, 0.01)
"""Delays that are tried; the best is refined by a parabola. servoJ answers within 0.1 s."""
_LEAST_SPEED_RAD_S = 0.05
"""Below it there is nothing to compare."""
_MOST_ROWS = 20_000
"""Of one goal; a goal that lasts longer is cut, so that memory stays bounded."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class LatencyFigures:
    """Of the arm, from the command to the measured motion. NaN: it did not move."""

    latency_s: float
    """Delay with the highest correlation."""
    correlation: float
    """Of commanded and measured joint velocities at that delay, 1 if they are alike."""
    commands: int
    """How many were compared."""


class Latency:
    """Collects commands and measured velocities of a goal; keeps sums over all goals."""

    def __init__(self, period_s: float) -> None:
        """Start without commands.

        Args:
            period_s: between recorded commands.
        """
        self._period_s = period_s
        self._commands: list[tuple[int, np.ndarray]] = []
        self._joints: list[tuple[int, np.ndarray]] = []
        self._sums = np.zeros((3, len(_LAGS_S)))
        self._count = 0
        self._collecting = False

    def begin_goal(self) -> None:
        """Collect from now on."""
        self.end_goal()
        self._collecting = True

    def add_command(self, command: Any, stamp_ns: int) -> None:
        """Take a JointCommand."""
        if self._collecting and len(self._commands) < _MOST_ROWS:
            self._commands.append((stamp_ns, command.sent_rad))

    def add_joints(self, joints: Any, stamp_ns: int) -> None:
        """Take a JointState."""
        if self._collecting and len(self._joints) < _MOST_ROWS:
            self._joints.append((stamp_ns, joints.velocity))

    def end_goal(self) -> LatencyFigures:
        """Compare what was collected since the last call; return its own figures."""
        sums, count = self._compare()
        self._commands, self._joints, self._collecting = [], [], False
        self._sums += sums
        self._count += count
        return _figures(sums, count)

    def figures(self) -> LatencyFigures:
        """Return the figures over all goals."""
        self.end_goal()
        return _figures(self._sums, self._count)

    def curve(self) -> tuple[tuple[float, float], ...]:
        """Return each delay [s] that was tried with its correlation, over all goals."""
        self.end_goal()
        if not self._count:
            return ()
        return tuple(zip(_LAGS_S.tolist(), _correlation(self._sums).tolist(), strict=True))

    def _compare(self) -> tuple[np.ndarray, int]:
        """Return the sums of products and squares for every delay, and how many rows."""
        nothing = np.zeros((3, len(_LAGS_S))), 0
        if len(self._commands) < 2 or len(self._joints) < 2:
            return nothing
        origin_ns = self._joints[0][0]
        command_s, sent = _series(self._commands, origin_ns)
        joints_s, measured = _series(self._joints, origin_ns)
        if sent.shape[1:] != measured.shape[1:]:
            return nothing
        step_s = np.diff(command_s)
        velocity = np.diff(sent, axis=0) / np.maximum(step_s, 1e-6)[:, None]
        middle_s = command_s[1:] - 0.5 * step_s
        usable = np.abs(step_s - self._period_s) < 0.25 * self._period_s
        usable &= np.abs(velocity).max(axis=1) > _LEAST_SPEED_RAD_S
        usable &= (middle_s > joints_s[0]) & (middle_s + _LAGS_S[-1] < joints_s[-1])
        usable &= np.isfinite(velocity).all(axis=1)
        if not usable.any() or not (np.diff(joints_s) > 0.0).all():
            return nothing
        return _sums(velocity[usable], middle_s[usable], joints_s, measured)


def _series(entries: list[tuple[int, np.ndarray]], origin_ns: int) -> tuple:
    times_s = np.array([stamp - origin_ns for stamp, _ in entries]) * 1e-9
    return times_s, np.array([values for _, values in entries])


def _sums(
    velocity: np.ndarray, time_s: np.ndarray, joints_s: np.ndarray, measured: np.ndarray
) -> tuple[np.ndarray, int]:
    sums = np.empty((3, len(_LAGS_S)))
    sums[1] = (velocity * velocity).sum()
    wanted_s = time_s + _LAGS_S[:, None]
    after = np.clip(np.searchsorted(joints_s, wanted_s), 1, len(joints_s) - 1)
    before_s, slope = joints_s[:-1], np.diff(measured, axis=0)
    share = (wanted_s - before_s[after - 1]) / np.diff(joints_s)[after - 1]
    for at, (index, part) in enumerate(zip(after - 1, share[..., None], strict=True)):
        later = measured[index] + part * slope[index]
        sums[0, at], sums[2, at] = (velocity * later).sum(), (later * later).sum()
    return sums, len(velocity)


def _figures(sums: np.ndarray, count: int) -> LatencyFigures:
    if not count:
        return LatencyFigures(latency_s=np.nan, correlation=np.nan, commands=0)
    correlation = _correlation(sums)
    best = int(correlation.argmax())
    latency_s = float(_LAGS_S[best])
    if 0 < best < len(_LAGS_S) - 1:
        before, peak, after = correlation[best - 1 : best + 2]
        curve = before - 2.0 * peak + after
        shift = 0.5 * (before - after) / curve if curve < 0.0 else 0.0
        latency_s += float(shift * (_LAGS_S[1] - _LAGS_S[0]))
    return LatencyFigures(
        latency_s=latency_s, correlation=float(correlation[best]), commands=count
    )


def _correlation(sums: np.ndarray) -> np.ndarray:
    """Return the correlation at each delay."""
    return sums[0] / np.sqrt(np.maximum(sums[1] * sums[2], 1e-12))
