"""The gate: which branch decides, by where the symmetry is broken. No RL gradient reaches it.

lambda(s, a) is learned by binary cross-entropy on a detector's labels. lambda(s), which the policy
and the robot use, is its tau-expectile over the actions taken: a broken share p of the actions
opens it if p >= 1 - tau.
"""

from collections.abc import Callable
import copy
import dataclasses
import math
from typing import Protocol

from perl_core.contract import Contract
from perl_core.detectors import Detector
from perl_core.layers import PlainTrunk, TrunkShape, descend, follow
from perl_core.predictors import Comparison
from perl_core.replay import Batch
from perl_core.symmetry import group_named
import torch
from torch import nn

Branch = Callable[..., torch.Tensor]


def select_by_gate(
    is_open: torch.Tensor, equivariant: Branch, standard: Branch, *inputs: torch.Tensor
) -> torch.Tensor:
    """Run each row through one branch: (1 - lambda) E + lambda N for a hard gate, at half cost.

    Args:
        is_open: bool, shape (batch,); True chooses ``standard``.
        equivariant: maps rows of the inputs to rows of a tensor.
        standard: likewise.
        *inputs: each with the batch as its first axis.

    Returns:
        The rows, in order.
    """
    if not is_open.any():
        return equivariant(*inputs)
    if is_open.all():
        return standard(*inputs)
    closed_at, open_at = (~is_open).nonzero().squeeze(1), is_open.nonzero().squeeze(1)
    rows = torch.cat((
        equivariant(*(part[closed_at] for part in inputs)),
        standard(*(part[open_at] for part in inputs)),
    ))
    return rows[torch.cat((closed_at, open_at)).argsort()]


class Gate(Protocol):
    """Chooses between the branches."""

    def of_action(self, observation: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
        """Return lambda(s, a) as bool, shape (batch,), True where the gate is open."""
        ...

    def of_state(self, observation: torch.Tensor) -> torch.Tensor:
        """Return lambda(s) as bool, shape (batch,)."""
        ...

    def probability(self, observation: torch.Tensor) -> torch.Tensor:
        """Return lambda(s) in [0, 1], shape (batch,)."""
        ...

    def practised(self, is_open: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Return which rows of an update go to the standard branch, bool, shape (batch,)."""
        ...

    def update(self, batch: Batch, comparison: Comparison) -> dict[str, float]:
        """Learn from how the predictors did on a batch; return what to log."""
        ...


class FixedGate(nn.Module):
    """Always the same branch: plain SAC, or strictly equivariant SAC."""

    def __init__(self, is_open: bool) -> None:
        """Stay open or closed."""
        super().__init__()
        self._is_open = is_open

    def of_action(self, observation: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
        """Return the same for every row."""
        return torch.full((len(observation),), self._is_open)

    def of_state(self, observation: torch.Tensor) -> torch.Tensor:
        """Return the same for every row."""
        return torch.full((len(observation),), self._is_open)

    def probability(self, observation: torch.Tensor) -> torch.Tensor:
        """Return 0 or 1 for every row."""
        return torch.zeros_like(observation[:, 0]) + float(self._is_open)

    def practised(self, is_open: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Return the choice unchanged: there is one branch."""
        return is_open

    def update(self, batch: Batch, comparison: Comparison) -> dict[str, float]:
        """Learn nothing."""
        return {}


@dataclasses.dataclass(frozen=True, kw_only=True)
class GateConfig:
    """How the gate learns."""

    width: int = 128
    """Units in each of the two hidden layers of both networks."""
    prior: float = 0.05
    """Probability that the gate starts with."""
    warm_up_updates: int = 750
    """Updates for which the gate stays closed and only predictors and detector learn."""
    rate: float = 0.005
    """Rate at which the target gate follows."""
    expectile: float = 0.9
    """tau: the state gate opens where at least a share 1 - tau of the actions is broken."""
    learning_rate: float = 3e-4
    """Of Adam."""
    practice_share: float = 0.1
    """Share of an update's rows that the standard branch learns from though the gate is closed.
    Without it the gate would one day open on a network that never learned."""


class LearnedGate(nn.Module):
    """Both gates, the target of the first, and the detector that labels."""

    def __init__(self, contract: Contract, config: GateConfig, detector: Detector) -> None:
        """Build the networks with the prior as their output."""
        super().__init__()
        self._config = config
        group = group_named(contract.group)
        shape = TrunkShape(scalars=1, width=config.width, last_layer_scale=0.01)
        self.action_gate = PlainTrunk((*contract.observation, *contract.action), group, shape)
        self.state_gate = PlainTrunk(contract.observation, group, shape)
        for network in (self.action_gate, self.state_gate):
            network.mlps.set_last_bias(math.log(config.prior / (1.0 - config.prior)))
        self.target_gate = copy.deepcopy(self.action_gate).requires_grad_(False)
        self.detector = detector
        self.register_buffer('updates', torch.zeros((), dtype=torch.long))
        self.action_optimiser, self.state_optimiser = (
            torch.optim.Adam(network.parameters(), lr=config.learning_rate, fused=True)
            for network in (self.action_gate, self.state_gate)
        )

    @property
    def is_warm(self) -> bool:
        """Whether the gate may open."""
        return int(self.updates) >= self._config.warm_up_updates

    @torch.no_grad()
    def of_action(self, observation: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
        """Return where the target gate's lambda(s, a) is above 1/2.

        A threshold, and not a draw: a draw from a prior of 5 % would open the gate somewhere in
        every episode, and labels that are wrong now and then would never average out.
        """
        if not self.is_warm:
            return torch.zeros(len(observation), dtype=torch.bool)
        inputs = torch.cat((observation, action), dim=1)
        return self.target_gate(inputs).scalars.squeeze(1) > 0.0

    @torch.no_grad()
    def of_state(self, observation: torch.Tensor) -> torch.Tensor:
        """Return where lambda(s) is above 1/2."""
        if not self.is_warm:
            return torch.zeros(len(observation), dtype=torch.bool)
        return self.state_gate(observation).scalars.squeeze(1) > 0.0

    def probability(self, observation: torch.Tensor) -> torch.Tensor:
        """Return lambda(s), shape (batch,)."""
        return self.state_gate(observation).scalars.squeeze(1).sigmoid()

    def practised(self, is_open: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Return the open rows and, by lot, the configured share of the others."""
        if not self._config.practice_share:
            return is_open
        lot = torch.rand(len(is_open), generator=generator)
        return is_open | (lot < self._config.practice_share)

    def update(self, batch: Batch, comparison: Comparison) -> dict[str, float]:
        """Let the detector learn, then, once warm, both gates."""
        info = self.detector.update(batch, comparison)
        self.updates += 1
        if not self.is_warm:
            return info
        labels = self.detector.labels(batch, comparison)
        info |= update_action_gate(self, batch, labels)
        info |= update_state_gate(self, batch, self._config.expectile)
        follow(self.target_gate, self.action_gate, self._config.rate)
        return info | {'gate/label_share': labels.mean().item()}


def update_action_gate(
    gate: LearnedGate, batch: Batch, labels: torch.Tensor
) -> dict[str, float]:
    """Take one step of binary cross-entropy on lambda(s, a)."""
    inputs = torch.cat((batch.observation, batch.action), dim=1)
    logits = gate.action_gate(inputs).scalars.squeeze(1)
    loss = nn.functional.binary_cross_entropy_with_logits(logits, labels)
    descend(gate.action_optimiser, loss, 1.0)
    return {
        'gate/action_loss': loss.item(),
        'gate/action_open_share': (logits > 0).float().mean().item(),
    }


def update_state_gate(gate: LearnedGate, batch: Batch, expectile: float) -> dict[str, float]:
    """Take one step of expectile regression of lambda(s) on the target gate's 0 or 1."""
    target = gate.of_action(batch.observation, batch.action).float()
    value = gate.probability(batch.observation)
    weight = torch.where(target > value, expectile, 1.0 - expectile)
    loss = (weight * (target - value).square()).mean()
    descend(gate.state_optimiser, loss, 1.0)
    return {
        'gate/state_loss': loss.item(),
        'gate/state_open_share': (value > 0.5).float().mean().item(),
        'gate/state_probability': value.mean().item(),
    }


class GateModule(nn.Module):
    """lambda(s) alone, as exported: (batch, observation size) -> probability (batch,)."""

    def __init__(self, gate: Gate) -> None:
        """Wrap a gate."""
        super().__init__()
        self.gate = gate

    def forward(self, observation: torch.Tensor) -> torch.Tensor:
        """Return lambda(s), shape (batch,)."""
        return self.gate.probability(observation)
