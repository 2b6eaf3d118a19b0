"""A flat vector as rows of blocks: what a group turns, or moves, as a whole.

A block of d entries is squashed by its length, has one standard deviation, and one typical size.
Three entries of a twist are a block, and so is each torque of an ant, whose group does no more
than move torques and negate them. Blocks of several sizes are filled up with zeros.
"""

from collections.abc import Sequence
import itertools

from perl_core.gaussian import random_actions
import torch
from torch import nn


class Blocks(nn.Module):
    """Which entries are a block, and which blocks the group moves to each other's places."""

    def __init__(
        self, entries: Sequence[Sequence[int]], orbits: Sequence[Sequence[int]] | None = None
    ) -> None:
        """Prepare the constant matrices; there are none if the blocks are alike and in order.

        Args:
            entries: for each block, where its entries are in the flat vector.
            orbits: indices of blocks that the group exchanges; each block alone if left out.
        """
        super().__init__()
        sizes = [len(block) for block in entries]
        self.count, self.largest, self.size = len(sizes), max(sizes), sum(sizes)
        order = list(itertools.chain(*entries))
        is_simple = len(set(sizes)) == 1 and order == sorted(order)
        place, own = None, None
        if not is_simple:
            place = torch.zeros(self.size, self.count * self.largest)
            for block, at in enumerate(entries):
                place[list(at), block * self.largest + torch.arange(len(at))] = 1.0
        if len(set(sizes)) > 1:
            own = torch.tensor(sizes, dtype=torch.get_default_dtype())
        self.register_buffer('place', place, persistent=False)
        # Entries of each block; None if all have ``largest``.
        self.register_buffer('sizes', own, persistent=False)
        self.register_buffer('mean_of_orbit', _orbit_means(self.count, orbits), persistent=False)

    def split(self, flat: torch.Tensor) -> torch.Tensor:
        """Return shape (batch, blocks, largest) of shape (batch, size)."""
        rows = flat if self.place is None else flat @ self.place
        return rows.unflatten(1, (self.count, self.largest))

    def join(self, blocks: torch.Tensor) -> torch.Tensor:
        """Return shape (batch, size) of shape (batch, blocks, largest)."""
        rows = blocks.flatten(1)
        return rows if self.place is None else rows @ self.place.mT

    def tied(self, values: torch.Tensor) -> torch.Tensor:
        """Return values, one a block, averaged over blocks that the group exchanges."""
        return values if self.mean_of_orbit is None else self.mean_of_orbit @ values

    def random(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Return vectors whose blocks have uniform direction and length, shape (count, size)."""
        shape = (count, self.count, self.largest)
        rows = random_actions(shape, generator, self.sizes)
        return rows if self.place is None else rows @ self.place.mT


def _orbit_means(
    count: int, orbits: Sequence[Sequence[int]] | None
) -> torch.Tensor | None:
    if orbits is None or all(len(orbit) == 1 for orbit in orbits):
        return None
    means = torch.zeros(count, count)
    for orbit in orbits:
        for block in orbit:
            means[block, list(orbit)] = 1.0 / len(orbit)
    return means
