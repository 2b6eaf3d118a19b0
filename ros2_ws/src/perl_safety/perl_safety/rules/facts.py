"""What only the control loop knows and the filter judges."""

from typing import NamedTuple


class LoopFacts(NamedTuple):
    """About this tick; the defaults say that nothing is wrong."""

    goal_age_s: float = 0.0
    """Since the sender of the goal was last heard; 0 without a goal."""
    skipped_cycles: int = 0
    """Control periods in a row that were missed just before this one."""
    tool_force_n: float = 0.0
    """Magnitude of the force at the tool; 0 where it is not measured."""


ALL_WELL = LoopFacts()
"""Of a caller that has no loop."""
