"""Labels of broken pairs for many seeds at once; the mathematics is ``perl_core.detection``."""

from collections.abc import Sequence
from typing import Protocol

from perl_core.agents.dqn.config import DQNConfig, GateConfig
from perl_core.agents.dqn.networks import network
from perl_core.agents.dqn.replay import Batch
from perl_core.agents.dqn.stacked import StackedNetwork
from perl_core.detection import (
    Comparison,
    Estimate,
    Moments,
    add_to_moments,
    bootstrap_weights,
    estimate_loss,
    estimate_of,
    excess_labels,
    z_score_labels,
)
from perl_core.symmetry import Representation, trivial
import torch
from torch import nn
from torch.func import vmap


class Detector(Protocol):
    """Labels pairs of states and actions at which the symmetry is broken."""

    def losses(self, batch: Batch, comparison: Comparison) -> torch.Tensor:
        """Learn what needs no gradient; return the loss of each seed, shape (seeds,)."""
        ...

    def labels(self, batch: Batch, comparison: Comparison) -> torch.Tensor:
        """Return 1 where the symmetry is broken, else 0, float, shape (seeds, batch)."""
        ...


class ZScoreDetector(nn.Module):
    """The paper's: broken where the z-score of the disagreement exceeds kappa."""

    def __init__(self, config: GateConfig, seeds: int) -> None:
        """Start without any data."""
        super().__init__()
        self._kappa = config.kappa
        for name in Moments._fields:
            self.register_buffer(name, torch.zeros(seeds, dtype=torch.float64))

    @property
    def _moments(self) -> Moments:
        return Moments(self.count, self.mean, self.squares)

    def losses(self, batch: Batch, comparison: Comparison) -> torch.Tensor:
        """Add the batch to the moments of all history; there is nothing to descend."""
        moments = vmap(add_to_moments)(self._moments, comparison.disagreement)
        self.count, self.mean, self.squares = moments
        return torch.zeros(len(self.count))

    def labels(self, batch: Batch, comparison: Comparison) -> torch.Tensor:
        """Return where the z-score exceeds kappa."""
        return vmap(z_score_labels, in_dims=(0, 0, None))(
            self._moments, comparison.disagreement, self._kappa
        )


class LossDifferenceDetector(nn.Module):
    """Broken where the equivariant predictor surely does worse on transitions it never saw.

    A network with several bootstrapped outputs learns the mean excess error at (s, a); the label
    is mean - confidence * spread of the mean > tolerance. Stochastic transitions make single
    errors noisy, not their mean.
    """

    def __init__(
        self, config: DQNConfig, rho_observation: Representation, actions: int,
        seeds: Sequence[int],
    ) -> None:  # fmt: skip
        """Build the network."""
        super().__init__()
        self._config = config.gate
        rho_out = actions * config.gate.members * 2 * trivial(rho_observation.group)
        self.network = StackedNetwork(
            lambda: network('plain', rho_observation, rho_out, config), seeds, 'detector'
        )
        self._actions = actions

    def _estimate(self, batch: Batch) -> Estimate:
        outputs = self.network(batch.observation).unflatten(-1, (self._actions, -1))
        at = batch.action[..., None, None].expand(*batch.action.shape, 1, outputs.shape[-1])
        return estimate_of(outputs.gather(-2, at).squeeze(-2))

    def losses(self, batch: Batch, comparison: Comparison) -> torch.Tensor:
        """Return the negative log-likelihood of the excess errors on held-out rows."""
        slots = batch.slot[..., None].to(comparison.excess_error.dtype)
        weights = vmap(bootstrap_weights, in_dims=(0, None))(slots, self._config.members)
        weights = weights * batch.held_out[..., None]
        return vmap(estimate_loss)(self._estimate(batch), comparison.excess_error, weights)

    @torch.no_grad()
    def labels(self, batch: Batch, comparison: Comparison) -> torch.Tensor:
        """Return where the lower bound of the mean exceeds the tolerance."""
        config = self._config
        return excess_labels(self._estimate(batch), config.confidence, config.tolerance, 'mean')
