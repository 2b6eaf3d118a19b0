"""An exactly equivariant network from vectors to vectors and invariant scalars.

By Villar et al., "Scalars are universal" (arXiv 2106.06610), every SO(3)-equivariant vector
function of vectors is a sum of these vectors and their cross products with invariant
coefficients. An ordinary MLP maps the invariants (dot products, lengths and triple products) to
the coefficients. Vectors that the group leaves alone join the input as constants, which makes
the same network equivariant to the smaller group.
"""

from collections.abc import Sequence

from perl_core.contract import Slice, scales
from perl_core.layers.mlp import MLP
from perl_core.layers.trunk import TrunkOutput, TrunkShape, log_norms, norms
from perl_core.symmetry import Group, Representation
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
        self._count = Representation.of(inputs).size // 3
        vectors = self._count + len(group.fixed_vectors)
        pairs = torch.combinations(torch.arange(vectors), 2)
        triples = torch.combinations(torch.arange(vectors), 3)
        pair_index = {tuple(pair): index for index, pair in enumerate(pairs.tolist())}
        # triple product of i < j < k: (v_i x v_j) . v_k, an entry of (pairs, vectors)
        triple_at = [pair_index[i, j] * vectors + k for i, j, k in triples.tolist()]
        self._buffer('inverse_scale', 1.0 / torch.from_numpy(scales(tuple(inputs))))
        self._buffer('fixed', group.fixed_vectors.clone())
        self._buffer('first', pairs[:, 0].clone())
        self._buffer('second', pairs[:, 1].clone())
        self._buffer('dots_at', _upper_triangle(vectors))
        self._buffer('triples_at', torch.tensor(triple_at, dtype=torch.long))
        invariants = len(self.dots_at) + 2 * vectors + len(triple_at)
        self.basis = 2 * vectors + len(pairs)
        self.mlp = MLP(
            invariants,
            shape.vectors * self.basis + shape.scalars,
            shape.width,
            shape.depth,
            shape.last_layer_scale,
        )

    def _buffer(self, name: str, value: torch.Tensor) -> None:
        self.register_buffer(name, value, persistent=False)

    def forward(self, inputs: torch.Tensor) -> TrunkOutput:
        """Return vectors that turn with the input, and scalars that do not change.

        Args:
            inputs: shape (batch, 3 * count), in the contract's units.
        """
        vectors = (inputs * self.inverse_scale).unflatten(-1, (self._count, 3))
        if len(self.fixed):
            vectors = torch.cat((vectors, self.fixed.expand(len(vectors), -1, -1)), dim=1)
        first = vectors.index_select(1, self.first)
        crosses = torch.linalg.cross(first, vectors.index_select(1, self.second))
        lengths = norms(vectors)
        products = torch.cat((vectors, crosses), dim=1) @ vectors.mT
        count = vectors.shape[1]
        dots = products[:, :count].flatten(1).index_select(1, self.dots_at)
        triples = products[:, count:].flatten(1).index_select(1, self.triples_at)
        invariants = torch.cat((dots, lengths, log_norms(lengths), triples), dim=1)
        outputs = self.mlp(invariants)
        scalars = outputs[:, : self.shape.scalars]
        if not self.shape.vectors:
            return TrunkOutput(inputs.new_zeros(len(inputs), 0, 3), scalars)
        # Directions beside the vectors themselves: near the goal an error is small, and the
        # coefficient of the bare vector would have to grow as it shrinks.
        directions = vectors / (lengths + 0.05).unsqueeze(-1)
        basis = torch.cat((vectors, directions, crosses), dim=1)
        coefficients = outputs[:, self.shape.scalars :]
        return TrunkOutput(
            coefficients.unflatten(1, (self.shape.vectors, self.basis)) @ basis, scalars
        )


def _upper_triangle(count: int) -> torch.Tensor:
    rows, columns = torch.triu_indices(count, count)
    return rows * count + columns
