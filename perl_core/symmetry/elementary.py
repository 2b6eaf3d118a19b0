"""The representations that all others are made from."""

from perl_core.errors import SymmetryError
from perl_core.symmetry.atoms import Atom, no_derivative, spatial_vector_atom
from perl_core.symmetry.groups import Group
from perl_core.symmetry.representations import Representation
import torch


def spatial_vector(group: Group) -> Representation:
    """Return the 3-vector; planar groups turn it about z and mirror y.

    Raises:
        SymmetryError: the group is a product; use ``lifted``.
    """
    require_single(group, 'spatial_vector')
    return Representation.of_atom(spatial_vector_atom(group))


def trivial(group: Group) -> Representation:
    """Return the scalar that does not change; size 1."""
    return Representation.of_atom(Atom(
        group=group, name='trivial', size=1, derivative=no_derivative(1),
        images=lambda batch: torch.ones(len(batch), 1, 1, dtype=torch.float64),
    ))  # fmt: skip


def require_single(group: Group, name: str) -> None:
    """Raise SymmetryError where a product's factor must be chosen first."""
    if group.factors:
        raise SymmetryError(
            f'{name} of the product {group} is ambiguous; choose a factor: '
            f'lifted({group}, 0, {name}(factor)), factors: {list(group.factors)}'
        )


def lifted(group: Group, factor: int, representation: Representation) -> Representation:
    """Return a factor's representation as one of the product; the other factors do nothing.

    Args:
        group: a product.
        factor: its index, 0 for the first.
        representation: of that factor.

    Raises:
        SymmetryError: there is no such factor, or the representation is of another group.
    """
    if factor not in range(len(group.factors)):
        raise SymmetryError(f'{group} has no factor {factor}; factors: {list(group.factors)}')
    if representation.group != group.factors[factor]:
        raise SymmetryError(
            f'factor {factor} of {group} is {group.factors[factor]}; the representation is of '
            f'{representation.group}'
        )
    terms = [
        term._replace(atom=_lifted_atom(group, factor, term.atom))
        for term in representation.terms
    ]
    return Representation(group, terms)


def _lifted_atom(group: Group, factor: int, atom: Atom) -> Atom:
    return Atom(
        group=group,
        name=atom.name if atom.name == 'trivial' else f'{atom.name}@{factor}',
        size=atom.size,
        images=lambda batch: atom.matrices(batch[:, factor]),
        derivative=lambda vectors: atom.derivative(vectors[:, factor]),
    )
