"""The arm stays away from where it loses a direction of motion.

The determinant of a UR's Jacobian is a product: the sine of the elbow, the sine of wrist 2, and
the distance of the wrist's centre from the axis of the base. Each factor has a limit of its own;
a condition number of the whole mixes metres with radians.
"""

from perl_safety.arm_shape import WRIST_CENTRE
from perl_safety.clearance import OffAxis, Row, SineOfJoint
from perl_safety.limits import SafetyLimits

_ELBOW_JOINT, _WRIST_2_JOINT = 2, 4


def singularity(limits: SafetyLimits) -> list[Row]:
    """Return a row for each of the three."""
    sine = limits.min_singular_sine
    return [
        SineOfJoint('singularity:elbow', _ELBOW_JOINT, sine),
        SineOfJoint('singularity:wrist', _WRIST_2_JOINT, sine),
        OffAxis('singularity:shoulder', WRIST_CENTRE, limits.min_axis_distance_m),
    ]
