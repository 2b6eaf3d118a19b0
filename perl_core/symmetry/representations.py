"""Representations: how the entries of a flat vector transform under a group.

A representation is a direct sum of atoms. Sums, copies, tensor products and duals of
representations are written ``a + b``, ``3 * a``, ``a * b`` and ``a.dual``.
"""

from collections.abc import Sequence
from functools import cached_property
import itertools
import math
from typing import NamedTuple

from perl_core.contract import Slice
from perl_core.errors import ContractError, SymmetryError
from perl_core.symmetry.atoms import Atom, dual_atom, product_atom, spatial_vector_atom
from perl_core.symmetry.continuous import SO3
from perl_core.symmetry.groups import Group
import torch


class Term(NamedTuple):
    """One atom, and where it acts."""

    atom: Atom
    """The atom."""
    positions: tuple[int, ...]
    """Which entries of the flat vector it acts on, in the atom's order."""


class Copies(NamedTuple):
    """All terms of one atom."""

    atom: Atom
    """The atom."""
    positions: torch.Tensor
    """Entries of the flat vector, int64, shape (copies, atom.size)."""


class Representation:
    """Matrices rho(g) with rho(g h) = rho(g) rho(h), a direct sum of atoms."""

    def __init__(self, group: Group, terms: Sequence[Term]) -> None:
        """Remember the terms; see the constructors in ``perl_core.symmetry`` for building blocks.

        Args:
            group: what is represented.
            terms: their positions together are 0, 1, ..., size - 1.
        """
        self.group = group
        self.terms = tuple(terms)
        self.size = sum(len(term.positions) for term in self.terms)

    @classmethod
    def of_atom(cls, atom: Atom) -> 'Representation':
        """Return the representation that is one atom."""
        return cls(atom.group, [Term(atom, tuple(range(atom.size)))])

    @classmethod
    def of(cls, parts: Sequence[Slice], group: Group | None = None) -> 'Representation':
        """Return the representation of parts of the robot's contract, 3-vectors in ``base``.

        Args:
            parts: parts of kind 'vector'.
            group: SO3 if none is given; elements of its subgroups fit too.

        Raises:
            ContractError: a part that no representation is given for.
        """
        for part in parts:
            if part.kind != 'vector' or part.size % 3:
                raise ContractError(
                    f'{part.name!r} is {part.kind!r} of size {part.size}; a representation '
                    "exists only for parts of kind 'vector' with three entries a vector"
                )
        count = sum(part.size for part in parts) // 3
        return count * cls.of_atom(spatial_vector_atom(group or SO3()))

    @property
    def name(self) -> str:
        """The sum in words, for example '2 vector + trivial'."""
        runs = itertools.groupby(term.atom.name for term in self.terms)
        counted = [(name, len(list(run))) for name, run in runs]
        return ' + '.join(n if count == 1 else f'{count} {n}' for n, count in counted) or '0'

    @cached_property
    def copies(self) -> tuple[Copies, ...]:
        """The terms, those of one atom together."""
        positions: dict[Atom, list[tuple[int, ...]]] = {}
        for term in self.terms:
            positions.setdefault(term.atom, []).append(term.positions)
        return tuple(Copies(atom, torch.tensor(rows)) for atom, rows in positions.items())

    @cached_property
    def _entries(self) -> list[slice | torch.Tensor]:
        """The entries of each of ``copies``."""
        return [_slice_if_contiguous(copies.positions.flatten()) for copies in self.copies]

    @cached_property
    def _order(self) -> slice | torch.Tensor:
        """Where each entry of the flat vector stands after the copies have been put in a row."""
        rows = [copies.positions.flatten() for copies in self.copies]
        return _slice_if_contiguous(torch.cat([torch.zeros(0).long(), *rows]).argsort())

    def __add__(self, other: 'Representation') -> 'Representation':
        """Return the direct sum: the entries of the other come after those of this one."""
        self.require_group(other)
        return Representation(self.group, (*self.terms, *_shifted(other.terms, self.size)))

    def __rmul__(self, count: int) -> 'Representation':
        """Return the direct sum of ``count`` copies."""
        if not isinstance(count, int) or count < 0:
            raise SymmetryError(f'the number of copies must be an integer >= 0, got {count!r}')
        shifts = range(0, count * self.size, self.size or 1)
        return Representation(
            self.group, [term for shift in shifts for term in _shifted(self.terms, shift)]
        )

    def __mul__(self, other: 'Representation') -> 'Representation':
        """Return the tensor product: entry i * other.size + j is the product of i and j."""
        if isinstance(other, int):
            return other * self
        self.require_group(other)
        return Representation(self.group, [
            Term(
                product_atom(first.atom, second.atom),
                tuple(i * other.size + j for i in first.positions for j in second.positions),
            )
            for first in self.terms for second in other.terms
        ])  # fmt: skip

    @property
    def dual(self) -> 'Representation':
        """rho(g^-1)^T; equal to this one where the matrices are orthogonal."""
        return Representation(
            self.group, [Term(dual_atom(atom), positions) for atom, positions in self.terms]
        )

    def matrix(self, element: torch.Tensor) -> torch.Tensor:
        """Return rho(g), in the element's own type.

        Args:
            element: one element of the group, (3, 3) or, for a product of k groups, (k, 3, 3).

        Returns:
            Shape (size, size).
        """
        batch = self.group.batch(element)
        if element.ndim != len(self.group.element_shape):
            raise SymmetryError(
                f'matrix() takes one element of shape {self.group.element_shape}, got '
                f'{tuple(element.shape)}; matrices() takes a batch'
            )
        return self._assemble([c.atom.matrices(batch) for c in self.copies], 1)[0].to(element)

    def matrices(self, elements: torch.Tensor) -> torch.Tensor:
        """Return rho(g) for a batch of elements, float64, shape (n, size, size)."""
        batch = self.group.batch(elements)
        return self._assemble([c.atom.matrices(batch) for c in self.copies], len(batch))

    @property
    def generators(self) -> torch.Tensor:
        """Images of ``group.generators``, float64, (count, size, size)."""
        images = [copies.atom.generators for copies in self.copies]
        return self._assemble(images, len(self.group.generators))

    @property
    def algebra(self) -> torch.Tensor:
        """Images of ``group.algebra``, float64, (dimension, size, size)."""
        return self._assemble([c.atom.algebra for c in self.copies], self.group.dimension)

    def _assemble(self, blocks: Sequence[torch.Tensor], count: int) -> torch.Tensor:
        full = torch.zeros(count, self.size, self.size, dtype=torch.float64)
        for block, copies in zip(blocks, self.copies, strict=True):
            for at in copies.positions:
                full[:, at[:, None], at] = block
        return full

    def character(self, elements: torch.Tensor) -> torch.Tensor:
        """Return the traces of rho(g), float64, shape (n,)."""
        batch = self.group.batch(elements)
        traces = [
            len(copies.positions) * copies.atom.matrices(batch).diagonal(dim1=1, dim2=2).sum(1)
            for copies in self.copies
        ]
        return torch.stack([torch.zeros(len(batch), dtype=torch.float64), *traces]).sum(dim=0)

    def transform(self, element: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """Return rho(g) x.

        Args:
            element: one element for all values, or a batch (n, *element).
            values: shape (..., size); for a batch of elements (n, ..., size), one element a row.

        Returns:
            In the shape and type of ``values``.

        Raises:
            SymmetryError: the shapes do not fit, values are not finite, or an element belongs to
                another group.
        """
        batch = self.group.batch(element)
        self.require_values(values)
        if element.ndim == len(self.group.element_shape):
            rows = values.reshape(1, math.prod(values.shape[:-1]), self.size)
            return self.apply(batch, rows).reshape(values.shape)
        if values.ndim < 2 or len(values) != len(batch):
            raise SymmetryError(
                f'{len(batch)} elements need values of shape ({len(batch)}, ..., {self.size}), '
                f'got {tuple(values.shape)}'
            )
        rows = values.reshape(len(batch), math.prod(values.shape[1:-1]), self.size)
        return self.apply(batch, rows).reshape(values.shape)

    def apply(self, batch: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """Return rho(g) x, nothing checked.

        Args:
            batch: elements, float64, shape (n, *element) or (1, *element).
            rows: shape (n, m, size).
        """
        parts = [rows[..., :0]]
        for (atom, _), entries in zip(self.copies, self._entries, strict=True):
            part = rows[..., entries]
            if atom.name != 'trivial':
                blocks = part.unflatten(-1, (-1, atom.size)).flatten(1, 2)
                part = (blocks @ atom.matrices(batch).to(rows).mT).reshape(part.shape)
            parts.append(part)
        return torch.cat(parts, dim=-1)[..., self._order]

    def require_values(self, values: torch.Tensor) -> None:
        """Raise SymmetryError where values are not finite or not of shape (..., size)."""
        if values.ndim < 1 or values.shape[-1] != self.size:
            raise SymmetryError(
                f'{self.name!r} of {self.group} acts on {self.size} entries, got values of shape '
                f'{tuple(values.shape)}'
            )
        if not values.isfinite().all():
            raise SymmetryError(
                f'values must be finite; {int((~values.isfinite()).sum())} of {values.numel()} '
                'are not'
            )

    def require_group(self, other: 'Representation') -> None:
        """Raise SymmetryError where the other represents another group."""
        if self.group != other.group:
            raise SymmetryError(
                f'both representations must be of one group: {self.name!r} is of {self.group}, '
                f'{other.name!r} of {other.group}'
            )

    def __eq__(self, other: object) -> bool:
        """Two are equal if all their matrices are, entry by entry."""
        return (
            isinstance(other, Representation)
            and self.group == other.group
            and sorted(self.terms, key=_place) == sorted(other.terms, key=_place)
        )

    def __hash__(self) -> int:
        """Agree with equality."""
        return hash((self.group, tuple(sorted(self.terms, key=_place))))

    def __repr__(self) -> str:
        """Show group, sum and size."""
        return f'Representation({self.group}: {self.name}; size {self.size})'


def _slice_if_contiguous(entries: torch.Tensor) -> slice | torch.Tensor:
    start = int(entries[0]) if len(entries) else 0
    if entries.tolist() == list(range(start, start + len(entries))):
        return slice(start, start + len(entries))
    return entries


def _place(term: Term) -> tuple[int, ...]:
    return term.positions


def _shifted(terms: Sequence[Term], shift: int) -> list[Term]:
    return [Term(atom, tuple(i + shift for i in positions)) for atom, positions in terms]
