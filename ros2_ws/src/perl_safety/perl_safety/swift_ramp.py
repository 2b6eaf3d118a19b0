"""The ramp from a command that is asked for, in plain floats: what nearly every tick needs.

The same formulas as in ``stop_ramp``, ``rules.step`` and ``rules.velocity``, in the same order, so
that the results are equal to the last bit (a test compares them). numpy takes three times as long
for six numbers, and more than that where other programs have emptied the caches.
"""

import math
from operator import sub
from typing import NamedTuple

import numpy as np

from perl_safety.rules.step import ROUNDING
from perl_safety.stop_ramp import Braking, MotionState, StopRamp


class SwiftRamp(NamedTuple):
    """A ramp that keeps every joint's own limits."""

    ramp: StopRamp
    """As ``stop_ramp`` returns it."""
    start_rad: list[float]
    """Where it begins."""
    rest_rad: list[float]
    """Where it ends."""
    fastest_rad_s: list[float]
    """Greatest speed of every joint on it."""
    aside_rad: list[float]
    """As in ``stop_ramp.Span``."""


class SwiftRamps:
    """Makes ramps of one arm."""

    def __init__(
        self, lower_rad: tuple[float, ...], upper_rad: tuple[float, ...], speed_rad_s: float,
        braking: Braking,
    ) -> None:
        """Remember the limits.

        Args:
            lower_rad: of every joint.
            upper_rad: of every joint.
            speed_rad_s: of every joint.
            braking: limits of the ramp, and the period.
        """
        self._lower_rad, self._upper_rad = lower_rad, upper_rad
        self._speed_rad_s, self._braking = speed_rad_s * (1.0 + ROUNDING), braking

    def following(
        self, asked_rad: np.ndarray, last: MotionState, scale: float
    ) -> SwiftRamp | None:
        """Return the ramp from a command, or None where a joint's limit forbids it.

        Args:
            asked_rad: six finite numbers.
            last: the last command.
            scale: share of the speed that is allowed, 0 to 1.
        """
        most, jerk, period_s = self._braking
        asked, position = asked_rad.tolist(), last.position_rad.tolist()
        velocity = [(a - p) / period_s for a, p in zip(asked, position, strict=True)]
        now = [
            (v - before) / period_s
            for v, before in zip(velocity, last.velocity_rad_s.tolist(), strict=True)
        ]
        sharpest = _greatest(now)
        jump = _greatest(list(map(sub, now, last.acceleration_rad_s2.tolist())))
        reach = most * (1.0 + ROUNDING), jerk * period_s * (1.0 + ROUNDING)
        if not (sharpest <= reach[0] and jump <= reach[1]):
            return None
        release_s = sharpest / jerk
        half_s = 0.5 * release_s
        coast = [v + half_s * a for v, a in zip(velocity, now, strict=True)]
        fastest = [max(abs(v), abs(c)) for v, c in zip(velocity, coast, strict=True)]
        if max(fastest) > scale * self._speed_rad_s:
            return None
        highest = _greatest(coast)
        rise_s = min(most / jerk, math.sqrt(highest / jerk))
        hold_s = max(highest / most - rise_s, 0.0) if rise_s > 0.0 else 0.0
        if not self._fits(asked, position, velocity, coast, release_s, rise_s + 0.5 * hold_s):
            return None
        third, way_s = release_s * release_s / 3.0, rise_s + 0.5 * hold_s
        rest = [
            p + release_s * v + third * a + way_s * c
            for p, v, a, c in zip(asked, velocity, now, coast, strict=True)
        ]
        square = release_s * release_s
        aside = [period_s * f + square * abs(a) for f, a in zip(fastest, now, strict=True)]
        start = MotionState(np.array(asked), np.array(velocity), np.array(now))
        ramp = StopRamp(start, np.array(coast), release_s, rise_s, hold_s, np.array(rest))
        return SwiftRamp(ramp, asked, rest, fastest, aside)

    def _fits(
        self, asked: list[float], position: list[float], velocity: list[float],
        coast: list[float], release_s: float, then_s: float,
    ) -> bool:
        """Return whether all commands of the ramp lie between the joint limits."""
        first_s = release_s + self._braking.period_s
        for a, before, v, c, lower, upper in zip(
            asked, position, velocity, coast, self._lower_rad, self._upper_rad, strict=True
        ):
            up, down = max(c, 0.0), min(c, 0.0)
            if a + first_s * max(v, up) + then_s * up > max(upper, before):
                return False
            if a + first_s * min(v, down) + then_s * down < min(lower, before):
                return False
        return True


def _greatest(values: list[float]) -> float:
    return max(max(values), -min(values))
