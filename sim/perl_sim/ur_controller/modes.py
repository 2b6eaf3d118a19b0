"""The controller's modes as UR numbers them, and the bits that report them (RTDE guide)."""

import enum


class RobotMode(enum.IntEnum):
    """robot_mode (RTDE guide)."""

    NO_CONTROLLER = -1
    DISCONNECTED = 0
    CONFIRM_SAFETY = 1
    BOOTING = 2
    POWER_OFF = 3
    POWER_ON = 4
    IDLE = 5
    BACKDRIVE = 6
    RUNNING = 7


class SafetyMode(enum.IntEnum):
    """safety_mode (RTDE guide)."""

    NORMAL = 1
    REDUCED = 2
    PROTECTIVE_STOP = 3
    RECOVERY = 4
    SAFEGUARD_STOP = 5
    SYSTEM_EMERGENCY_STOP = 6
    ROBOT_EMERGENCY_STOP = 7
    VIOLATION = 8
    FAULT = 9
    AUTOMATIC_MODE_SAFEGUARD_STOP = 12
    SYSTEM_THREE_POSITION_ENABLING_STOP = 13


class RuntimeState(enum.IntEnum):
    """runtime_state (RTDE guide)."""

    STOPPING = 0
    STOPPED = 1
    PLAYING = 2
    PAUSING = 3
    PAUSED = 4
    RESUMING = 5


class JointMode(enum.IntEnum):
    """joint_mode (RTDE guide)."""

    BACKDRIVE = 238
    POWER_OFF = 239
    BOOTING = 247
    VIOLATION = 251
    FAULT = 252
    RUNNING = 253
    IDLE = 255


_STOPPED = 1 << 10
SAFETY_STATUS_BITS = {
    SafetyMode.NORMAL: 1 << 0,
    SafetyMode.REDUCED: 1 << 1,
    SafetyMode.PROTECTIVE_STOP: 1 << 2 | _STOPPED,
    SafetyMode.RECOVERY: 1 << 3,
    SafetyMode.SAFEGUARD_STOP: 1 << 4 | _STOPPED,
    SafetyMode.SYSTEM_EMERGENCY_STOP: 1 << 5 | 1 << 7 | _STOPPED,
    SafetyMode.ROBOT_EMERGENCY_STOP: 1 << 6 | 1 << 7 | _STOPPED,
    SafetyMode.VIOLATION: 1 << 8 | _STOPPED,
    SafetyMode.FAULT: 1 << 9 | _STOPPED,
    SafetyMode.AUTOMATIC_MODE_SAFEGUARD_STOP: 1 << 4 | _STOPPED,
    SafetyMode.SYSTEM_THREE_POSITION_ENABLING_STOP: 1 << 11 | _STOPPED,
}
"""safety_status_bits of each mode (RTDE guide); several causes at once add up."""

SEVERITY = (
    SafetyMode.FAULT,
    SafetyMode.VIOLATION,
    SafetyMode.ROBOT_EMERGENCY_STOP,
    SafetyMode.SYSTEM_EMERGENCY_STOP,
    SafetyMode.PROTECTIVE_STOP,
    SafetyMode.SAFEGUARD_STOP,
    SafetyMode.AUTOMATIC_MODE_SAFEGUARD_STOP,
    SafetyMode.SYSTEM_THREE_POSITION_ENABLING_STOP,
    SafetyMode.RECOVERY,
    SafetyMode.REDUCED,
    SafetyMode.NORMAL,
)
"""The first that holds is the mode that is reported. Own choice of the order."""

MOVABLE = (SafetyMode.NORMAL, SafetyMode.REDUCED)
"""Safety modes in which a program may run."""

EMERGENCY_STOPS = (SafetyMode.ROBOT_EMERGENCY_STOP, SafetyMode.SYSTEM_EMERGENCY_STOP)
SAFEGUARD_STOPS = (
    SafetyMode.SAFEGUARD_STOP,
    SafetyMode.AUTOMATIC_MODE_SAFEGUARD_STOP,
    SafetyMode.SYSTEM_THREE_POSITION_ENABLING_STOP,
)

JOINT_MODES = {
    RobotMode.BOOTING: JointMode.BOOTING,
    RobotMode.POWER_ON: JointMode.IDLE,
    RobotMode.IDLE: JointMode.IDLE,
    RobotMode.BACKDRIVE: JointMode.BACKDRIVE,
    RobotMode.RUNNING: JointMode.RUNNING,
}
"""joint_mode in each robot mode; in all others the joints are switched off."""
