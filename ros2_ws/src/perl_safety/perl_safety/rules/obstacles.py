"""No link touches a box that the limits name."""

from perl_safety.arm_shape import CAPSULES
from perl_safety.clearance import CapsuleBox, Row, Vector
from perl_safety.limits import SafetyLimits

_FIRST = 1
"""The base does not move."""


def obstacles(limits: SafetyLimits) -> list[Row]:
    """Return a row for every box and every link that moves."""
    return [
        CapsuleBox(
            f'obstacle:{box.name}', index, _vector(box.centre_base_m), _vector(box.half_size_m),
            box.min_distance_m,
        )
        for box in limits.obstacles
        for index in range(_FIRST, len(CAPSULES))
    ]


def _vector(numbers: tuple[float, ...]) -> Vector:
    x, y, z = numbers
    return x, y, z
