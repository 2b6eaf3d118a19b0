"""Whether a whole stop ramp stays inside every border, from a few evaluations.

A row changes with each joint no faster than its Lipschitz constant. So its value at one place is
a bound on its values around it, and its values at two places are a bound on those between. What
was evaluated in earlier ticks is tried first, since that costs next to nothing.
"""

import math
from typing import NamedTuple

import numpy as np

from perl_safety.clearance import Clearances, Contacts
from perl_safety.stop_ramp import Span, StopRamp

_SHARES = np.array((0.0, 0.5, 1.0))
"""Places of a ramp that are evaluated, as shares of its way. Own choice."""
_OUTSIDE_M = 0.005
"""An arm that is outside a border already may come this much nearer to what is behind it while it
turns round. Nothing is gained where it is inside."""


class Inspection(NamedTuple):
    """What the evaluation of one ramp found."""

    room: np.ndarray
    """Certain distance from every border along the whole ramp, shape (rows,); at least 0 is
    inside."""
    rest_room: np.ndarray
    """The same for the last piece alone, before rest, shape (rows,)."""
    rest_rad: np.ndarray
    """Where the ramp ends, shape (6,)."""
    contacts: Contacts
    """There."""


class _Known(NamedTuple):
    """The last ramp that surely held."""

    spare: float
    """By how much, in the border where it was least; negative: there is none."""
    start_rad: list[float]
    """Where it began."""
    rest_rad: list[float]
    """Where it ended."""
    aside_rad: list[float]
    """As in Span."""


class Envelope:
    """The borders of one arm, and what is known about its surroundings."""

    def __init__(self, clearances: Clearances) -> None:
        """Know nothing yet.

        Args:
            clearances: all rows.
        """
        self.clearances = clearances
        self._lipschitz = clearances.lipschitz
        self._transposed = np.ascontiguousarray(clearances.lipschitz.T)
        self._floor = np.zeros(len(clearances.rows))
        self._doubtful = np.ones(len(clearances.rows), dtype=bool)
        self._values = np.full((1, len(clearances.rows)), -np.inf)
        self._places = np.zeros((1, 6))
        self._steepest = clearances.lipschitz.max(axis=0).tolist()
        self._known = _Known(-math.inf, [], [], [])

    def seed(self, position_rad: np.ndarray) -> None:
        """Rest here; where this is outside already, only ask not to go further outside."""
        self._known = _Known(-math.inf, [], [], [])
        room = self._values - np.abs(position_rad - self._places) @ self._transposed
        self._floor = np.zeros(len(self.clearances.rows))
        if (room.max(axis=0) >= 0.0).all():
            return
        self._places = position_rad[None]
        self._values = self.clearances.at(self._places).value
        self._floor = _floor(self._values[0])

    def surely_holds(self, ramp: StopRamp, span: Span) -> bool:
        """Return whether earlier evaluations say that the ramp stays inside."""
        away = np.maximum(
            np.abs(ramp.start.position_rad - self._places), np.abs(ramp.rest_rad - self._places)
        ) + span.aside_rad
        room = self._values - away @ self._transposed
        spare = room.max(axis=0) - self._floor
        self._doubtful = spare < 0.0
        if self._doubtful.any():
            return False
        self._known = _Known(
            float(spare.min()), ramp.start.position_rad.tolist(), ramp.rest_rad.tolist(),
            span.aside_rad.tolist(),
        )
        return True

    def holds_as_before(
        self, start_rad: list[float], rest_rad: list[float], aside_rad: list[float]
    ) -> bool:
        """Return whether a ramp is so near to one that surely held that it holds as well.

        Args:
            start_rad: where it begins.
            rest_rad: where it ends.
            aside_rad: as in Span.
        """
        spare = self._known.spare
        if spare < 0.0:
            return False
        for slope, start, rest, aside, start_then, rest_then, aside_then in zip(
            self._steepest, start_rad, rest_rad, aside_rad, *self._known[1:], strict=True
        ):
            moved = max(abs(start - start_then), abs(rest - rest_then))
            spare -= slope * (moved + max(aside - aside_then, 0.0))
        return spare >= 0.0

    def inspect(self, ramp: StopRamp, span: Span, *, briefly: bool) -> Inspection:
        """Evaluate a ramp of which ``surely_holds`` was in doubt just before.

        Args:
            ramp: the ramp.
            span: its own.
            briefly: look only at the kinds of rows that are in doubt; quicker, but the next ramp
                will hardly be sure either.
        """
        self._known = _Known(-math.inf, [], [], [])
        start, way = ramp.start.position_rad, ramp.rest_rad - ramp.start.position_rad
        doubtful = self._doubtful if briefly else None
        places = self.clearances.at(start + _SHARES[:, None] * way, doubtful)
        value = places.value
        seen = np.isfinite(value[0])
        if seen.all():
            self._places, self._values = places.joint_position_rad, value
        self._floor = np.where(seen, np.maximum(self._floor, _floor(value[0])), self._floor)
        half = 0.5 * np.diff(_SHARES)[:, None] * (self._lipschitz @ np.abs(way))
        pieces = 0.5 * (value[1:] + value[:-1]) - half
        pieces -= self._lipschitz @ span.aside_rad + self._floor
        return Inspection(
            pieces.min(axis=0), pieces[-1], ramp.rest_rad, self.clearances.contacts(places)
        )


def _floor(value: np.ndarray) -> np.ndarray:
    """Return what every row may fall to: zero, and where it is below already a little less."""
    return np.where(value < 0.0, value - _OUTSIDE_M, 0.0)
