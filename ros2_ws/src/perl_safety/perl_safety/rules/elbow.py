"""Where the elbow may be: above a height, and on one side of every plane."""

from perl_safety.arm_shape import ELBOW
from perl_safety.clearance import HalfSpace, Row
from perl_safety.limits import SafetyLimits

_ORIGIN_M = (0.0, 0.0, 0.0)


def elbow(limits: SafetyLimits) -> list[Row]:
    """Return the borders of the elbow."""
    up, least_m = (0.0, 0.0, 1.0), limits.min_elbow_height_base_m
    rows: list[Row] = [HalfSpace('elbow:height', ELBOW, _ORIGIN_M, up, least_m)]
    for plane in limits.planes:
        x, y, z = plane.inward_base
        rows.append(HalfSpace(f'elbow:{plane.name}', ELBOW, _ORIGIN_M, (x, y, z), plane.offset_m))
    return rows
