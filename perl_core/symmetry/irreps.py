"""Irreducible representations over the real numbers."""

import itertools

from perl_core.errors import SymmetryError
from perl_core.symmetry.atoms import Atom, no_derivative, product_atom, restricted_atom
from perl_core.symmetry.elementary import lifted, require_single, spatial_vector, trivial
from perl_core.symmetry.finite import Cyclic, Dihedral, FiniteGroup
from perl_core.symmetry.groups import Group
from perl_core.symmetry.maps import null_maps
from perl_core.symmetry.null_space import null_space
from perl_core.symmetry.representations import Representation
import torch

_SPATIAL = ('SO3', 'O3')


def irrep(group: Group, index: int, *, pseudo: bool = False) -> Representation:
    """Return an irreducible representation over the real numbers.

    Planar groups: the entries turn ``index`` times as fast as the plane; 2 entries, or 1 for index
    0 and for n / 2. SO3 and O3: ``index`` is the degree l of the spherical harmonics, 2 l + 1
    entries; index 1 is the vector, and in O3 index l has the parity (-1)^l.

    Args:
        group: not a product; lift the irreps of its factors, or see ``irreps``.
        index: 0 to n // 2 for Cn and Dn, any from 0 for SO2, O2, SO3, O3.
        pseudo: times the determinant; for groups with reflections.

    Raises:
        SymmetryError: there is no such irrep.
    """
    require_single(group, 'irrep')
    largest = group.turns // 2 if isinstance(group, Cyclic | Dihedral) else None
    if index < 0 or (largest is not None and index > largest):
        known = 'any from 0' if largest is None else f'0 to {largest}'
        raise SymmetryError(f'{group} has no irrep {index}; known: {known}')
    if pseudo and not has_reflections(group):
        raise SymmetryError(f'{group} has no reflections and so no pseudo irreps')
    if not index:
        return Representation.of_atom(_determinant(group)) if pseudo else trivial(group)
    if group.name in _SPATIAL:
        return _spatial(group, index, pseudo)
    if isinstance(group, Cyclic | Dihedral) and 2 * index == group.turns:
        return Representation.of_atom(_alternating(group, index, pseudo))
    return Representation.of_atom(_planar(group, index, pseudo))


def has_reflections(group: Group) -> bool:
    """Return whether the determinant of a group that is no product takes the value -1."""
    return bool((torch.linalg.det(group.generators) < 0).any())


def _determinant(group: Group) -> Atom:
    return Atom(
        group=group, name='sign', size=1, derivative=no_derivative(1),
        images=lambda batch: torch.linalg.det(batch)[:, None, None],
    )  # fmt: skip


def _name(index: int, pseudo: bool) -> str:
    return f'pseudo irrep {index}' if pseudo else f'irrep {index}'


def _alternating(group: Group, index: int, pseudo: bool) -> Atom:
    """+1 or -1 as the rotation is an even or odd multiple of a turn / n."""

    def images(batch: torch.Tensor) -> torch.Tensor:
        angle_rad = torch.atan2(batch[:, 1, 0], batch[:, 0, 0])
        values = (index * angle_rad).cos().round()
        return (values * torch.linalg.det(batch) if pseudo else values)[:, None, None]

    return Atom(
        group=group, name=_name(index, pseudo), size=1, images=images, derivative=no_derivative(1)
    )


def _planar(group: Group, index: int, pseudo: bool) -> Atom:
    """Two entries that turn ``index`` times as fast as the plane; mirrors flip the second."""

    def images(batch: torch.Tensor) -> torch.Tensor:
        angle_rad = index * torch.atan2(batch[:, 1, 0], batch[:, 0, 0])
        cosine, sine = angle_rad.cos(), angle_rad.sin()
        sign = torch.linalg.det(batch[:, :2, :2])
        rows = torch.stack((cosine, -sine * sign, sine, cosine * sign), dim=-1)
        return (rows * sign[:, None] if pseudo else rows).unflatten(-1, (2, 2))

    return Atom(
        group=group, name=_name(index, pseudo), size=2, images=images,
        derivative=lambda vectors: index * vectors[:, :2, :2],
    )  # fmt: skip


def _spatial(group: Group, degree: int, pseudo: bool) -> Representation:
    """Degree l is the part of (l - 1) * vector on which the Casimir operator is l (l + 1)."""
    if pseudo:
        return irrep(group, 0, pseudo=True) * irrep(group, degree)
    if degree == 1:
        return spatial_vector(group)
    (below,), (one,) = irrep(group, degree - 1).terms, spatial_vector(group).terms
    product = product_atom(below.atom, one.atom)
    casimir = -(product.algebra @ product.algebra).sum(dim=0)
    off = casimir - degree * (degree + 1) * torch.eye(product.size, dtype=torch.float64)
    isometry = null_space(off @ off).T
    return Representation.of_atom(restricted_atom(product, isometry, _name(degree, False)))


def irreps(group: Group, largest: int | None = None) -> tuple[Representation, ...]:
    """Return all irreps of a finite group, or those of an infinite one up to an index.

    Args:
        group: any; for a product these are the irreducible parts of products of its factors'.
        largest: the largest index; needed for infinite groups, no matter for finite ones.

    Raises:
        SymmetryError: the group is infinite and ``largest`` is None.
    """
    if group.factors:
        return _irreps_of_product(group, largest)
    if isinstance(group, Cyclic | Dihedral):
        largest = group.turns // 2
    if largest is None:
        raise SymmetryError(f'{group} has infinitely many irreps; say up to which index')
    found = [irrep(group, index) for index in range(largest + 1)]
    if has_reflections(group):
        indices = [i for i in range(largest + 1) if group.name in _SPATIAL or found[i].size == 1]
        found += [irrep(group, index, pseudo=True) for index in indices]
    return tuple(found)


def _irreps_of_product(group: Group, largest: int | None) -> tuple[Representation, ...]:
    lists = [
        [
            lifted(group, at, psi)
            for psi in irreps(factor, None if isinstance(factor, FiniteGroup) else largest)
        ]
        for at, factor in enumerate(group.factors)
    ]
    found = lists[0]
    for more in lists[1:]:
        found = [part for pair in itertools.product(found, more) for part in _parts(*pair)]
    return tuple(found)


def _parts(first: Representation, second: Representation) -> list[Representation]:
    """Return the irreducible parts of the product of irreps of two factors of a group."""
    one, two = complex_structure(first), complex_structure(second)
    product = first * second
    if one is None or two is None:
        return [product]
    # (J x 1)(1 x J) commutes with the group and has the square 1: its eigenspaces are the parts.
    both, (term,) = torch.kron(one, two), product.terms
    eye = torch.eye(product.size, dtype=torch.float64)
    return [
        Representation.of_atom(restricted_atom(
            term.atom, null_space(eye - sign * both).T, f'{term.atom.name}{mark}'
        ))
        for sign, mark in ((1.0, '+'), (-1.0, '-'))
    ]  # fmt: skip


def complex_structure(psi: Representation) -> torch.Tensor | None:
    """Return J with J^2 = -1 that commutes with an irrep, None if only multiples of 1 do."""
    ((atom, _),) = psi.terms
    maps = null_maps(atom, atom)
    if len(maps) == 1:
        return None
    turns = maps - maps.mT
    turn = turns[turns.flatten(1).square().sum(1).argmax()]
    return turn * (psi.size / turn.square().sum()).sqrt()
