"""What an evaluation reads of a bag."""

from perl_replay.topics import (
    COMMAND,
    CONTROLLER_STATE,
    FILTER_SAFETY,
    JOINT_STATES,
    LOOP_TIMING,
    MARKS,
    MONITOR_SAFETY,
    POLICY_STATE,
    REACH_EVENTS,
)

_SAFETY_FIELDS = ('header', 'severity', 'reasons', 'limited_ticks', 'stops')
NEEDED = {
    REACH_EVENTS: (
        'perl_msgs/msg/ReachEvent',
        ('header', 'goal_id', 'event', 'goal', 'position_tolerance_m', 'rotation_tolerance_rad',
         'position_error_m', 'rotation_error_rad', 'duration_s', 'message'),
    ),
    POLICY_STATE: (
        'perl_msgs/msg/PolicyState',
        ('header', 'tick', 'goal_id', 'observation', 'action', 'gate', 'branch', 'shadow',
         'position_error_m', 'rotation_error_rad', 'inference_us'),
    ),
    LOOP_TIMING: (
        'perl_msgs/msg/LoopTiming',
        ('header', 'first_tick', 'lateness_us', 'work_us', 'state_age_us', 'overruns', 'skipped',
         'policy_misses'),
    ),
    CONTROLLER_STATE: (
        'perl_msgs/msg/ControllerState',
        ('header', 'state', 'reason', 'robot_ip', 'bundle_sha256', 'robot_mode', 'safety_mode',
         'safety_status_bits', 'runtime_state'),
    ),
    COMMAND: (
        'perl_msgs/msg/JointCommand',
        ('header', 'tick', 'asked_rad', 'sent_rad', 'measured_rad', 'limited'),
    ),
    JOINT_STATES: ('sensor_msgs/msg/JointState', ('header', 'position', 'velocity')),
    FILTER_SAFETY: ('perl_msgs/msg/SafetyState', _SAFETY_FIELDS),
    MONITOR_SAFETY: ('perl_msgs/msg/SafetyState', _SAFETY_FIELDS),
}
"""Topics that the figures need, with the types and fields they are read from."""

WELCOME = {MARKS: ('perl_msgs/msg/Mark', ('header', 'text'))}
"""Topics that are read where a bag has them."""
