"""Random numbers that depend on a seed and a purpose, never on which other seeds run beside it."""

from collections.abc import Callable, Sequence
import zlib

import numpy as np
import torch


def derived_seed(seed: int, purpose: str) -> int:
    """Return a seed for one purpose, in [0, 2^63), far from those of other seeds and purposes."""
    words = np.random.SeedSequence([seed, zlib.crc32(purpose.encode())]).generate_state(2)
    return (int(words[0]) << 31) ^ int(words[1])


class Streams:
    """One random generator a seed."""

    def __init__(self, seeds: Sequence[int], purpose: str) -> None:
        """Seed the generators.

        Args:
            seeds: of the runs that are trained together, not negative.
            purpose: what the numbers are for; other purposes have other numbers.
        """
        self._generators = [
            torch.Generator().manual_seed(derived_seed(seed, purpose)) for seed in seeds
        ]

    def uniform(self, *shape: int) -> torch.Tensor:
        """Return numbers uniform in [0, 1), shape (seeds, *shape)."""
        return self._filled(torch.float32, shape, lambda row, g: row.uniform_(generator=g))

    def integers(self, high: int, *shape: int) -> torch.Tensor:
        """Return integers uniform in [0, high), shape (seeds, *shape)."""
        return self._filled(torch.int64, shape, lambda row, g: row.random_(0, high, generator=g))

    def _filled(
        self,
        dtype: torch.dtype,
        shape: tuple[int, ...],
        fill: Callable[[torch.Tensor, torch.Generator], torch.Tensor],
    ) -> torch.Tensor:
        rows = torch.empty(len(self._generators), *shape, dtype=dtype)
        for row, generator in zip(rows, self._generators, strict=True):
            fill(row, generator)
        return rows

    def state(self) -> torch.Tensor:
        """Return the states of the generators, uint8, shape (seeds, bytes)."""
        return torch.stack([generator.get_state() for generator in self._generators])

    def set_state(self, state: torch.Tensor) -> None:
        """Go on from what ``state`` returned."""
        for generator, row in zip(self._generators, state, strict=True):
            # A copy: torch reads a view of memory that is not aligned wrongly, or crashes.
            generator.set_state(row.clone())
