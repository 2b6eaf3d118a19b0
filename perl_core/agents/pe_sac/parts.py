"""The parts of PE-SAC, built as its configuration says."""

from perl_core.actor import Actor
from perl_core.agents.pe_sac.config import PESACConfig
from perl_core.contract import Contract
from perl_core.critic import Critic
from perl_core.detectors import (
    Detector,
    DetectorConfig,
    LossDifferenceDetector,
    WelfordDetector,
)
from perl_core.gate import FixedGate, Gate
from perl_core.layers import PlainTrunk, TrunkShape
from perl_core.learned_gate import LearnedGate
from perl_core.symmetry import group_named
import torch
from torch import nn


def build_actor(config: PESACConfig, contract: Contract) -> Actor:
    """Return the policy with both branches."""
    shape = TrunkShape(width=config.width, depth=config.depth)
    return Actor(contract, shape, config.standard_trunk, config.share_actor_trunk)


def build_critic(config: PESACConfig, contract: Contract) -> Critic:
    """Return the twin critics with both branches."""
    shape = TrunkShape(width=config.width, depth=config.depth)
    return Critic(contract, shape, config.standard_trunk, config.share_critic_trunk)


def build_gate(config: PESACConfig, contract: Contract) -> Gate:
    """Return a gate that learns, or one that never moves if there is one branch only."""
    if config.branches != 'both':
        return FixedGate(is_open=config.branches == 'standard')
    return LearnedGate(contract, config.gate, build_detector(config.detector, contract))


def build_detector(config: DetectorConfig, contract: Contract) -> Detector:
    """Return a detector on observation and action, side by side."""
    if config.kind == 'welford':
        return WelfordDetector(config.kappa)
    shape = TrunkShape(
        scalars=2, width=config.width, last_layer_scale=0.01, members=config.members
    )
    parts = (*contract.observation, *contract.action)
    trunk = PlainTrunk(parts, group_named(contract.group), shape)
    return LossDifferenceDetector(ScalarsOf(trunk), config)


class ScalarsOf(nn.Module):
    """A trunk as a map from tensors to tensors."""

    def __init__(self, trunk: PlainTrunk) -> None:
        """Wrap a trunk without vectors."""
        super().__init__()
        self.trunk = trunk

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the scalars, shape (batch, members * scalars)."""
        return self.trunk(inputs).scalars
