"""Equivariant maps of finite groups where a null space would be too large."""

from perl_core.errors import SymmetryError
from perl_core.symmetry.atoms import Atom
from perl_core.symmetry.finite import FiniteGroup
from perl_core.symmetry.null_space import normal_form
import torch

_SPARE = 8
"""Random matrices averaged beyond the rank, so that they span everything."""
_LARGEST_AVERAGE = 2**22
"""Entries of all averages: some seconds."""


def finite_maps(group: FiniteGroup, source: Atom, target: Atom) -> torch.Tensor:
    """Return the equivariant maps in normal form, float64, (rank, target.size * source.size).

    Raises:
        SymmetryError: they are no permutations, and too many.
    """
    elements = group.elements()
    rho_in, rho_out = source.matrices(elements), target.matrices(elements)
    if _permute(rho_in) and _permute(rho_out):
        return shared_weights(rho_in, rho_out)
    return averages(rho_in, rho_out)


def _permute(matrices: torch.Tensor) -> bool:
    """Return whether orthogonal matrices only move entries."""
    return bool(((matrices == 0) | (matrices == 1)).all())


def shared_weights(rho_in: torch.Tensor, rho_out: torch.Tensor) -> torch.Tensor:
    """Return the maps between permutations: one weight for each orbit of pairs of entries.

    Args:
        rho_in: a permutation matrix for each element, shape (order, in, in).
        rho_out: the same for outputs, shape (order, out, out).

    Returns:
        Shape (orbits, out * in), orthonormal, sorted by the first entry of each orbit.
    """
    size_in = rho_in.shape[-1]
    # rho[i, j] = 1: entry j goes to entry i.
    to_out, to_in = rho_out.argmax(dim=1), rho_in.argmax(dim=1)
    pairs = to_out[:, :, None] * size_in + to_in[:, None, :]
    orbits, member = pairs.amin(dim=0).flatten().unique(return_inverse=True)
    rows = torch.nn.functional.one_hot(member, len(orbits)).double().T
    return rows / rows.sum(dim=1, keepdim=True).sqrt()


def averages(rho_in: torch.Tensor, rho_out: torch.Tensor) -> torch.Tensor:
    """Return the maps as averages of random ones over the group; their number by characters.

    Args:
        rho_in: shape (order, in, in).
        rho_out: shape (order, out, out).

    Returns:
        Shape (rank, out * in), in normal form.

    Raises:
        SymmetryError: there would be too many entries.
    """
    inverse_in = torch.linalg.inv(rho_in)
    characters = torch.einsum('gii,gjj->g', rho_out, inverse_in)
    rank = round(float(characters.mean()))
    size = (rank + _SPARE, rho_out.shape[-1], rho_in.shape[-1])
    if torch.Size(size).numel() > _LARGEST_AVERAGE:
        raise SymmetryError(
            f'{rank} maps of shape {size[1:]} have {torch.Size(size).numel()} entries; at most '
            f'{_LARGEST_AVERAGE} are solved for at once: write the representation as a sum of '
            'smaller ones'
        )
    draw = torch.Generator().manual_seed(0)
    random = torch.randn(size, generator=draw, dtype=torch.float64)
    mean = torch.zeros_like(random)
    for left, right in zip(rho_out, inverse_in, strict=True):
        mean += left @ random @ right
    _, _, rows = torch.linalg.svd(mean.flatten(1), full_matrices=False)
    return normal_form(rows[:rank])
