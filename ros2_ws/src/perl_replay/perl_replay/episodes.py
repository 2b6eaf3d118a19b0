"""One record per Reach goal, from its events and the policy states in between."""

import dataclasses
import enum
import math
from typing import Any, NamedTuple

import numpy as np
from perl_core.contract import (
    ACTION_SIZE,
    OBSERVATION,
    OBSERVATION_SIZE,
    Contract,
    slice_bounds,
)
from perl_core.errors import BagError
from perl_core.kinematics import Kinematics
from perl_core.observation import reach_errors
from perl_core.rotation import quaternion_from_rotation

from perl_replay.objections import Objections

_STARTED = 255
"""ReachEvent.STARTED."""
_LATE_NS = 1_000_000_000
"""Messages of different topics overtake each other by milliseconds; a second is ample."""
_HOME = Kinematics().tool_pose(np.array(Contract().home_rad))
_HOME_TOLERANCE = 1e-3
"""On each coordinate [m], and about half the angle [rad]: far less than between goals."""
_TOOL = slice_bounds(OBSERVATION)['tool_position_from_centre_base_m']


class Outcome(enum.IntEnum):
    """How a goal ended: the constants of Reach.action."""

    REACHED = 0
    TIMED_OUT = 1
    CANCELED = 2
    PREEMPTED = 3
    STOPPED = 4
    REFUSED = 5


class PolicyAnswers(NamedTuple):
    """What the policy said, acting or as a shadow; one row per policy period."""

    action: np.ndarray
    """float32, shape (n, ACTION_SIZE)."""
    gate: np.ndarray
    """float32, shape (n,)."""
    branch: np.ndarray
    """0 equivariant, 1 standard; shape (n,)."""
    shadow: np.ndarray
    """The arm did not follow it; shape (n,)."""
    tick: np.ndarray
    """Control tick at which it was asked, shape (n,)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Episode:
    """Everything recorded about one goal. Arrays have one entry per policy period."""

    goal_id: str
    """UUID of the goal, hexadecimal."""
    to_home: bool
    """The goal was the tool's pose at the contract's home position: a return, not a goal drawn."""
    target: tuple[float, ...]
    """Position [m] and quaternion (x, y, z, w) of the goal in ``base``; empty if unknown."""
    started_ns: int | None
    """Stamp of its STARTED event; None if that was not recorded."""
    ended_ns: int | None
    """Stamp of its last event; None if the bag ends before the goal."""
    outcome: Outcome | None
    """As the controller reported it; None if the bag ends before the goal."""
    message: str
    """The controller's sentence about the outcome."""
    position_tolerance_m: float
    """Asked for."""
    rotation_tolerance_rad: float
    """Asked for."""
    duration_s: float
    """As reported: until tolerance was first kept if reached, until the end otherwise."""
    final_position_error_m: float
    """As reported at the end; NaN if the end was not recorded."""
    final_rotation_error_rad: float
    """As reported at the end; NaN if the end was not recorded."""
    stamp_ns: np.ndarray
    """Shape (n,)."""
    position_error_m: np.ndarray
    """The larger of the reported error and that in the policy's observation; shape (n,)."""
    rotation_error_rad: np.ndarray
    """The larger of the reported error and that in the policy's observation; shape (n,)."""
    tool_position_m: np.ndarray
    """From the centre of the workspace, in ``base``; shape (n, 3)."""
    observation: np.ndarray
    """What the policy saw, float32, shape (n, OBSERVATION_SIZE)."""
    policy: PolicyAnswers
    """What it said."""
    gate: np.ndarray
    """Where the policy acted and was not only recorded, shape (m,)."""
    branch: np.ndarray
    """0 equivariant, 1 standard; likewise, shape (m,)."""


@dataclasses.dataclass(kw_only=True)
class _Pending:
    """A goal that may still get messages."""

    start: Any = None
    end: Any = None
    ended_received_ns: int | None = None
    states: list[Any] = dataclasses.field(default_factory=list)


class EpisodeCollector:
    """Sorts events and policy states by goal; hands out episodes once they are complete."""

    def __init__(self, objections: Objections) -> None:
        """Start without goals.

        Args:
            objections: told of policy states that cannot be used.
        """
        self._objections = objections
        self._pending: dict[str, _Pending] = {}

    def add_event(self, event: Any, received_ns: int) -> None:
        """Take a ReachEvent."""
        goal = self._goal(event)
        if event.event == _STARTED:
            goal.start = event
        else:
            goal.end, goal.ended_received_ns = event, received_ns

    def add_policy_state(self, state: Any) -> None:
        """Take a PolicyState.

        Raises:
            BagError: it was recorded for another contract, or is not finite.
        """
        sizes = (len(state.observation), len(state.action))
        if sizes != (OBSERVATION_SIZE, ACTION_SIZE):
            self._objections.raise_(
                'contract',
                f'the bag was recorded for another contract: observation and action have {sizes} '
                f'entries there, expected {(OBSERVATION_SIZE, ACTION_SIZE)}',
            )
        elif not _is_finite(state):
            self._objections.raise_(
                'finite',
                f'the bag holds a policy state that is not finite (tick {state.tick}): '
                f'observation {state.observation.tolist()}, action {state.action.tolist()}, '
                f'gate {state.gate}',
            )
        else:
            self._goal(state).states.append(state)

    def take_complete(self, now_ns: int) -> list[Episode]:
        """Return and forget the goals that ended more than a second before ``now_ns``."""
        done = [
            goal_id
            for goal_id, goal in self._pending.items()
            if goal.ended_received_ns is not None and now_ns - goal.ended_received_ns > _LATE_NS
        ]
        return [_episode(goal_id, self._pending.pop(goal_id)) for goal_id in done]

    def take_all(self) -> list[Episode]:
        """Return and forget every goal, ended or not."""
        pending, self._pending = self._pending, {}
        return [_episode(goal_id, goal) for goal_id, goal in pending.items()]

    def _goal(self, message: Any) -> _Pending:
        """Return the record of a message's goal, new if need be."""
        return self._pending.setdefault(bytes(message.goal_id).hex(), _Pending())


def is_start(event: Any) -> bool:
    """Return whether a ReachEvent is the beginning of a goal."""
    return event.event == _STARTED


def stamp_ns(message: Any) -> int:
    """Return the stamp of a message's header."""
    stamp = message.header.stamp
    return stamp.sec * 1_000_000_000 + stamp.nanosec


def _episode(goal_id: str, goal: _Pending) -> Episode:
    """Turn the messages of one goal into a record."""
    states = sorted(goal.states, key=stamp_ns)
    observation = _rows([s.observation for s in states], OBSERVATION_SIZE)
    seen = reach_errors(observation)
    event, end = goal.end or goal.start, goal.end
    acting = [state for state in states if not state.shadow]
    return Episode(
        goal_id=goal_id,
        to_home=event is not None and is_home(event.goal),
        target=_target(event.goal) if event is not None else (),
        started_ns=stamp_ns(goal.start) if goal.start else None,
        ended_ns=stamp_ns(end) if end else None,
        outcome=_outcome(end),
        message=end.message if end else '',
        position_tolerance_m=event.position_tolerance_m if event else np.nan,
        rotation_tolerance_rad=event.rotation_tolerance_rad if event else np.nan,
        duration_s=end.duration_s if end else np.nan,
        final_position_error_m=end.position_error_m if end else np.nan,
        final_rotation_error_rad=end.rotation_error_rad if end else np.nan,
        stamp_ns=np.array([stamp_ns(s) for s in states], dtype=np.int64),
        position_error_m=np.maximum([s.position_error_m for s in states], seen.position_m),
        rotation_error_rad=np.maximum([s.rotation_error_rad for s in states], seen.rotation_rad),
        tool_position_m=observation[:, _TOOL].astype(float),
        observation=observation,
        policy=PolicyAnswers(
            action=_rows([s.action for s in states], ACTION_SIZE),
            gate=np.array([s.gate for s in states], dtype=np.float32),
            branch=np.array([s.branch for s in states], dtype=np.int64),
            shadow=np.array([s.shadow for s in states], dtype=bool),
            tick=np.array([s.tick for s in states], dtype=np.int64),
        ),
        gate=np.array([s.gate for s in acting], dtype=float),
        branch=np.array([s.branch for s in acting], dtype=np.int64),
    )


def _is_finite(state: Any) -> bool:
    """Return whether what the policy saw and said is made of numbers."""
    # A finite sum has finite parts, and is quicker; one that is not may have overflowed.
    if math.isfinite(np.add.reduce(state.observation) + np.add.reduce(state.action) + state.gate):
        return True
    finite = np.isfinite(state.observation).all() and np.isfinite(state.action).all()
    return bool(finite) and math.isfinite(state.gate)


def _rows(values: list[np.ndarray], size: int) -> np.ndarray:
    """Return one row an entry, float32."""
    return np.array(values, dtype=np.float32).reshape(-1, size)


def is_home(pose: Any) -> bool:
    """Return whether a geometry_msgs/Pose in ``base`` is that of the home position."""
    position_m = np.array((pose.position.x, pose.position.y, pose.position.z))
    turn = pose.orientation
    quaternion = np.array((turn.x, turn.y, turn.z, turn.w))
    # A quaternion and its negative are the same rotation.
    alike = abs(quaternion @ quaternion_from_rotation(_HOME.rotation))
    return bool(
        np.abs(position_m - _HOME.position_m).max() < _HOME_TOLERANCE
        and alike > 1.0 - _HOME_TOLERANCE**2
    )


def _target(pose: Any) -> tuple[float, ...]:
    """Return position and quaternion of a geometry_msgs/Pose."""
    at, turn = pose.position, pose.orientation
    return (at.x, at.y, at.z, turn.x, turn.y, turn.z, turn.w)


def _outcome(end: Any) -> Outcome | None:
    """Return the outcome that the last event names.

    Raises:
        BagError: this version does not know the number.
    """
    if end is None:
        return None
    try:
        return Outcome(end.event)
    except ValueError as error:
        known = {outcome.name: int(outcome) for outcome in Outcome}
        raise BagError(
            f'a goal of the bag ended with the outcome {end.event}; known: {known}'
        ) from error
