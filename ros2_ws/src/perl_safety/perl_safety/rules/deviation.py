"""An arm that does not follow its commands stops."""

from operator import sub

import numpy as np
from perl_core.contract import JOINT_NAMES

from perl_safety.rules.judged import Observed


def deviation(observed: Observed) -> str | None:
    """Stop when command and measurement are too far apart."""
    command, measured = observed.position_rad, observed.state.joint_position_rad
    most = observed.limits.max_deviation_rad
    # Plain floats: numpy takes three times as long for six.
    if all(-most <= apart <= most for apart in map(sub, command.tolist(), measured.tolist())):
        return None
    apart_rad = np.abs(command - measured)
    return f'deviation:{JOINT_NAMES[int(apart_rad.argmax())]}'
