"""Pictures of a grid world, painted with numpy alone: smooth shapes from their distance fields."""

from collections.abc import Sequence

import numpy as np
from perl_core.errors import ConfigError
from perl_core.tabular import GridWorld, cells
from perl_core.tabular.gridworld import MOVES, Cell

TILE_PX = 48
MARGIN_PX = 20
_PAPER = '#e9e6df'
_FLOOR = '#fbfaf7'
_OBSTACLE = '#39424e'
_PENALTY = '#f6cdc5'
_PENALTY_SIGN = '#b8392b'
_GOAL = '#2c9c6a'
_AGENT = '#2563c9'
_OVERLAY = '#f08c1a'
_WHITE = '#ffffff'
_TRAIL_CELLS = 10
_TRAIL_RADIUS = 0.09
"""Lengths of shapes are in tiles."""


class Picture:
    """A picture of one world, onto which more can be drawn."""

    def __init__(self, world: GridWorld) -> None:
        """Paint the floor, obstacles, penalties and the goal."""
        self._world = world
        side = world.size * TILE_PX + 2 * MARGIN_PX
        self._canvas = np.broadcast_to(_rgb(_PAPER), (side, side, 3)).copy()
        centres = (np.arange(TILE_PX) + 0.5) / TILE_PX - 0.5
        self._x, self._y = np.meshgrid(centres, -centres)
        for cell in cells(world.size):
            self._draw_tile(cell)

    def draw_overlay(self, values: np.ndarray) -> None:
        """Tint, in each free cell, the triangle of each action by its value.

        Args:
            values: within [0, 1], such as a gate or eps, shape (S, 4).

        Raises:
            ConfigError: the values have another shape or range.
        """
        size = self._world.size
        values = np.asarray(values, dtype=float)
        if values.shape != (size**2, len(MOVES)) or not (
            values.min() >= 0.0 and values.max() <= 1.0
        ):
            raise ConfigError(
                f'an overlay must have shape {(size**2, len(MOVES))} and values in [0, 1], got '
                f'shape {values.shape}'
            )
        barred = self._world.obstacles | {self._world.goal}
        for cell, row in zip(cells(size), values, strict=True):
            if cell not in barred:
                for move, value in enumerate(row):
                    self._paint(cell, self._triangle(*MOVES[move]), _OVERLAY, 0.9 * value)

    def draw_trail(self, visited: Sequence[Cell]) -> None:
        """Draw the agent in the last of the cells, and fading dots where it was before.

        Args:
            visited: cells in the order of the visits; none for no agent.
        """
        if not visited:
            return
        past = [cell for cell in visited[-_TRAIL_CELLS - 1 : -1] if cell != visited[-1]]
        for age, cell in enumerate(reversed(past)):
            self._paint(cell, self._disc(_TRAIL_RADIUS), _AGENT, 0.7 * (1.0 - age / _TRAIL_CELLS))
        self._paint(visited[-1], self._disc(0.36), _WHITE)
        self._paint(visited[-1], self._disc(0.31), _AGENT)
        self._paint(visited[-1], self._disc(0.10), _WHITE)

    def pixels(self) -> np.ndarray:
        """Return the picture, uint8, shape (height, width, 3); y points up."""
        return np.rint(255.0 * self._canvas).astype(np.uint8)

    def _draw_tile(self, cell: Cell) -> None:
        self._paint(cell, self._square(0.475, 0.08), _FLOOR)
        if cell in self._world.obstacles:
            self._paint(cell, self._square(0.475, 0.16), _OBSTACLE)
        elif cell in self._world.penalties:
            self._paint(cell, self._square(0.475, 0.08), _PENALTY)
            sign = np.maximum(np.abs(self._x) - 0.17, np.abs(self._y) - 0.045)
            self._paint(cell, sign, _PENALTY_SIGN)
        elif cell == self._world.goal:
            for radius, colour in ((0.4, _GOAL), (0.29, _FLOOR), (0.18, _GOAL)):
                self._paint(cell, self._disc(radius), colour)

    def _disc(self, radius: float) -> np.ndarray:
        return np.hypot(self._x, self._y) - radius

    def _square(self, half_side: float, corner: float) -> np.ndarray:
        over = np.maximum(np.abs([self._x, self._y]) - (half_side - corner), 0.0)
        return np.hypot(*over) - corner

    def _triangle(self, x: int, y: int) -> np.ndarray:
        ahead = self._x * x + self._y * y
        aside = np.abs(self._x * y - self._y * x)
        return np.maximum((aside - ahead) / np.sqrt(2.0) + 0.035, ahead - 0.44)

    def _paint(self, cell: Cell, distance: np.ndarray, colour: str, opacity: float = 1.0) -> None:
        """Paint where the distance, in tiles, is negative; one pixel at the edge is blended."""
        half = self._world.size // 2
        top, left = (MARGIN_PX + TILE_PX * (half + at) for at in (-cell[1], cell[0]))
        tile = self._canvas[top : top + TILE_PX, left : left + TILE_PX]
        cover = opacity * np.clip(0.5 - distance * TILE_PX, 0.0, 1.0)[..., None]
        tile += cover * (_rgb(colour) - tile)


def _rgb(colour: str) -> np.ndarray:
    return np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255.0
