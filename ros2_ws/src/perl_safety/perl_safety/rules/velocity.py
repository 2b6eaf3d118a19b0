"""Joint speed."""

import numpy as np

from perl_safety.rules.rule import Context, Verdict
from perl_safety.severity import Severity


def velocity(context: Context, _candidate: np.ndarray) -> Verdict:
    """Bound the speed of every joint."""
    speed_rad_s = context.joints.speed_rad_s
    return Verdict(Severity.PASS, 'velocity', -speed_rad_s, speed_rad_s)
