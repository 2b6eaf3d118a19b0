"""An exactly equivariant network from vectors to vectors and invariant scalars.

By Villar et al., "Scalars are universal" (arXiv 2106.06610), every SO(3)-equivariant vector
function of vectors is a sum of these vectors and their cross products with invariant
coefficients. An ordinary MLP maps the invariants (dot products, lengths and triple products) to
the coefficients. Vectors that the group leaves alone join the input as constants, which makes
the same network equivariant to the smaller group.
"""

from collections.abc import Sequence

from perl_core.contract import Slice
from perl_core.layers.ensemble import Ensemble
from perl_core.layers.invariants import Invariants
from perl_core.layers.trunk import TrunkOutput, TrunkShape
from perl_core.symmetry import Group
import torch
from torch import nn


class EquivariantTrunk(nn.Module):
    """Invariants -> MLP -> coefficients of the input vectors and their cross products."""

    def __init__(self, inputs: Sequence[Slice], group: Group, shape: TrunkShape) -> None:
        """Build the network.

        Args:
            inputs: parts of kind 'vector', in the order in which they come.
            group: what to be equivariant to.
            shape: outputs and hidden layers.
        """
        super().__init__()
        self.shape = shape
        self.geometry = Invariants(inputs, group)
        outputs = shape.vectors * self.geometry.basis_size + shape.scalars
        self.mlps = Ensemble.build(self.geometry.size, outputs, shape)

    def forward(self, inputs: torch.Tensor) -> TrunkOutput:
        """Return vectors that turn with the input, and scalars that do not change.

        Args:
            inputs: shape (batch, 3 * count), in the contract's units.
        """
        shape, geometry = self.shape, self.geometry(inputs)
        outputs = self.mlps(geometry.invariants)
        if not shape.vectors:
            return TrunkOutput(inputs.new_zeros(inputs.shape[0], 0, 3), outputs)
        basis = self.geometry.basis(geometry)
        coefficients = outputs[:, shape.scalars :].unflatten(1, (shape.vectors, -1))
        return TrunkOutput(coefficients @ basis, outputs[:, : shape.scalars])
