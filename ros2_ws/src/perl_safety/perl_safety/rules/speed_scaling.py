"""The robot's speed slider scales the joint speed limit: who wants it slower gets it slower."""

from perl_safety.rules.judged import Bounds, Tick
from perl_safety.rules.velocity import speed_bounds


def speed_scaling(tick: Tick) -> Bounds:
    """Bound the speed of every joint to the slider's share of the limit."""
    return speed_bounds(tick, tick.speed_scaling * tick.limits.max_joint_speed_rad_s)
