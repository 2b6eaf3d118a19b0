"""What was experienced: a ring buffer of transitions, and uniform batches from it."""

from typing import NamedTuple

from perl_core.errors import CheckpointError
from perl_core.memory import require_memory
import torch

HELD_OUT_EVERY = 4
"""Every fourth slot is kept from the predictors, so that their errors can be compared on it."""


class Batch(NamedTuple):
    """Transitions in rows."""

    observation: torch.Tensor
    """Shape (batch, observation size), contract units."""
    action: torch.Tensor
    """Shape (batch, action size)."""
    reward: torch.Tensor
    """Shape (batch,)."""
    next_observation: torch.Tensor
    """Shape (batch, observation size)."""
    terminated: torch.Tensor
    """Shape (batch,); 1 where the MDP ended. A clock that ran out is not stored: it is no end."""
    held_out: torch.Tensor
    """Shape (batch,), bool; never shown to the predictors."""


class Replay:
    """Ring buffer in preallocated float32 memory."""

    def __init__(self, capacity: int, observation_size: int, action_size: int) -> None:
        """Allocate memory.

        Args:
            capacity: transitions kept; the oldest is overwritten.
            observation_size: entries of an observation.
            action_size: entries of an action.

        Raises:
            ConfigError: it is larger than the memory that is available.
        """
        self.capacity, self.action_size = capacity, action_size
        self.added = 0
        self._sizes = (observation_size, action_size, 1, observation_size, 1)
        row = sum(self._sizes)
        require_memory(
            4 * row * capacity, f'a replay buffer of {capacity} transitions of {row} numbers',
            'choose a smaller training.capacity',
        )
        self._rows = torch.zeros(capacity, row)

    def __len__(self) -> int:
        """Return the number of transitions that can be drawn."""
        return min(self.added, self.capacity)

    def add(
        self,
        observation: torch.Tensor,
        action: torch.Tensor,
        reward: float,
        next_observation: torch.Tensor,
        terminated: bool,
    ) -> None:
        """Remember one transition; all tensors of one dimension."""
        ends = torch.tensor([reward, float(terminated)])
        row = torch.cat((observation, action, ends[:1], next_observation, ends[1:]))
        self._rows[self.added % self.capacity] = row
        self.added += 1

    def add_many(self, rows: Batch) -> None:
        """Remember the transitions of a batch in their order; ``held_out`` is not used."""
        count = len(rows.reward)
        slots = torch.arange(self.added, self.added + count) % self.capacity
        kept = slice(max(0, count - self.capacity), None)
        self._rows[slots[kept]] = torch.cat((
            rows.observation, rows.action, rows.reward.unsqueeze(1), rows.next_observation,
            rows.terminated.unsqueeze(1),
        ), dim=1)[kept]  # fmt: skip
        self.added += count

    def sample(self, count: int, generator: torch.Generator) -> Batch:
        """Return ``count`` transitions drawn uniformly with replacement."""
        slots = torch.randint(len(self), (count,), generator=generator)
        observation, action, reward, following, terminated = self._rows.index_select(
            0, slots
        ).split(self._sizes, dim=1)
        held_out = slots % HELD_OUT_EVERY == 0
        return Batch(
            observation, action, reward.squeeze(1), following, terminated.squeeze(1), held_out
        )

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Return everything that is remembered: no copy, it goes on changing."""
        return {'rows': self._rows[: len(self)], 'added': torch.tensor(self.added)}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        """Remember what ``state_dict`` returned.

        Raises:
            CheckpointError: it does not fit this buffer.
        """
        rows, added = state['rows'], int(state['added'])
        expected = (min(added, self.capacity), self._rows.shape[1])
        if tuple(rows.shape) != expected:
            raise CheckpointError(
                f'the saved replay buffer has shape {tuple(rows.shape)}; this one, of capacity '
                f'{self.capacity}, expected {expected}. Resume with the capacity it was made with.'
            )
        self._rows[: len(rows)] = rows
        self.added = added
