"""The parts of PE-SAC, built as its configuration says."""

from perl_core.actor import Actor
from perl_core.agents.pe_sac.config import PESACConfig
from perl_core.critic import Critic
from perl_core.detectors import (
    Detector,
    DetectorConfig,
    LossDifferenceDetector,
    WelfordDetector,
)
from perl_core.gate import FixedGate, Gate
from perl_core.layers import PathwayPrior, Trunk, TrunkShape
from perl_core.learned_gate import LearnedGate
from perl_core.spaces import Spaces
import torch
from torch import nn


def build_actor(config: PESACConfig, spaces: Spaces) -> Actor:
    """Return the policy with both branches."""
    shape = TrunkShape(width=config.width, depth=config.depth)
    return Actor(spaces, shape, config.standard_kind, config.share_actor_trunk)


def build_critic(config: PESACConfig, spaces: Spaces) -> Critic:
    """Return the twin critics with both branches."""
    shape = TrunkShape(width=config.width, depth=config.depth)
    return Critic(
        spaces, shape, config.standard_kind, config.share_critic_trunk, config.closed_critic
    )


def build_gate(config: PESACConfig, spaces: Spaces) -> Gate:
    """Return a gate that learns, or one that never moves if there is one branch only."""
    if config.branches != 'both':
        return FixedGate(is_open=config.branches == 'standard')
    return LearnedGate(spaces, config.gate, build_detector(config.detector, spaces))


def build_detector(config: DetectorConfig, spaces: Spaces) -> Detector:
    """Return a detector on observation and action, side by side."""
    if config.kind == 'welford':
        return WelfordDetector(config.kappa)
    shape = TrunkShape(
        scalars=2, width=config.width, last_layer_scale=0.01, members=config.members
    )
    trunk = spaces.trunk('plain', 'pair', 'values', shape)
    return LossDifferenceDetector(ScalarsOf(trunk), config)


def prior_of(config: PESACConfig, prior: PathwayPrior) -> PathwayPrior | None:
    """Return a prior, or None where the agent has no residual pathway or the prior no weight."""
    if config.standard_kind != 'residual':
        return None
    return prior if prior.equivariant_precision or prior.free_precision else None


class ScalarsOf(nn.Module):
    """A trunk as a map from tensors to tensors."""

    def __init__(self, trunk: Trunk) -> None:
        """Wrap a trunk without vectors."""
        super().__init__()
        self.trunk = trunk

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the scalars, shape (batch, members * scalars)."""
        return self.trunk(inputs).scalars
