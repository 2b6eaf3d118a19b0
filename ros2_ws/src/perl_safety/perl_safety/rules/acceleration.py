"""The joint velocity changes no faster than the acceleration limit."""

from perl_safety.rules.judged import Bounds, Tick


def acceleration(tick: Tick) -> Bounds:
    """Bound the change from the last velocity."""
    step_rad_s = tick.limits.max_joint_acceleration_rad_s2 * tick.period_s
    last = tick.last.velocity_rad_s
    return Bounds(last - step_rad_s, last + step_rad_s)
