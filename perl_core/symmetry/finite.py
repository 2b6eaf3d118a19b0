"""Finite groups: cyclic, dihedral, and a single reflection."""

from functools import cached_property
import math

from perl_core.errors import ConfigError
from perl_core.symmetry.groups import Group, axes, planar
import torch

LARGEST_ORDER = 1024
"""Larger finite groups are refused: tables cost the square of the order. Use SO2 or O2."""


class FiniteGroup(Group):
    """A group with a list of elements."""

    def sample(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Return ``count`` elements drawn uniformly, float64, (count, *element)."""
        drawn = torch.randint(self.count, (count,), generator=generator)
        return self.elements()[drawn]

    @property
    def count(self) -> int:
        """The order."""
        return len(self.elements())

    @property
    def algebra(self) -> torch.Tensor:
        """Empty: a finite group has no Lie algebra."""
        return torch.zeros(0, *self.element_shape, dtype=torch.float64)

    def index(self, elements: torch.Tensor) -> torch.Tensor:
        """Return where each element stands in ``elements()``, int64, shape (n,).

        Raises:
            SymmetryError: one is no element of this group.
        """
        return self.nearest(self.batch(elements))

    def nearest(self, batch: torch.Tensor) -> torch.Tensor:
        """Return the index of the nearest element, unchecked, shape (n,)."""
        # Orthogonal matrices: the nearest has the largest inner product.
        return (batch.flatten(1) @ self.elements().flatten(1).T).argmax(dim=1)

    def misses(self, elements: torch.Tensor) -> torch.Tensor:
        """Return the distance to the nearest element, shape (n,)."""
        nearest = self.elements()[self.nearest(elements)]
        return (elements - nearest).flatten(1).abs().amax(dim=1)

    @cached_property
    def product_table(self) -> torch.Tensor:
        """Index of elements()[i] * elements()[j] at [i, j], int64, (order, order)."""
        every = self.elements()
        rows = [self.nearest(self.product(first, every)) for first in every]
        return torch.stack(rows)

    @cached_property
    def inverse_table(self) -> torch.Tensor:
        """Index of the inverse of elements()[i] at [i], int64, (order,)."""
        return self.nearest(self.inverse(self.elements()))


class Cyclic(FiniteGroup):
    """Rotations about z by multiples of a turn / n."""

    fixed_vectors = axes(2)

    def __init__(self, turns: int) -> None:
        """Remember the number of rotations n, 1 to ``LARGEST_ORDER``."""
        require_order(f'C{turns}', turns)
        self.turns, self.order, self.name = turns, turns, f'C{turns}'
        if turns == 1:
            self.fixed_vectors = axes(0, 1, 2)

    @cached_property
    def _elements(self) -> torch.Tensor:
        return planar(*turns_of(self.turns), torch.ones(self.turns, dtype=torch.float64))

    def elements(self) -> torch.Tensor:
        """Return the rotations by 0, 1, ... of a turn / n, (order, 3, 3)."""
        return self._elements

    @property
    def generators(self) -> torch.Tensor:
        """The rotation by a turn / n; none for C1."""
        return self._elements[1:2]


class Dihedral(FiniteGroup):
    """Rotations about z by multiples of a turn / n, and each after mirroring y."""

    def __init__(self, turns: int, name: str | None = None) -> None:
        """Remember the number of rotations n, half the order."""
        require_order(f'D{turns}', 2 * turns)
        self.turns, self.order, self.name = turns, 2 * turns, name or f'D{turns}'
        self.fixed_vectors = axes(0, 2) if turns == 1 else axes(2)

    @cached_property
    def _elements(self) -> torch.Tensor:
        cosine, sine = (values.repeat(2) for values in turns_of(self.turns))
        sign = torch.ones(2, dtype=torch.float64)
        sign[1] = -1.0
        return planar(cosine, sine, sign.repeat_interleave(self.turns))

    def elements(self) -> torch.Tensor:
        """Return the rotations, then the mirror followed by each rotation, (order, 3, 3)."""
        return self._elements

    @property
    def generators(self) -> torch.Tensor:
        """The rotation by a turn / n (if n > 1) and the mirror."""
        return self._elements[[*range(1, min(self.turns, 2)), self.turns]]


class Reflection(Dihedral):
    """The mirror y -> -y and the neutral element."""

    def __init__(self) -> None:
        """Take the name Z2."""
        super().__init__(1, name='Z2')


def require_order(name: str, order: int) -> None:
    """Raise ConfigError where the order is out of bounds."""
    if not 1 <= order <= LARGEST_ORDER:
        raise ConfigError(
            f'{name} would have {order} elements; expected 1 to {LARGEST_ORDER}. '
            'Known beyond that: SO2, O2, SO3, O3'
        )


def turns_of(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return cosine and sine of the multiples of a turn / count; exact at quarter turns."""
    angles_rad = [2 * math.pi * turn / count for turn in range(count)]
    exact = {0.0: (1.0, 0.0), 0.25: (0.0, 1.0), 0.5: (-1.0, 0.0), 0.75: (0.0, -1.0)}
    pairs = [
        exact.get(turn / count, (math.cos(angle), math.sin(angle)))
        for turn, angle in enumerate(angles_rad)
    ]
    cosine, sine = torch.tensor(pairs, dtype=torch.float64).T
    return cosine, sine
