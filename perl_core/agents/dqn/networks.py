"""Networks by kind, all of the configured shape."""

import itertools

from perl_core.agents.dqn.config import DQNConfig
from perl_core.layers import EquivariantLinear, Kind, NetworkShape, PlainLinear
from perl_core.layers import network as network_of_shape
from perl_core.layers.expansion import Weights
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


class TwoHeads(nn.Module):
    """An equivariant and a free linear layer on the same inputs, outputs side by side."""

    def __init__(self, rho_in: Representation, rho_out: Representation) -> None:
        """Build both layers; each has rho_out.size outputs."""
        super().__init__()
        self.equivariant = EquivariantLinear(rho_in, rho_out)
        self.standard = PlainLinear(rho_in, rho_out)

    def expand(self) -> Weights:
        """Return the weights of one layer with both outputs."""
        matrix, bias = self.equivariant.expand()
        return Weights(
            torch.cat((matrix, self.standard.weight)), torch.cat((bias, self.standard.bias))
        )


def two_headed(
    rho_in: Representation, rho_out: Representation, config: DQNConfig
) -> nn.Sequential:
    """Return an equivariant trunk under an equivariant and a free linear head."""
    hidden = hidden_representation('equivariant', rho_in.group, config.width)
    layers: list[nn.Module] = []
    for first, second in itertools.pairwise((rho_in, *[hidden] * config.depth)):
        layers += [EquivariantLinear(first, second), nn.SiLU()]
    return nn.Sequential(*layers, TwoHeads(hidden, rho_out))
