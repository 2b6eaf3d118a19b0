"""Vectors -> what a rotation does not change, and -> a basis of what turns with it.

Entries are selected by products with constant 0/1 matrices, not by indexing: the gradient is then
another product, and on a CPU several times faster than a scatter.
"""

from collections.abc import Sequence
from typing import NamedTuple

from perl_core.contract import Slice, scales
from perl_core.layers.trunk import log_norms
from perl_core.symmetry import Group, Representation
import torch
from torch import nn

_SOFT_LENGTH = 0.05
"""Directions are v / (|v| + this), smooth at zero: 17 mm of 0.35 m."""


class Geometry(NamedTuple):
    """What is computed from the vectors."""

    invariants: torch.Tensor
    """Dot products, lengths, triple products, compressed, and log lengths; (batch, size)."""
    vectors: torch.Tensor
    """Scaled inputs and the group's fixed vectors, flat, shape (batch, 3 * count)."""
    crosses: torch.Tensor
    """Cross products of all pairs, flat, shape (batch, 3 * pairs)."""
    lengths: torch.Tensor
    """Of the vectors, shape (batch, count)."""


class Invariants(nn.Module):
    """The geometry of the vectors among the inputs."""

    def __init__(self, inputs: Sequence[Slice], group: Group) -> None:
        """Build the constant matrices.

        Args:
            inputs: parts of kind 'vector', in the order in which they come.
            group: its fixed vectors join the inputs.
        """
        super().__init__()
        Representation.of(inputs)
        self._fixed = len(group.fixed_vectors)
        count = sum(part.size for part in inputs) // 3 + self._fixed
        pairs = torch.combinations(torch.arange(count), 2).tolist()
        triples = torch.combinations(torch.arange(count), 3).tolist()
        dots = torch.combinations(torch.arange(count), 2, with_replacement=True).tolist()
        pair_index = {tuple(pair): index for index, pair in enumerate(pairs)}
        first, second = [i for i, _ in pairs], [j for _, j in pairs]
        self.count, self.pairs = count, len(pairs)
        self.size = len(dots) + 2 * count + len(triples)
        self._constant('inverse_scale', 1.0 / torch.from_numpy(scales(tuple(inputs))))
        self._constant('fixed', group.fixed_vectors.reshape(1, -1).clone())
        # (a x b)_x = a_y b_z - a_z b_y and so on: axes shifted by one and by two.
        self._constant('cross_first', _select_twice(count, first, 1, 2))
        self._constant('cross_second', _select_twice(count, second, 2, 1))
        self._constant('dot_first', _select(count, [i for i, _ in dots], 0))
        self._constant('dot_second', _select(count, [j for _, j in dots], 0))
        self._constant('dot_sum', _sum_of_threes(len(dots)))
        # triple product of i < j < k: (v_i x v_j) . v_k
        self._constant('triple_cross', _select(
            len(pairs), [pair_index[i, j] for i, j, _ in triples], 0
        ))  # fmt: skip
        self._constant('triple_vector', _select(count, [k for *_, k in triples], 0))
        self._constant('triple_sum', _sum_of_threes(len(triples)))
        self._constant('length_sum', _sum_of_threes(count))

    def _constant(self, name: str, value: torch.Tensor) -> None:
        self.register_buffer(name, value, persistent=False)

    def forward(self, inputs: torch.Tensor) -> Geometry:
        """Return the geometry of inputs in the contract's units, shape (batch, 3 * vectors)."""
        vectors = inputs * self.inverse_scale
        if self._fixed:
            vectors = torch.cat((vectors, self.fixed.expand(vectors.shape[0], -1)), dim=1)
        left, right = vectors @ self.cross_first, vectors @ self.cross_second
        one, two = (left * right).chunk(2, dim=1)
        crosses = one - two
        dots = ((vectors @ self.dot_first) * (vectors @ self.dot_second)) @ self.dot_sum
        triples = (
            (crosses @ self.triple_cross) * (vectors @ self.triple_vector)
        ) @ self.triple_sum
        lengths = (vectors.square() @ self.length_sum + 1e-12).sqrt()
        invariants = torch.cat((
            _compress(dots), _compress(lengths), log_norms(lengths), _compress(triples)
        ), dim=1)  # fmt: skip
        return Geometry(invariants, vectors, crosses, lengths)

    def basis(self, geometry: Geometry) -> torch.Tensor:
        """Return vectors, their directions and their cross products, (batch, 3, basis size).

        Directions beside the vectors themselves: near the goal an error is small, and the
        coefficient of the bare vector would have to grow as it shrinks.
        """
        shorten = (1.0 / (geometry.lengths + _SOFT_LENGTH)) @ self.length_sum.mT
        flat = torch.cat(
            (geometry.vectors, geometry.vectors * shorten, geometry.crosses), dim=1
        )
        return flat.unflatten(1, (self.basis_size, 3))

    @property
    def basis_size(self) -> int:
        """Number of vectors in the basis."""
        return 2 * self.count + self.pairs


def _compress(values: torch.Tensor) -> torch.Tensor:
    """Return sign(x) log(1 + |x|): products of large vectors must not swamp the rest."""
    return values.sign() * values.abs().log1p()


def _select(count: int, vectors: list[int], shift: int) -> torch.Tensor:
    """Return the matrix that picks vectors, their axes rotated by ``shift``, from a flat row."""
    matrix = torch.zeros(3 * count, 3 * len(vectors))
    for column, vector in enumerate(vectors):
        for axis in range(3):
            matrix[3 * vector + (axis + shift) % 3, 3 * column + axis] = 1.0
    return matrix


def _select_twice(count: int, vectors: list[int], first: int, second: int) -> torch.Tensor:
    """Return two such matrices side by side, with two shifts."""
    return torch.cat((_select(count, vectors, first), _select(count, vectors, second)), dim=1)


def _sum_of_threes(count: int) -> torch.Tensor:
    """Return the matrix that sums each three neighbouring entries, (3 * count, count)."""
    return torch.eye(count).repeat_interleave(3, dim=0)
