"""Equivariant maps between atoms, written down rather than solved for, where that is possible.

Maps to and from the regular representation are weight sharing: a map to it is one free row, moved
by every element, a map from it one free column (Frobenius reciprocity). Between channels of one
real type there is the identity and nothing else (Schur). Everything else that the networks use is
small, and left to the reference solver.
"""

from functools import lru_cache

from perl_core.symmetry import FiniteGroup
from perl_core.symmetry.atoms import Atom
from perl_core.symmetry.basis import atom_basis
import torch


@lru_cache(maxsize=1024)
def maps_between(source: Atom, target: Atom) -> torch.Tensor:
    """Return an orthogonal basis of the W with W source(g) = target(g) W.

    Returns:
        Float64, shape (rank, target.size, source.size). A single map of an atom to itself is the
        identity, all others have unit Frobenius norm.
    """
    group = source.group
    if source == target and _has_real_type(source):
        return torch.eye(source.size, dtype=torch.float64).unsqueeze(0)
    if not isinstance(group, FiniteGroup) or 'regular' not in (source.name, target.name):
        return atom_basis(source, target)
    elements = group.elements()
    if target.name == 'regular':
        # W_k has the row e_k^T source(g^-1) for the element g.
        rows = source.matrices(group.inverse(elements)).transpose(0, 1)
    else:
        # W_k has the column target(h) e_k for the element h.
        rows = target.matrices(elements).permute(2, 1, 0)
    return _orthonormal(rows)


def _has_real_type(atom: Atom) -> bool:
    return atom.size == 1 or (atom.name != 'regular' and len(atom_basis(atom, atom)) == 1)


def _orthonormal(maps: torch.Tensor) -> torch.Tensor:
    gram = maps.flatten(1) @ maps.flatten(1).T
    scale = gram.diagonal().sqrt()
    if torch.allclose(gram, torch.diag(scale.square())):
        return maps / scale[:, None, None]
    basis, _ = torch.linalg.qr(maps.flatten(1).T)
    return basis.T.reshape(maps.shape)
