"""Where tool0 may be: inside a sphere and above the table."""

import math

import numpy as np

from perl_safety.rules.rule import Context, Verdict, stop_position_rad
from perl_safety.severity import Severity


def workspace(context: Context, candidate: np.ndarray) -> Verdict | None:
    """Allow only velocities from which tool0 comes to rest inside the workspace.

    The last rule: between braking, whose resting place was allowed one period ago, and the
    candidate it takes the fastest velocity whose resting place is allowed. Outside already, tool0
    may only move inwards.
    """
    reached_m, name = _outside_m(context, candidate)
    if reached_m <= 0.0:
        return None
    braking = context.braking_rad_s
    braked_m, _ = _outside_m(context, braking)
    if reached_m <= braked_m:
        return None
    share = max(-braked_m, 0.0) / (reached_m - braked_m)
    slower = braking + share * (candidate - braking)
    return Verdict(
        Severity.PASS, name, np.minimum(slower, braking), np.maximum(slower, braking)
    )


def _outside_m(context: Context, velocity_rad_s: np.ndarray) -> tuple[float, str]:
    """Return how far outside tool0 would rest [m], negative inside, and which border is nearest.

    Args:
        context: this tick.
        velocity_rad_s: of the next period, after which the arm brakes.
    """
    tool_m = context.kinematics.frames(stop_position_rad(context, velocity_rad_s))[6, :3, 3]
    x, y, z = (tool_m - context.joints.centre_base_m).tolist()
    beyond_m = math.sqrt(x * x + y * y + z * z) - context.limits.workspace_radius_m
    below_m = context.limits.min_tool_height_base_m - float(tool_m[2])
    if below_m > beyond_m:
        return below_m, 'workspace:table'
    return beyond_m, 'workspace:sphere'
