"""Speed of tool0."""

import math

import numpy as np

from perl_safety.rules.rule import Context, Verdict
from perl_safety.severity import Severity

_REST_RAD_S = np.zeros(6)


def tool_speed(context: Context, candidate: np.ndarray) -> Verdict | None:
    """Slow all joints alike, so that tool0 keeps its direction, when it would be too fast."""
    _, jacobian = context.kinematics.tool_pose_and_jacobian(context.position_rad)
    x, y, z = (jacobian[:3] @ candidate).tolist()
    speed_m_s = math.sqrt(x * x + y * y + z * z)
    if speed_m_s <= context.limits.max_tool_speed_m_s:
        return None
    slower = candidate * (context.limits.max_tool_speed_m_s / speed_m_s)
    return Verdict(
        Severity.PASS,
        'tool_speed',
        np.minimum(slower, _REST_RAD_S),
        np.maximum(slower, _REST_RAD_S),
    )
