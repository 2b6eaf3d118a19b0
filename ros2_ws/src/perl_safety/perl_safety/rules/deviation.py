"""An arm that does not follow its commands stops."""

import numpy as np
from perl_core.contract import JOINT_NAMES

from perl_safety.rules.judged import Observed


def deviation(observed: Observed) -> str | None:
    """Stop when command and measurement are too far apart."""
    apart_rad = np.abs(observed.position_rad - observed.state.joint_position_rad)
    if apart_rad.max() <= observed.limits.max_deviation_rad:
        return None
    return f'deviation:{JOINT_NAMES[int(apart_rad.argmax())]}'
