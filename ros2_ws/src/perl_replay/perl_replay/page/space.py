"""Goals and paths of the tool in space: one drawing that a script may turn, and that stands alone.

Every element says where it is in ``base`` (``data-at``, metres) and is drawn as seen from the
first view. turn.js projects the same places again for other views, with the same formula.
"""

from collections.abc import Sequence
import itertools
import math

import numpy as np
from perl_core.contract import Contract

from perl_replay.page.axes import drawing
from perl_replay.page.markup import Markup, figure, joined, number, tag
from perl_replay.page.traces import GoalTrace

WIDTH, HEIGHT = 720.0, 540.0
SCALE = 540.0
"""Units of the drawing to a metre."""
_YAW_RAD, _PITCH_RAD = math.radians(250.0), math.radians(22.0)
"""First view: from behind the workspace's outside, from a little above."""
_CIRCLE_POINTS = 49
_ARROW_M = 0.06
"""Length of the line that shows a goal's z axis."""


class Scene:
    """Elements at places in ``base``."""

    def __init__(self, contract: Contract) -> None:
        """Start with the workspace, the table and the base.

        Args:
            contract: says where the workspace is.
        """
        self._workspace = np.array(contract.workspace_centre_base_m)
        self._centre = self._workspace * (0.9, 0.9, 0.86)
        self._parts: list[Markup] = []
        self._surroundings(contract.workspace_radius_m)

    def line(self, points_m: np.ndarray, kind: str, title: str = '') -> Markup:
        """Return a line through points, shape (n, 3)."""
        points = ' '.join(f'{x:.1f},{y:.1f}' for x, y in self._seen(points_m))
        return tag('polyline', tag('title', title) if title else None, points=points,
                   data_at=_places(points_m), class_=f'line {kind}')

    def dot(self, point_m: np.ndarray, kind: str, title: str) -> Markup:
        """Return a point."""
        x, y = self._seen(point_m[None])[0]
        return tag('circle', tag('title', title), cx=f'{x:.1f}', cy=f'{y:.1f}', r=5,
                   data_at=_places(point_m[None]), class_=f'dot {kind}')

    def text(self, point_m: np.ndarray, text: str) -> Markup:
        """Return a text a little beside a point."""
        x, y = self._seen(point_m[None])[0]
        return tag('text', text, x=f'{x + 7:.1f}', y=f'{y - 5:.1f}', class_='note',
                   data_at=_places(point_m[None]))

    def add(self, *parts: Markup, goal: str | None = None) -> None:
        """Take elements; those of a goal can be shown alone."""
        self._parts.append(tag('g', *parts, data_goal=goal))

    def svg(self, label: str) -> Markup:
        """Return the drawing."""
        centre = ' '.join(f'{value:.4f}' for value in self._centre)
        view = f'{_YAW_RAD:.4f} {_PITCH_RAD:.4f} {SCALE:.1f} {WIDTH:.0f} {HEIGHT:.0f}'
        inner = tag('g', *self._parts, data_centre=centre, data_view=view)
        return drawing(label, WIDTH, HEIGHT, inner, kind='space')

    def _seen(self, points_m: np.ndarray) -> np.ndarray:
        """Return where points are drawn, shape (n, 2)."""
        x, y, z = (points_m - self._centre).T
        toward = math.cos(_YAW_RAD) * x + math.sin(_YAW_RAD) * y
        right = -math.sin(_YAW_RAD) * x + math.cos(_YAW_RAD) * y
        up = math.cos(_PITCH_RAD) * z - math.sin(_PITCH_RAD) * toward
        return np.stack((0.5 * WIDTH + SCALE * right, 0.5 * HEIGHT - SCALE * up), axis=1)

    def _surroundings(self, radius_m: float) -> None:
        angle = np.linspace(0.0, 2.0 * math.pi, _CIRCLE_POINTS)
        circle = radius_m * np.stack((np.cos(angle), np.sin(angle), 0.0 * angle), axis=1)
        for order in ((0, 1, 2), (2, 0, 1), (1, 2, 0)):
            self.add(self.line(circle[:, order] + self._workspace, 'faint'))
        side = np.array(((0.2, 0.35), (-0.9, 0.35), (-0.9, -0.6), (0.2, -0.6), (0.2, 0.35)))
        self.add(self.line(np.pad(side, ((0, 0), (0, 1))), 'faint', 'the table, z = 0'))
        origin = np.zeros(3)
        for axis, name in enumerate('xyz'):
            end = 0.15 * np.eye(3)[axis]
            self.add(self.line(np.stack((origin, end)), 'axis'), self.text(end, name))
        self.add(self.dot(origin, 'base', 'the base of the arm'), self.text(origin, 'base'))


def space_figure(
    scene_of: Contract, runs: Sequence[tuple[str, Sequence[GoalTrace], Sequence[str]]],
    returns: Sequence[GoalTrace], caption: str,
) -> Markup:
    """Return goals and paths of one run, or of two, as a figure.

    Args:
        scene_of: says where the workspace is.
        runs: of each, the kind of its lines (empty: by branch), its goals and their names.
        returns: paths home, drawn faintly.
        caption: what it shows.
    """
    scene = Scene(scene_of)
    for trace in returns:
        if len(trace.time_s) > 1:
            scene.add(scene.line(trace.tool_position_base_m, 'return'), goal='home')
    for kind, traces, names in runs:
        for trace, name in zip(traces, names, strict=True):
            scene.add(*_path(scene, trace, kind), *_goal(scene, trace, name), goal=name)
    label = f'{sum(len(traces) for _, traces, _ in runs)} goals and the paths of the tool in space'
    return figure(scene.svg(label), caption, 'space')


def _path(scene: Scene, trace: GoalTrace, kind: str) -> list[Markup]:
    """Return the path, cut where the other branch takes over."""
    points, standard = trace.tool_position_base_m, trace.standard
    if kind:
        return [scene.line(points, kind)] if len(points) > 1 else []
    cuts = [0, *(np.flatnonzero(np.diff(standard.astype(int))) + 1).tolist(), len(points)]
    return [
        scene.line(points[first : last + 1], 'standard' if standard[first] else 'equivariant')
        for first, last in itertools.pairwise(cuts)
        if len(points[first : last + 1]) > 1
    ]


def _goal(scene: Scene, trace: GoalTrace, name: str) -> list[Markup]:
    figures = trace.figures
    if not figures.target:
        return []
    position_m = np.array(figures.target[:3])
    x, y, z, w = figures.target[3:]
    # Third column of the rotation matrix of a quaternion.
    z_axis = np.array((2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)))
    kind = 'failed' if figures.failure is not None else 'reached'
    title = (
        f'{name}: {figures.outcome}, {number(figures.position_error_m, 2, 1e3)} mm, '
        f'{number(math.degrees(figures.rotation_error_rad), 2)}°'
    )
    arrow = np.stack((position_m, position_m + _ARROW_M * z_axis))
    return [
        scene.line(arrow, kind), scene.dot(position_m, kind, title),
        scene.text(position_m, name.removeprefix('goal ')),
    ]


def _places(points_m: np.ndarray) -> Markup:
    """Return coordinates [mm] as text; turn.js reads them."""
    return joined(' '.join(str(value) for value in np.round(points_m * 1e3).astype(int).ravel()))
