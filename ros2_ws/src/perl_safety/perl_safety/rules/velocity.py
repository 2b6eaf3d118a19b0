"""Joint speed."""

import numpy as np

from perl_safety.rules.judged import Bounds, Tick


def velocity(tick: Tick) -> Bounds:
    """Bound the speed of every joint, now and when the acceleration is gone."""
    return speed_bounds(tick, tick.limits.max_joint_speed_rad_s)


def speed_bounds(tick: Tick, fastest_rad_s: float) -> Bounds:
    """Return the velocities that neither are too fast nor lead to a speed that is."""
    rise, last = tick.gain, tick.last.velocity_rad_s
    coasting = rise * last
    return Bounds(
        np.maximum((coasting - fastest_rad_s) / (1.0 + rise), -fastest_rad_s),
        np.minimum((coasting + fastest_rad_s) / (1.0 + rise), fastest_rad_s),
    )
