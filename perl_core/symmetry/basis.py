"""All equivariant linear maps between two representations: W rho_in(g) = rho_out(g) W.

This is the reference that faster forms are compared with. The condition holds for the whole group
if it holds for generators: rho_out(h) W = W rho_in(h) for the discrete ones, and the same with the
derivatives for the Lie algebra (arXiv 2104.09459, theorem 1). It is solved for each pair of atoms,
once; a sum costs no more than its different atoms. Pairs too large for a null space have closed
forms: shared weights between permutations, Schur's lemma between the others.
"""

from functools import cached_property, lru_cache
import math
from typing import NamedTuple

from perl_core.errors import SymmetryError
from perl_core.symmetry.atoms import Atom
from perl_core.symmetry.isotypic import schur_maps
from perl_core.symmetry.maps import LARGEST_NULL_SPACE, null_maps, permutes, shared_weights
from perl_core.symmetry.representations import Representation
import torch

LARGEST_DENSE = 2**27
"""Entries of a dense basis: 1 GiB of float64."""


class Block(NamedTuple):
    """The maps from all copies of one atom to all copies of another."""

    outputs: torch.Tensor
    """Entries of the output, int64, shape (copies_out, size_out)."""
    inputs: torch.Tensor
    """Entries of the input, int64, shape (copies_in, size_in)."""
    basis: torch.Tensor
    """Maps between single copies, orthonormal, float64, shape (rank, size_out, size_in)."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of its coefficients: (copies_out, copies_in, rank)."""
        return len(self.outputs), len(self.inputs), len(self.basis)

    @property
    def rank(self) -> int:
        """Number of its coefficients."""
        return math.prod(self.shape)


class EquivariantBasis:
    """An orthonormal basis of the equivariant maps, block by block."""

    def __init__(self, rho_in: Representation, rho_out: Representation) -> None:
        """Solve for the blocks.

        Args:
            rho_in: how inputs transform.
            rho_out: how outputs transform.

        Raises:
            SymmetryError: they are of different groups.
        """
        rho_in.require_group(rho_out)
        self.shape = (rho_out.size, rho_in.size)
        pairs = [(source, target) for target in rho_out.copies for source in rho_in.copies]
        blocks = [
            Block(target.positions, source.positions, atom_basis(source.atom, target.atom))
            for source, target in pairs
        ]
        self.blocks = tuple(block for block in blocks if block.rank)

    @cached_property
    def rank(self) -> int:
        """Dimension of the space of equivariant maps."""
        return sum(block.rank for block in self.blocks)

    def combine(self, coefficients: torch.Tensor) -> torch.Tensor:
        """Return the map with these coefficients; differentiable.

        Args:
            coefficients: shape (rank,).

        Returns:
            W, shape (out, in).
        """
        self._require('coefficients', coefficients, (self.rank,))
        matrix = coefficients.new_zeros(self.shape)
        parts = coefficients.split([block.rank for block in self.blocks])
        for block, part in zip(self.blocks, parts, strict=True):
            maps = torch.einsum(
                'abr,rij->aibj', part.view(block.shape), block.basis.to(coefficients)
            )
            matrix[_corner(block)] = maps.flatten(2).flatten(0, 1)
        return matrix

    def coefficients(self, matrix: torch.Tensor) -> torch.Tensor:
        """Return the coefficients of the equivariant map nearest to W.

        Args:
            matrix: W, shape (out, in).

        Returns:
            Shape (rank,).
        """
        self._require('a matrix', matrix, self.shape)
        parts = [matrix.new_zeros(0)]
        for block in self.blocks:
            (count_out, size_out), (count_in, size_in) = block.outputs.shape, block.inputs.shape
            corner = matrix[_corner(block)].view(count_out, size_out, count_in, size_in)
            part = torch.einsum('aibj,rij->abr', corner, block.basis.to(matrix))
            parts.append(part.flatten())
        return torch.cat(parts)

    def project(self, matrix: torch.Tensor) -> torch.Tensor:
        """Return the equivariant map nearest to W, shape (out, in)."""
        return self.combine(self.coefficients(matrix))

    def dense(self) -> torch.Tensor:
        """Return the maps one by one, orthonormal, float64, shape (rank, out, in).

        Raises:
            SymmetryError: they would not fit into memory.
        """
        entries = self.rank * math.prod(self.shape)
        if entries > LARGEST_DENSE:
            raise SymmetryError(
                f'a dense basis of {self.rank} maps of shape {self.shape} has {entries} entries, '
                f'at most {LARGEST_DENSE} are stored; combine() and project() need no dense basis'
            )
        dense = torch.zeros(self.rank, *self.shape, dtype=torch.float64)
        start = 0
        for block in self.blocks:
            places = torch.cartesian_prod(*map(torch.arange, block.shape[:2])).view(-1, 2)
            for out, source in places.tolist():
                rows = slice(start, start + len(block.basis))
                dense[rows, block.outputs[out][:, None], block.inputs[source]] = block.basis
                start += len(block.basis)
        return dense

    @staticmethod
    def _require(name: str, values: torch.Tensor, shape: tuple[int, ...]) -> None:
        if values.shape != shape:
            raise SymmetryError(f'{name} must have shape {shape}, got {tuple(values.shape)}')


def equivariant_basis(rho_in: Representation, rho_out: Representation) -> torch.Tensor:
    """Return all W with W rho_in(g) = rho_out(g) W as an orthonormal basis.

    Args:
        rho_in: how inputs transform.
        rho_out: how outputs transform, under the same group.

    Returns:
        Float64, shape (rank, out, in), orthonormal as vectors of out * in entries.

    Raises:
        SymmetryError: the groups differ, or the basis is too large; see ``EquivariantBasis``.
    """
    return EquivariantBasis(rho_in, rho_out).dense()


def _corner(block: Block) -> tuple[torch.Tensor, torch.Tensor]:
    return block.outputs.flatten()[:, None], block.inputs.flatten()


@lru_cache(maxsize=1024)
def atom_basis(source: Atom, target: Atom) -> torch.Tensor:
    """Return the equivariant maps between two atoms, float64, (rank, target, source).

    Raises:
        SymmetryError: the atoms are too large to solve for.
    """
    if source.size * target.size <= LARGEST_NULL_SPACE:
        return null_maps(source, target)
    if permutes(source) and permutes(target):
        return shared_weights(source, target)
    return schur_maps(source, target)
