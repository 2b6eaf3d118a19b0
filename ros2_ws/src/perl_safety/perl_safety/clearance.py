"""How far the arm is from every border that depends on where its links are.

Rules contribute rows; each row is a function of the joint positions that must not become
negative. All rows are evaluated at once, for many joint positions at once. Every row comes with
the fastest that it can change with each joint (a Lipschitz constant), so that a few evaluations
say something certain about all positions in between.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from perl_core.kinematics import DHParameters, Kinematics

from perl_safety.arm_shape import CAPSULES, reach_of_joints_m
from perl_safety.distances import Nearest, between_segments, to_boxes

_JOINTS = 6
_TINY = 1e-9

Vector = tuple[float, float, float]


class HalfSpace(NamedTuple):
    """A point of the arm stays on one side of a plane: normal . x >= offset."""

    reason: str
    """Name of the rule and the part."""
    frame: int
    """In which the point is given."""
    point_m: Vector
    """The point."""
    normal: Vector
    """Of length 1, in ``base``."""
    offset_m: float
    """Of the plane, and the thickness of what surrounds the point."""


class InsideSphere(NamedTuple):
    """The origin of a frame stays inside a sphere."""

    reason: str
    """Name of the rule and the part."""
    frame: int
    """Whose origin it is."""
    centre_base_m: Vector
    """Of the sphere."""
    radius_m: float
    """Of the sphere."""


class OffAxis(NamedTuple):
    """The origin of a frame stays away from the z axis of ``base``."""

    reason: str
    """Name of the rule and the part."""
    frame: int
    """Whose origin it is."""
    least_m: float
    """Distance to keep."""


class SineOfJoint(NamedTuple):
    """A joint stays away from 0 and from half a turn."""

    reason: str
    """Name of the rule and the part."""
    joint: int
    """0 to 5."""
    least: float
    """Magnitude of its sine to keep."""


class CapsulePair(NamedTuple):
    """Two links keep apart."""

    reason: str
    """Name of the rule and the part."""
    first: int
    """Index in CAPSULES, nearer to the base."""
    second: int
    """Index in CAPSULES."""
    least_m: float
    """Distance to keep between the surfaces."""


class CapsuleBox(NamedTuple):
    """A link keeps away from a box whose edges are along the axes of ``base``."""

    reason: str
    """Name of the rule and the part."""
    capsule: int
    """Index in CAPSULES."""
    centre_base_m: Vector
    """Of the box."""
    half_size_m: Vector
    """Half of its edges."""
    least_m: float
    """Distance to keep between the surfaces."""


Row = HalfSpace | InsideSphere | OffAxis | SineOfJoint | CapsulePair | CapsuleBox
_R = TypeVar('_R')


class Contacts(NamedTuple):
    """For every row at one joint position: what moves which way when its value rises."""

    point_m: np.ndarray
    """On the arm, shape (rows, 3)."""
    other_m: np.ndarray
    """The point that it moves away from, shape (rows, 3)."""
    away: np.ndarray
    """Direction in which the first point moves away, shape (rows, 3)."""
    slope: np.ndarray
    """Derivative of the sines by their joints, shape (sines,)."""
    frames: np.ndarray
    """Shape (7, 4, 4)."""


class Places(NamedTuple):
    """Everything at n joint positions."""

    value: np.ndarray
    """Of all rows, shape (n, rows) [m]; sines without a unit."""
    joint_position_rad: np.ndarray
    """Shape (n, 6)."""
    frames: np.ndarray
    """Shape (n, 7, 4, 4)."""
    points_m: np.ndarray
    """Of the rows that look at points, then both ends of all capsules, shape (n, points, 3)."""
    nearest: tuple[Nearest | None, ...]
    """Of pairs and of boxes, where they were looked at."""


class Clearances:
    """Evaluates rows."""

    def __init__(self, kinematics: Kinematics, rows: Sequence[Row]) -> None:
        """Group the rows by kind.

        Args:
            kinematics: of the arm; not shared with another thread.
            rows: in any order.
        """
        self._kinematics = kinematics
        parameters = kinematics.parameters
        self._planes, self._spheres = _of(rows, HalfSpace), _of(rows, InsideSphere)
        self._axes, self._sines = _of(rows, OffAxis), _of(rows, SineOfJoint)
        self._pairs, self._boxes = _of(rows, CapsulePair), _of(rows, CapsuleBox)
        self.rows: tuple[Row, ...] = (
            *self._planes, *self._spheres, *self._axes, *self._sines, *self._pairs, *self._boxes,
        )
        """In the order of the values."""
        self.lipschitz = np.array([_lipschitz(parameters, row) for row in self.rows])
        """Greatest change with each joint [1/rad], shape (rows, 6)."""
        boxes = len(self.rows) - len(self._boxes)
        self._of_pairs = slice(boxes - len(self._pairs), boxes)
        self._of_boxes = slice(boxes, len(self.rows))
        self._arrange()

    def _arrange(self) -> None:
        """Make the arrays that do not depend on the joint positions."""
        points = [(row.frame, row.point_m) for row in self._planes]
        points += [(row.frame, (0.0, 0.0, 0.0)) for row in (*self._spheres, *self._axes)]
        for capsule in CAPSULES:
            points += [(capsule.frame, capsule.begin_m), (capsule.frame, capsule.end_m)]
        self._frame = np.array([frame for frame, _ in points])
        self._local = np.array([(*point, 1.0) for _, point in points])[..., None]
        self._free = free = len(points) - 2 * len(CAPSULES)
        self._normal = np.array([row.normal for row in self._planes]).reshape(-1, 3)
        self._offset = np.array([row.offset_m for row in self._planes])
        self._centre = np.array([row.centre_base_m for row in self._spheres]).reshape(-1, 3)
        self._radius = np.array([row.radius_m for row in self._spheres])
        self._off = np.array([row.least_m for row in self._axes])
        self._joint = np.array([row.joint for row in self._sines], dtype=int)
        self._sine = np.array([row.least for row in self._sines])
        self._angle = self._kinematics.parameters.theta_rad[self._joint]
        radius = np.array([capsule.radius_m for capsule in CAPSULES])
        self._pair_ends = np.array([
            (free + 2 * a, free + 2 * a + 1, free + 2 * b, free + 2 * b + 1)
            for a, b in ((row.first, row.second) for row in self._pairs)
        ], dtype=int).reshape(-1, 4)
        self._apart = np.array([
            radius[row.first] + radius[row.second] + row.least_m for row in self._pairs
        ])
        capsules = np.array([row.capsule for row in self._boxes], dtype=int)
        self._box_ends = np.stack((free + 2 * capsules, free + 2 * capsules + 1), axis=1)
        self._beyond = np.array([radius[row.capsule] + row.least_m for row in self._boxes])
        self._box_centre = np.array([row.centre_base_m for row in self._boxes]).reshape(-1, 3)
        self._box_half = np.array([row.half_size_m for row in self._boxes]).reshape(-1, 3)
        moved = [_moved_by(row) for row in self.rows]
        # Joints that move the point, and those that move the other one along with it.
        self._moves = np.array([np.arange(_JOINTS) < upper for _, upper in moved])
        self._carries = np.array([np.arange(_JOINTS) < lower for lower, _ in moved])

    def at(self, joint_position_rad: np.ndarray, doubtful: np.ndarray | None = None) -> Places:
        """Return every row at n joint positions, shape (n, 6).

        Args:
            joint_position_rad: the positions.
            doubtful: bool, shape (rows,): where none of the pairs, or of the boxes, is in doubt,
                they are infinitely far away instead; all are looked at without it.
        """
        frames = np.stack([self._kinematics.frames(row) for row in joint_position_rad])
        points = (frames[:, self._frame, :3] @ self._local)[..., 0]
        values, nearest = [self._of_points(points, joint_position_rad)], []
        for of_kind, ends, look in (
            (self._of_pairs, self._pair_ends, self._see_pairs),
            (self._of_boxes, self._box_ends, self._see_boxes),
        ):
            seen = len(ends) and (doubtful is None or doubtful[of_kind].any())
            found = look(points[:, ends]) if seen else None
            nearest.append(found[0] if found else None)
            values.append(found[1] if found else np.full((len(points), len(ends)), np.inf))
        return Places(
            np.concatenate(values, axis=1), joint_position_rad, frames, points, tuple(nearest)
        )

    def _of_points(self, points: np.ndarray, joint_position_rad: np.ndarray) -> np.ndarray:
        """Return the rows that look at single points and joints, shape (n, rows of that kind)."""
        planes, spheres = len(self._planes), len(self._spheres)
        off = points[:, planes + spheres : self._free]
        from_centre = points[:, planes : planes + spheres] - self._centre
        joints = joint_position_rad[:, self._joint] + self._angle
        return np.concatenate((
            (points[:, :planes] * self._normal).sum(axis=2) - self._offset,
            self._radius - np.sqrt((from_centre * from_centre).sum(axis=2)),
            np.hypot(off[..., 0], off[..., 1]) - self._off,
            np.abs(np.sin(joints)) - self._sine,
        ), axis=1)

    def _see_pairs(self, ends: np.ndarray) -> tuple[Nearest, np.ndarray]:
        pairs = between_segments(ends)
        return Nearest(pairs.second_m, pairs.first_m), pairs.distance_m - self._apart

    def _see_boxes(self, ends: np.ndarray) -> tuple[Nearest, np.ndarray]:
        boxes = to_boxes(ends, self._box_centre, self._box_half)
        return boxes, boxes.distance_m - self._beyond

    def contacts(self, places: Places) -> Contacts:
        """Return how the rows come about at the last of the joint positions."""
        points = places.points_m[-1]
        planes, spheres = len(self._planes), len(self._spheres)
        inside, off = points[planes : planes + spheres], points[planes + spheres : self._free]
        none, free = np.zeros((len(self._sines), 3)), points[: self._free]
        own, other = [free, none], [0.0 * free, none]
        away = [
            self._normal, _direction(self._centre - inside),
            _direction(off * (1.0, 1.0, 0.0)), none,
        ]
        for nearest, ends in zip(
            places.nearest, (self._pair_ends, self._box_ends), strict=True
        ):
            unseen = np.zeros((len(ends), 3))
            own.append(unseen if nearest is None else nearest.first_m[-1])
            other.append(unseen if nearest is None else nearest.second_m[-1])
            away.append(_direction(own[-1] - other[-1]))
        angle = places.joint_position_rad[-1][self._joint] + self._angle
        return Contacts(
            np.concatenate(own), np.concatenate(other), np.concatenate(away),
            np.cos(angle) * np.sign(np.sin(angle)), places.frames[-1],
        )

    def gradients(self, contacts: Contacts, rows: np.ndarray) -> np.ndarray:
        """Return how some rows change with each joint [1/rad], shape (len(rows), 6).

        Args:
            contacts: at the joint position in question.
            rows: their indexes.
        """
        axis, origin = contacts.frames[:_JOINTS, :3, 2], contacts.frames[:_JOINTS, :3, 3]
        away = contacts.away[rows]
        # away . (axis x (point - origin)) for every joint that moves the point
        shift = away @ _cross(axis, origin).T
        of_point = _cross(contacts.point_m[rows], away) @ axis.T - shift
        of_other = _cross(contacts.other_m[rows], away) @ axis.T - shift
        gradient = self._moves[rows] * of_point - self._carries[rows] * of_other
        first = len(self._planes) + len(self._spheres) + len(self._axes)
        for at in np.flatnonzero((rows >= first) & (rows < first + len(self._sines))):
            index = rows[at] - first
            gradient[at] = 0.0
            gradient[at, self._joint[index]] = contacts.slope[index]
        return gradient


def _of(rows: Sequence[Row], kind: type[_R]) -> tuple[_R, ...]:
    return tuple(row for row in rows if isinstance(row, kind))


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    # numpy's own takes 30 us for a handful of vectors.
    return np.stack((
        a[:, 1] * b[:, 2] - a[:, 2] * b[:, 1],
        a[:, 2] * b[:, 0] - a[:, 0] * b[:, 2],
        a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0],
    ), axis=1)  # fmt: skip


def _direction(vectors: np.ndarray) -> np.ndarray:
    length = np.sqrt((vectors * vectors).sum(axis=-1, keepdims=True))
    return vectors / np.maximum(length, _TINY)


def _moved_by(row: Row) -> tuple[int, int]:
    """Return how many joints move both points of a row, and how many move the first."""
    if isinstance(row, CapsulePair):
        return CAPSULES[row.first].frame, CAPSULES[row.second].frame
    if isinstance(row, CapsuleBox):
        return 0, CAPSULES[row.capsule].frame
    return 0, row.joint + 1 if isinstance(row, SineOfJoint) else row.frame


def _lipschitz(parameters: DHParameters, row: Row) -> np.ndarray:
    """Return the greatest change of a row's value with each joint [1/rad], shape (6,)."""
    if isinstance(row, SineOfJoint):
        return (np.arange(_JOINTS) == row.joint).astype(float)
    if isinstance(row, CapsulePair):
        # What moves both links alike does not move them apart; the base is round.
        alike = np.arange(_JOINTS) < max(CAPSULES[row.first].frame, 1)
        return np.where(alike, 0.0, _reach_of_capsule_m(parameters, row.second))
    if isinstance(row, CapsuleBox):
        return _reach_of_capsule_m(parameters, row.capsule)
    point_m = row.point_m if isinstance(row, HalfSpace) else (0.0, 0.0, 0.0)
    reach = reach_of_joints_m(parameters, row.frame, point_m)
    # Turning about the z axis of base leads along planes across it, and past a sphere's centre.
    if isinstance(row, HalfSpace):
        reach[0] *= np.hypot(row.normal[0], row.normal[1])
    elif isinstance(row, InsideSphere):
        reach[0] = min(reach[0], np.hypot(row.centre_base_m[0], row.centre_base_m[1]))
    else:
        reach[0] = 0.0
    return reach


def _reach_of_capsule_m(parameters: DHParameters, index: int) -> np.ndarray:
    capsule = CAPSULES[index]
    return np.maximum(
        reach_of_joints_m(parameters, capsule.frame, capsule.begin_m),
        reach_of_joints_m(parameters, capsule.frame, capsule.end_m),
    )
