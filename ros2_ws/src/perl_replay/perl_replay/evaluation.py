"""Bag -> figures: everything that the report says, from the bag alone."""

from collections.abc import Sequence
import dataclasses
import math
from pathlib import Path
from typing import Any

from perl_core.errors import BagError

from perl_replay.bag import Bag, BagMessage
from perl_replay.episodes import EpisodeCollector
from perl_replay.goals import (
    GoalFigures,
    GoalSummary,
    judge_goal,
    named_goals,
    summarise_goals,
)
from perl_replay.safety_events import SafetyCollector, SafetyFigures
from perl_replay.timing import TimingCollector, TimingFigures
from perl_replay.topics import (
    CONTROLLER_STATE,
    FILTER_SAFETY,
    LOOP_TIMING,
    MONITOR_SAFETY,
    POLICY_STATE,
    REACH_EVENTS,
)

_SAFETY_FIELDS = ('severity', 'reasons', 'limited_ticks', 'stops')
_NEEDED = {
    REACH_EVENTS: (
        'perl_msgs/msg/ReachEvent',
        ('header', 'goal_id', 'event', 'goal', 'position_tolerance_m', 'rotation_tolerance_rad',
         'position_error_m', 'rotation_error_rad', 'duration_s', 'message'),
    ),
    POLICY_STATE: (
        'perl_msgs/msg/PolicyState',
        ('header', 'goal_id', 'observation', 'gate', 'branch', 'shadow', 'position_error_m',
         'rotation_error_rad', 'inference_us'),
    ),
    LOOP_TIMING: (
        'perl_msgs/msg/LoopTiming',
        ('first_tick', 'lateness_us', 'work_us', 'state_age_us', 'overruns', 'skipped',
         'policy_misses'),
    ),
    CONTROLLER_STATE: (
        'perl_msgs/msg/ControllerState',
        ('state', 'reason', 'robot_ip', 'bundle_sha256', 'safety_mode'),
    ),
    FILTER_SAFETY: ('perl_msgs/msg/SafetyState', _SAFETY_FIELDS),
    MONITOR_SAFETY: ('perl_msgs/msg/SafetyState', _SAFETY_FIELDS),
}
"""Topics that the figures need, with the types and fields they are read from."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Everything that a bag says about a run."""

    bag: str
    """Where the bag is."""
    duration_s: float
    """From its first message to its last."""
    messages: int
    """Of all topics."""
    damage: str | None
    """Why only a part of the bag was evaluated; None if it is whole."""
    robot_ip: str
    """As the controller reported it; empty if unknown."""
    bundle_sha256: str
    """Hash of the policy's manifest; empty if unknown."""
    software: dict[str, str]
    """Git hash and versions, as the recorder noted them."""
    summary: GoalSummary
    """Figures over all goals."""
    goals: tuple[GoalFigures, ...]
    """Figures of each goal, in the order in which they were sent."""
    timing: TimingFigures
    """The control loop's punctuality."""
    safety: SafetyFigures
    """Stops, faults and limits."""
    problems: tuple[str, ...]
    """One sentence for everything that should not have happened."""

    @property
    def ok(self) -> bool:
        """At least one goal, none failed, nothing stopped, and the bag is whole."""
        return not self.problems

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types; figures that are not finite become None."""
        return {'ok': self.ok, **_plain(dataclasses.asdict(self))}


def evaluate_bag(path: Path | str) -> Evaluation:
    """Return the figures of a bag, or of its readable part (see ``Evaluation.damage``).

    Raises:
        BagError: no bag, an empty one, or one that was not recorded with this stack.
    """
    bag = Bag(Path(path), readable_part=True)
    if not bag.message_count:
        raise BagError(f'{path} holds no messages. {bag.damage or "Nothing was recorded."}')
    bag.require(_NEEDED)
    reading = _Reading(bag.start_ns)
    for message in bag.messages(_NEEDED):
        reading.add(message)
    goals = reading.finish()
    timing, safety = reading.timing.figures(), reading.safety.figures()
    robot = bag.metadata.get('perl_robot', {})
    return Evaluation(
        bag=str(path),
        duration_s=(bag.end_ns - bag.start_ns) / 1e9,
        messages=bag.message_count,
        damage=bag.damage,
        robot_ip=reading.safety.robot_ip or robot.get('robot_ip', ''),
        bundle_sha256=reading.safety.bundle_sha256 or robot.get('bundle_sha256', ''),
        software=bag.metadata.get('perl_software', {}),
        summary=summarise_goals(goals),
        goals=tuple(goals),
        timing=timing,
        safety=safety,
        problems=tuple(_problems(goals, timing, safety, bag.damage)),
    )


class _Reading:
    """Collects figures while the bag goes by."""

    def __init__(self, start_ns: int) -> None:
        self.timing = TimingCollector()
        self.safety = SafetyCollector(start_ns)
        self._episodes = EpisodeCollector()
        self._goals: list[tuple[int, GoalFigures]] = []
        self._last_ns = start_ns

    def add(self, message: BagMessage) -> None:
        """Take the next message."""
        self._last_ns = message.received_ns
        match message.topic:
            case topic if topic == REACH_EVENTS:
                self._episodes.add_event(message.data, message.received_ns)
            case topic if topic == POLICY_STATE:
                self._episodes.add_policy_state(message.data)
                self.timing.add_inference(message.data)
            case topic if topic == LOOP_TIMING:
                self.timing.add(message.data)
                self._judge(self._episodes.take_complete(message.received_ns))
            case topic if topic == CONTROLLER_STATE:
                self.safety.add_controller(message.data, message.received_ns)
            case _:
                source = 'filter' if message.topic == FILTER_SAFETY else 'monitor'
                self.safety.add_safety(source, message.data, message.received_ns)

    def finish(self) -> list[GoalFigures]:
        """Return the figures of all goals, in the order in which they began."""
        self._judge(self._episodes.take_all())
        return [goal for _, goal in sorted(self._goals, key=lambda entry: entry[0])]

    def _judge(self, episodes: Sequence[Any]) -> None:
        """Reduce complete episodes to their figures."""
        for episode in episodes:
            began_ns = episode.started_ns or episode.ended_ns or self._last_ns
            self._goals.append((began_ns, judge_goal(episode)))


def _problems(
    goals: Sequence[GoalFigures],
    timing: TimingFigures,
    safety: SafetyFigures,
    damage: str | None,
) -> list[str]:
    """Return one sentence for everything that should not have happened."""
    problems = [damage] if damage else []
    if not goals:
        problems.append('the bag holds no goal')
    if not timing.ticks:
        problems.append('the bag holds no timing of the control loop')
    problems += [
        f'{name} ({goal.goal_id[:8]}) failed: {goal.outcome}: {goal.failure}'
        for name, goal in named_goals(goals)
        if goal.failure is not None
    ]
    problems += [
        f'{event.source} at {event.time_s:.2f} s: {event.event} {", ".join(event.reasons)}'.strip()
        for event in safety.events
        if event.armed and event.event != 'RESET'
    ]
    for source, stops in (('filter', safety.filter_stops), ('monitor', safety.monitor_stops)):
        if stops:
            problems.append(f'stops by the {source}: {stops}')
    return problems


def _plain(value: Any) -> Any:
    """Return JSON types, None for what JSON cannot say."""
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
