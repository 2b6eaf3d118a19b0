"""An arm that does not follow its commands stops."""

import numpy as np
from perl_core.contract import JOINT_NAMES

from perl_safety.rules.rule import Context, Verdict
from perl_safety.severity import Severity


def deviation(context: Context, _candidate: np.ndarray) -> Verdict | None:
    """Stop when command and measurement are too far apart."""
    apart_rad = np.abs(context.position_rad - context.state.joint_position_rad)
    worst = int(apart_rad.argmax())
    if apart_rad[worst] > context.limits.max_deviation_rad:
        return Verdict(Severity.STOP, f'deviation:{JOINT_NAMES[worst]}')
    return None
