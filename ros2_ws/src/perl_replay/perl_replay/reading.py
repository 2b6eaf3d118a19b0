"""Collects all figures of a bag while it goes by, message after message."""

from collections.abc import Callable, Iterable
import dataclasses
from pathlib import Path
from typing import Any

from perl_core.bundle.runtime import Policy
from perl_core.contract import JOINT_NAMES, Contract
from perl_core.kinematics import Kinematics
from perl_safety.limits import SafetyLimits

from perl_replay.bag import BagMessage
from perl_replay.bundles import find_bundle
from perl_replay.clock import Clock
from perl_replay.episodes import Episode, EpisodeCollector, is_start, stamp_ns
from perl_replay.filter_replay import FilterReplay
from perl_replay.goal_loop import GoalLoop, GoalLoopFigures
from perl_replay.goals import GoalFigures, judge_goal
from perl_replay.latency import Latency, LatencyFigures
from perl_replay.marks import MarkFigures
from perl_replay.monitor_replay import MonitorReplay
from perl_replay.objections import Objections
from perl_replay.observation_replay import ObservationReplay
from perl_replay.policy_replay import PolicyReplay, require_comparable
from perl_replay.prediction import Predictions
from perl_replay.safety_events import SafetyCollector
from perl_replay.signals import StepSignals, step_signals
from perl_replay.stops import StopCollector
from perl_replay.symmetry_score import SymmetryScore
from perl_replay.timing import TimingCollector
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

EpisodeObserver = Callable[[Episode, GoalFigures, StepSignals], None]
"""Is shown every complete episode with its figures and signals, for pictures or an export."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """What is known of a bag before it is read."""

    path: Path
    """Where it lies."""
    start_ns: int
    """Time of its first message."""
    bundle_sha256: str
    """Of the recorded policy, if the recorder noted it."""


class Reading:
    """Takes the messages of a bag in their order."""

    def __init__(
        self,
        source: Source,
        limits: SafetyLimits,
        bundle: Path | None,
        objections: Objections,
        observe: EpisodeObserver | None = None,
    ) -> None:
        """Start without messages.

        Args:
            source: of the messages.
            limits: of filter and monitor, which are run again.
            bundle: whose policy is run; None for the one that was recorded.
            objections: told of what is wrong.
            observe: is shown every episode.
        """
        contract, kinematics = Contract(), Kinematics()
        self.safety = SafetyCollector(source.start_ns)
        self.timing = TimingCollector()
        self.stops = StopCollector(source.start_ns)
        self.latency = Latency(contract.policy_period_s)
        self.predictions = Predictions(kinematics, contract)
        self.observations = ObservationReplay(kinematics, contract)
        self.filter = FilterReplay(limits, kinematics, contract, source.start_ns)
        self.monitor = MonitorReplay(limits.monitor, kinematics, source.start_ns)
        self.policy: PolicyReplay | None = None
        self.symmetry: SymmetryScore | None = None
        self.notes: list[str] = []
        self.marks: list[MarkFigures] = []
        self._source, self._bundle, self._observe = source, bundle, observe
        self._objections = objections
        self._sha256 = source.bundle_sha256
        self._policy_sought = False
        self._episodes = EpisodeCollector(objections)
        self._clock = Clock(source.start_ns, objections)
        self._latencies: dict[str, LatencyFigures] = {}
        self._loop = GoalLoop()
        self._loops: dict[str, GoalLoopFigures] = {}
        self._events_seen = 0
        self._goals: list[tuple[int, GoalFigures]] = []
        self._last_ns = source.start_ns
        self._handlers: dict[str, Callable[[BagMessage, int], None]] = {
            REACH_EVENTS: self._add_event,
            POLICY_STATE: self._add_policy_state,
            LOOP_TIMING: self._add_timing,
            CONTROLLER_STATE: self._add_controller,
            COMMAND: self._add_command,
            JOINT_STATES: self._add_joints,
            FILTER_SAFETY: self._add_safety,
            MONITOR_SAFETY: self._add_safety,
            MARKS: self._add_mark,
        }

    def read(self, messages: Iterable[BagMessage]) -> list[GoalFigures]:
        """Take all messages; return the figures of all goals, in the order they began in."""
        for message in messages:
            self._last_ns = message.received_ns
            at_ns = stamp_ns(message.data)
            if message.topic == LOOP_TIMING:
                self._clock.check_tick(LOOP_TIMING, message.data.first_tick, at_ns)
            self._clock.check(message.topic, at_ns)
            self._handlers[message.topic](message, at_ns)
        return self.goals()

    def goals(self) -> list[GoalFigures]:
        """Return the figures of all goals so far, in the order in which they began."""
        self._judge(self._episodes.take_all())
        return [goal for _, goal in sorted(self._goals, key=lambda entry: entry[0])]

    def _add_event(self, message: BagMessage, _at_ns: int) -> None:
        event = message.data
        self._episodes.add_event(event, message.received_ns)
        goal_id = bytes(event.goal_id).hex()
        if is_start(event):
            self.filter.goal_id = self.monitor.goal_id = goal_id
            self.latency.begin_goal()
            self._loop.begin_goal()
        elif self.filter.goal_id == goal_id:
            self._latencies[goal_id] = self.latency.end_goal()
            self._loops[goal_id] = self._loop.end_goal()
            self.filter.goal_id = self.monitor.goal_id = ''

    def _add_policy_state(self, message: BagMessage, _at_ns: int) -> None:
        self._episodes.add_policy_state(message.data)
        self.timing.add_inference(message.data)

    def _add_timing(self, message: BagMessage, _at_ns: int) -> None:
        self.timing.add(message.data)
        self._loop.add_timing(message.data)
        self.filter.add_timing(message.data)
        self._judge(self._episodes.take_complete(message.received_ns))

    def _add_controller(self, message: BagMessage, at_ns: int) -> None:
        state, known = message.data, self.safety
        for what, before, now in (
            ('robots', known.robot_ip, state.robot_ip),
            ('policies', known.bundle_sha256, state.bundle_sha256),
        ):
            if before and now and before != now:
                self._objections.raise_(
                    what,
                    f'{self._source.path} holds two {what}, {before} and {now}; record each in a '
                    f'bag of its own. What follows the first counts for both.',
                )
        known.add_controller(state, message.received_ns)
        self._sha256 = self._sha256 or state.bundle_sha256
        self.filter.add_controller(state)
        self.monitor.add_controller(state)
        self._note_stops(at_ns)

    def _add_command(self, message: BagMessage, at_ns: int) -> None:
        self.filter.add_command(message.data, at_ns)
        self.latency.add_command(message.data, at_ns)
        self._loop.add_command(message.data)

    def _add_joints(self, message: BagMessage, at_ns: int) -> None:
        joints = message.data
        if (len(joints.position), len(joints.velocity)) != (len(JOINT_NAMES), len(JOINT_NAMES)):
            self._objections.raise_(
                'joints',
                f'{self._source.path} holds joint states of another robot: '
                f'{len(joints.position)} positions and {len(joints.velocity)} velocities, '
                f'expected {len(JOINT_NAMES)} of each',
            )
            return
        self.latency.add_joints(joints, at_ns)
        self.stops.add_joints(joints, at_ns)
        self.monitor.add_joints(joints, at_ns)

    def _add_safety(self, message: BagMessage, at_ns: int) -> None:
        source = 'filter' if message.topic == FILTER_SAFETY else 'monitor'
        self.safety.add_safety(source, message.data, message.received_ns)
        self._note_stops(at_ns)

    def _add_mark(self, message: BagMessage, _at_ns: int) -> None:
        time_s = (message.received_ns - self._source.start_ns) / 1e9
        self.marks.append(MarkFigures(time_s=time_s, text=message.data.text))

    def _note_stops(self, at_ns: int) -> None:
        """Hand new safety events to the collector of stops."""
        for event in self.safety.events_after(self._events_seen):
            self._events_seen += 1
            if event.event in ('STOP', 'FAULT') and event.armed:
                self.stops.begin(event.source, event.reasons, at_ns)
            elif event.event == 'RESET':
                self.stops.end()

    def _judge(self, episodes: list[Episode]) -> None:
        """Reduce complete episodes to their figures."""
        for episode in episodes:
            self._seek_policy()
            details, signals = self._details(episode)
            figures = dataclasses.replace(judge_goal(episode, self._source.start_ns), **details)
            if self._observe is not None:
                self._observe(episode, figures, signals)
            began_ns = episode.started_ns or episode.ended_ns or self._last_ns
            self._goals.append((began_ns, figures))

    def _details(self, episode: Episode) -> tuple[dict[str, Any], StepSignals]:
        """Return what else is known of an episode: its figures, and its signals."""
        self.observations.add(episode)
        if self.policy is not None:
            self.policy.add(episode)
        predicted = self.predictions.errors(episode)
        turned = self.symmetry.errors(episode) if self.symmetry is not None else None
        figures = {
            'prediction': self.predictions.add(predicted),
            'symmetry': self.symmetry.add(turned) if self.symmetry and turned else None,
            'latency': self._latencies.pop(episode.goal_id, None),
            'loop': self._loops.pop(episode.goal_id, None),
        }
        return figures, step_signals(len(episode.stamp_ns), predicted, turned)

    def _seek_policy(self) -> None:
        """Load the policy to run, once its hash is known; say so if there is none."""
        if self._policy_sought:
            return
        self._policy_sought = True
        recorded = find_bundle(self._sha256, self._source.path)
        folder = self._bundle or recorded
        if folder is None:
            self.notes.append(
                f'the policy was not run again: no bundle with the manifest hash '
                f'{self._sha256 or "(not recorded)"} lies in policies/; name its folder with '
                f'--bundle'
            )
            return
        policy = Policy.load(folder)
        if recorded is not None and folder != recorded:
            require_comparable(policy, Policy.load(recorded).contract, str(folder))
        self.policy = PolicyReplay(policy, self._sha256)
        self.symmetry = SymmetryScore(policy)
