"""Which topics a bag of this stack holds, of which type, and how they are offered."""

from collections.abc import Iterable
import dataclasses

from perl_core.errors import ConfigError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Topic:
    """One recorded topic."""

    name: str
    """Full name on the ROS graph."""
    type: str
    """Full type name, for example 'perl_msgs/msg/PolicyState'."""
    latched: bool = False
    """Offered as transient local with depth 1: a late subscriber still gets the last message."""


JOINT_STATES = '/joint_states'
CONTROLLER_STATE = '/perl_controller/state'
COMMAND = '/perl_controller/command'
POLICY_STATE = '/perl_controller/policy_state'
LOOP_TIMING = '/perl_controller/loop_timing'
REACH_EVENTS = '/perl_controller/reach_events'
FILTER_SAFETY = '/perl_controller/safety'
MONITOR_SAFETY = '/perl_safety_monitor/safety'
MARKS = '/perl_recorder/marks'

STACK_TOPICS = (
    Topic(name=JOINT_STATES, type='sensor_msgs/msg/JointState'),
    Topic(name=CONTROLLER_STATE, type='perl_msgs/msg/ControllerState', latched=True),
    Topic(name=COMMAND, type='perl_msgs/msg/JointCommand'),
    Topic(name=POLICY_STATE, type='perl_msgs/msg/PolicyState'),
    Topic(name=LOOP_TIMING, type='perl_msgs/msg/LoopTiming'),
    Topic(name=REACH_EVENTS, type='perl_msgs/msg/ReachEvent'),
    Topic(name=FILTER_SAFETY, type='perl_msgs/msg/SafetyState', latched=True),
    Topic(name=MONITOR_SAFETY, type='perl_msgs/msg/SafetyState', latched=True),
    Topic(name=MARKS, type='perl_msgs/msg/Mark'),
    Topic(name='/diagnostics', type='diagnostic_msgs/msg/DiagnosticArray'),
    Topic(
        name='/perl_controller/reach/_action/feedback',
        type='perl_msgs/action/Reach_FeedbackMessage',
    ),
    Topic(
        name='/perl_controller/reach/_action/status',
        type='action_msgs/msg/GoalStatusArray',
        latched=True,
    ),
    Topic(name='/rosout', type='rcl_interfaces/msg/Log', latched=True),
)
"""Everything that ARCHITECTURE.md lists, the topics of the action, and the log."""


def select_topics(names: Iterable[str]) -> tuple[Topic, ...]:
    """Return the stack's topics with these names; all of them for no name at all.

    Raises:
        ConfigError: a name that the stack does not have.
    """
    known = {topic.name: topic for topic in STACK_TOPICS}
    wanted = list(names) or list(known)
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise ConfigError(f'unknown topics to record: {unknown}. Known: {list(known)}')
    return tuple(known[name] for name in wanted)
