"""Links that are no neighbours keep apart.

The upper arm passes beside the base; it can meet it only where it points down, which the rule for
the elbow's height forbids.
"""

from perl_safety.arm_shape import CAPSULES
from perl_safety.clearance import CapsulePair, Row
from perl_safety.limits import SafetyLimits

_BESIDE = ('base', 'upper_arm')


def self_collision(limits: SafetyLimits) -> list[Row]:
    """Return a row for every pair of links with at least one link between them, but for that."""
    return [
        CapsulePair(
            f'self_collision:{CAPSULES[first].name}+{CAPSULES[second].name}', first, second,
            limits.min_self_distance_m,
        )
        for second in range(len(CAPSULES))
        for first in range(second - 1)
        if (CAPSULES[first].name, CAPSULES[second].name) != _BESIDE
    ]
