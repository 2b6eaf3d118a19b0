"""Data augmentation: each transition of a batch turned by an element of its own."""

from perl_core.agents.dqn.replay import Batch
from perl_core.agents.dqn.streams import Streams
from perl_core.errors import SymmetryError
from perl_core.symmetry import FiniteGroup, Representation
import torch


def action_table(rho_action: Representation) -> torch.Tensor:
    """Return where each element of the group takes each action, int64, shape (order, actions).

    Raises:
        SymmetryError: the group is not finite, or does not permute the actions.
    """
    group = rho_action.group
    if not isinstance(group, FiniteGroup):
        raise SymmetryError(
            f'discrete actions need a finite group, got {group.name}; take a finite subgroup'
        )
    matrices = rho_action.matrices(group.elements())
    table = matrices.argmax(dim=1)
    permuted = torch.nn.functional.one_hot(table, rho_action.size).mT
    if not torch.allclose(matrices, permuted.to(matrices)):
        raise SymmetryError(
            f'{rho_action.name} does not permute {rho_action.size} actions; use regular, '
            'permutation, trivial, or sums of them'
        )
    return table


class Augmentation:
    """Turns observations and actions of a batch by the same random elements."""

    def __init__(self, rho_observation: Representation, rho_action: Representation) -> None:
        """Tabulate the group.

        Raises:
            SymmetryError: the group is not finite, or does not permute the actions.
        """
        self._actions = action_table(rho_action)
        elements = rho_observation.group.elements()
        self._matrices = rho_observation.matrices(elements).float()

    def __call__(self, batch: Batch, streams: Streams) -> Batch:
        """Return the batch with each row turned by an element drawn for it."""
        elements = streams.integers(len(self._matrices), batch.action.shape[1])
        return batch._replace(
            observation=self._turned(elements, batch.observation),
            next_observation=self._turned(elements, batch.next_observation),
            action=self._actions[elements, batch.action],
        )

    def _turned(self, elements: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        # All rows by each element, one matmul: far cheaper than a matrix for each row.
        order, size, _ = self._matrices.shape
        turned = (rows @ self._matrices.flatten(0, 1).T).unflatten(-1, (order, size))
        at = elements[..., None, None].expand(*elements.shape, 1, size)
        return turned.gather(-2, at).squeeze(-2)
