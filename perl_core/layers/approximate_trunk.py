"""The arm's approximately equivariant network: relaxed weight sharing (arXiv 2411.04225).

Strict equivariance shares one coefficient among the three components of a vector. Here each
component has a weight of its own, on the input and on every vector of the basis, and each entry
that no group describes has one too. Weights of a vector are equal and those of other entries zero
at the start, so the network starts exactly equivariant and leaves it one component at a time.
"""

from collections.abc import Sequence

from perl_core.contract import Slice, scales
from perl_core.layers.ensemble import Ensemble
from perl_core.layers.invariants import Invariants
from perl_core.layers.trunk import TrunkOutput, TrunkShape, vector_parts
from perl_core.symmetry import Group
import torch
from torch import nn


class ApproximateTrunk(nn.Module):
    """Weighted vectors -> invariants -> MLP -> weighted coefficients of a basis."""

    def __init__(self, inputs: Sequence[Slice], group: Group, shape: TrunkShape) -> None:
        """Build the network, exactly equivariant.

        Args:
            inputs: parts of any kind, those of kind 'vector' in the order of the basis.
            group: what it is equivariant to at the start.
            shape: outputs and hidden layers.
        """
        super().__init__()
        self.shape = shape
        self.geometry = Invariants(vector_parts(inputs), group)
        is_vector = torch.cat([torch.full((p.size,), p.kind == 'vector') for p in inputs])
        every = torch.eye(len(is_vector))
        self._constant('vectors_at', every[:, is_vector])
        inverse_scale = 1.0 / torch.from_numpy(scales(tuple(inputs)))
        self._constant('free_at', (every * inverse_scale)[:, ~is_vector])
        self.of_vectors = nn.Parameter(torch.ones(int(is_vector.sum())))
        self.of_free = nn.Parameter(torch.zeros(int((~is_vector).sum())))
        self.of_basis = nn.Parameter(torch.ones(shape.vectors, self.geometry.basis_size, 3))
        outputs = shape.vectors * self.geometry.basis_size + shape.scalars
        self.mlps = Ensemble.build(self.geometry.size + len(self.of_free), outputs, shape)

    def _constant(self, name: str, value: torch.Tensor) -> None:
        self.register_buffer(name, value, persistent=False)

    def forward(self, inputs: torch.Tensor) -> TrunkOutput:
        """Return vectors and scalars.

        Args:
            inputs: shape (batch, size of the parts), in the contract's units.
        """
        shape = self.shape
        geometry = self.geometry(inputs @ self.vectors_at * self.of_vectors)
        free = inputs @ self.free_at * self.of_free
        outputs = self.mlps(torch.cat((geometry.invariants, free), dim=1))
        if not shape.vectors:
            return TrunkOutput(inputs.new_zeros(inputs.shape[0], 0, 3), outputs)
        coefficients = outputs[:, shape.scalars :].unflatten(1, (shape.vectors, -1, 1))
        basis = self.geometry.basis(geometry).unsqueeze(1)
        vectors = (coefficients * self.of_basis * basis).sum(2)
        return TrunkOutput(vectors, outputs[:, : shape.scalars])
