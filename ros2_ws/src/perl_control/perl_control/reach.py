"""What a Reach goal means, without ROS: which goals are refused, and how a goal ends."""

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from perl_core.contract import Contract
from perl_core.errors import PerlError
from perl_core.kinematics import Kinematics, Pose
from perl_core.observation import ReachErrors, reach_errors
from perl_core.rotation import rotation_from_quaternion
from perl_safety.severity import Severity

BASE_FROM_BASE_LINK = np.diag((-1.0, -1.0, 1.0))
"""ROS's base_link is UR's base turned by 180 degrees about z."""
FRAMES = {'base': np.eye(3), 'base_link': BASE_FROM_BASE_LINK}
"""Rotation from each known frame to ``base``; their origins are the same."""
DEFAULT_POSITION_TOLERANCE_M = 0.01
DEFAULT_ROTATION_TOLERANCE_RAD = 0.0873
DEFAULT_SETTLE_S = 0.2
DEFAULT_TIMEOUT_S = 5.0
"""Defaults of Reach.action, which stand for 0."""


class GoalRefusedError(PerlError):
    """A goal that will not be pursued."""


class Outcome(IntEnum):
    """As in Reach.action."""

    REACHED = 0
    TIMED_OUT = 1
    CANCELED = 2
    PREEMPTED = 3
    STOPPED = 4
    REFUSED = 5


class Request(NamedTuple):
    """A goal as it was asked for."""

    frame_id: str
    """Of the target."""
    position_m: tuple[float, float, float]
    """Of tool0 in that frame."""
    quaternion_xyzw: tuple[float, float, float, float]
    """Of tool0 in that frame."""
    position_tolerance_m: float
    """0: default."""
    rotation_tolerance_rad: float
    """0: default."""
    settle_s: float
    """0: default."""
    timeout_s: float
    """0: default."""
    home: bool
    """Go home in joint space; frame and pose are ignored."""
    speed_scale: float = 0.0
    """0: default."""


class Goal(NamedTuple):
    """A goal that can be pursued."""

    pose: Pose
    """Of tool0 in ``base``."""
    position_tolerance_m: float
    """Distance that counts as reached."""
    rotation_tolerance_rad: float
    """Angle that counts as reached."""
    settle_s: float
    """How long both must be kept."""
    timeout_s: float
    """How long the arm tries."""
    home: bool
    """The arm goes home in joint space."""
    speed_scale: float = 1.0
    """Share of the policy's speed, above 0 and at most 1."""


def accept(request: Request, contract: Contract, kinematics: Kinematics) -> Goal:
    """Return the goal in ``base``, with defaults filled in.

    Raises:
        GoalRefusedError: it is not finite, in an unknown frame, or out of reach.
    """
    limits = np.array(request[3:7])
    if not np.isfinite(limits).all() or (limits < 0.0).any():
        raise GoalRefusedError(
            f'tolerances and times of a goal must be finite and not negative; got {request}'
        )
    if not 0.0 <= request.speed_scale <= 1.0:
        raise GoalRefusedError(
            f'speed_scale of a goal must be from 0 (which stands for 1) to 1; got '
            f'{request.speed_scale}'
        )
    defaults = (
        DEFAULT_POSITION_TOLERANCE_M, DEFAULT_ROTATION_TOLERANCE_RAD, DEFAULT_SETTLE_S,
        DEFAULT_TIMEOUT_S,
    )
    filled = [float(value or default) for value, default in zip(limits, defaults, strict=True)]
    if request.home:
        pose = kinematics.tool_pose(np.array(contract.home_rad))
    else:
        pose = _pose_in_base(request)
        _require_in_workspace(pose.position_m, contract)
    return Goal(pose, *filled, home=request.home, speed_scale=request.speed_scale or 1.0)


def _pose_in_base(request: Request) -> Pose:
    if request.frame_id not in FRAMES:
        raise GoalRefusedError(
            f'unknown frame {request.frame_id!r}; known: {sorted(FRAMES)}'
        )
    quaternion = np.array(request.quaternion_xyzw)
    finite = np.isfinite([*request.position_m, *quaternion]).all()
    if not finite or np.linalg.norm(quaternion) < 1e-6:
        raise GoalRefusedError(
            f'a goal must be finite, with a quaternion that is not zero; got {request}'
        )
    to_base = FRAMES[request.frame_id]
    return Pose(to_base @ request.position_m, to_base @ rotation_from_quaternion(quaternion))


def _require_in_workspace(position_m: np.ndarray, contract: Contract) -> None:
    distance_m = float(np.linalg.norm(position_m - contract.workspace_centre_base_m))
    if distance_m > contract.workspace_radius_m:
        raise GoalRefusedError(
            f'the goal is {distance_m:.3f} m from the workspace centre '
            f'{list(contract.workspace_centre_base_m)} (in base), outside its radius of '
            f'{contract.workspace_radius_m:.3f} m'
        )


class End(NamedTuple):
    """How a goal ended."""

    outcome: Outcome
    """As in Reach.action."""
    message: str
    """One sentence."""
    duration_s: float
    """Until tolerance was first kept, or until the end."""


class Pursuit(NamedTuple):
    """Where a pursuit is."""

    errors: ReachErrors
    """Of the newest evaluation of the policy, or before the first."""
    gate: float
    """Of the newest evaluation."""
    branch: int
    """Of the newest evaluation."""


class ReachTracker:
    """Follows one goal through the telemetry."""

    def __init__(self, goal: Goal, sequence: int, now_ns: int, errors: ReachErrors) -> None:
        """Begin.

        Args:
            goal: accepted.
            sequence: its number in the mailbox.
            now_ns: time.monotonic_ns().
            errors: distance from the goal now.
        """
        self.goal = goal
        self.pursuit = Pursuit(errors, 0.0, 0)
        self._sequence, self._begin_ns = sequence, now_ns
        self._within_since_ns: int | None = None
        self._stopping = False

    def update(self, records: np.ndarray) -> End | None:
        """Take new telemetry; return how the goal ended, if it did."""
        records = records[records['deadline_ns'] >= self._begin_ns]
        stopped = records[records['severity'] == Severity.STOP]
        ran = records[records['policy_ran'] & (records['goal_sequence'] == self._sequence)]
        if len(stopped):
            ran = ran[ran['tick'] < stopped['tick'][0]]
        for record in ran:
            self._evaluate(record)
            since_ns = self._within_since_ns
            if since_ns is not None and self._settled(since_ns, int(record['deadline_ns'])):
                return self.end(Outcome.REACHED, 'reached the goal', since_ns)
        return self._stopped(stopped)

    def _stopped(self, stopped: np.ndarray) -> End | None:
        """Return the end by a stop, once the arm rests and all its causes are known."""
        self._stopping = self._stopping or len(stopped) > 0
        resting = stopped[stopped['at_rest']]
        if not len(resting):
            return None
        reasons = resting['reasons'][0].decode()
        return self.end(
            Outcome.STOPPED, f'a safety layer stopped the arm: {reasons}',
            int(resting['deadline_ns'][0]),
        )

    def timed_out(self, now_ns: int) -> End | None:
        """Return the end by timeout, if its time has come."""
        if self._stopping or self.elapsed_s(now_ns) <= self.goal.timeout_s:
            return None
        errors = self.pursuit.errors
        return self.end(
            Outcome.TIMED_OUT,
            f'not within tolerance for {self.goal.settle_s:g} s before the timeout of '
            f'{self.goal.timeout_s:g} s; {errors.position_m * 1e3:.1f} mm and '
            f'{np.degrees(errors.rotation_rad):.1f} degrees are left',
            now_ns,
        )

    def end(self, outcome: Outcome, message: str, now_ns: int) -> End:
        """Return an end at this time."""
        return End(outcome, message, self.elapsed_s(now_ns))

    def elapsed_s(self, now_ns: int) -> float:
        """Return the time since the goal was accepted [s]."""
        return (now_ns - self._begin_ns) * 1e-9

    def _evaluate(self, record: np.void) -> None:
        errors = reach_errors(record['observation'])
        errors = ReachErrors(float(errors.position_m), float(errors.rotation_rad))
        self.pursuit = Pursuit(errors, float(record['gate']), int(record['branch']))
        within = (
            errors.position_m <= self.goal.position_tolerance_m
            and errors.rotation_rad <= self.goal.rotation_tolerance_rad
        )
        if not within:
            self._within_since_ns = None
        elif self._within_since_ns is None:
            self._within_since_ns = int(record['deadline_ns'])

    def _settled(self, since_ns: int, now_ns: int) -> bool:
        return (now_ns - since_ns) * 1e-9 >= self.goal.settle_s
