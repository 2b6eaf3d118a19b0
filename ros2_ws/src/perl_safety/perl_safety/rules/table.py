"""No link touches the table on which the arm stands."""

from perl_safety.arm_shape import CAPSULES
from perl_safety.clearance import HalfSpace, Row
from perl_safety.limits import SafetyLimits

_FIRST = 2
"""Base and shoulder stand on the table."""


def table(limits: SafetyLimits) -> list[Row]:
    """Return a border for both ends of every link that moves up and down."""
    height_m = limits.min_link_height_base_m
    return [
        HalfSpace(
            f'table:{capsule.name}', capsule.frame, end_m, (0.0, 0.0, 1.0),
            height_m + capsule.radius_m,
        )
        for capsule in CAPSULES[_FIRST:]
        for end_m in (capsule.begin_m, capsule.end_m)
    ]
