"""A command or a state that is not made of finite numbers stops the arm."""

import math

import numpy as np

from perl_safety.rules.judged import Observed

_JOINTS = (6,)


def finite(observed: Observed) -> str | None:
    """Stop on NaN, infinity or a wrong shape, in what was asked or measured."""
    asked, state = observed.asked_rad, observed.state
    if asked is not None and not _is_finite(asked):
        return 'finite:asked'
    if not _is_finite(state.joint_position_rad):
        return 'finite:measured_position'
    if not _is_finite(state.joint_velocity_rad_s):
        return 'finite:measured_velocity'
    return None if math.isfinite(state.speed_scaling) else 'finite:speed_scaling'


def _is_finite(joints: np.ndarray) -> bool:
    """Return whether these are six finite numbers."""
    # A sum is finite if its parts are, unless they overflow: then they are no joints either.
    return joints.shape == _JOINTS and math.isfinite(sum(joints.tolist()))
