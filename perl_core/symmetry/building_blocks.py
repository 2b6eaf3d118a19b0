"""Representations to build others from."""

from collections.abc import Sequence
import hashlib

from perl_core.errors import SymmetryError
from perl_core.symmetry.atoms import Atom, no_derivative
from perl_core.symmetry.elementary import require_single, spatial_vector
from perl_core.symmetry.finite import Cyclic, FiniteGroup
from perl_core.symmetry.groups import Group
from perl_core.symmetry.irreps import has_reflections, irrep
from perl_core.symmetry.representations import Representation
import torch


def sign(group: Group) -> Representation:
    """Return the scalar that changes its sign; size 1.

    Z2, Dn, O2, O3: the determinant. Cn with even n: -1 for the turn by 1 / n.

    Raises:
        SymmetryError: the group has none, or is a product.
    """
    require_single(group, 'sign')
    if isinstance(group, Cyclic):
        if group.turns % 2:
            raise SymmetryError(f'{group} has no sign representation; Cn has one if n is even')
        return irrep(group, group.turns // 2)
    if not has_reflections(group):
        raise SymmetryError(f'{group} is connected and has no sign representation; see trivial()')
    return irrep(group, 0, pseudo=True)


def vector(group: Group) -> Representation:
    """Return the standard vector: 3 entries under SO3 and O3, 2 under planar groups.

    For 3-vectors under planar groups see ``spatial_vector``.

    Raises:
        SymmetryError: the group is a product.
    """
    require_single(group, 'vector')
    if group.name in ('SO3', 'O3'):
        return spatial_vector(group)
    return Representation.of_atom(Atom(
        group=group, name='vector', size=2,
        images=lambda batch: batch[:, :2, :2], derivative=lambda vectors: vectors[:, :2, :2],
    ))  # fmt: skip


def pseudovector(group: Group) -> Representation:
    """Return the vector times the determinant, such as a cross product under O3."""
    return _pseudo(vector(group))


def spatial_pseudovector(group: Group) -> Representation:
    """Return the 3-vector times the determinant, such as an angular velocity."""
    return _pseudo(spatial_vector(group))


def tensor(group: Group) -> Representation:
    """Return the rank-2 tensor vector * vector, row by row."""
    return vector(group) * vector(group)


def _pseudo(polar: Representation) -> Representation:
    group = polar.group
    if not has_reflections(group):
        return polar
    return polar * irrep(group, 0, pseudo=True)


def regular(group: Group) -> Representation:
    """Return the regular representation of a finite group: g takes entry h to entry g h.

    Entries are in the order of ``group.elements()``; size ``group.order``. See Serre, "Linear
    Representations of Finite Groups", section 1.2.

    Raises:
        SymmetryError: the group is infinite.
    """
    finite = _require_finite(group, 'regular')

    def images(batch: torch.Tensor) -> torch.Tensor:
        # Column h of rho(g) has its 1 in row g h.
        targets = finite.product_table[finite.nearest(batch)]
        return torch.nn.functional.one_hot(targets, finite.count).double().mT

    return Representation.of_atom(Atom(
        group=group, name='regular', size=finite.count, images=images,
        derivative=no_derivative(finite.count),
    ))  # fmt: skip


def permutation(
    group: Group,
    targets: Sequence[Sequence[int]],
    signs: Sequence[Sequence[int]] | None = None,
) -> Representation:
    """Return the representation of a finite group by permutations, with or without signs.

    Args:
        group: a finite group.
        targets: for each of ``group.generators``, where it takes the entries 0, 1, ...
        signs: for each generator, +1 or -1 by which it multiplies the entries 0, 1, ...

    Raises:
        SymmetryError: these are no permutations, or do not obey the group's relations.
    """
    for row in targets:
        if sorted(row) != list(range(len(row))):
            raise SymmetryError(f'{list(row)} is no permutation of 0 to {len(row) - 1}')
    flips = signs or [[1] * len(row) for row in targets]
    if [len(row) for row in flips] != [len(row) for row in targets] or any(
        flip not in (1, -1) for row in flips for flip in row
    ):
        raise SymmetryError(
            f'signs must be 1 or -1, one for each of the {[len(row) for row in targets]} entries, '
            f'got {flips}'
        )
    matrices = []
    for row, flip in zip(targets, flips, strict=True):
        matrix = torch.zeros(len(row), len(row), dtype=torch.float64)
        matrix[list(row), range(len(row))] = torch.tensor(flip, dtype=torch.float64)
        matrices.append(matrix)
    return from_generators(group, matrices)


def from_generators(group: Group, matrices: Sequence[torch.Tensor]) -> Representation:
    """Return the representation of a finite group that takes these values at its generators.

    Args:
        group: a finite group.
        matrices: one of shape (size, size) for each of ``group.generators``, in order.

    Raises:
        SymmetryError: the group is infinite, or the matrices do not obey its relations.
    """
    finite = _require_finite(group, 'a representation by generators')
    count = len(finite.generators)
    shapes = {tuple(torch.as_tensor(matrix).shape) for matrix in matrices}
    if len(matrices) != count or len(shapes) != 1 or len(set(*shapes)) != 1:
        raise SymmetryError(
            f'{group} has {count} generators, each needs a square matrix of one size; got '
            f'{len(matrices)} of shapes {sorted(shapes)}'
        )
    given = torch.stack([torch.as_tensor(matrix, dtype=torch.float64) for matrix in matrices])
    table = _words(finite, given)
    digest = hashlib.sha256(given.numpy().tobytes()).hexdigest()[:16]
    return Representation.of_atom(Atom(
        group=group, name=f'given_{digest}', size=given.shape[-1],
        images=lambda batch: table[finite.nearest(batch)],
        derivative=no_derivative(given.shape[-1]),
    ))  # fmt: skip


def _words(group: FiniteGroup, given: torch.Tensor) -> torch.Tensor:
    """Return the matrix of every element as a product of those given, after checking them."""
    generators = group.nearest(group.generators).tolist()
    table: dict[int, torch.Tensor] = {0: torch.eye(given.shape[-1], dtype=torch.float64)}
    frontier = [0]
    while frontier:
        element = frontier.pop()
        for generator, matrix in zip(generators, given, strict=True):
            reached = int(group.product_table[generator, element])
            if reached not in table:
                table[reached] = matrix @ table[element]
                frontier.append(reached)
    images = torch.stack([table[element] for element in range(group.count)])
    for generator, matrix in zip(generators, given, strict=True):
        error = (images[group.product_table[generator]] - matrix @ images).abs().max()
        if not error < 1e-9:
            raise SymmetryError(
                f'the matrices given for the generators of {group} do not obey its relations: '
                f'products that must agree differ by {float(error):.3g}'
            )
    return images


def _require_finite(group: Group, name: str) -> FiniteGroup:
    if not isinstance(group, FiniteGroup):
        raise SymmetryError(f'{name} needs a finite group such as C4 or D4, got {group}')
    return group
