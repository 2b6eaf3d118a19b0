"""The value of actions: twin critics in each branch, mixed by the gate.

Q = (1 - lambda) Q_E + lambda Q_N with lambda in {0, 1} under stop-gradient: each transition
trains, and costs, one branch only.
"""

from collections.abc import Callable
from typing import NamedTuple

from perl_core.contract import Contract
from perl_core.gate import Gate, select_by_gate
from perl_core.layers import (
    EquivariantTrunk,
    StandardTrunk,
    TrunkShape,
    descend,
    standard_trunk,
    vector_parts,
)
from perl_core.replay import Batch
from perl_core.symmetry import group_named
import torch
from torch import nn


class Critic(nn.Module):
    """Twin critics, both branches; the equivariant one is invariant."""

    def __init__(
        self, contract: Contract, width: int, depth: int, standard: StandardTrunk
    ) -> None:
        """Build twins for each branch; the branches share nothing."""
        super().__init__()
        shape = TrunkShape(scalars=1, width=width, depth=depth, members=2)
        group, seen = group_named(contract.group), vector_parts(contract.observation)
        self._vector_size = sum(part.size for part in seen)
        self.equivariant = EquivariantTrunk((*seen, *contract.action), group, shape)
        everything = (*contract.observation, *contract.action)
        self.standard = standard_trunk(standard)(everything, group, shape)

    def of_equivariant(self, observation: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
        """Return Q_E, shape (batch, 2), of observations from which only the vectors are used."""
        inputs = torch.cat((observation[:, : self._vector_size], action), dim=1)
        return self.equivariant(inputs).scalars

    def of_standard(self, observation: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
        """Return Q_N, shape (batch, 2)."""
        return self.standard(torch.cat((observation, action), dim=1)).scalars

    def forward(
        self, observation: torch.Tensor, action: torch.Tensor, is_open: torch.Tensor
    ) -> torch.Tensor:
        """Return the twin values of the branch that the gate chooses, shape (batch, 2)."""
        return select_by_gate(
            is_open, self.of_equivariant, self.of_standard, observation, action
        )


NextValue = Callable[[torch.Tensor], torch.Tensor]


class CriticUpdate(NamedTuple):
    """What an update of the critic needs beside a batch."""

    critic: Critic
    """Changed in place."""
    optimiser: torch.optim.Optimizer
    """Of the critic."""
    gate: Gate
    """Chooses the branch."""
    next_value: NextValue
    """Soft value of the next observations, shape (batch,), from the target critic."""
    discount: float
    """Of one policy period."""
    reward_scale: float
    """Factor on the reward."""
    max_gradient_norm: float
    """For clipping."""


def update_critic(
    parts: CriticUpdate, batch: Batch, generator: torch.Generator
) -> dict[str, float]:
    """Take one step towards the soft Bellman target.

    Returns:
        What to log.
    """
    with torch.no_grad():
        future = (1.0 - batch.terminated) * parts.next_value(batch.next_observation)
        target = (parts.reward_scale * batch.reward + parts.discount * future).unsqueeze(1)
        chosen = parts.gate.of_action(batch.observation, batch.action)
        is_open = parts.gate.practised(chosen, generator)
    values = parts.critic(batch.observation, batch.action, is_open)
    loss = (values - target).square().sum(1).mean()
    norm = descend(parts.optimiser, loss, parts.max_gradient_norm)
    return {
        'critic/loss': loss.item(),
        'critic/gradient_norm': norm,
        'critic/value': values.mean().item(),
        'critic/gate_share': chosen.float().mean().item(),
    }
