"""An arm that is not seen does not move."""

import numpy as np

from perl_safety.rules.rule import Context, Verdict
from perl_safety.severity import Severity

_REST_RAD_S = np.zeros(6)


def stale_state(context: Context, _candidate: np.ndarray) -> Verdict | None:
    """Brake while the state is old; stop when it is too old."""
    age_s = context.state.age_s(context.now_ns)
    if age_s <= context.limits.state_hold_age_s:
        return None
    severity = Severity.STOP if age_s > context.limits.state_stop_age_s else Severity.PASS
    return Verdict(severity, 'stale_state', _REST_RAD_S, _REST_RAD_S)
