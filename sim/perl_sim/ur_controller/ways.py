"""Motions with an end: moveJ, moveL, moveC and paths of them, with trapezoids of speed.

A way is a line from a start; a ``Travel`` follows one way after another, from rest to rest.
"""

from collections.abc import Callable, Sequence
import dataclasses
import math
from typing import NamedTuple, Protocol

import numpy as np
from perl_core.errors import RobotError
from perl_core.kinematics import Pose
from perl_core.rotation import rotation_from_vector, vector_from_rotation
from perl_sim.ur_controller.motions import TICK_S, Reference, Stop
from perl_sim.ur_controller.tool import Tool, pose_from_vector

MIN_ACCELERATION = 0.01
"""[rad/s^2] or [m/s^2]. Own choice: a smaller one asked for is taken as this, so that every
motion ends."""
MIN_SPEED = 0.0005
"""[rad/s] or [m/s]. Own choice: as for the acceleration."""
STOP_RAD_S2 = 4.0
"""How a motion that goes on slows down before another begins. Source: as of a program stop."""
_NO_LENGTH = 1e-12


class Pace(NamedTuple):
    """How fast to go; of the joint with the longest way, or of the tool."""

    speed: float
    """[rad/s] or [m/s]; [rad/s] where the tool only turns."""
    acceleration: float
    """Per second of that."""


class Trapezoid:
    """Distance over time, from rest to rest."""

    def __init__(self, length: float, pace: Pace) -> None:
        """Compute the times.

        Args:
            length: of the way.
            pace: highest speed, and acceleration.
        """
        self.length = length
        self._acceleration = max(pace.acceleration, MIN_ACCELERATION)
        self._speed = min(max(pace.speed, MIN_SPEED), math.sqrt(length * self._acceleration))
        self.ramp_s = self._speed / self._acceleration
        self.total_s = length / self._speed + self.ramp_s if self._speed > 0.0 else 0.0

    def travelled(self, time_s: float) -> float:
        """Return the way after a time."""
        if time_s >= self.total_s:
            return self.length
        if time_s < self.ramp_s:
            return 0.5 * self._acceleration * time_s**2
        if time_s > self.total_s - self.ramp_s:
            return self.length - 0.5 * self._acceleration * (self.total_s - time_s) ** 2
        return self._speed * (time_s - 0.5 * self.ramp_s)

    def share(self, time_s: float) -> float:
        """Return the share of the way after a time."""
        return self.travelled(time_s) / self.length if self.length > _NO_LENGTH else 1.0


class Way(Protocol):
    """A line, and how fast it is travelled."""

    trapezoid: Trapezoid

    def joints_at(self, time_s: float, near_rad: np.ndarray) -> np.ndarray:
        """Return joint angles after a time; ``near_rad`` are those of the tick before."""
        ...


class JointWay:
    """A straight line of joint angles."""

    def __init__(self, start_rad: np.ndarray, target_rad: np.ndarray, pace: Pace) -> None:
        """Go from start to target."""
        self._start_rad, self._way_rad = start_rad, target_rad - start_rad
        self.trapezoid = Trapezoid(float(np.abs(self._way_rad).max()), pace)

    def joints_at(self, time_s: float, near_rad: np.ndarray) -> np.ndarray:
        """Return joint angles after a time."""
        return self._start_rad + self.trapezoid.share(time_s) * self._way_rad


class ToolWay:
    """A straight line of the tool centre point, which turns about one axis meanwhile."""

    def __init__(self, tool: Tool, start_rad: np.ndarray, target: Pose, pace: Pace) -> None:
        """Go from where the tool is at ``start_rad`` to the target."""
        self._tool = tool
        self._start = pose_from_vector(tool.pose(start_rad))
        self._way_m = target.position_m - self._start.position_m
        self._turn_rad = vector_from_rotation(target.rotation @ self._start.rotation.T)
        way_m = float(np.linalg.norm(self._way_m))
        turn_rad = float(np.linalg.norm(self._turn_rad))
        self.trapezoid = Trapezoid(way_m if way_m > _NO_LENGTH else turn_rad, pace)

    def joints_at(self, time_s: float, near_rad: np.ndarray) -> np.ndarray:
        """Return joint angles after a time."""
        share = self.trapezoid.share(time_s)
        rotation = rotation_from_vector(share * self._turn_rad) @ self._start.rotation
        return _solve(self._tool, self._start.position_m + share * self._way_m, rotation, near_rad)


class CircleWay:
    """An arc of the tool centre point through a point on the way, which turns meanwhile."""

    def __init__(
        self, tool: Tool, start_rad: np.ndarray, ends: tuple[Pose, Pose], pace: Pace
    ) -> None:
        """Go from where the tool is at ``start_rad`` over the first pose to the second."""
        self._tool = tool
        self._start = pose_from_vector(tool.pose(start_rad))
        via, target = ends
        self._centre_m, self._axis, angle_rad = _circle(
            self._start.position_m, via.position_m, target.position_m)
        self._angle_rad = angle_rad
        self._turn_rad = vector_from_rotation(target.rotation @ self._start.rotation.T)
        radius_m = float(np.linalg.norm(self._start.position_m - self._centre_m))
        self.trapezoid = Trapezoid(radius_m * angle_rad, pace)

    def joints_at(self, time_s: float, near_rad: np.ndarray) -> np.ndarray:
        """Return joint angles after a time."""
        share = self.trapezoid.share(time_s)
        swing = rotation_from_vector(share * self._angle_rad * self._axis)
        position_m = self._centre_m + swing @ (self._start.position_m - self._centre_m)
        rotation = rotation_from_vector(share * self._turn_rad) @ self._start.rotation
        return _solve(self._tool, position_m, rotation, near_rad)


@dataclasses.dataclass(frozen=True)
class Leg:
    """One part of a path."""

    begin: Callable[[np.ndarray], Way]
    """Makes the way from the joint angles where it begins."""
    blend_m: float = 0.0
    """The next leg may begin when the tool is so near to the end of this one."""


class Travel:
    """Legs one after another: from rest to rest, or blended into each other where they may."""

    scalable = True

    def __init__(self, tool: Tool, legs: Sequence[Leg]) -> None:
        """Follow these legs.

        Args:
            tool: that moves.
            legs: at least one.
        """
        self.done = False
        self.leg = 0
        """Index of the leg that was begun last."""
        self._tool, self._legs = tool, list(legs)
        self._before = Stop(STOP_RAD_S2)
        self._ways: list[_Passage] = []

    def step(self, reference: Reference, speed_fraction: float) -> Reference:
        """Return the reference one tick further; first, come to rest."""
        if not self._ways:
            if reference.velocity_rad_s.any():
                return self._before.step(reference, speed_fraction)
            self._ways = [_Passage(self._legs[self.leg], reference.position_rad)]
        for passage in self._ways:
            passage.advance(TICK_S * speed_fraction)
        self._pass_on()
        position_rad = self._ways[-1].joints_rad
        if len(self._ways) > 1:
            # While two legs overlap, what is left of the first is added to the second.
            first = self._ways[0]
            position_rad = position_rad + first.joints_rad - first.end_rad
        if self.done:
            return Reference(position_rad, np.zeros(6))
        return Reference(position_rad, (position_rad - reference.position_rad) / TICK_S)

    @property
    def waits(self) -> bool:
        """Whether another leg may be added now: the last one ends, or comes near its end."""
        if self.leg + 1 < len(self._legs) or len(self._ways) != 1:
            return False
        return self._ways[0].over or self._blends(self._ways[0])

    def add(self, leg: Leg) -> None:
        """Follow another leg after the present ones."""
        self._legs.append(leg)

    def again(self) -> None:
        """Begin the present leg anew, from wherever the arm rests."""
        self._ways = []

    def _pass_on(self) -> None:
        first, last = self._ways[0], self._ways[-1]
        if first.over and len(self._ways) > 1:
            del self._ways[0]
        elif self.leg + 1 == len(self._legs):
            self.done = last.over and len(self._ways) == 1
        elif len(self._ways) == 1 and (last.over or self._blends(last)):
            self.leg += 1
            self._ways.append(_Passage(self._legs[self.leg], last.end_rad))
            if last.over:
                del self._ways[0]

    def _blends(self, passage: '_Passage') -> bool:
        blend_m = passage.leg.blend_m
        if blend_m <= 0.0 or not passage.slows_down:
            return False
        now_m, end_m = (
            self._tool.pose(joints_rad)[:3]
            for joints_rad in (passage.joints_rad, passage.end_rad)
        )
        return math.dist(now_m, end_m) <= blend_m


class _Passage:
    """One leg under way."""

    def __init__(self, leg: Leg, start_rad: np.ndarray) -> None:
        self.leg, self.joints_rad = leg, start_rad
        self._way, self._time_s = leg.begin(start_rad), 0.0
        self._end_rad: np.ndarray | None = None

    @property
    def over(self) -> bool:
        return self._time_s >= self._way.trapezoid.total_s

    @property
    def slows_down(self) -> bool:
        trapezoid = self._way.trapezoid
        return self._time_s >= trapezoid.total_s - trapezoid.ramp_s

    @property
    def end_rad(self) -> np.ndarray:
        if self._end_rad is None:
            self._end_rad = self._way.joints_at(self._way.trapezoid.total_s, self.joints_rad)
        return self._end_rad

    def advance(self, time_s: float) -> None:
        self._time_s += time_s
        self.joints_rad = self._way.joints_at(self._time_s, self.joints_rad)


def joint_leg(target_rad: np.ndarray, pace: Pace, blend_m: float = 0.0) -> Leg:
    """Return the leg of a moveJ."""
    return Leg(lambda start_rad: JointWay(start_rad, target_rad, pace), blend_m)


def tool_leg(tool: Tool, target: np.ndarray, pace: Pace, blend_m: float = 0.0) -> Leg:
    """Return the leg of a moveL to a pose, shape (6,)."""
    pose = pose_from_vector(target)
    return Leg(lambda start_rad: ToolWay(tool, start_rad, pose, pace), blend_m)


def circle_leg(
    tool: Tool, ends: tuple[np.ndarray, np.ndarray], pace: Pace, blend_m: float = 0.0
) -> Leg:
    """Return the leg of a moveC over one pose to another, each of shape (6,)."""
    poses = pose_from_vector(ends[0]), pose_from_vector(ends[1])
    return Leg(lambda start_rad: CircleWay(tool, start_rad, poses, pace), blend_m)


def pace_for(length: float, time_s: float) -> Pace:
    """Return the pace at which a way of this length takes this time.

    A quarter of it to speed up, a quarter to slow down.
    """
    speed = length / (0.75 * time_s)
    return Pace(speed, speed / (0.25 * time_s))


def _solve(
    tool: Tool, position_m: np.ndarray, rotation: np.ndarray, near_rad: np.ndarray
) -> np.ndarray:
    joints_rad = tool.joints_at(Pose(position_m, rotation), near_rad)
    if joints_rad is None:
        raise RobotError(f'the tool would be led out of reach at {position_m.round(4).tolist()}')
    return joints_rad


def _circle(
    start_m: np.ndarray, via_m: np.ndarray, target_m: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return centre, axis (length 1) and angle of the arc through three points."""
    first, second = via_m - start_m, target_m - start_m
    normal = np.cross(first, second)
    square = float(normal @ normal)
    if square < _NO_LENGTH:
        raise RobotError(
            'no circle goes through the start, the point on the way and the end: '
            f'{start_m.round(4).tolist()}, {via_m.round(4).tolist()}, '
            f'{target_m.round(4).tolist()}'
        )
    centre_m = start_m + (
        np.cross(normal, first) * (second @ second) + np.cross(second, normal) * (first @ first)
    ) / (2.0 * square)
    axis = normal / math.sqrt(square)
    begin, end = start_m - centre_m, target_m - centre_m
    angle_rad = math.atan2(float(np.cross(begin, end) @ axis), float(begin @ end))
    return centre_m, axis, angle_rad % (2.0 * math.pi)
