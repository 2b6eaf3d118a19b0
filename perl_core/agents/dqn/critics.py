"""Q(s, .): one network, or an equivariant and a free one that a gate chooses from."""

from collections.abc import Callable, Sequence

from perl_core.agents.dqn.config import DQNConfig
from perl_core.agents.dqn.networks import network, two_headed
from perl_core.agents.dqn.stacked import DenseStack, Follower, StackedNetwork
from perl_core.gating import mix_by_gate
from perl_core.layers import Kind
from perl_core.symmetry import Representation
import torch
from torch import nn

_KINDS: dict[str, Kind] = {
    'dqn': 'plain', 'augmented': 'plain', 'equivariant': 'equivariant', 'residual': 'residual',
    'relaxed': 'relaxed',
}  # fmt: skip


class Critic(nn.Module):
    """Q of every action, from one network, two, or one with two heads.

    With two: Q = (1 - lambda) Q_E + lambda Q_N of arXiv 2512.00915, no gradient into lambda.
    """

    def __init__(self, networks: Sequence[DenseStack], shared: bool = False) -> None:
        """Take the networks.

        Args:
            networks: one, or that for a closed gate and that for an open one.
            shared: whether it is one network with the outputs of both.
        """
        super().__init__()
        self._shared = shared
        self.networks = nn.ModuleList(networks)

    def forward(self, observations: torch.Tensor, gate: torch.Tensor | None) -> torch.Tensor:
        """Return Q(s, .), shape (seeds, n, actions).

        Args:
            observations: shape (seeds, n, size).
            gate: lambda(s, .), shape (seeds, n, actions); None for an agent without one.
        """
        return self.chosen(self.branches(observations), gate)

    def branches(self, observations: torch.Tensor) -> list[torch.Tensor]:
        """Return Q(s, .) of each critic, the one behind a closed gate first."""
        values = [part(observations) for part in self.networks]
        return list(values[0].chunk(2, dim=-1)) if self._shared else values

    def chosen(self, values: list[torch.Tensor], gate: torch.Tensor | None) -> torch.Tensor:
        """Return (1 - lambda) Q_E + lambda Q_N of what ``branches`` returned."""
        return values[0] if gate is None else mix_by_gate(gate, *values)

    def follower(self) -> 'Critic':
        """Return a target critic that starts here."""
        return Critic([Follower(part) for part in self.networks], self._shared)

    def follow(self, source: 'Critic', rate: float) -> None:
        """Move towards the source: exponential moving average of the weights."""
        for target, part in zip(self.networks, source.networks, strict=True):
            target.follow(part, rate)


def critic_of(
    config: DQNConfig,
    rho_observation: Representation,
    rho_action: Representation,
    seeds: Sequence[int],
) -> Critic:
    """Return the configured agent's critic.

    The two of 'pe' start as those of the strict and of the plain agent do.
    """

    def build(kind: Kind) -> Callable[[], nn.Module]:
        return lambda: network(kind, rho_observation, rho_action, config)

    if config.agent == 'pe' and config.shared_trunk:
        trunk = StackedNetwork(
            lambda: two_headed(rho_observation, rho_action, config), seeds, 'critic shared'
        )
        return Critic([trunk], shared=True)
    kinds = (config.closed_critic, 'plain') if config.agent == 'pe' else (_KINDS[config.agent],)
    return Critic([StackedNetwork(build(kind), seeds, f'critic {kind}') for kind in kinds])
