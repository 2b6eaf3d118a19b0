"""What of a representation the group moves as a whole: from its matrices to blocks.

Where a finite group does no more to a term than move entries and negate them, each entry is a
block, and tanh of each entry commutes with the group; what belongs to blocks, such as a standard
deviation, then moves along without signs. Any other term is one block, squashed by its length.
"""

from typing import NamedTuple

from perl_core.blocks import Blocks
from perl_core.symmetry import FiniteGroup, Representation, permutation, trivial
from perl_core.symmetry.representations import Term
import torch


class BlockStructure(NamedTuple):
    """The blocks of a representation."""

    blocks: Blocks
    """Where they are."""
    moved: Representation
    """How numbers, one for each block, transform."""


def block_structure(rho: Representation) -> BlockStructure:
    """Return the blocks of a representation, term by term.

    Args:
        rho: orthogonal, as everything in ``perl_core.symmetry`` is.
    """
    entries: list[tuple[int, ...]] = []
    orbits: list[list[int]] = []
    moved = 0 * trivial(rho.group)
    for term in rho.terms:
        targets = _moves(term)
        found = [term.positions] if targets is None else [(at,) for at in term.positions]
        orbits.append(list(range(len(entries), len(entries) + len(found))))
        entries += found
        moved = moved + (
            trivial(rho.group) if targets is None else permutation(rho.group, targets)
        )
    return BlockStructure(Blocks(entries, orbits), moved)


def _moves(term: Term) -> list[list[int]] | None:
    """Return where each generator takes the entries, None if it does more than move them."""
    group, size = term.atom.group, term.atom.size
    if not isinstance(group, FiniteGroup) or size == 1:
        return None
    magnitudes = term.atom.matrices(group.batch(group.generators)).abs()
    targets = magnitudes.argmax(dim=1)
    expected = torch.nn.functional.one_hot(targets, size).mT
    return targets.tolist() if torch.allclose(magnitudes, expected.to(magnitudes)) else None
