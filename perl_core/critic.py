"""The value of actions: twin critics in each branch, mixed by the gate.

Q = (1 - lambda) Q_E + lambda Q_N with lambda under stop-gradient. With a hard gate each transition
trains, and costs, one branch only.
"""

import dataclasses
from typing import NamedTuple

from perl_core.gating import mix_by_gate, practise, select_by_gate
from perl_core.layers import Adam, PathwayPrior, TrunkShape, descend
from perl_core.replay import Batch
from perl_core.spaces import ClosedCritic, Spaces, StandardTrunk
import torch
from torch import nn


class Critic(nn.Module):
    """Twin critics, both branches; the equivariant one is invariant."""

    def __init__(
        self,
        spaces: Spaces,
        shape: TrunkShape,
        standard: StandardTrunk,
        share_trunk: bool = False,
        closed: ClosedCritic = 'equivariant',
    ) -> None:
        """Build twins for each branch; the branches share nothing, unless asked to.

        Args:
            spaces: what is seen and said, and the group.
            shape: hidden layers of each trunk.
            standard: network of the standard branch.
            share_trunk: the standard branch goes on from the equivariant trunk's features.
            closed: network of the equivariant branch; one that is not strict sees everything.
        """
        super().__init__()
        shape = dataclasses.replace(shape, scalars=1, members=2)
        is_strict = closed == 'equivariant'
        self._seen_size = spaces.seen_size if is_strict else spaces.observation_size
        if share_trunk:
            self.equivariant, self.standard = spaces.shared(standard, 'pair', 'values', shape)
        else:
            self.equivariant = spaces.trunk(closed, 'pair', 'values', shape)
            self.standard = spaces.trunk(standard, 'pair', 'values', shape)

    def of_equivariant(self, observation: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
        """Return Q_E, shape (batch, 2), from that part of the observations which it may see."""
        inputs = torch.cat((observation[:, : self._seen_size], action), dim=1)
        return self.equivariant(inputs).scalars

    def of_standard(self, observation: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
        """Return Q_N, shape (batch, 2)."""
        return self.standard(torch.cat((observation, action), dim=1)).scalars

    def forward(
        self, observation: torch.Tensor, action: torch.Tensor, weight: torch.Tensor
    ) -> torch.Tensor:
        """Return the twin values, shape (batch, 2).

        Args:
            observation: shape (batch, observation size).
            action: shape (batch, action size).
            weight: lambda(s, a), shape (batch,); bool runs each row through its branch, float
                runs every row through both.
        """
        branches, inputs = (self.of_equivariant, self.of_standard), (observation, action)
        if weight.dtype == torch.bool:
            return select_by_gate(weight, *branches, *inputs)
        return mix_by_gate(weight, *(branch(*inputs) for branch in branches))


class CriticUpdate(NamedTuple):
    """What an update of the critic needs beside a batch."""

    critic: Critic
    """Changed in place."""
    optimiser: Adam
    """Of the critic."""
    weight: torch.Tensor
    """lambda(s, a) of the batch, shape (batch,)."""
    next_value: torch.Tensor
    """Soft value of the next observations, shape (batch,), from the target critic."""
    discount: float
    """Of one policy period."""
    reward_scale: float
    """Factor on the reward."""
    max_gradient_norm: float
    """For clipping."""
    practice_share: float
    """Share of the rows that the standard branch learns from whatever the gate says."""
    prior: PathwayPrior | None = None
    """On the paths of the standard branch; None unless it is residual."""


def update_critic(
    parts: CriticUpdate, batch: Batch, generator: torch.Generator
) -> dict[str, float]:
    """Take one step towards the soft Bellman target.

    Returns:
        What to log.
    """
    with torch.no_grad():
        future = (1.0 - batch.terminated) * parts.next_value
        target = (parts.reward_scale * batch.reward + parts.discount * future).unsqueeze(1)
        weight = practise(parts.weight, parts.practice_share, generator)
    values = parts.critic(batch.observation, batch.action, weight)
    loss = (values - target).square().sum(1).mean()
    if parts.prior is not None:
        loss = loss + parts.prior.penalty(parts.critic.standard)
    norm = descend(parts.optimiser, loss, parts.max_gradient_norm)
    return {
        'critic/loss': loss.item(),
        'critic/gradient_norm': norm,
        'critic/value': values.mean().item(),
        'critic/gate_share': parts.weight.float().mean().item(),
    }
