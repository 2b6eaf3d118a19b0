"""Irreducible representations over the real numbers."""

from perl_core.errors import SymmetryError
from perl_core.symmetry.atoms import Atom, no_derivative
from perl_core.symmetry.finite import Cyclic, Dihedral
from perl_core.symmetry.groups import Group
from perl_core.symmetry.representations import Representation, require_single
import torch


def irrep(group: Group, index: int, *, pseudo: bool = False) -> Representation:
    """Return an irreducible representation over the real numbers.

    Planar groups: the entries turn ``index`` times as fast as the plane; 2 entries, 1 entry for
    index 0 and for n / 2. SO3 and O3: ``index`` is the degree l of the spherical harmonics.

    Args:
        group: not a product; lift the irreps of its factors.
        index: 0 to n // 2 for Cn and Dn, any from 0 for SO2, O2, SO3, O3.
        pseudo: times the determinant.

    Raises:
        SymmetryError: there is no such irrep.
    """
    require_single(group, 'irrep')
    largest = group.turns // 2 if isinstance(group, Cyclic | Dihedral) else None
    if index < 0 or (largest is not None and index > largest):
        raise SymmetryError(
            f'{group} has no irrep {index}; known: 0 to {"any" if largest is None else largest}'
        )
    if pseudo and (isinstance(group, Cyclic) or group.name in ('SO2', 'SO3')):
        raise SymmetryError(f'{group} has no reflections and so no pseudo irreps')
    return Representation.of_atom(_atom(group, index, pseudo))


def _atom(group: Group, index: int, pseudo: bool) -> Atom:
    if not index:
        return _determinant(group) if pseudo else _one(group)
    if group.name in ('SO3', 'O3'):
        raise SymmetryError('degree')
    if isinstance(group, Cyclic | Dihedral) and 2 * index == group.turns:
        return _alternating(group, index, pseudo)
    return _planar(group, index, pseudo)


def _one(group: Group) -> Atom:
    return Atom(
        group=group, name='trivial', size=1, derivative=no_derivative(1),
        images=lambda batch: torch.ones(len(batch), 1, 1, dtype=torch.float64),
    )  # fmt: skip


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
