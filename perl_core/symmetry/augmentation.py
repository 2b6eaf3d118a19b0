"""Data augmentation: a transition and all its images under the group are worth the same."""

from typing import NamedTuple

from perl_core.errors import SymmetryError
from perl_core.symmetry.representations import Representation
from perl_core.symmetry.space import Space
import torch


class Transition(NamedTuple):
    """What of a batch of transitions moves with the group. Rewards and ends do not."""

    observation: torch.Tensor
    """Shape (batch, observation size)."""
    action: torch.Tensor
    """Shape (batch, action size), or (batch,) of indices of discrete actions."""
    next_observation: torch.Tensor
    """Shape (batch, observation size)."""


class Augmentation:
    """Turns every transition of a batch by an element of its own."""

    def __init__(
        self, observation: Space | Representation, action: Space | Representation
    ) -> None:
        """Remember how observations and actions transform.

        Args:
            observation: how observations transform.
            action: how actions transform; for discrete actions a permutation of their values.

        Raises:
            SymmetryError: they are of different groups.
        """
        self.observation, self.action = _representation(observation), _representation(action)
        self.observation.require_group(self.action)
        self.group = self.observation.group

    def __call__(self, transition: Transition, generator: torch.Generator) -> Transition:
        """Return the transitions, each turned by an element drawn from the Haar measure."""
        return self._turned(transition, self.group.sample(len(transition.observation), generator))

    def turned(self, transition: Transition, elements: torch.Tensor) -> Transition:
        """Return the transitions, each turned by the element given for it.

        Args:
            transition: a batch of n transitions.
            elements: of the group, shape (n, *element).

        Raises:
            SymmetryError: shapes do not fit, values are not finite, or elements are of another
                group.
        """
        batch = self.group.batch(elements)
        if any(len(values) != len(batch) for values in transition):
            raise SymmetryError(
                f'expected one of {len(batch)} elements for each transition, got '
                f'{[len(values) for values in transition]} observations, actions and next '
                'observations'
            )
        return self._turned(transition, batch)

    def _turned(self, transition: Transition, batch: torch.Tensor) -> Transition:
        observation, action, next_observation = transition
        for values in (observation, next_observation):
            self.observation.require_values(values)
        pair = torch.stack((observation, next_observation), dim=1)
        first, second = self.observation.apply(batch, pair).unbind(dim=1)
        if not action.dtype.is_floating_point:
            return Transition(first, moved_indices(self.action, batch, action), second)
        self.action.require_values(action)
        turned_action = self.action.apply(batch, action.unsqueeze(1)).squeeze(1)
        return Transition(first, turned_action, second)


def moved_indices(
    rho: Representation, elements: torch.Tensor, indices: torch.Tensor
) -> torch.Tensor:
    """Return where a representation by permutations takes entries.

    Args:
        rho: such as ``regular`` or ``permutation``.
        elements: one for each index, shape (n, *element).
        indices: integers below ``rho.size``, shape (n,).

    Returns:
        Shape (n,), in the type of ``indices``.

    Raises:
        SymmetryError: an index is out of range, or the matrices do more than move entries.
    """
    if indices.ndim != 1 or len(elements) != len(indices) or (
        len(indices) and not 0 <= int(indices.min()) <= int(indices.max()) < rho.size
    ):
        raise SymmetryError(
            f'expected one index from 0 to {rho.size - 1} for each of {len(elements)} elements, '
            f'got {indices.tolist()}'
        )
    rows = torch.arange(len(indices))
    columns = rho.matrices(elements)[rows, :, indices.long()]
    if not torch.allclose(columns.amax(dim=1, keepdim=True), columns.sum(1, keepdim=True)) or (
        len(columns) and not torch.allclose(columns.amax(dim=1), columns.new_ones(()))
    ):
        raise SymmetryError(
            f'discrete actions need a representation by permutations, got {rho.name!r}'
        )
    return columns.argmax(dim=1).to(indices)


def _representation(described: Space | Representation) -> Representation:
    return described.representation if isinstance(described, Space) else described
