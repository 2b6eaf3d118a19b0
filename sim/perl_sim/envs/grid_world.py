"""perl/GridWorld-v0: walk to the centre of a grid whose obstacles break its fourfold symmetry."""

import dataclasses
from typing import Any, ClassVar, Literal, get_args

import gymnasium
import numpy as np
from perl_core.errors import ConfigError
from perl_core.tabular import GridWorld, cells, scattered_obstacles
from perl_sim.envs.grid_picture import Picture

ACTION_COUNT = 4
Observed = Literal['position', 'position_and_cell']
"""'position': (x, y) within [-1, 1], a vector about the centre. 'position_and_cell': the same,
then 1 at the index of the cell and 0 elsewhere, which a quarter turn permutes. From the second a
network learns what holds for one cell alone within far fewer updates."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class GridWorldConfig:
    """Everything that defines a grid world and its layout.

    Layouts are nested: with the same ``layout_seed``, 20 obstacles are 10 and ten others, and the
    penalties of a world without obstacles stand where its obstacles would. So worlds of one seed
    can be compared in pairs.

    Raises:
        ConfigError: a value is out of bounds, or so many cells do not fit.
    """

    size: int = 11
    """Cells along an edge, odd. 11 x 11 holds 40 obstacles densely, and connected."""
    obstacle_count: int = 0
    """Cells that cannot be entered."""
    penalty_count: int = 0
    """Cells that can be entered, at the cost of ``penalty_reward``."""
    slip_probability: float = 0.0
    """A move goes to the left or the right of its direction instead, each with half of this."""
    goal_reward: float = 1.0
    """Reward of entering the goal, which ends the episode."""
    penalty_reward: float = -0.5
    """Reward of entering, or staying in, a penalty cell."""
    step_reward: float = 0.0
    """Reward of each other step; the discount already prefers short paths."""
    discount: float = 0.95
    """Discount factor per step, in [0, 1)."""
    horizon_steps: int = 50
    """An episode is truncated after this: twice the longest shortest path at 40 obstacles."""
    layout_seed: int = 0
    """Draws the obstacles and the penalties."""
    observed: Observed = 'position'
    """What the agent sees of its place."""

    def __post_init__(self) -> None:
        """Check the values; the world checks the others when it is made."""
        for name, least in (('obstacle_count', 0), ('penalty_count', 0), ('horizon_steps', 1)):
            if getattr(self, name) < least:
                raise ConfigError(f'{name} must be at least {least}, got {getattr(self, name)}')
        if self.observed not in get_args(Observed):
            raise ConfigError(
                f'observed must be one of {get_args(Observed)}, got {self.observed!r}'
            )
        self.world()

    def world(self) -> GridWorld:
        """Return the world with its layout."""
        obstacles, every = (
            scattered_obstacles(self.size, count, np.random.default_rng(self.layout_seed))
            for count in (self.obstacle_count, self.obstacle_count + self.penalty_count)
        )
        return GridWorld(
            size=self.size, obstacles=obstacles, penalties=every - obstacles,
            slip_probability=self.slip_probability, goal_reward=self.goal_reward,
            penalty_reward=self.penalty_reward, step_reward=self.step_reward,
            discount=self.discount,
        )  # fmt: skip


    def observations(self) -> np.ndarray:
        """Return what an agent sees in each state, float32, shape (S, 2) or (S, 2 + S)."""
        position = np.array(cells(self.size), dtype=np.float32) / (self.size // 2)
        if self.observed == 'position':
            return position
        return np.hstack((position, np.eye(len(position), dtype=np.float32)))


class GridWorldEnv(gymnasium.Env[np.ndarray, np.int64]):
    """One agent in one grid world; every number comes from the tables of ``GridWorld.mdp``.

    Observation: the agent's position, see ``GridWorldConfig.observed``. Actions: right, up, left,
    down, in the order of quarter turns. Obstacles are not observed: they belong to the world,
    which the group does not move.

    The goal terminates the episode, the horizon truncates it. ``info`` holds ``state`` (index of
    the cell) and ``success`` (the agent is at the goal).

    ``reset(options={'cell': (x, y)})`` starts there; else at a random free cell.
    """

    metadata: ClassVar[dict[str, Any]] = {'render_modes': ['rgb_array'], 'render_fps': 8}

    def __init__(
        self, config: GridWorldConfig | None = None, render_mode: str | None = None
    ) -> None:
        """Lay out the world.

        Args:
            config: the world; the free default world if left out.
            render_mode: 'rgb_array' for pictures, None for none.
        """
        if render_mode not in (None, *self.metadata['render_modes']):
            raise ConfigError(f"render_mode must be 'rgb_array' or None, got {render_mode!r}")
        self.config = config or GridWorldConfig()
        self.render_mode = render_mode
        self.world = self.config.world()
        self.mdp = self.world.mdp()
        self.overlay: np.ndarray | None = None
        """Shape (S, 4), within [0, 1]: drawn into the picture, such as a gate or eps."""
        self._observations = self.config.observations()
        self.observation_space = gymnasium.spaces.Box(
            -1.0, 1.0, self._observations.shape[1:], np.float32
        )
        self.action_space = gymnasium.spaces.Discrete(ACTION_COUNT)
        self._cells = cells(self.config.size)
        self._goal_state = self._cells.index(self.world.goal)
        self._entering = self.world.entering_reward()
        self._starts = self.world.start_states()
        self._trail: list[int] = []

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Put the agent in a free cell.

        Args:
            seed: of everything random from here on; the layout does not depend on it.
            options: ``cell``; see the class.
        """
        super().reset(seed=seed)
        options = dict(options or {})
        cell = options.pop('cell', None)
        if options:
            raise ConfigError(f"reset takes the option 'cell'; got {sorted(options)}")
        start = self.np_random.choice(self._starts) if cell is None else self._start_at(cell)
        self._trail = [int(start)]
        return self._observations[start].copy(), self._info()

    def step(self, action: np.int64) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Move one cell.

        Args:
            action: 0 right, 1 up, 2 left, 3 down.
        """
        if not self._trail:
            raise ConfigError('call reset before step')
        if not self.action_space.contains(action):
            raise ConfigError(f'action must be an integer in [0, 3], got {action!r}')
        chances = self.mdp.transition[self._trail[-1], action]
        state = int(self.np_random.choice(len(chances), p=chances))
        self._trail.append(state)
        info = self._info()
        truncated = len(self._trail) > self.config.horizon_steps
        reward = float(self._entering[state])
        return self._observations[state].copy(), reward, info['success'], truncated, info

    def render(self) -> np.ndarray | None:
        """Return a picture, uint8, shape (height, width, 3); None without a render mode."""
        if self.render_mode is None:
            return None
        picture = Picture(self.world)
        if self.overlay is not None:
            picture.draw_overlay(self.overlay)
        picture.draw_trail([self._cells[state] for state in self._trail])
        return picture.pixels()

    def _start_at(self, cell: tuple[int, int]) -> int:
        x, y = cell
        state = self._cells.index((x, y)) if (x, y) in self._cells else -1
        if state not in self._starts:
            raise ConfigError(
                f'cell must be a free cell (x, y) within +-{self.config.size // 2} other than '
                f'the goal, got {cell}'
            )
        return state

    def _info(self) -> dict[str, Any]:
        state = self._trail[-1]
        return {'state': state, 'success': state == self._goal_state}
