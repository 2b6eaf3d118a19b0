"""What each seed experienced: one ring buffer for all seeds, and uniform batches from it."""

from typing import NamedTuple

from perl_core.agents.dqn.streams import Streams
from perl_core.errors import TrainingError
import torch

HELD_OUT_EVERY = 4
"""Every fourth slot is kept from the predictors, so that their errors can be compared on it."""


class Batch(NamedTuple):
    """Transitions of every seed."""

    observation: torch.Tensor
    """Shape (seeds, batch, observation size)."""
    action: torch.Tensor
    """Which action was taken, int64, shape (seeds, batch)."""
    reward: torch.Tensor
    """Shape (seeds, batch)."""
    next_observation: torch.Tensor
    """Shape (seeds, batch, observation size)."""
    terminated: torch.Tensor
    """Shape (seeds, batch); 1 where the MDP ended. A clock that ran out is no end."""
    slot: torch.Tensor
    """Which transition it is: its place in the buffer, int64, shape (seeds, batch)."""

    @property
    def held_out(self) -> torch.Tensor:
        """Which rows are never shown to the predictors, bool, shape (seeds, batch)."""
        return self.slot % HELD_OUT_EVERY == HELD_OUT_EVERY - 1


class StackedReplay:
    """Ring buffer in preallocated float32 memory of shape (seeds, capacity, row)."""

    def __init__(self, seeds: int, capacity: int, observation_size: int) -> None:
        """Allocate memory.

        Args:
            seeds: how many runs are trained together.
            capacity: transitions kept for each; the oldest is overwritten.
            observation_size: entries of an observation.
        """
        self.capacity = capacity
        self.added = 0
        self._sizes = (observation_size, observation_size, 1, 1, 1)
        self.rows = torch.zeros(seeds, capacity, sum(self._sizes))
        self._first_row = (torch.arange(seeds) * capacity)[:, None]

    def __len__(self) -> int:
        """Return the number of transitions of each seed that can be drawn."""
        return min(self.added, self.capacity)

    def add(
        self,
        observation: torch.Tensor,
        action: torch.Tensor,
        reward: torch.Tensor,
        next_observation: torch.Tensor,
        terminated: torch.Tensor,
    ) -> None:
        """Remember n transitions of each seed.

        Args:
            observation: shape (seeds, n, observation size).
            action: which was taken, shape (seeds, n).
            reward: shape (seeds, n).
            next_observation: shape (seeds, n, observation size).
            terminated: whether the MDP ended, shape (seeds, n).

        Raises:
            TrainingError: the shapes do not fit, or a number is not finite.
        """
        self._require_shapes((observation, next_observation), (action, reward, terminated))
        ends = torch.stack([part.float() for part in (action, reward, terminated)], dim=-1)
        rows = torch.cat((observation, next_observation, ends), dim=-1)
        if not rows.isfinite().all():
            raise TrainingError(
                'a transition to remember must be finite; observations, rewards or next '
                'observations are not: look at the environment'
            )
        slots = (self.added + torch.arange(rows.shape[1])) % self.capacity
        self.rows[:, slots] = rows
        self.added += rows.shape[1]

    def _require_shapes(
        self, observations: tuple[torch.Tensor, ...], others: tuple[torch.Tensor, ...]
    ) -> None:
        seeds, count, size = len(self.rows), others[0].shape[-1], self._sizes[0]
        came = [tuple(part.shape) for part in (*observations, *others)]
        if came != [(seeds, count, size)] * 2 + [(seeds, count)] * 3 or count > self.capacity:
            raise TrainingError(
                f'observations to remember must have the shape (seeds, n, size) = ({seeds}, n, '
                f'{size}), actions, rewards and ends ({seeds}, n), n at most {self.capacity}; '
                f'got {came}'
            )

    def sample(self, batch_size: int, streams: Streams) -> Batch:
        """Draw transitions uniformly, with replacement, for each seed by its own generator.

        Raises:
            TrainingError: the buffer is empty.
        """
        if not len(self):
            raise TrainingError('the replay buffer is empty; remember transitions before updates')
        slots = streams.integers(len(self), batch_size)
        rows = self.rows.flatten(0, 1)[(slots + self._first_row).flatten()]
        rows = rows.unflatten(0, slots.shape)
        observation, next_observation, action, reward, terminated = rows.split(
            self._sizes, dim=-1
        )
        return Batch(
            observation=observation, action=action[..., 0].long(), reward=reward[..., 0],
            next_observation=next_observation, terminated=terminated[..., 0],
            slot=slots,
        )  # fmt: skip
