"""The pieces that representations are sums of: a set of matrices for each."""

from collections.abc import Callable
import dataclasses
from functools import cached_property

from perl_core.symmetry.finite import FiniteGroup
from perl_core.symmetry.groups import Group
import torch

_LARGEST_TABLE = 2**22
"""Entries of a finite group's table of matrices that are kept rather than computed again."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Atom:
    """A representation that is not taken apart any further.

    Two atoms of one group and one name are the same.
    """

    group: Group
    """What it is a representation of."""
    name: str
    """Says which matrices these are."""
    size: int
    """Number of entries that it acts on."""
    images: Callable[[torch.Tensor], torch.Tensor]
    """Maps elements of the group, float64 (n, *element), to matrices, float64 (n, size, size)."""
    derivative: Callable[[torch.Tensor], torch.Tensor]
    """Maps elements of the Lie algebra, float64 (n, *element), to matrices, (n, size, size)."""

    def __eq__(self, other: object) -> bool:
        """Compare group and name."""
        return isinstance(other, Atom) and (self.group, self.name) == (other.group, other.name)

    def __hash__(self) -> int:
        """Agree with equality."""
        return hash((self.group, self.name))

    @cached_property
    def _table(self) -> torch.Tensor | None:
        group = self.group
        if not isinstance(group, FiniteGroup) or group.count * self.size**2 > _LARGEST_TABLE:
            return None
        return self.images(group.elements())

    def matrices(self, batch: torch.Tensor) -> torch.Tensor:
        """Return rho of checked elements, float64, (n, size, size)."""
        if self._table is None or not isinstance(self.group, FiniteGroup):
            return self.images(batch)
        return self._table[self.group.nearest(batch)]

    @cached_property
    def generators(self) -> torch.Tensor:
        """Images of the group's discrete generators, float64, (count, size, size)."""
        return self.images(self.group.generators).contiguous()

    @cached_property
    def algebra(self) -> torch.Tensor:
        """Images of the basis of the Lie algebra, float64, (dimension, size, size)."""
        return self.derivative(self.group.algebra).contiguous()


def spatial_vector_atom(group: Group) -> Atom:
    """Return the 3-vector on which elements act as the matrices that they are."""
    return Atom(
        group=group, name='spatial_vector', size=3,
        images=lambda batch: batch, derivative=lambda vectors: vectors,
    )  # fmt: skip


def no_derivative(size: int) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return the derivative of what does not change under the connected part of a group."""
    return lambda vectors: vectors.new_zeros(len(vectors), size, size)


def kronecker(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return the Kronecker products of two batches of square matrices."""
    product = torch.einsum('nij,nkl->nikjl', first, second)
    size = first.shape[-1] * second.shape[-1]
    return product.reshape(len(first), size, size)


def product_atom(first: Atom, second: Atom) -> Atom:
    """Return the tensor product; entry i * second.size + j is the product of entries i and j."""
    if 'trivial' in (first.name, second.name):
        return second if first.name == 'trivial' else first
    eye_first = torch.eye(first.size, dtype=torch.float64)
    eye_second = torch.eye(second.size, dtype=torch.float64)

    def derivative(vectors: torch.Tensor) -> torch.Tensor:
        one = kronecker(first.derivative(vectors), eye_second.expand(len(vectors), -1, -1))
        return one + kronecker(eye_first.expand(len(vectors), -1, -1), second.derivative(vectors))

    return Atom(
        group=first.group,
        name=f'({first.name} * {second.name})',
        size=first.size * second.size,
        images=lambda batch: kronecker(first.matrices(batch), second.matrices(batch)),
        derivative=derivative,
    )


def dual_atom(atom: Atom) -> Atom:
    """Return the dual, rho(g^-1)^T; the same atom where the matrices are orthogonal."""
    if is_orthogonal(atom):
        return atom
    group = atom.group
    return Atom(
        group=group,
        name=f'dual({atom.name})',
        size=atom.size,
        images=lambda batch: atom.matrices(group.inverse(batch)).mT,
        derivative=lambda vectors: -atom.derivative(vectors).mT,
    )


def is_orthogonal(atom: Atom) -> bool:
    """Return whether all its matrices are orthogonal."""
    eye = torch.eye(atom.size, dtype=torch.float64)
    discrete = atom.generators @ atom.generators.mT - eye
    return torch.allclose(discrete, torch.zeros_like(discrete), atol=1e-9) and torch.allclose(
        atom.algebra, -atom.algebra.mT, atol=1e-9
    )


def restricted_atom(atom: Atom, isometry: torch.Tensor, name: str) -> Atom:
    """Return what an atom does on a subspace that it maps to itself.

    Args:
        atom: the whole.
        isometry: an orthonormal basis of the subspace, shape (atom.size, size).
        name: of the part.
    """
    return Atom(
        group=atom.group,
        name=name,
        size=isometry.shape[1],
        images=lambda batch: isometry.T @ atom.matrices(batch) @ isometry,
        derivative=lambda vectors: isometry.T @ atom.derivative(vectors) @ isometry,
    )
