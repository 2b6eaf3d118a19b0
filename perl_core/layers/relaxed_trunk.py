"""The equivariant network's geometry without its constraint: a free network with a good start.

The coefficients of vectors and cross products may depend on everything, not on invariants alone,
and a free vector is added. Any function of the inputs can be learned, as by the plain network, but
functions close to equivariant ones are the easiest.
"""

from collections.abc import Sequence

from perl_core.contract import Slice, scales
from perl_core.layers.ensemble import Ensemble
from perl_core.layers.invariants import Invariants
from perl_core.layers.trunk import TrunkOutput, TrunkShape, vector_parts
from perl_core.symmetry import Group
import torch
from torch import nn


class RelaxedTrunk(nn.Module):
    """Invariants and all scaled inputs -> MLP -> coefficients of a basis, and free vectors."""

    def __init__(self, inputs: Sequence[Slice], group: Group, shape: TrunkShape) -> None:
        """Build the network.

        Args:
            inputs: parts of any kind, in the order in which they come.
            group: its fixed vectors join the basis.
            shape: outputs and hidden layers.
        """
        super().__init__()
        self.shape = shape
        self.geometry = Invariants(vector_parts(inputs), group)
        is_vector = torch.cat([torch.full((p.size,), p.kind == 'vector') for p in inputs])
        self.register_buffer(
            'vectors_at', torch.eye(len(is_vector))[:, is_vector], persistent=False
        )
        self.register_buffer(
            'inverse_scale', 1.0 / torch.from_numpy(scales(tuple(inputs))), persistent=False
        )
        self.basis_size = self.geometry.basis_size + 3
        outputs = shape.vectors * self.basis_size + shape.scalars
        self.mlps = Ensemble.build(self.geometry.size + len(is_vector), outputs, shape)

    def forward(self, inputs: torch.Tensor) -> TrunkOutput:
        """Return vectors and scalars.

        Args:
            inputs: shape (batch, size of the parts), in the contract's units.
        """
        shape, geometry = self.shape, self.geometry(inputs @ self.vectors_at)
        features = torch.cat((geometry.invariants, inputs * self.inverse_scale), dim=1)
        outputs = self.mlps(features)
        if not shape.vectors:
            return TrunkOutput(inputs.new_zeros(inputs.shape[0], 0, 3), outputs)
        coefficients = outputs[:, shape.scalars :].unflatten(1, (shape.vectors, self.basis_size))
        vectors = coefficients[..., :-3] @ self.geometry.basis(geometry) + coefficients[..., -3:]
        return TrunkOutput(vectors, outputs[:, : shape.scalars])
