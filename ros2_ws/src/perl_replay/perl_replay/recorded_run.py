"""What must be given back of a run to repeat it: measured joints, and goals at their times."""

from collections.abc import Iterator
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from perl_core.contract import JOINT_NAMES
from perl_core.errors import BagError

from perl_replay.bag import Bag
from perl_replay.bundles import find_bundle
from perl_replay.episodes import is_home, is_start, stamp_ns
from perl_replay.needed import NEEDED
from perl_replay.objections import Objections
from perl_replay.topics import CONTROLLER_STATE, JOINT_STATES, REACH_EVENTS

_MARGIN_S = 0.5
"""Given back before the first goal and after the last."""
_READ = (JOINT_STATES, CONTROLLER_STATE, REACH_EVENTS)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RecordedGoal:
    """One goal."""

    at_s: float
    """When it began, after the first state."""
    position_base_m: tuple[float, float, float]
    """Of tool0."""
    quaternion_base_xyzw: tuple[float, float, float, float]
    """Of tool0."""
    position_tolerance_m: float
    """As the controller took it."""
    rotation_tolerance_rad: float
    """Likewise."""
    timeout_s: float
    """Likewise."""
    home: bool
    """The arm went home in joint space."""
    after_end: bool
    """The goal before it had ended: it was not taken over by this one."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RecordedRun:
    """A run that can be repeated."""

    bundle: Path | None
    """The policy that was recorded, if it is at hand."""
    time_s: np.ndarray
    """Of the states, from 0, shape (n,)."""
    position_rad: np.ndarray
    """Measured joint angles, shape (n, 6)."""
    velocity_rad_s: np.ndarray
    """Measured joint velocities, shape (n, 6)."""
    goals: tuple[RecordedGoal, ...]
    """In the order in which they began."""

    @property
    def duration_s(self) -> float:
        """From the first state to the last."""
        return float(self.time_s[-1])


def read_run(path: Path) -> RecordedRun:
    """Return what is needed to repeat the run of a bag.

    Raises:
        BagError: the bag cannot be read, or holds no goal or too few joint states.
    """
    bag = Bag(path)
    bag.require({name: NEEDED[name] for name in _READ}, Objections(partial=False))
    collector = _Collector()
    for message in bag.messages(_READ):
        collector.add(message.topic, message.data)
    times_ns, position_rad, velocity_rad_s = collector.joints()
    if not collector.starts or len(times_ns) < 2:
        raise BagError(
            f'{path} cannot be repeated: it holds {len(collector.starts)} goals and '
            f'{len(times_ns)} joint states, at least 1 and 2 are needed'
        )
    begin_ns = stamp_ns(collector.starts[0]) - round(_MARGIN_S * 1e9)
    end_ns = max(collector.ends_ns, default=times_ns[-1]) + round(_MARGIN_S * 1e9)
    wanted = (times_ns >= begin_ns) & (times_ns <= end_ns)
    if np.count_nonzero(wanted) < 2:
        raise BagError(f'{path} cannot be repeated: it holds no joint states around its goals')
    first_ns = times_ns[wanted][0]
    return RecordedRun(
        bundle=find_bundle(collector.bundle_sha256, path),
        time_s=(times_ns[wanted] - first_ns) / 1e9,
        position_rad=position_rad[wanted],
        velocity_rad_s=velocity_rad_s[wanted],
        goals=tuple(collector.goals(int(first_ns))),
    )


class _Collector:
    """Takes messages."""

    def __init__(self) -> None:
        self.bundle_sha256 = ''
        self.starts: list[Any] = []
        self.ends_ns: list[int] = []
        self._begun_after_end: list[bool] = []
        self._joints: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def add(self, topic: str, data: Any) -> None:
        """Take a message."""
        if topic == JOINT_STATES:
            if len(data.position) == len(data.velocity) == len(JOINT_NAMES):
                self._joints[stamp_ns(data)] = (data.position, data.velocity)
        elif topic == CONTROLLER_STATE:
            self.bundle_sha256 = data.bundle_sha256 or self.bundle_sha256
        elif is_start(data):
            self._begun_after_end.append(len(self.ends_ns) == len(self.starts))
            self.starts.append(data)
        else:
            self.ends_ns.append(stamp_ns(data))

    def joints(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return times [ns], positions and velocities, in the order of time."""
        times_ns = np.array(sorted(self._joints), dtype=np.int64)
        states = [self._joints[int(time_ns)] for time_ns in times_ns]
        position_rad = np.array([position for position, _ in states]).reshape(-1, 6)
        velocity_rad_s = np.array([velocity for _, velocity in states]).reshape(-1, 6)
        return times_ns, position_rad, velocity_rad_s

    def goals(self, first_ns: int) -> Iterator[RecordedGoal]:
        """Yield all goals."""
        for event, after_end in zip(self.starts, self._begun_after_end, strict=True):
            yield _goal(event, first_ns, after_end)


def _goal(event: Any, first_ns: int, after_end: bool) -> RecordedGoal:
    p, q = event.goal.position, event.goal.orientation
    return RecordedGoal(
        at_s=(stamp_ns(event) - first_ns) / 1e9,
        position_base_m=(p.x, p.y, p.z),
        quaternion_base_xyzw=(q.x, q.y, q.z, q.w),
        position_tolerance_m=event.position_tolerance_m,
        rotation_tolerance_rad=event.rotation_tolerance_rad,
        timeout_s=event.timeout_s,
        home=is_home(event.goal),
        after_end=after_end,
    )
