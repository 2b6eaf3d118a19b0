"""The residual pathway layer: W = A + B, A equivariant and B free (arXiv 2112.01388)."""

from perl_core.layers.expansion import ExpandedLinear, Weights
from perl_core.layers.linear import EquivariantLinear
from perl_core.layers.prior import Pathways
from perl_core.symmetry import Representation
import torch
from torch import nn

FREE_SCALE = 1e-3
"""Initial scale of the free path beside a plain layer's, as in the released RL agents."""


class ResidualLinear(ExpandedLinear):
    """Both paths are added before the one product with the input."""

    def __init__(self, rho_in: Representation, rho_out: Representation) -> None:
        """Build both paths, the free one small.

        Args:
            rho_in: how inputs transform.
            rho_out: how outputs transform, under the same group.
        """
        super().__init__()
        self.equivariant = EquivariantLinear(rho_in, rho_out)
        self.free = nn.Linear(rho_in.size, rho_out.size)
        with torch.no_grad():
            self.free.weight.mul_(FREE_SCALE)
            self.free.bias.mul_(FREE_SCALE)

    def expand(self) -> Weights:
        """Return A + B and the sum of both biases."""
        matrix, bias = self.equivariant.expand()
        return Weights(matrix + self.free.weight, bias + self.free.bias)

    def pathways(self) -> Pathways:
        """Return the weights that each prior is on."""
        return Pathways(self.equivariant.expand(), (self.free.weight, self.free.bias))
