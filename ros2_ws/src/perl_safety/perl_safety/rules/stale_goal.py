"""A goal whose sender is silent is not pursued."""

from perl_safety.rules.judged import Observed


def stale_goal(observed: Observed) -> str | None:
    """Stop when the sender of the goal was not heard for too long."""
    return 'stale_goal' if observed.facts.goal_age_s > observed.limits.goal_stop_age_s else None
