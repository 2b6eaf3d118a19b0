"""An arm that is not seen does not move."""

from perl_safety.rules.judged import Observed


def stale_state(observed: Observed) -> str | None:
    """Stop when the state is too old."""
    age_s = observed.state.age_s(observed.now_ns)
    return 'stale_state' if age_s > observed.limits.state_stop_age_s else None


def is_ageing(observed: Observed) -> bool:
    """Return whether the state is so old that the arm brakes until a new one comes."""
    return observed.state.age_s(observed.now_ns) > observed.limits.state_hold_age_s
