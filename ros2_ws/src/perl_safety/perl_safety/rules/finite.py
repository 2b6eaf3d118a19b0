"""A command or a state that is not made of six finite numbers stops the arm."""

import numpy as np

from perl_safety.rules.rule import Context, Verdict
from perl_safety.severity import Severity


def finite(context: Context, _candidate: np.ndarray) -> Verdict | None:
    """Stop on NaN, infinity or a wrong shape, in what was asked or measured."""
    asked, state = context.asked_rad, context.state
    if asked is not None and not _is_finite(asked):
        return Verdict(Severity.STOP, 'finite:asked')
    if not _is_finite(state.joint_position_rad):
        return Verdict(Severity.STOP, 'finite:measured_position')
    if not _is_finite(state.joint_velocity_rad_s):
        return Verdict(Severity.STOP, 'finite:measured_velocity')
    return None


def _is_finite(joints: np.ndarray) -> bool:
    """Return whether these are six finite numbers."""
    return joints.shape == (6,) and bool(np.isfinite(joints).all())
