"""An ordinary network with the same inputs and outputs as the equivariant one."""

from collections.abc import Sequence

from perl_core.contract import Slice, scales
from perl_core.layers.ensemble import Ensemble
from perl_core.layers.trunk import TrunkOutput, TrunkShape, log_norms, norms, vector_parts
from perl_core.symmetry import Group
import torch
from torch import nn


class PlainTrunk(nn.Module):
    """Scaled inputs, with direction and log length of every vector beside them -> MLP."""

    def __init__(self, inputs: Sequence[Slice], group: Group, shape: TrunkShape) -> None:
        """Build the network.

        Args:
            inputs: parts of any kind, in the order in which they come.
            group: not used; every trunk is built alike.
            shape: outputs and hidden layers.
        """
        super().__init__()
        del group
        self.shape = shape
        vector_entries = torch.cat([
            torch.full((part.size,), part.kind == 'vector') for part in inputs
        ]).nonzero().squeeze(1)  # fmt: skip
        self._vectors = sum(part.size for part in vector_parts(inputs)) // 3
        size = sum(part.size for part in inputs)
        self.register_buffer(
            'inverse_scale', 1.0 / torch.from_numpy(scales(tuple(inputs))), persistent=False
        )
        self.register_buffer('vector_entries', vector_entries, persistent=False)
        outputs = 3 * shape.vectors + shape.scalars
        self.mlps = Ensemble.build(size + 4 * self._vectors, outputs, shape)

    def forward(self, inputs: torch.Tensor) -> TrunkOutput:
        """Return vectors and scalars.

        Args:
            inputs: shape (batch, size of the parts), in the contract's units.
        """
        scaled = inputs * self.inverse_scale
        vectors = scaled.index_select(1, self.vector_entries).unflatten(1, (self._vectors, 3))
        lengths = norms(vectors)
        directions = vectors / (lengths + 0.05).unsqueeze(-1)
        outputs = self.mlps(torch.cat((scaled, directions.flatten(1), log_norms(lengths)), dim=1))
        if not self.shape.vectors:
            return TrunkOutput(inputs.new_zeros(inputs.shape[0], 0, 3), outputs)
        vectors = outputs[:, self.shape.scalars :].unflatten(1, (-1, 3))
        return TrunkOutput(vectors, outputs[:, : self.shape.scalars])
