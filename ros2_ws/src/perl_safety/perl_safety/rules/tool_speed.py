"""Speed of tool0, now and along the stop ramp."""

import math
from operator import mul

import numpy as np
from perl_core.kinematics import Kinematics

from perl_safety.arm_shape import TOOL, reach_of_joints_m
from perl_safety.stop_ramp import StopRamp

_TIME = np.linspace(0.0, 1.0, 17)
_RISING = np.where(_TIME < 0.5, 1.0 - 2.0 * _TIME**2, 2.0 * (1.0 - _TIME) ** 2)
_WAY = np.where(_TIME < 0.5, _TIME - _TIME**3 / 1.5, 0.5 - (1.0 - _TIME) ** 3 / 1.5)
_STEADY = np.sqrt(np.maximum(1.0 - 2.0 * _WAY, 0.0))
_BETWEEN = 0.015
_SHARE_LEFT = np.minimum(np.maximum(_RISING, _STEADY)[:-1] + _BETWEEN, 1.0)
_WAY_DONE = _WAY[1:]
"""The share of its velocity that a ramp has left when a certain way, in units of its duration, is
done: the greater of a ramp whose deceleration rises until it falls, and of one whose deceleration
is steady. Ramps between the two have at most 0.011 more (a test tries them)."""
_SAFE = 0.98
"""Share of the limit for the solver, whose row is linear while the arm turns."""


class ToolSpeed:
    """Bounds the speed of one arm's tool."""

    def __init__(self, kinematics: Kinematics, limit_m_s: float) -> None:
        """Know nothing yet.

        Args:
            kinematics: of the arm; not shared with another thread.
            limit_m_s: greatest speed of the origin of tool0.
        """
        self._kinematics, self._limit_m_s = kinematics, limit_m_s
        self._reach_m = reach_of_joints_m(kinematics.parameters, TOOL, (0.0, 0.0, 0.0))
        self._levers_m = self._reach_m.tolist()
        # A joint turns what those before it contribute, by its own lever, and what those after it
        # contribute, by theirs: the lever of the later one counts.
        later = np.maximum(np.arange(6)[:, None], np.arange(6))
        self._turning_m = self._reach_m[later]
        self._place_rad = np.full(6, math.inf)
        self._jacobian = np.zeros((3, 6))

    def is_slow(self, fastest_rad_s: list[float]) -> bool:
        """Return whether tool0 cannot be too fast, wherever the arm is.

        Args:
            fastest_rad_s: speed of every joint, at most.
        """
        return sum(map(mul, self._levers_m, fastest_rad_s)) <= self._limit_m_s

    def holds(self, ramp: StopRamp) -> bool:
        """Return whether tool0 is slow enough on the whole ramp."""
        _, velocity, _ = ramp.start
        fastest = np.maximum(np.abs(velocity), np.abs(ramp.coast_rad_s))
        if self.is_slow(fastest.tolist()):
            return True
        if self._highest_m_s(ramp, fastest) <= self._limit_m_s:
            return True
        self._look(ramp.start.position_rad)
        return self._highest_m_s(ramp, fastest) <= self._limit_m_s

    def row(self, position_rad: np.ndarray, ramp: StopRamp) -> tuple[np.ndarray, float]:
        """Return (normal, limit): normal . velocity <= limit keeps tool0 slow enough.

        The limit leaves room for what a turn of the arm adds before it is slower.

        Args:
            position_rad: of the last command, shape (6,).
            ramp: from the command that is wished for.
        """
        self._look(position_rad)
        speed = self._jacobian @ ramp.coast_rad_s
        speed_m_s = math.sqrt(float(speed @ speed))
        fastest = np.maximum(np.abs(ramp.start.velocity_rad_s), np.abs(ramp.coast_rad_s))
        highest_m_s = self._highest_m_s(ramp, fastest)
        normal = (speed / max(speed_m_s, 1e-9)) @ self._jacobian
        return normal, _SAFE * self._limit_m_s - max(highest_m_s - speed_m_s, 0.0)

    def _look(self, position_rad: np.ndarray) -> None:
        """Take the Jacobian here."""
        self._place_rad = position_rad
        self._jacobian = self._kinematics.tool_pose_and_jacobian(position_rad)[1][:3]

    def _highest_m_s(self, ramp: StopRamp, fastest: np.ndarray) -> float:
        """Return a bound on the speed of tool0 on the whole ramp.

        Args:
            ramp: the ramp.
            fastest: speed of every joint on it, at most; shape (6,).
        """
        position, velocity, _ = ramp.start
        turned = np.abs(position - self._place_rad)
        if math.isinf(turned[0]):
            return math.inf
        now, later = self._jacobian @ velocity, self._jacobian @ ramp.coast_rad_s
        square = max(float(now @ now), float(later @ later))
        turning = self._turning_m @ fastest
        growth = float(fastest @ turning)
        start_m_s = math.sqrt(square) + float(turned @ turning) + growth * ramp.release_s
        way = _WAY_DONE * (growth * ramp.slowing_s)
        return max(start_m_s, float((_SHARE_LEFT * (start_m_s + way)).max()))
