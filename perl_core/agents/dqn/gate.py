"""Where the free critic decides. No RL gradient reaches the gate."""

from collections.abc import Callable, Sequence
import math
from typing import Protocol

from perl_core.agents.dqn.config import DQNConfig
from perl_core.agents.dqn.detectors import Detector, LossDifferenceDetector, ZScoreDetector
from perl_core.agents.dqn.networks import network
from perl_core.agents.dqn.outcomes import Outcomes
from perl_core.agents.dqn.predictors import Predictors
from perl_core.agents.dqn.replay import Batch
from perl_core.agents.dqn.stacked import Follower, StackedNetwork, StackedOptimiser
from perl_core.agents.dqn.streams import Streams
from perl_core.gating import gate_loss, of_taken
from perl_core.symmetry import Representation
import torch
from torch import nn
from torch.func import vmap

Oracle = Callable[[torch.Tensor], torch.Tensor]
"""Maps observations (seeds, n, size) to lambda (seeds, n, actions) in [0, 1]."""


class Gate(Protocol):
    """lambda(s, a) of every action."""

    def probability(self, observations: torch.Tensor) -> torch.Tensor:
        """Return lambda(s, .) in [0, 1], shape (seeds, n, actions)."""
        ...

    def weight(self, observations: torch.Tensor) -> torch.Tensor:
        """Return what critics are mixed by, shape (seeds, n, actions); hard gates: 0 or 1."""
        ...

    def update(self, batch: Batch) -> dict[str, torch.Tensor]:
        """Learn from a batch; return what to log, each of shape (seeds,)."""
        ...


class OracleGate(nn.Module):
    """A gate that is given."""

    def __init__(self, oracle: Oracle) -> None:
        """Ask this function."""
        super().__init__()
        self._oracle = oracle

    def probability(self, observations: torch.Tensor) -> torch.Tensor:
        """Return what is given."""
        return self._oracle(observations)

    def weight(self, observations: torch.Tensor) -> torch.Tensor:
        """Return what is given."""
        return self._oracle(observations)

    def update(self, batch: Batch) -> dict[str, torch.Tensor]:
        """Learn nothing."""
        return {}


class LearnedGate(nn.Module):
    """The gate's network and its target, the predictors, and the detector that labels."""

    def __init__(
        self,
        config: DQNConfig,
        rho_observation: Representation,
        rho_action: Representation,
        seeds: Sequence[int],
        outcomes: Outcomes | None,
    ) -> None:
        """Build all networks; the gate starts at its prior."""
        super().__init__()
        self._config, self._actions = config.gate, rho_action.size
        self.predictors = Predictors(config, rho_observation, rho_action, seeds, outcomes)
        self.detector: Detector = (
            LossDifferenceDetector(config, rho_observation, rho_action.size, seeds)
            if config.gate.detector == 'loss_difference'
            else ZScoreDetector(config.gate, len(seeds))
        )
        self.network = StackedNetwork(
            lambda: network('plain', rho_observation, rho_action, config), seeds, 'gate'
        )
        self.target = Follower(self.network)
        self._prior_logit = math.log(config.gate.prior / (1.0 - config.gate.prior))
        self.register_buffer('updates', torch.zeros((), dtype=torch.long))
        self.optimiser = StackedOptimiser(
            [module for module in self.modules() if isinstance(module, StackedNetwork)],
            config.gate.learning_rate, config.gradient_clip,
        )  # fmt: skip
        self.draws = Streams(seeds, 'gate')

    @property
    def is_warm(self) -> bool:
        """Whether the gate may open."""
        return int(self.updates) >= self._config.warm_up_updates

    @torch.no_grad()
    def probability(self, observations: torch.Tensor) -> torch.Tensor:
        """Return the target gate's lambda(s, .), shape (seeds, n, actions)."""
        return (self.target(observations) + self._prior_logit).sigmoid()

    def weight(self, observations: torch.Tensor) -> torch.Tensor:
        """Return 0 or 1 for a hard gate, lambda for a soft one; 0 until warm."""
        if not self.is_warm:
            return observations.new_zeros(*observations.shape[:2], self._actions)
        probability = self.probability(observations)
        if self._config.kind == 'soft':
            return probability
        if self._config.kind == 'threshold':
            return (probability > 0.5).to(probability.dtype)
        lot = self.draws.uniform(*probability.shape[1:])
        return (lot < probability).to(probability.dtype)

    def update(self, batch: Batch) -> dict[str, torch.Tensor]:
        """Take one step of predictors and detector and, once warm, of the gate."""
        self.updates += 1
        losses, comparison = self.predictors.losses(batch)
        info = {
            'gate/predictor_loss': losses.detach(),
            'gate/disagreement': comparison.disagreement.mean(dim=1),
            'gate/excess_error': comparison.excess_error.mean(dim=1),
        }
        losses = losses + self.detector.losses(batch, comparison)
        if self.is_warm:
            labels = self.detector.labels(batch, comparison)
            logits = of_taken(self.network(batch.observation), batch.action) + self._prior_logit
            gate_losses = vmap(gate_loss)(logits, labels)
            losses = losses + gate_losses
            info |= {'gate/loss': gate_losses.detach(), 'gate/label_share': labels.mean(dim=1)}
        self.optimiser.descend(losses)
        self.target.follow(self.network, self._config.rate)
        return info
