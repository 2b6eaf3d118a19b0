"""Where tool0 may be: inside a sphere, above the table, and on one side of every plane."""

from perl_safety.arm_shape import TOOL
from perl_safety.clearance import HalfSpace, InsideSphere, Row
from perl_safety.limits import SafetyLimits

_ORIGIN_M = (0.0, 0.0, 0.0)


def workspace(limits: SafetyLimits) -> list[Row]:
    """Return the borders of tool0."""
    up, x, y, z = (0.0, 0.0, 1.0), *limits.workspace_centre_base_m
    rows: list[Row] = [
        InsideSphere('workspace:sphere', TOOL, (x, y, z), limits.workspace_radius_m),
        HalfSpace('workspace:table', TOOL, _ORIGIN_M, up, limits.min_tool_height_base_m),
    ]
    for plane in limits.planes:
        x, y, z = plane.inward_base
        rows.append(
            HalfSpace(f'workspace:{plane.name}', TOOL, _ORIGIN_M, (x, y, z), plane.offset_m)
        )
    return rows
