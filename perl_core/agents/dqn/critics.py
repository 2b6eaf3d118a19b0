"""Q(s, .): one network, or an equivariant and a free one that a gate chooses from."""

from collections.abc import Sequence

from perl_core.agents.dqn.config import DQNConfig
from perl_core.agents.dqn.networks import TwoHeaded, network
from perl_core.agents.dqn.stacked import StackedNetwork
from perl_core.gating import mix_by_gate
from perl_core.layers import Kind
from perl_core.symmetry import Representation
import torch
from torch import nn

_KINDS: dict[str, Kind] = {
    'dqn': 'plain', 'augmented': 'plain', 'equivariant': 'equivariant', 'residual': 'residual',
    'relaxed': 'relaxed',
}  # fmt: skip


class SingleCritic(nn.Module):
    """One network for every state and action."""

    def __init__(
        self,
        config: DQNConfig,
        rho_observation: Representation,
        rho_action: Representation,
        seeds: Sequence[int],
    ) -> None:
        """Build the network of the configured agent."""
        super().__init__()
        kind = _KINDS[config.agent]
        self.network = StackedNetwork(
            lambda: network(kind, rho_observation, rho_action, config), seeds, f'critic {kind}'
        )

    def forward(self, observations: torch.Tensor, gate: torch.Tensor | None) -> torch.Tensor:
        """Return Q(s, .), shape (seeds, n, actions), from (seeds, n, size); there is no gate."""
        return self.network(observations)


class GatedCritic(nn.Module):
    """Q = (1 - lambda) Q_E + lambda Q_N of arXiv 2512.00915, no gradient into lambda."""

    def __init__(
        self,
        config: DQNConfig,
        rho_observation: Representation,
        rho_action: Representation,
        seeds: Sequence[int],
    ) -> None:
        """Build two networks: the same as those of the strict and of the plain agent."""
        super().__init__()
        self.equivariant, self.standard = (
            StackedNetwork(
                lambda kind=kind: network(kind, rho_observation, rho_action, config),
                seeds, f'critic {kind}',
            )
            for kind in ('equivariant', 'plain')
        )  # fmt: skip

    def forward(self, observations: torch.Tensor, gate: torch.Tensor | None) -> torch.Tensor:
        """Return Q(s, .), shape (seeds, n, actions).

        Args:
            observations: shape (seeds, n, size).
            gate: lambda(s, .), shape (seeds, n, actions).
        """
        return mix_by_gate(gate, self.equivariant(observations), self.standard(observations))


class SharedTrunkCritic(nn.Module):
    """As ``GatedCritic``, but both read the hidden features of one equivariant trunk."""

    def __init__(
        self,
        config: DQNConfig,
        rho_observation: Representation,
        rho_action: Representation,
        seeds: Sequence[int],
    ) -> None:
        """Build one trunk with two heads."""
        super().__init__()
        self.network = StackedNetwork(
            lambda: TwoHeaded(rho_observation, rho_action, config), seeds, 'critic shared'
        )

    def forward(self, observations: torch.Tensor, gate: torch.Tensor | None) -> torch.Tensor:
        """Return Q(s, .); see ``GatedCritic``."""
        return mix_by_gate(gate, *self.network(observations).chunk(2, dim=-1))


def critic_class(config: DQNConfig) -> type[nn.Module]:
    """Return the class of the configured agent's critic."""
    if config.agent != 'pe':
        return SingleCritic
    return SharedTrunkCritic if config.shared_trunk else GatedCritic
