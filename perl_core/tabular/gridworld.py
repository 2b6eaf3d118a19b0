"""A square grid world with fixed obstacles, as a finite MDP, and the quarter turns that act on it.

The state is the agent's cell (x, y) about the origin; what the group moves is the agent, not the
world. Obstacles, penalties and a goal off the centre therefore break the symmetry where they are.
"""

from dataclasses import dataclass

import numpy as np
from perl_core.errors import ConfigError
from perl_core.tabular.group_action import GroupAction
from perl_core.tabular.mdp import FiniteMDP

Cell = tuple[int, int]
MOVES: tuple[Cell, ...] = ((1, 0), (0, 1), (-1, 0), (0, -1))
"""Actions in the order of a quarter turn counter-clockwise: right, up, left, down."""


@dataclass(frozen=True, kw_only=True)
class GridWorld:
    """An odd square grid centred on the origin.

    A move into an obstacle or a wall leaves the agent where it is. Rewards are for the cell that
    is entered; the goal is absorbing and pays once. Obstacle cells are states too, as quarter
    turns need them; none is ever entered, and one would leave it as it leaves a free cell, so that
    the symmetry is broken only where a move is blocked.

    Raises:
        ConfigError: a value is out of bounds, cells overlap, or the goal cannot be reached from
            each free cell.
    """

    size: int = 11
    """Cells along an edge, odd and at least 3."""
    obstacles: frozenset[Cell] = frozenset()
    """Cells that cannot be entered."""
    penalties: frozenset[Cell] = frozenset()
    """Cells that can be entered, at the cost of ``penalty_reward``."""
    goal: Cell = (0, 0)
    """The absorbing cell; the centre is the only one that all quarter turns leave alone."""
    slip_probability: float = 0.0
    """A move goes to the left or the right of its direction instead, each with half of this."""
    goal_reward: float = 1.0
    """Reward of entering the goal."""
    penalty_reward: float = -0.5
    """Reward of entering, or staying in, a penalty cell."""
    step_reward: float = 0.0
    """Reward of each other step outside the goal."""
    discount: float = 0.95
    """Discount factor per step, in [0, 1)."""

    def __post_init__(self) -> None:
        """Check the values and that the world is connected."""
        for name in ('obstacles', 'penalties'):
            object.__setattr__(self, name, frozenset(map(tuple, getattr(self, name))))
        if self.size < 3 or self.size % 2 == 0:
            raise ConfigError(f'size must be odd and at least 3, got {self.size}')
        for name, limit in (('slip_probability', 1.0), ('discount', np.nextafter(1.0, 0.0))):
            value = getattr(self, name)
            if not 0.0 <= value <= limit:
                raise ConfigError(f'{name} must be in [0, {limit}], got {value}')
        for name in ('goal_reward', 'penalty_reward', 'step_reward'):
            if not np.isfinite(getattr(self, name)):
                raise ConfigError(f'{name} must be finite, got {getattr(self, name)}')
        self._check_cells()
        cut_off = unreachable(self.size, self.goal, self.obstacles)
        if cut_off:
            raise ConfigError(
                f'the goal {self.goal} must be reachable from each free cell, it is not from '
                f'{len(cut_off)}, among them {min(cut_off)}; remove obstacles'
            )

    def _check_cells(self) -> None:
        inside = set(cells(self.size))
        named = {'obstacles': self.obstacles, 'penalties': self.penalties, 'goal': {self.goal}}
        for name, chosen in named.items():
            outside = set(chosen) - inside
            if outside:
                raise ConfigError(
                    f'{name} must be integer cells within +-{self.size // 2} on both axes, got '
                    f'{min(outside)}'
                )
        for first, second in (('obstacles', 'penalties'), ('obstacles', 'goal'),
                              ('penalties', 'goal')):  # fmt: skip
            shared = set(named[first]) & set(named[second])
            if shared:
                raise ConfigError(f'{first} and {second} must not share cells, got {min(shared)}')

    def mdp(self) -> FiniteMDP:
        """Return the world as an MDP of S = size^2 states, in the order of ``cells``, A = 4."""
        index = {cell: state for state, cell in enumerate(cells(self.size))}
        transition = np.zeros((len(index), len(MOVES), len(index)))
        half_slip = self.slip_probability / 2.0
        chances = ((0, 1.0 - self.slip_probability), (1, half_slip), (-1, half_slip))
        for cell, state in index.items():
            for action in range(len(MOVES)):
                for turn, chance in chances:
                    to = index[self._after(cell, (action + turn) % len(MOVES))]
                    transition[state, action, to] += chance
        reward = transition @ self.entering_reward()
        reward[index[self.goal]] = 0.0
        return FiniteMDP(transition=transition, reward=reward, discount=self.discount)

    def entering_reward(self) -> np.ndarray:
        """Return the reward of entering each state, shape (S,); staying in the goal pays none."""
        ahead = {self.goal: self.goal_reward} | dict.fromkeys(self.penalties, self.penalty_reward)
        return np.array([ahead.get(cell, self.step_reward) for cell in cells(self.size)])

    def start_states(self) -> np.ndarray:
        """Return the states in which an agent can be and act: free cells but the goal."""
        barred = self.obstacles | {self.goal}
        return np.array([s for s, cell in enumerate(cells(self.size)) if cell not in barred])

    def _after(self, cell: Cell, move: int) -> Cell:
        to = _neighbour(cell, move)
        blocked = max(map(abs, to)) > self.size // 2 or to in self.obstacles
        return cell if blocked or cell == self.goal else to


def cells(size: int) -> list[Cell]:
    """Return all cells (x, y) of a grid, in the order of its states: rows of equal y, x first."""
    half = size // 2
    axis = range(-half, half + 1)
    return [(x, y) for y in axis for x in axis]


def quarter_turns(size: int) -> GroupAction:
    """Return C4 on the cells and moves of a grid: (x, y) -> (-y, x), right -> up."""
    index = {cell: state for state, cell in enumerate(cells(size))}
    turned = [index[-y, x] for x, y in index]
    moves = [MOVES.index((-y, x)) for x, y in MOVES]
    return GroupAction.generated_by(np.array([turned]), np.array([moves]))


def _neighbour(cell: Cell, move: int) -> Cell:
    return cell[0] + MOVES[move][0], cell[1] + MOVES[move][1]


def unreachable(size: int, goal: Cell, obstacles: frozenset[Cell]) -> set[Cell]:
    """Return the free cells from which no path leads to the goal."""
    left = set(cells(size)) - obstacles - {goal}
    frontier = [goal]
    while frontier:
        cell = frontier.pop()
        found = {_neighbour(cell, move) for move in range(len(MOVES))} & left
        left -= found
        frontier += found
    return left


def scattered_obstacles(
    size: int, count: int, rng: np.random.Generator, goal: Cell = (0, 0)
) -> frozenset[Cell]:
    """Draw obstacles one by one among the cells that leave the rest connected to the goal.

    Args:
        size: cells along an edge.
        count: how many obstacles.
        rng: where the randomness comes from.
        goal: the cell that stays free.

    Raises:
        ConfigError: the count is negative, or so many do not fit.
    """
    if count < 0:
        raise ConfigError(f'the count of obstacles must not be negative, got {count}')
    candidates = [cell for cell in cells(size) if cell != goal]
    obstacles: frozenset[Cell] = frozenset()
    # One pass is enough: a cell that would cut off others now would still do so later, unless the
    # cut-off cells were filled first, which only the very densest worlds need.
    for choice in rng.permutation(len(candidates)):
        if len(obstacles) == count:
            break
        more = obstacles | {candidates[choice]}
        if not unreachable(size, goal, more):
            obstacles = more
    if len(obstacles) < count:
        raise ConfigError(
            f'{count} obstacles do not fit in a connected {size} x {size} grid, '
            f'{len(obstacles)} did; ask for fewer'
        )
    return obstacles
