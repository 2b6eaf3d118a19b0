"""Bag -> figures: everything that the report says, from the bag alone."""

from collections.abc import Sequence
import dataclasses
import math
from pathlib import Path
from typing import Any

from perl_core.errors import BagError
from perl_safety.limits import DEFAULT_LIMITS_FILE, load_limits

from perl_replay.bag import Bag
from perl_replay.filter_replay import FilterReplayFigures
from perl_replay.goals import (
    GoalFigures,
    GoalSummary,
    named_goals,
    summarise_goals,
    with_safety,
)
from perl_replay.latency import LatencyFigures
from perl_replay.marks import MarkFigures
from perl_replay.monitor_replay import MonitorReplayFigures
from perl_replay.needed import NEEDED, WELCOME
from perl_replay.objections import Objections
from perl_replay.observation_replay import ObservationReplayFigures
from perl_replay.policy_replay import PolicyReplayFigures, replay_problems
from perl_replay.prediction import PredictionFigures
from perl_replay.reading import EpisodeObserver, Reading, Source
from perl_replay.safety_events import SafetyFigures
from perl_replay.stops import StopFigures
from perl_replay.symmetry_score import SymmetryFigures
from perl_replay.timing import TimingFigures
from perl_replay.topics import CONTROLLER_STATE, FILTER_SAFETY, JOINT_STATES, MONITOR_SAFETY

_JOINT_RATE_HZ = 50.0
"""Joint states are read at about this rate, however many were recorded: enough for the delay of a
motion and for the time to stop, and a tenth of the cost."""

_REPEATED = {CONTROLLER_STATE, FILTER_SAFETY, MONITOR_SAFETY}
"""States that say the same ten times a second."""

_FIELDS = {topic: fields for topic, (_, fields) in (NEEDED | WELCOME).items()}
"""What the figures are read from."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluationOptions:
    """What is compared with what was recorded."""

    bundle: Path | None = None
    """Run this policy; None for the one that was recorded, if it is at hand."""
    limits: Path = DEFAULT_LIMITS_FILE
    """Run the safety filter and the monitor with the limits of this file."""
    partial: bool = False
    """Evaluate what can be evaluated of a bag that is damaged or not as it should be."""


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
    metadata: dict[str, dict[str, str]]
    """Everything else that our recorder noted of this run, by record."""
    summary: GoalSummary
    """Figures over all goals."""
    goals: tuple[GoalFigures, ...]
    """Figures of each goal, in the order in which they were sent."""
    timing: TimingFigures
    """The control loop's punctuality."""
    safety: SafetyFigures
    """Stops, faults and limits."""
    marks: tuple[MarkFigures, ...]
    """What somebody remarked while it was recorded."""
    stops: tuple[StopFigures, ...]
    """How the arm came to rest after each stop."""
    latency: LatencyFigures
    """From command to motion, over all goals."""
    latency_curve: tuple[tuple[float, float], ...]
    """Each delay [s] that was tried, with the correlation there."""
    prediction: PredictionFigures
    """How well the next state was predicted, over all goals."""
    policy_replay: PolicyReplayFigures | None
    """What a policy says to the recorded observations; None without its bundle."""
    observation_replay: ObservationReplayFigures
    """What today's function makes of the recorded joints and goals."""
    symmetry: SymmetryFigures | None
    """Equivariance errors of that policy along the path."""
    filter_replay: FilterReplayFigures
    """What the safety filter does with the recorded commands."""
    monitor_replay: MonitorReplayFigures
    """What the monitor says to the measured states."""
    objections: tuple[str, ...]
    """What is wrong with the bag, and was passed over because a part was asked for."""
    notes: tuple[str, ...]
    """What was not evaluated, and why."""
    problems: tuple[str, ...]
    """One sentence for everything that should not have happened."""

    @property
    def ok(self) -> bool:
        """At least one goal, none failed, nothing stopped, and the bag is whole."""
        return not self.problems

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types; figures that are not finite become None."""
        return {'ok': self.ok, **plain(dataclasses.asdict(self))}


def evaluate_bag(
    path: Path | str,
    options: EvaluationOptions | None = None,
    observe: EpisodeObserver | None = None,
) -> Evaluation:
    """Return the figures of a bag.

    The bag is read once, in memory that does not depend on its length.

    Args:
        path: the bag's folder, or its MCAP file.
        options: what to compare with.
        observe: is shown every goal: its arrays, its figures, and the signals of each step.

    Raises:
        BagError: no bag, an empty one, or one that was not recorded with this stack; without
            ``options.partial`` also one that is damaged or contradicts itself.
        BundleError: ``options.bundle`` cannot be loaded.
        ContractError: its answers mean something else than the recorded ones.
        SafetyConfigError: ``options.limits`` cannot be read.
    """
    options = options or EvaluationOptions()
    objections = Objections(options.partial)
    limits = load_limits(options.limits)
    bag = Bag(Path(path), readable_part=options.partial)
    if not bag.message_count:
        raise BagError(f'{path} holds no messages. {bag.damage or "Nothing was recorded."}')
    welcome = {name: wanted for name, wanted in WELCOME.items() if name in bag.topics}
    usable = [*bag.require(NEEDED, objections), *bag.require(welcome, objections)]
    robot = bag.metadata.get('perl_robot', {})
    source = Source(
        path=bag.path, start_ns=bag.start_ns, bundle_sha256=robot.get('bundle_sha256', '')
    )
    reading = Reading(source, limits, options.bundle, objections, observe)
    try:
        goals = reading.read(
            bag.messages(usable, _thinned(bag), _REPEATED & set(usable), _FIELDS)
        )
    except BagError as error:
        objections.raise_('reading', str(error))
        goals = reading.goals()
    return _evaluation(bag, reading, goals, objections.noted)


def _thinned(bag: Bag) -> dict[str, int]:
    """Return of which topics only every n-th message is read."""
    if JOINT_STATES not in bag.topics or bag.end_ns <= bag.start_ns:
        return {}
    rate_hz = bag.topics[JOINT_STATES].messages * 1e9 / (bag.end_ns - bag.start_ns)
    return {JOINT_STATES: max(1, round(rate_hz / _JOINT_RATE_HZ))}


def _evaluation(
    bag: Bag, reading: Reading, goals: list[GoalFigures], objections: tuple[str, ...]
) -> Evaluation:
    """Put the figures together."""
    robot = bag.metadata.get('perl_robot', {})
    timing, safety = reading.timing.figures(), reading.safety.figures()
    policy = reading.policy.figures() if reading.policy is not None else None
    problems = _problems(goals, timing, safety, bag.damage)
    return Evaluation(
        bag=str(bag.path),
        duration_s=(bag.end_ns - bag.start_ns) / 1e9,
        messages=bag.message_count,
        damage=bag.damage,
        robot_ip=reading.safety.robot_ip or robot.get('robot_ip', ''),
        bundle_sha256=reading.safety.bundle_sha256 or robot.get('bundle_sha256', ''),
        software=bag.metadata.get('perl_software', {}),
        metadata={
            name: kept
            for name, kept in bag.metadata.items()
            if name.startswith('perl_') and name != 'perl_software'
        },
        summary=summarise_goals(goals),
        goals=tuple(with_safety(goals, safety.events)),
        timing=timing,
        safety=safety,
        marks=tuple(reading.marks),
        stops=reading.stops.figures(),
        latency=reading.latency.figures(),
        latency_curve=reading.latency.curve(),
        prediction=reading.predictions.figures(),
        policy_replay=policy,
        observation_replay=reading.observations.figures(),
        symmetry=reading.symmetry.figures() if reading.symmetry is not None else None,
        filter_replay=reading.filter.figures(),
        monitor_replay=reading.monitor.figures(),
        objections=objections,
        notes=(*reading.notes, *reading.observations.notes()),
        problems=(*objections, *problems, *replay_problems([policy] if policy else [])),
    )


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
        if event.is_trouble
    ]
    for source, stops in (('filter', safety.filter_stops), ('monitor', safety.monitor_stops)):
        if stops:
            problems.append(f'stops by the {source}: {stops}')
    return problems


def plain(value: Any) -> Any:
    """Return JSON types, None for what JSON cannot say."""
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
