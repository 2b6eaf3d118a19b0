"""Joint position, with the distance that braking takes."""

import numpy as np

from perl_safety.rules.rule import Context, Verdict, fastest_stoppable_rad_s
from perl_safety.severity import Severity


def joint_position(context: Context, _candidate: np.ndarray) -> Verdict:
    """Bound the velocity so that the arm can still stop before every joint limit.

    Outside a limit the joint may only move inwards.
    """
    acceleration = context.limits.max_joint_acceleration_rad_s2
    position, joints = context.position_rad, context.joints
    return Verdict(
        Severity.PASS,
        'joint_position',
        -fastest_stoppable_rad_s(position - joints.lower_rad, acceleration, context.period_s),
        fastest_stoppable_rad_s(joints.upper_rad - position, acceleration, context.period_s),
    )
