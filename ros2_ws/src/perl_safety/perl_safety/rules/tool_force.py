"""An arm that presses too hard stops."""

import math

from perl_safety.rules.judged import Observed


def tool_force(observed: Observed) -> str | None:
    """Stop on too large a force at the tool, or on one that is no number."""
    force_n = observed.facts.tool_force_n
    if math.isfinite(force_n) and force_n <= observed.limits.max_tool_force_n:
        return None
    return 'tool_force'
