"""Joint position, with the way that stopping takes."""

import numpy as np

from perl_safety.rules.judged import Bounds, Tick


def joint_position(tick: Tick) -> Bounds:
    """Bound the velocity so that the stop ramp ends before every joint limit.

    Outside a limit the joint may only move inwards.
    """
    position = tick.last.position_rad
    upward = _fastest_rad_s(tick, np.maximum(tick.joints.upper_rad - position, 0.0), 1.0)
    downward = _fastest_rad_s(tick, np.maximum(position - tick.joints.lower_rad, 0.0), -1.0)
    return Bounds(-downward, upward)


def _fastest_rad_s(tick: Tick, room_rad: np.ndarray, outward: float) -> np.ndarray:
    """Return the highest speed towards a limit from which the ramp ends before it.

    As ``stop_ramp.span`` sums it up: this tick, the release at the greater of the speeds at its
    two ends, and half of the slowing at the speed at its end; linear in the speed for either.
    """
    rise, last = tick.gain, outward * tick.last.velocity_rad_s
    first_s = tick.ramp.release_s + tick.period_s
    then_s = 0.5 * tick.ramp.slowing_s
    speeding = first_s + then_s
    up = (room_rad + speeding * rise * last) / (tick.period_s + speeding * (1.0 + rise))
    down = (room_rad + then_s * rise * last) / (tick.period_s + first_s + then_s * (1.0 + rise))
    return np.minimum(up, down)
