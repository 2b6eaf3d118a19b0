"""All equivariant maps between two atoms, by null space and between permutations."""

from functools import lru_cache

from perl_core.errors import SymmetryError
from perl_core.symmetry.atoms import Atom
from perl_core.symmetry.finite import FiniteGroup
from perl_core.symmetry.null_space import null_space
import torch

LARGEST_NULL_SPACE = 2500
"""Entries of W up to which a null space is computed: 50 MB and a few seconds."""


@lru_cache(maxsize=1024)
def null_maps(source: Atom, target: Atom) -> torch.Tensor:
    """Return the null space of the generator constraints in normal form.

    Args:
        source: how inputs transform.
        target: how outputs transform, under the same group.

    Returns:
        Orthonormal, float64, shape (rank, target.size, source.size).

    Raises:
        SymmetryError: the atoms are too large.
    """
    unknowns = target.size * source.size
    if unknowns > LARGEST_NULL_SPACE:
        raise SymmetryError(
            f'maps from {source.name!r} (size {source.size}) to {target.name!r} (size '
            f'{target.size}) have {unknowns} unknowns; at most {LARGEST_NULL_SPACE} are solved '
            'for at once: write the representation as a sum of smaller ones'
        )
    rows = null_space(_constraints(source, target))
    return rows.view(-1, target.size, source.size)


def _constraints(source: Atom, target: Atom) -> torch.Tensor:
    """Return sum K^T K over the generators, where K vec(W) = vec(rho_out W - W rho_in)."""
    eye_in = torch.eye(source.size, dtype=torch.float64)
    eye_out = torch.eye(target.size, dtype=torch.float64)
    gram = torch.zeros(2 * (target.size * source.size,), dtype=torch.float64)
    images_in = (*source.generators, *source.algebra)
    images_out = (*target.generators, *target.algebra)
    for rho_in, rho_out in zip(images_in, images_out, strict=True):
        # K^T K multiplied out: a few Kronecker products instead of one large product.
        cross = torch.kron(rho_out, rho_in)
        gram += torch.kron(rho_out.T @ rho_out, eye_in) - cross - cross.T
        gram += torch.kron(eye_out, rho_in @ rho_in.T)
    return gram


def permutes(atom: Atom) -> bool:
    """Return whether an atom of a finite group only moves entries."""
    return isinstance(atom.group, FiniteGroup) and bool(
        ((atom.generators == 0) | (atom.generators == 1)).all()
    )


def shared_weights(source: Atom, target: Atom) -> torch.Tensor:
    """Return the maps between permutations: one weight for each orbit of pairs of entries.

    Args:
        source: a permutation, how inputs transform.
        target: a permutation, how outputs transform.

    Returns:
        Orthonormal and in normal form, float64, shape (orbits, target.size, source.size).
    """
    # rho[i, j] = 1: entry j goes to entry i. Orbits are what the generators connect.
    to_in, to_out = source.generators.argmax(dim=1), target.generators.argmax(dim=1)
    moves = to_out[:, :, None] * source.size + to_in[:, None, :]
    smallest = torch.arange(target.size * source.size)
    while True:
        reached = smallest
        for move in moves.flatten(1):
            reached = torch.minimum(reached, reached[move])
        if torch.equal(reached, smallest):
            break
        smallest = reached
    orbits, member = smallest.unique(return_inverse=True)
    rows = torch.nn.functional.one_hot(member, len(orbits)).double().T
    rows = rows / rows.sum(dim=1, keepdim=True).sqrt()
    return rows.view(-1, target.size, source.size)
