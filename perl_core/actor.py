"""The policy: a Gaussian for each action vector, squashed radially, in two branches.

The element-wise tanh of ordinary SAC is not equivariant. Here a 3-vector u becomes
a = tanh(|u|) u / |u|, whose Jacobian has log|det| = log(1 - tanh^2|u|) + 2 log(tanh|u| / |u|), and
each vector has one standard deviation, an invariant.
"""

from collections.abc import Callable
import math
from typing import NamedTuple

from perl_core.contract import Contract
from perl_core.gate import Gate, select_by_gate
from perl_core.layers import (
    EquivariantTrunk,
    StandardTrunk,
    Trunk,
    TrunkShape,
    descend,
    standard_trunk,
    vector_parts,
)
from perl_core.layers.trunk import norms
from perl_core.replay import Batch
from perl_core.symmetry import group_named
import torch
from torch import nn

_SMALLEST_STD = 0.01
_LARGEST_STD = 2.0


class Gaussian(NamedTuple):
    """Distribution of the action vectors before the squash."""

    mean: torch.Tensor
    """Shape (batch, vectors, 3)."""
    std: torch.Tensor
    """Shape (batch, vectors, 1): one for each vector."""


class Sample(NamedTuple):
    """Actions and how likely they were."""

    action: torch.Tensor
    """Shape (batch, 3 * vectors)."""
    log_probability: torch.Tensor
    """Shape (batch,), density of the squashed action."""


def squash(vectors: torch.Tensor) -> torch.Tensor:
    """Return tanh(|u|) u / |u| for vectors of shape (..., 3)."""
    length = norms(vectors).unsqueeze(-1)
    return vectors * (length.tanh() / length)


def squash_log_determinant(vectors: torch.Tensor) -> torch.Tensor:
    """Return log|det| of the squash's Jacobian at vectors of shape (..., 3), stably."""
    length = norms(vectors)
    log_derivative = 2.0 * (math.log(2.0) - length - nn.functional.softplus(-2.0 * length))
    return log_derivative + 2.0 * (length.tanh() / length).log()


class ActorBranch(nn.Module):
    """One branch of the policy; called alone, it is the deterministic action, as exported."""

    def __init__(self, trunk: Trunk) -> None:
        """Wrap a trunk that puts out one vector and one scalar for each action vector."""
        super().__init__()
        self.trunk = trunk

    def distribution(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return mean and standard deviation side by side, shape (batch, vectors, 4)."""
        mean, spread = self.trunk(inputs)
        std = nn.functional.softplus(spread).clamp(_SMALLEST_STD, _LARGEST_STD)
        return torch.cat((mean, std.unsqueeze(-1)), dim=-1)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the squashed mean, shape (batch, 3 * vectors)."""
        return squash(self.trunk(inputs).vectors).flatten(1)


class Actor(nn.Module):
    """Both branches.

    The product of experts pi_E^(1-lambda) pi_N^lambda at lambda in {0, 1} is one of the two, so
    each sample runs through one branch only.
    """

    def __init__(
        self, contract: Contract, width: int, depth: int, standard: StandardTrunk
    ) -> None:
        """Build two trunks of the same size that share nothing."""
        super().__init__()
        count = sum(part.size for part in contract.action) // 3
        shape = TrunkShape(
            vectors=count, scalars=count, width=width, depth=depth, last_layer_scale=0.01
        )
        group, seen = group_named(contract.group), vector_parts(contract.observation)
        self.equivariant = ActorBranch(EquivariantTrunk(seen, group, shape))
        self.standard = ActorBranch(standard_trunk(standard)(contract.observation, group, shape))
        self._vector_size = sum(part.size for part in seen)

    def forward(self, observation: torch.Tensor, is_open: torch.Tensor) -> Gaussian:
        """Return the distribution of the branch that the gate chooses, row by row."""
        packed = select_by_gate(
            is_open,
            lambda seen: self.equivariant.distribution(seen[:, : self._vector_size]),
            self.standard.distribution,
            observation,
        )
        return Gaussian(packed[..., :3], packed[..., 3:])


def sample_action(policy: Gaussian, generator: torch.Generator) -> Sample:
    """Draw actions by reparametrisation."""
    noise = torch.randn(
        policy.mean.shape, generator=generator, dtype=policy.mean.dtype, device=policy.mean.device
    )
    vectors = policy.mean + policy.std * noise
    log_normal = -0.5 * noise.square() - policy.std.log() - 0.5 * math.log(2.0 * math.pi)
    log_probability = log_normal.sum(dim=(-1, -2)) - squash_log_determinant(vectors).sum(-1)
    return Sample(squash(vectors).flatten(1), log_probability)


def action_of(policy: Gaussian) -> torch.Tensor:
    """Return the deterministic action: the squashed mean."""
    return squash(policy.mean).flatten(1)


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
    optimiser: torch.optim.Optimizer
    """Of the actor."""
    gate: Gate
    """Chooses the branch."""
    smallest_q: QFunction
    """(observation, action) -> the smaller of the twin values, shape (batch,)."""
    temperature: Temperature
    """Weight of entropy."""
    max_gradient_norm: float
    """For clipping."""


def update_actor(
    parts: ActorUpdate, batch: Batch, generator: torch.Generator
) -> tuple[dict[str, float], torch.Tensor]:
    """Take one step towards higher value and entropy.

    Returns:
        What to log, and the log-probabilities for the temperature's update, shape (batch,).
    """
    chosen = parts.gate.of_state(batch.observation)
    policy = parts.actor(batch.observation, parts.gate.practised(chosen, generator))
    action, log_probability = sample_action(policy, generator)
    value = parts.smallest_q(batch.observation, action)
    loss = (parts.temperature.alpha * log_probability - value).mean()
    norm = descend(parts.optimiser, loss, parts.max_gradient_norm)
    info = {
        'actor/loss': loss.item(),
        'actor/gradient_norm': norm,
        'actor/entropy': -log_probability.mean().item(),
        'actor/std': policy.std.mean().item(),
        'actor/gate_share': chosen.float().mean().item(),
    }
    return info, log_probability.detach()


def update_temperature(
    temperature: Temperature,
    optimiser: torch.optim.Optimizer,
    log_probability: torch.Tensor,
    target_entropy: float,
) -> dict[str, float]:
    """Take one step towards the target entropy."""
    loss = -temperature.log_alpha * (log_probability + target_entropy).mean()
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()
    return {'temperature/alpha': temperature.alpha.item()}
