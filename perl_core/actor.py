"""The policy in two branches, joined by the gate, and how it learns."""

from collections.abc import Callable
import dataclasses
import math
from typing import NamedTuple

from perl_core.blocks import Blocks
from perl_core.gate import GateModule
from perl_core.gating import practise, select_by_gate
from perl_core.gaussian import Gaussian, Sample, fuse, sample_action, squash
from perl_core.layers import Adam, PathwayPrior, Trunk, TrunkShape, descend
from perl_core.replay import Batch
from perl_core.spaces import Spaces, StandardTrunk
import torch
from torch import nn

_SMALLEST_STD = 0.01
_LARGEST_STD = 2.0


class ActorBranch(nn.Module):
    """One branch of the policy; called alone, it is the deterministic action, as exported."""

    def __init__(self, trunk: Trunk, blocks: Blocks) -> None:
        """Wrap a trunk that puts out one vector and one scalar for each block of the action."""
        super().__init__()
        self.trunk, self.blocks = trunk, blocks

    def distribution(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return mean and standard deviation side by side, shape (batch, blocks, d + 1)."""
        mean, spread = self.trunk(inputs)
        std = nn.functional.softplus(spread).clamp(_SMALLEST_STD, _LARGEST_STD)
        return torch.cat((mean, std.unsqueeze(-1)), dim=-1)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the squashed mean, shape (batch, action size)."""
        return self.blocks.join(squash(self.trunk(inputs).vectors))


class Actor(nn.Module):
    """Both branches, and the product of experts pi_E^(1-lambda) pi_N^lambda.

    With a hard gate the product is one of the two, so each sample runs through one branch only.
    """

    def __init__(
        self,
        spaces: Spaces,
        shape: TrunkShape,
        standard: StandardTrunk,
        share_trunk: bool = False,
    ) -> None:
        """Build two trunks of the same size that share nothing, unless asked to.

        Args:
            spaces: what is seen and said, and the group.
            shape: hidden layers of each trunk.
            standard: network of the standard branch.
            share_trunk: the standard branch goes on from the equivariant trunk's features.
        """
        super().__init__()
        self.blocks, self._seen_size = spaces.action, spaces.seen_size
        shape = dataclasses.replace(shape, scalars=self.blocks.count, last_layer_scale=0.01)
        if share_trunk:
            first, second = spaces.shared(standard, 'state', 'action', shape)
        else:
            first = spaces.trunk('equivariant', 'state', 'action', shape)
            second = spaces.trunk(standard, 'state', 'action', shape)
        self.equivariant = ActorBranch(first, self.blocks)
        self.standard = ActorBranch(second, self.blocks)

    def forward(self, observation: torch.Tensor, weight: torch.Tensor) -> Gaussian:
        """Return the policy's distribution.

        Args:
            observation: shape (batch, observation size).
            weight: lambda(s), shape (batch,); bool runs each row through its branch, float runs
                every row through both.
        """
        if weight.dtype == torch.bool:
            return self._unpack(select_by_gate(weight, self._closed, self._open, observation))
        branches = (self._closed(observation), self._open(observation))
        return fuse(*map(self._unpack, branches), weight)

    def sample(self, policy: Gaussian, generator: torch.Generator) -> Sample:
        """Draw actions of shape (batch, action size) by reparametrisation."""
        action, log_probability = sample_action(policy, generator)
        blocks = action.unflatten(1, (self.blocks.count, -1))
        return Sample(self.blocks.join(blocks), log_probability)

    def mode(self, policy: Gaussian) -> torch.Tensor:
        """Return the deterministic action, the squashed mean, shape (batch, action size)."""
        return self.blocks.join(squash(policy.mean))

    def _closed(self, observation: torch.Tensor) -> torch.Tensor:
        return self.equivariant.distribution(observation[:, : self._seen_size])

    def _open(self, observation: torch.Tensor) -> torch.Tensor:
        return self.standard.distribution(observation)

    def _unpack(self, packed: torch.Tensor) -> Gaussian:
        return Gaussian(packed[..., :-1], packed[..., -1:], self.blocks.sizes)


class MixedPolicy(nn.Module):
    """The deterministic action of both branches mixed by a soft gate, as exported."""

    def __init__(self, actor: Actor, of_state: GateModule) -> None:
        """Wrap the policy and lambda(s)."""
        super().__init__()
        self.actor, self.of_state = actor, of_state

    def forward(self, observation: torch.Tensor) -> torch.Tensor:
        """Return the squashed mean, shape (batch, action size)."""
        return self.actor.mode(self.actor(observation, self.of_state(observation)))


QFunction = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


class Temperature(nn.Module):
    """The weight of entropy, learned so that entropy stays near its target."""

    def __init__(self, initial: float) -> None:
        """Start at ``initial``."""
        super().__init__()
        self.log_alpha = nn.Parameter(torch.tensor(math.log(initial)))

    @property
    def alpha(self) -> torch.Tensor:
        """The weight, without gradient."""
        return self.log_alpha.detach().exp()


class ActorUpdate(NamedTuple):
    """What an update of the actor needs beside a batch."""

    actor: Actor
    """Changed in place."""
    optimiser: Adam
    """Of the actor."""
    weight: torch.Tensor
    """lambda(s) of the batch, shape (batch,)."""
    smallest_q: QFunction
    """(observation, action) -> the smaller of the twin values, shape (batch,)."""
    temperature: Temperature
    """Weight of entropy."""
    max_gradient_norm: float
    """For clipping."""
    practice_share: float
    """Share of the rows that the standard branch learns from whatever the gate says."""
    prior: PathwayPrior | None = None
    """On the paths of the standard branch; None unless it is residual."""


def update_actor(
    parts: ActorUpdate, batch: Batch, generator: torch.Generator
) -> tuple[dict[str, float], torch.Tensor]:
    """Take one step towards higher value and entropy.

    Returns:
        What to log, and the log-probabilities for the temperature's update, shape (batch,).
    """
    weight = practise(parts.weight, parts.practice_share, generator)
    policy = parts.actor(batch.observation, weight)
    action, log_probability = parts.actor.sample(policy, generator)
    value = parts.smallest_q(batch.observation, action)
    loss = (parts.temperature.alpha * log_probability - value).mean()
    if parts.prior is not None:
        loss = loss + parts.prior.penalty(parts.actor.standard)
    norm = descend(parts.optimiser, loss, parts.max_gradient_norm)
    info = {
        'actor/loss': loss.item(),
        'actor/gradient_norm': norm,
        'actor/entropy': -log_probability.mean().item(),
        'actor/std': policy.std.mean().item(),
        'actor/gate_share': parts.weight.float().mean().item(),
    }
    return info, log_probability.detach()


def update_temperature(
    temperature: Temperature,
    optimiser: Adam,
    log_probability: torch.Tensor,
    target_entropy: float,
) -> dict[str, float]:
    """Take one step towards the target entropy."""
    # The derivative of -log(alpha) * mean(log pi + target).
    temperature.log_alpha.grad = -(log_probability + target_entropy).mean()
    optimiser.descend()
    return {'temperature/alpha': temperature.alpha.item()}
