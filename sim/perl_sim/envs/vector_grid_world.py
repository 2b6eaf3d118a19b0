"""Many grid worlds stepped at once: one world for each seed, several agents in each."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from perl_core.errors import ConfigError
from perl_core.tabular import cells
from perl_sim.envs.grid_world import ACTION_COUNT, GridWorldConfig


class Steps(NamedTuple):
    """One step of every agent; W worlds, C copies."""

    state: np.ndarray
    """Index of the cell before the step, shape (W, C)."""
    action: np.ndarray
    """0 right, 1 up, 2 left, 3 down, shape (W, C)."""
    reward: np.ndarray
    """float32, shape (W, C)."""
    next_state: np.ndarray
    """Index of the cell after the step and before any reset, shape (W, C)."""
    terminated: np.ndarray
    """The agent reached the goal, shape (W, C)."""
    truncated: np.ndarray
    """The episode ran out of time elsewhere, shape (W, C)."""


class VectorGridWorld:
    """W grid worlds of one size with C agents each, from their transition tables.

    An agent whose episode ends starts again at once; ``states`` is then its new start. Each world
    has random numbers of its own, so that it runs the same beside others as alone.
    """

    def __init__(self, configs: Sequence[GridWorldConfig], copies: int, seed: int = 0) -> None:
        """Lay out the worlds and put the agents at random starts.

        Args:
            configs: one for each world, of one ``size`` and one ``horizon_steps``.
            copies: agents in each world.
            seed: with each world's ``layout_seed``, of its starts and slips.

        Raises:
            ConfigError: there is no world or agent, or the worlds do not go together.
        """
        shared = {(config.size, config.horizon_steps) for config in configs}
        if len(shared) != 1 or copies < 1:
            raise ConfigError(
                'a vector of grid worlds needs copies >= 1 and worlds that share size and '
                f'horizon_steps; got {copies} copies and (size, horizon_steps) {sorted(shared)}'
            )
        ((size, self._horizon_steps),) = shared
        self.worlds = [config.world() for config in configs]
        self.mdps = [world.mdp() for world in self.worlds]
        self.shape = (len(configs), copies)
        # Above every chance at the last successor: round-off must not leave a draw without one.
        self._cumulative = np.stack([mdp.transition.cumsum(axis=2) for mdp in self.mdps])
        self._cumulative[self._cumulative > 1.0 - 1e-9] = np.inf
        self._entering = np.stack([world.entering_reward() for world in self.worlds])
        self._goal_state = cells(size).index(self.worlds[0].goal)
        self._starts = [world.start_states() for world in self.worlds]
        self._rows = np.arange(len(configs))[:, None]
        self._rngs = [np.random.default_rng([seed, config.layout_seed]) for config in configs]
        self.states = self._draw_starts()
        self._elapsed = np.zeros(self.shape, dtype=np.int64)

    def step(self, actions: np.ndarray) -> Steps:
        """Move every agent.

        Args:
            actions: integers in [0, 3], shape (W, C).

        Raises:
            ConfigError: the actions do not fit.
        """
        actions = np.asarray(actions)
        if actions.shape != self.shape or actions.dtype.kind not in 'iu' or not (
            actions.min() >= 0 and actions.max() < ACTION_COUNT
        ):  # fmt: skip
            raise ConfigError(
                f'actions must be integers in [0, 3] of shape {self.shape}, got shape '
                f'{actions.shape} of {actions.dtype}'
            )
        state = self.states
        after = (self._cumulative[self._rows, state, actions] > self._draws()[..., None]).argmax(2)
        self._elapsed += 1
        terminated = after == self._goal_state
        truncated = ~terminated & (self._elapsed >= self._horizon_steps)
        ended = terminated | truncated
        self.states = np.where(ended, self._draw_starts(), after)
        self._elapsed = np.where(ended, 0, self._elapsed)
        reward = self._entering[self._rows, after].astype(np.float32)
        return Steps(state, actions, reward, after, terminated, truncated)

    def snapshot(self) -> dict[str, Any]:
        """Return where everything is, as JSON types."""
        return {
            'states': self.states.tolist(),
            'elapsed': self._elapsed.tolist(),
            'random': [rng.bit_generator.state for rng in self._rngs],
        }

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Go back to a snapshot of the same worlds.

        Raises:
            ConfigError: the snapshot is of another number of worlds or agents.
        """
        states = np.array(snapshot['states'])
        if states.shape != self.shape:
            raise ConfigError(
                f'the snapshot is of (worlds, copies) = {states.shape}, these are {self.shape}'
            )
        self.states, self._elapsed = states, np.array(snapshot['elapsed'])
        for rng, state in zip(self._rngs, snapshot['random'], strict=True):
            rng.bit_generator.state = state

    def _draws(self) -> np.ndarray:
        return np.stack([rng.random(self.shape[1]) for rng in self._rngs])

    def _draw_starts(self) -> np.ndarray:
        draws = self._draws()
        return np.stack([
            starts[(row * len(starts)).astype(np.int64)]
            for starts, row in zip(self._starts, draws, strict=True)
        ])
