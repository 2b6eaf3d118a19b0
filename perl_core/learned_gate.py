"""The gate that learns where the symmetry is broken.

lambda(s, a) is learned by binary cross-entropy on a detector's labels. lambda(s), which the policy
and the robot use, is its tau-expectile over the actions taken: a broken share p of the actions
opens it if p >= 1 - tau. Or it is the largest lambda(s, a) of K random actions.
"""

import copy
import dataclasses
import math
from typing import Literal

from perl_core.detection import Comparison
from perl_core.detectors import Detector, LossDifferenceDetector
from perl_core.errors import ConfigError
from perl_core.fields import require_choice
from perl_core.gating import draw, expectile_loss, gate_loss
from perl_core.layers import Adam, TrunkShape, descend, follow
from perl_core.replay import Batch
from perl_core.spaces import Spaces
import torch
from torch import nn

GateKind = Literal['threshold', 'draw', 'soft']
"""How lambda becomes a choice: open above 1/2; drawn with its probability (the paper's); or not
at all, and both branches are mixed."""
StateGate = Literal['expectile', 'sampled_max']
"""How lambda(s) comes from lambda(s, a): a network that learns the expectile over the actions
taken, or the largest of K random actions."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class GateConfig:
    """How the gate decides and learns."""

    kind: GateKind = 'threshold'
    """'threshold': open where lambda > 1/2. 'draw': open with probability lambda while learning
    and exploring, by threshold when it must repeat itself. 'soft': both branches, mixed."""
    state: StateGate = 'expectile'
    """Where lambda(s) comes from: expectile regression, or the largest of K random actions."""
    sampled_actions: int = 8
    """K of the sampled maximum. A broken share p of the actions opens it with 1 - (1 - p)^K."""
    width: int = 64
    """Units in each of the two hidden layers of both networks."""
    prior: float = 0.05
    """Probability that the gate starts with."""
    warm_up_updates: int = 375
    """Updates for which the gate stays closed and only predictors and detector learn."""
    rate: float = 0.01
    """Rate at which the target gate follows."""
    expectile: float = 0.9
    """tau: the state gate opens where at least a share 1 - tau of the actions is broken."""
    learning_rate: float = 3e-4
    """Of Adam."""

    def __post_init__(self) -> None:
        """Refuse values without meaning."""
        require_choice('gate.kind', self.kind, GateKind)
        require_choice('gate.state', self.state, StateGate)
        for name in ('width', 'sampled_actions'):
            if getattr(self, name) < 1:
                raise ConfigError(f'gate.{name} must be at least 1; got {getattr(self, name)}')
        for name in ('prior', 'expectile'):
            if not 0.0 < getattr(self, name) < 1.0:
                raise ConfigError(
                    f'gate.{name} must be between 0 and 1; got {getattr(self, name)}'
                )


class LearnedGate(nn.Module):
    """Both gates, the target of the first, and the detector that labels."""

    def __init__(
        self, spaces: Spaces, config: GateConfig, detector: Detector
    ) -> None:
        """Build the networks with the prior as their output."""
        super().__init__()
        self.config, self.detector = config, detector
        shape = TrunkShape(scalars=1, width=config.width, last_layer_scale=0.01)
        prior = math.log(config.prior / (1.0 - config.prior))
        self.action_gate = spaces.trunk('plain', 'pair', 'values', shape)
        self.action_gate.mlps.set_last_bias(prior)
        self.target_gate = copy.deepcopy(self.action_gate).requires_grad_(False)
        self.state_gate: nn.Module | None = None
        if config.state == 'expectile':
            self.state_gate = spaces.trunk('plain', 'state', 'values', shape)
            self.state_gate.mlps.set_last_bias(prior)
        self.blocks = spaces.action
        if config.state == 'sampled_max':
            # The actions of every deterministic answer, so that it repeats itself.
            self.register_buffer('fixed_actions', self._random_actions(1, torch.default_generator))
        self.register_buffer('updates', torch.zeros((), dtype=torch.long))
        self._optimisers = {
            name: Adam(network.parameters(), config.learning_rate)
            for name in ('action_gate', 'state_gate')
            if (network := getattr(self, name)) is not None
        }

    def optimisers(self) -> dict[str, Adam]:
        """Return every optimiser by name, the detector's too."""
        if isinstance(self.detector, LossDifferenceDetector):
            return self._optimisers | {'detector': self.detector.optimiser}
        return self._optimisers

    @property
    def is_warm(self) -> bool:
        """Whether the gate may open."""
        return int(self.updates) >= self.config.warm_up_updates

    @torch.no_grad()
    def of_action(
        self,
        observation: torch.Tensor,
        action: torch.Tensor,
        generator: torch.Generator | None = None,
    ) -> torch.Tensor:
        """Return the target gate's lambda(s, a); closed until warm.

        A threshold by default, and not a draw: a draw from a prior of 5 % opens the gate
        somewhere in every episode.
        """
        if not self.is_warm:
            return self._closed(observation)
        return self._decide(_logit(self.target_gate, observation, action), generator)

    @torch.no_grad()
    def of_state(
        self, observation: torch.Tensor, generator: torch.Generator | None = None
    ) -> torch.Tensor:
        """Return lambda(s); closed until warm."""
        if not self.is_warm:
            return self._closed(observation)
        return self._decide(self._state_logit(observation, generator), generator)

    def probability(self, observation: torch.Tensor) -> torch.Tensor:
        """Return lambda(s), shape (batch,)."""
        return self._state_logit(observation, None).sigmoid()

    def _closed(self, observation: torch.Tensor) -> torch.Tensor:
        closed = torch.zeros(len(observation), dtype=torch.bool, device=observation.device)
        return closed.to(observation.dtype) if self.config.kind == 'soft' else closed

    def _decide(self, logit: torch.Tensor, generator: torch.Generator | None) -> torch.Tensor:
        if self.config.kind == 'soft':
            return logit.sigmoid()
        if self.config.kind == 'draw' and generator is not None:
            return draw(logit.sigmoid(), generator)
        return logit > 0.0

    def _state_logit(
        self, observation: torch.Tensor, generator: torch.Generator | None
    ) -> torch.Tensor:
        if self.state_gate is not None:
            return self.state_gate(observation).scalars.squeeze(1)
        count = self.config.sampled_actions
        rows = observation.shape[0]
        actions = (
            self.fixed_actions.expand(rows, -1, -1)
            if generator is None
            else self._random_actions(rows, generator).to(observation.dtype)
        )
        repeated = observation.unsqueeze(1).expand(-1, count, -1)
        logits = _logit(self.target_gate, repeated.flatten(0, 1), actions.flatten(0, 1))
        return logits.unflatten(0, (-1, count)).amax(1)

    def _random_actions(self, rows: int, generator: torch.Generator) -> torch.Tensor:
        """Return K actions for each row, shape (rows, K, action size)."""
        count = self.config.sampled_actions
        return self.blocks.random(rows * count, generator).unflatten(0, (rows, count))

    @torch.no_grad()
    def expectile_target(self, batch: Batch) -> torch.Tensor:
        """Return what lambda(s) learns the expectile of, at the actions taken, shape (batch,).

        0 or 1 of a thresholded gate, and the probability of the others: a drawn 0 or 1 would be
        pushed up by its own chance. The 0.9 expectile of a coin of 5 % is 0.32.
        """
        logit = _logit(self.target_gate, batch.observation, batch.action)
        return (logit > 0).to(logit.dtype) if self.config.kind == 'threshold' else logit.sigmoid()

    def update(self, batch: Batch, comparison: Comparison) -> dict[str, float]:
        """Let the detector learn, then, once warm, both gates."""
        features = torch.cat((batch.observation, batch.action), dim=1)
        info = self.detector.update(features, batch.held_out, comparison)
        self.updates += 1
        if not self.is_warm:
            return info
        labels = self.detector.labels(features, comparison)
        info |= update_action_gate(self, batch, labels)
        if self.state_gate is not None:
            info |= update_state_gate(self, batch)
        follow(self.target_gate, self.action_gate, self.config.rate)
        return info | {'gate/label_share': labels.mean().item()}


def _logit(network: nn.Module, observation: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
    return network(torch.cat((observation, action), dim=1)).scalars.squeeze(1)


def update_action_gate(
    gate: LearnedGate, batch: Batch, labels: torch.Tensor
) -> dict[str, float]:
    """Take one step of binary cross-entropy on lambda(s, a)."""
    logits = _logit(gate.action_gate, batch.observation, batch.action)
    loss = gate_loss(logits, labels)
    descend(gate.optimisers()['action_gate'], loss, 1.0)
    return {
        'gate/action_loss': loss.item(),
        'gate/action_open_share': (logits > 0).float().mean().item(),
    }


def update_state_gate(gate: LearnedGate, batch: Batch) -> dict[str, float]:
    """Take one step of expectile regression of lambda(s) on the target gate's lambda(s, a)."""
    target = gate.expectile_target(batch)
    value = gate.probability(batch.observation)
    loss = expectile_loss(value, target, gate.config.expectile)
    descend(gate.optimisers()['state_gate'], loss, 1.0)
    return {
        'gate/state_loss': loss.item(),
        'gate/state_open_share': (value > 0.5).float().mean().item(),
        'gate/state_probability': value.mean().item(),
    }
