"""How smooth the tool's path is."""

from typing import NamedTuple

import numpy as np
from perl_core.contract import OBSERVATION, slice_bounds

_VELOCITY = slice_bounds(OBSERVATION)['tool_velocity_base_m_s']
_FEWEST = 3
"""Velocities for one second difference."""


class Smoothness(NamedTuple):
    """Of one path; NaN if it is too short or at rest."""

    jerk_rms_m_s3: float
    """Root of the mean squared jerk of tool0."""
    log_dimensionless_jerk: float
    """-ln(integral of jerk^2 * duration^3 / peak speed^2): closer to zero is smoother, whatever
    the length and the speed. Source: Balasubramanian et al., IEEE TBME 59(8), 2012."""


def smoothness(observation: np.ndarray, stamp_ns: np.ndarray, period_s: float) -> Smoothness:
    """Return the smoothness of a path, from the measured velocities that the policy saw.

    Args:
        observation: shape (n, OBSERVATION_SIZE).
        stamp_ns: shape (n,).
        period_s: of the policy; jerks across a missing period are left out.
    """
    velocity = observation[:, _VELOCITY].astype(float)
    if len(velocity) < _FEWEST:
        return Smoothness(np.nan, np.nan)
    regular = np.abs(np.diff(stamp_ns) * 1e-9 - period_s) < 0.5 * period_s
    jerk = np.diff(velocity, n=2, axis=0)[regular[1:] & regular[:-1]] / period_s**2
    if not len(jerk):
        return Smoothness(np.nan, np.nan)
    square = (jerk * jerk).sum(axis=1)
    peak = np.linalg.norm(velocity, axis=1).max()
    duration_s = len(jerk) * period_s
    cost = square.sum() * period_s * duration_s**3 / peak**2 if peak > 0.0 else 0.0
    return Smoothness(float(np.sqrt(square.mean())), float(-np.log(cost)) if cost else np.nan)
