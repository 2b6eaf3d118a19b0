"""How the entries of a flat vector transform under a group."""

from collections.abc import Sequence
from typing import Literal

from perl_core.contract import Slice
from perl_core.errors import ContractError
import torch

Block = Literal['vector', 'scalar']
"""'vector': three entries that turn with the group; 'scalar': one entry that does not change."""
_SIZES: dict[str, int] = {'vector': 3, 'scalar': 1}


class Representation:
    """A direct sum of vectors and scalars."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        """Remember the blocks, in order.

        Args:
            blocks: one entry for each block.
        """
        self.blocks = tuple(blocks)
        self.size = sum(_SIZES[block] for block in self.blocks)

    @classmethod
    def of(cls, parts: Sequence[Slice]) -> 'Representation':
        """Return the representation of parts of the contract.

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
        blocks: list[Block] = ['vector'] * count
        return cls(blocks)

    def matrix(self, element: torch.Tensor) -> torch.Tensor:
        """Return rho(g), block diagonal.

        Args:
            element: shape (3, 3).

        Returns:
            Shape (size, size).
        """
        one = torch.ones(1, 1, dtype=element.dtype)
        matrices = [element if block == 'vector' else one for block in self.blocks]
        return torch.block_diag(*matrices) if matrices else element.new_zeros(0, 0)

    def transform(self, element: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """Return rho(g) x for every row of ``values``, shape (..., size)."""
        return values @ self.matrix(element.to(values)).mT
