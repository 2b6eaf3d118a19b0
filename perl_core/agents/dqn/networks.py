"""Networks by kind, all of the configured shape."""

import itertools

from perl_core.agents.dqn.config import DQNConfig
from perl_core.layers import EquivariantLinear, Kind, NetworkShape, PlainLinear
from perl_core.layers import network as network_of_shape
from perl_core.layers.networks import hidden_representation
from perl_core.symmetry import Representation
import torch
from torch import nn


def network(
    kind: Kind, rho_in: Representation, rho_out: Representation, config: DQNConfig
) -> nn.Module:
    """Return a network that maps (batch, rho_in.size) to (batch, rho_out.size)."""
    shape = NetworkShape(width=config.width, depth=config.depth)
    return network_of_shape(kind, rho_in, rho_out, shape)


class TwoHeaded(nn.Module):
    """An equivariant trunk under an equivariant and a free linear head."""

    def __init__(
        self, rho_in: Representation, rho_out: Representation, config: DQNConfig
    ) -> None:
        """Build the layers.

        Args:
            rho_in: how inputs transform.
            rho_out: how the outputs of the equivariant head transform.
            config: width and depth of the trunk.
        """
        super().__init__()
        hidden = hidden_representation('equivariant', rho_in.group, config.width)
        self.trunk = nn.Sequential()
        for first, second in itertools.pairwise((rho_in, *[hidden] * config.depth)):
            self.trunk.extend([EquivariantLinear(first, second), nn.SiLU()])
        self.equivariant = EquivariantLinear(hidden, rho_out)
        self.standard = PlainLinear(hidden, rho_out)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the outputs of both heads side by side, (batch, 2 * rho_out.size)."""
        features = self.trunk(inputs)
        return torch.cat((self.equivariant(features), self.standard(features)), dim=-1)
