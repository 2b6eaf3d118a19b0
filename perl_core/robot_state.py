"""What is known of an arm at one moment, whoever measured it."""

from typing import NamedTuple

import numpy as np

RUNTIME_PLAYING = 2
"""runtime_state of a controller whose program runs (RTDE guide)."""
ROBOT_MODE_RUNNING = 7
"""robot_mode of an arm whose brakes are released (RTDE guide)."""
SAFETY_MODE_NORMAL = 1
"""safety_mode without any stop or reduction (RTDE guide)."""
SAFETY_BITS = (
    'normal', 'reduced', 'protective_stop', 'recovery', 'safeguard_stop', 'system_emergency_stop',
    'robot_emergency_stop', 'emergency_stop', 'violation', 'fault', 'stopped_due_to_safety',
)
"""Names of the bits of safety_status_bits, lowest first (RTDE guide)."""


class RobotState(NamedTuple):
    """One sample of the controller's own report, stamped by our clock."""

    controller_time_s: float
    """RTDE timestamp: the controller's clock [s]."""
    fresh_ns: int
    """time.monotonic_ns() at which this controller_time_s was first seen here [ns]."""
    joint_position_rad: np.ndarray
    """Measured, shape (6,), UR joint order."""
    joint_velocity_rad_s: np.ndarray
    """Measured, shape (6,)."""
    robot_mode: int
    """7 = running."""
    safety_mode: int
    """1 = normal."""
    safety_status_bits: int
    """See SAFETY_BITS; 1 = normal."""
    runtime_state: int
    """2 = program playing."""
    speed_scaling: float
    """Speed slider times internal scaling, 0 to 1."""
    tool_force_n: float = 0.0
    """Magnitude of the force at the tool, as the controller estimates it; 0 where not read."""

    def age_s(self, now_ns: int) -> float:
        """Return how old this state is by our own clock [s]."""
        return (now_ns - self.fresh_ns) * 1e-9
