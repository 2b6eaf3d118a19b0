"""The joint velocity changes no faster than the acceleration limit."""

import numpy as np

from perl_safety.rules.rule import Context, Verdict
from perl_safety.severity import Severity


def acceleration(context: Context, _candidate: np.ndarray) -> Verdict:
    """Bound the change from the last velocity; the braking velocity is always inside."""
    step_rad_s = context.limits.max_joint_acceleration_rad_s2 * context.period_s
    last = context.velocity_rad_s
    return Verdict(Severity.PASS, 'acceleration', last - step_rad_s, last + step_rad_s)
