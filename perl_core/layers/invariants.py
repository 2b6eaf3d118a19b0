"""Vectors -> what a rotation does not change, and -> a basis of what turns with it.

Everything is computed with the batch as the last axis: picking rows then is a copy of memory, and
the derivative, written by hand, gathers with products by constant 0/1 matrices. torch's own
derivative of a selection is a scatter, and on a CPU several times slower.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from perl_core.contract import Slice, scales
from perl_core.layers.trunk import LOG_NORM_FLOOR, log_norms
from perl_core.symmetry import Group, Representation
import torch
from torch import nn
from torch.autograd.function import once_differentiable

_SOFT_LENGTH = 0.05
"""Directions are v / (|v| + this), smooth at zero: 17 mm of 0.35 m."""
_SMALLEST_SQUARE = 1e-12
"""Added to a squared length, so that the length has a derivative at zero."""


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
        """Build the constants.

        Args:
            inputs: parts of kind 'vector', in the order in which they come.
            group: its fixed vectors join the inputs.
        """
        super().__init__()
        Representation.of(inputs)
        self._fixed = len(group.fixed_vectors)
        count = sum(part.size for part in inputs) // 3 + self._fixed
        pairs = torch.combinations(torch.arange(count), 2)
        triples = torch.combinations(torch.arange(count), 3)
        dots = torch.combinations(torch.arange(count), 2, with_replacement=True)
        # triple product of i < j < k: (v_i x v_j) . v_k
        place = torch.zeros(count, count, dtype=torch.long)
        place[pairs[:, 0], pairs[:, 1]] = torch.arange(len(pairs))
        crosses = place[triples[:, 0], triples[:, 1]]
        self.count, self.pairs, self.dots = count, len(pairs), len(dots)
        self.size = len(dots) + 2 * count + len(triples)
        self._constant('inverse_scale', 1.0 / torch.from_numpy(scales(tuple(inputs))))
        self._constant('fixed', group.fixed_vectors.reshape(1, -1).clone())
        for name, picked, among in (
            ('dot_first', dots[:, 0], count), ('dot_second', dots[:, 1], count),
            ('pair_first', pairs[:, 0], count), ('pair_second', pairs[:, 1], count),
            ('triple_cross', crosses, len(pairs)), ('triple_vector', triples[:, 2], count),
        ):  # fmt: skip
            self._constant(name, picked)
            self._constant(f'gather_{name}', nn.functional.one_hot(picked, among).mT.float())
        self._constant('axes', torch.tensor([[1, 2, 0], [2, 0, 1]]))
        self._constant('length_sum', torch.eye(count).repeat_interleave(3, dim=0))

    def _constant(self, name: str, value: torch.Tensor) -> None:
        self.register_buffer(name, value, persistent=False)

    def forward(self, inputs: torch.Tensor) -> Geometry:
        """Return the geometry of inputs in the contract's units, shape (batch, 3 * vectors)."""
        vectors = inputs * self.inverse_scale
        if self._fixed:
            vectors = torch.cat((vectors, self.fixed.expand(vectors.shape[0], -1)), dim=1)
        if vectors.requires_grad and torch.is_grad_enabled():
            invariants, crosses, lengths = _Products.apply(vectors, self)
        else:
            invariants, crosses, lengths = self.products(self.columns(vectors))[:3]
        return Geometry(invariants, vectors, crosses, lengths)

    def columns(self, vectors: torch.Tensor) -> torch.Tensor:
        """Return shape (count, 3, batch) of shape (batch, 3 * count)."""
        return vectors.t().contiguous().unflatten(0, (self.count, 3))

    def products(
        self, columns: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return invariants, crosses and lengths as ``Geometry`` has them, and the raw products.

        Args:
            columns: shape (count, 3, batch).
        """
        first, second = (
            columns.index_select(0, at) for at in (self.pair_first, self.pair_second)
        )
        crosses = self.cross(first, second)
        dots = (columns.index_select(0, self.dot_first)
                * columns.index_select(0, self.dot_second)).sum(1)  # fmt: skip
        triples = (crosses.index_select(0, self.triple_cross)
                   * columns.index_select(0, self.triple_vector)).sum(1)  # fmt: skip
        lengths = (columns.square().sum(1) + _SMALLEST_SQUARE).sqrt()
        raw = torch.cat((dots, lengths, triples))
        compressed, split = _compress(raw), self.dots + self.count
        invariants = torch.cat((compressed[:split], log_norms(lengths), compressed[split:]))
        return invariants.t().contiguous(), crosses.flatten(0, 1).t(), lengths.t(), raw

    def cross(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        """Return cross products of shape (count, 3, batch)."""
        by_one, by_two = self.axes
        return (
            first.index_select(1, by_one) * second.index_select(1, by_two)
            - first.index_select(1, by_two) * second.index_select(1, by_one)
        )  # fmt: skip

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


class _Products(torch.autograd.Function):
    """Vectors -> invariants, crosses, lengths, and the derivative by hand."""

    @staticmethod
    def forward(ctx: Any, vectors: torch.Tensor, geometry: Invariants) -> tuple[torch.Tensor, ...]:
        columns = geometry.columns(vectors)
        invariants, crosses, lengths, raw = geometry.products(columns)
        ctx.save_for_backward(columns, crosses, lengths, raw)
        ctx.geometry = geometry
        ctx.set_materialize_grads(False)
        return invariants, crosses, lengths

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any,
        of_invariants: torch.Tensor | None,
        of_crosses: torch.Tensor | None,
        of_lengths: torch.Tensor | None,
    ) -> tuple[torch.Tensor, None]:
        columns, crosses, lengths, raw = ctx.saved_tensors
        geometry, (count, _, rows) = ctx.geometry, columns.shape
        result, crossed = torch.zeros_like(columns), columns.new_zeros(geometry.pairs, 3, rows)
        lengths = lengths.t()
        scaled = torch.zeros_like(lengths) if of_lengths is None else of_lengths.t()
        if of_crosses is not None:
            crossed = crossed + of_crosses.t().unflatten(0, (geometry.pairs, 3))
        if of_invariants is not None:
            start, parts = geometry.dots, of_invariants.t()
            logs = parts[start + count : start + 2 * count]
            parts = torch.cat((parts[: start + count], parts[start + 2 * count :]))
            # d sign(x) log(1 + |x|) = dx / (1 + |x|)
            dots, of_length, triples = (parts / (1.0 + raw.abs())).tensor_split(
                (start, start + count)
            )
            scaled = scaled + of_length + logs / (3.0 * (lengths + LOG_NORM_FLOOR))
            dots = dots.unsqueeze(1)
            result += _gather(
                geometry.gather_dot_first, dots * columns.index_select(0, geometry.dot_second)
            )
            result += _gather(
                geometry.gather_dot_second, dots * columns.index_select(0, geometry.dot_first)
            )
            crosses = crosses.t().unflatten(0, (geometry.pairs, 3))
            result += _gather(
                geometry.gather_triple_vector,
                triples.unsqueeze(1) * crosses.index_select(0, geometry.triple_cross),
            )
            crossed = crossed + _gather(
                geometry.gather_triple_cross,
                triples.unsqueeze(1) * columns.index_select(0, geometry.triple_vector),
            )
        result += (scaled / lengths).unsqueeze(1) * columns
        first, second = (
            columns.index_select(0, at) for at in (geometry.pair_first, geometry.pair_second)
        )
        result += _gather(geometry.gather_pair_first, geometry.cross(second, crossed))
        result += _gather(geometry.gather_pair_second, geometry.cross(crossed, first))
        return result.flatten(0, 1).t(), None


def _gather(matrix: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Return sums of (picked, 3, batch) over what was picked from the same place."""
    return (matrix @ values.flatten(1)).unflatten(1, values.shape[1:])


def _compress(values: torch.Tensor) -> torch.Tensor:
    """Return sign(x) log(1 + |x|): products of large vectors must not swamp the rest."""
    return values.sign() * values.abs().log1p()
