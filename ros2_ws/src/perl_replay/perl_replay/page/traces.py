"""Looks on while a bag is evaluated and keeps what pictures need, in bounded memory."""

from typing import NamedTuple

import numpy as np
from perl_core.contract import Contract

from perl_replay.episodes import Episode
from perl_replay.goals import GoalFigures
from perl_replay.page.thinning import Envelope, EvenChoice, bucket_starts, largest_in_buckets
from perl_replay.signals import StepSignals

_MOST_GOALS = 40
_MOST_FAILED = 20
_MOST_POINTS = 240
"""Of one goal."""
GRID_CELLS = 24
"""On each side of a picture of the workspace."""
GRID_REACH = 1.25
"""Half the side of such a picture, in radii of the workspace."""
SIGNALS = (*StepSignals._fields, 'gate')


class GoalTrace(NamedTuple):
    """The course of one goal; arrays have one entry per part of its time."""

    number: int
    """Which of the goals, from 0, returns included."""
    figures: GoalFigures
    """Of the goal."""
    time_s: np.ndarray
    """Since it was asked for."""
    position_error_m: np.ndarray
    """The largest in each part."""
    rotation_error_rad: np.ndarray
    """The largest in each part."""
    position_tolerance_m: float
    """Asked for."""
    rotation_tolerance_rad: float
    """Asked for."""
    tool_position_base_m: np.ndarray
    """Where the part begins, in ``base``, shape (n, 3)."""
    gate: np.ndarray
    """The largest in each part."""
    standard: np.ndarray
    """The standard branch acted in some of it."""


class GateGrid:
    """The largest gate in each cell of the workspace, seen from above and from the side."""

    def __init__(self, contract: Contract) -> None:
        """Start without observations.

        Args:
            contract: says where the workspace is.
        """
        self.reach_m = GRID_REACH * contract.workspace_radius_m
        self.largest = {
            axes: np.full((GRID_CELLS, GRID_CELLS), np.nan) for axes in ((0, 1), (0, 2))
        }
        """By the two axes of ``base`` that span the picture; NaN where nothing was seen."""

    def add(self, from_centre_m: np.ndarray, gate: np.ndarray) -> None:
        """Take tool positions from the centre of the workspace, shape (n, 3), and the gate."""
        cells = ((from_centre_m / self.reach_m + 1.0) * 0.5 * GRID_CELLS).astype(np.int64)
        cells = np.clip(cells, 0, GRID_CELLS - 1)
        for (first, second), grid in self.largest.items():
            np.fmax.at(grid, (cells[:, first], cells[:, second]), gate)


class Traces:
    """What to show of an evaluation; pass ``add`` as its observer."""

    def __init__(self, contract: Contract | None = None) -> None:
        """Start without goals.

        Args:
            contract: says where the workspace is.
        """
        self.contract = contract or Contract()
        self.gate_grid = GateGrid(self.contract)
        self.signals = Envelope(SIGNALS)
        self.position_tolerance_m = self.rotation_tolerance_rad = np.nan
        self._chosen, self._returns = EvenChoice(_MOST_GOALS), EvenChoice(_MOST_GOALS)
        self._failed: list[GoalTrace] = []
        self._count = 0

    @property
    def goals(self) -> list[GoalTrace]:
        """Goals but returns home: all, or those that failed and an even choice of the others."""
        return sorted((*self._chosen.kept, *self._failed), key=lambda trace: trace.number)

    @property
    def returns(self) -> list[GoalTrace]:
        """Returns home, likewise."""
        return self._returns.kept

    def add(self, episode: Episode, figures: GoalFigures, signals: StepSignals) -> None:
        """Take a goal."""
        number, self._count = self._count, self._count + 1
        acting = ~episode.policy.shadow
        gate = np.where(acting, episode.policy.gate, np.nan)
        self.gate_grid.add(episode.tool_position_m[acting], gate[acting])
        if episode.started_ns is not None:
            time_s = (episode.stamp_ns - episode.started_ns) / 1e9 + figures.started_s
            self.signals.add(time_s, np.array((*signals, gate)))
        if not figures.to_home:
            self.position_tolerance_m = np.fmax(
                self.position_tolerance_m, episode.position_tolerance_m
            )
            self.rotation_tolerance_rad = np.fmax(
                self.rotation_tolerance_rad, episode.rotation_tolerance_rad
            )
        choice = self._returns if figures.to_home else self._chosen
        failed = figures.failure is not None and not figures.to_home
        if failed and len(self._failed) < _MOST_FAILED:
            self._failed.append(self._trace(number, episode, figures, gate))
        elif choice.wants_next():
            choice.keep(self._trace(number, episode, figures, gate))

    def _trace(
        self, number: int, episode: Episode, figures: GoalFigures, gate: np.ndarray
    ) -> GoalTrace:
        """Return the course of a goal, thinned."""
        starts = bucket_starts(len(episode.stamp_ns), _MOST_POINTS)
        origin_ns = episode.started_ns
        if origin_ns is None and len(episode.stamp_ns):
            origin_ns = int(episode.stamp_ns[0])
        centre = np.array(self.contract.workspace_centre_base_m)
        return GoalTrace(
            number=number,
            figures=figures,
            time_s=(episode.stamp_ns[starts] - (origin_ns or 0)) / 1e9,
            position_error_m=largest_in_buckets(episode.position_error_m, _MOST_POINTS),
            rotation_error_rad=largest_in_buckets(episode.rotation_error_rad, _MOST_POINTS),
            position_tolerance_m=episode.position_tolerance_m,
            rotation_tolerance_rad=episode.rotation_tolerance_rad,
            tool_position_base_m=episode.tool_position_m[starts] + centre,
            gate=largest_in_buckets(gate, _MOST_POINTS),
            standard=largest_in_buckets(
                (episode.policy.branch == 1) & ~episode.policy.shadow, _MOST_POINTS
            ),
        )
