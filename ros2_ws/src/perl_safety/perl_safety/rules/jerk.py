"""The joint acceleration changes no faster than the jerk limit."""

from perl_safety.rules.judged import Bounds, Tick


def jerk(tick: Tick) -> Bounds:
    """Bound the change from the velocity that the last acceleration leads to."""
    step_rad_s = tick.limits.max_joint_jerk_rad_s3 * tick.period_s**2
    steady = tick.last.velocity_rad_s + tick.period_s * tick.last.acceleration_rad_s2
    return Bounds(steady - step_rad_s, steady + step_rad_s)
