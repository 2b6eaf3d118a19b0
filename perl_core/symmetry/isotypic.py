"""Representations as sums of irreps, after a rotation of their entries.

In such coordinates an equivariant map only mixes copies of one irrep: fewer operations than with a
full matrix, and by Schur's lemma its dimension can be read off. ``EquivariantBasis`` between two
such sums has the blocks of this closed form. See Serre, "Linear Representations of Finite Groups",
sections 2.2 and 2.6; over the real numbers, 13.2.
"""

import dataclasses
from functools import lru_cache

from perl_core.errors import SymmetryError
from perl_core.symmetry.atoms import Atom, is_orthogonal
from perl_core.symmetry.irreps import complex_structure, irreps
from perl_core.symmetry.maps import null_maps
from perl_core.symmetry.representations import Representation
import torch

LARGEST_SCHUR = 2**27
"""Entries of all maps between two atoms: 1 GiB of float64."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Isotypic:
    """rho(g) = change * representation(g) * change^T."""

    change: torch.Tensor
    """Orthogonal, float64, shape (size, size): from the irreps' entries to the original ones."""
    parts: tuple[tuple[Representation, int], ...]
    """Each irrep with its number of copies, in the order in which they come."""
    representation: Representation
    """All copies of the first irrep, then all of the second, ..."""

    @classmethod
    def of(cls, rho: Representation) -> 'Isotypic':
        """Decompose a representation.

        Args:
            rho: made of orthogonal matrices, as all but those ``from_generators`` are.

        Raises:
            SymmetryError: it is not orthogonal, or too large.
        """
        found: dict[Representation, list[torch.Tensor]] = {}
        for atom, positions in rho.copies:
            for psi, maps in split(atom):
                for at in positions:
                    columns = torch.zeros(len(maps), rho.size, psi.size, dtype=torch.float64)
                    columns[:, at] = maps
                    found.setdefault(psi, []).append(columns)
        stacked = {psi: torch.cat(columns) for psi, columns in found.items()}
        everything = [rows.transpose(0, 1).flatten(1) for rows in stacked.values()]
        total = 0 * rho
        for psi, rows in stacked.items():
            total = total + len(rows) * psi
        empty = torch.zeros(rho.size, 0, dtype=torch.float64)
        return cls(
            change=torch.cat([empty, *everything], dim=1),
            parts=tuple((psi, len(rows)) for psi, rows in stacked.items()),
            representation=total,
        )


@lru_cache(maxsize=1024)
def split(atom: Atom) -> tuple[tuple[Representation, torch.Tensor], ...]:
    """Return each irrep in an atom with isometries onto its copies, (copies, atom, irrep).

    Raises:
        SymmetryError: the atom is not orthogonal.
    """
    if not is_orthogonal(atom):
        raise SymmetryError(
            f'only orthogonal representations are decomposed; {atom.name!r} of {atom.group} is '
            'not orthogonal'
        )
    # The derivative of a rotation by a full turn has integer eigenvalues, at most the degree.
    norms = torch.linalg.matrix_norm(atom.algebra, ord=2)
    largest = round(float(norms.max())) if len(norms) else None
    found = []
    for psi in irreps(atom.group, largest):
        maps = _isometries(psi, atom)
        if len(maps):
            found.append((psi, maps))
    return tuple(found)


def _isometries(psi: Representation, atom: Atom) -> torch.Tensor:
    """Return isometries from an irrep onto copies of it that are orthogonal to each other."""
    ((source, _),) = psi.terms
    maps = null_maps(source, atom) * psi.size**0.5
    structure = complex_structure(psi)
    if structure is None:
        return maps
    # W J is equivariant too, and has the image of W: keep one of each such pair.
    kept: list[torch.Tensor] = []
    rest = maps
    while 2 * len(kept) < len(maps):
        lengths = rest.flatten(1).square().sum(1)
        # The first of the long ones: which is the longest may hang on rounding.
        first = int((lengths > 0.5 * lengths.max()).nonzero()[0])
        kept.append(rest[first] * (psi.size / lengths[first]).sqrt())
        for used in (kept[-1], kept[-1] @ structure):
            share = (rest * used).sum(dim=(1, 2), keepdim=True) / psi.size
            rest = rest - share * used
    return torch.stack(kept) if kept else maps


def schur_maps(source: Atom, target: Atom) -> torch.Tensor:
    """Return the maps between two atoms by Schur's lemma.

    They take one copy of an irrep in the source to one in the target; where the irrep has a
    complex structure, with and without a quarter turn in between.

    Returns:
        Orthonormal, float64, shape (rank, target.size, source.size).

    Raises:
        SymmetryError: an atom is not orthogonal, or too large.
    """
    into = dict(split(target))
    pairs = [(psi, maps, into[psi]) for psi, maps in split(source) if psi in into]
    structures = [complex_structure(psi) for psi, _, _ in pairs]
    entries = target.size * source.size * sum(
        len(one) * len(two) * (1 if structure is None else 2)
        for (_, one, two), structure in zip(pairs, structures, strict=True)
    )
    if entries > LARGEST_SCHUR:
        raise SymmetryError(
            f'the maps from {source.name!r} (size {source.size}) to {target.name!r} (size '
            f'{target.size}) have {entries} entries, at most {LARGEST_SCHUR} are stored; write '
            'the representation as a sum of smaller ones'
        )
    found = [torch.zeros(0, target.size, source.size, dtype=torch.float64)]
    for (psi, one, two), structure in zip(pairs, structures, strict=True):
        for turn in (None, structure)[: 1 if structure is None else 2]:
            turned = two if turn is None else two @ turn
            maps = torch.einsum('aik,bjk->abij', turned, one).flatten(0, 1)
            found.append(maps / psi.size**0.5)
    return torch.cat(found)
