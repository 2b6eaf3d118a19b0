"""Products of groups: an element of G x H is the pair of an element of each."""

from collections.abc import Sequence
from functools import cached_property
import itertools
import math

from perl_core.symmetry.finite import FiniteGroup, require_order
from perl_core.symmetry.groups import Group, axes, joined_name
import torch


class _Pairs:
    """What finite and infinite products have in common: elements of shape (k, 3, 3)."""

    factors: tuple[Group, ...]
    fixed_vectors = axes()

    @property
    def element_shape(self) -> tuple[int, ...]:
        """(number of factors, 3, 3)."""
        return (len(self.factors), 3, 3)

    @property
    def generators(self) -> torch.Tensor:
        """Generators of each factor beside neutral elements of the others."""
        eye = torch.eye(3, dtype=torch.float64)
        return self._embed([factor.generators for factor in self.factors], eye)

    def _embed(self, parts: Sequence[torch.Tensor], rest: torch.Tensor) -> torch.Tensor:
        rows = []
        for at, part in enumerate(parts):
            row = rest.expand(len(part), len(parts), 3, 3).clone()
            row[:, at] = part
            rows.append(row)
        return torch.cat(rows)

    def misses(self, elements: torch.Tensor) -> torch.Tensor:
        """Return the largest miss among the factors, shape (n,)."""
        misses = [f.misses(elements[:, at]) for at, f in enumerate(self.factors)]
        return torch.stack(misses).amax(dim=0)


class FiniteProduct(_Pairs, FiniteGroup):
    """A product of finite groups."""

    def __init__(self, factors: Sequence[FiniteGroup]) -> None:
        """Remember the factors, in order."""
        self.factors = tuple(factors)
        self.name = joined_name(factors)
        self.order = math.prod(factor.count for factor in factors)
        require_order(self.name, self.order)

    @cached_property
    def _elements(self) -> torch.Tensor:
        rows = itertools.product(*(factor.elements() for factor in self.factors))
        return torch.stack([torch.stack(row) for row in rows])

    def elements(self) -> torch.Tensor:
        """Return all pairs; the last factor's element changes fastest, (order, k, 3, 3)."""
        return self._elements


class Product(_Pairs, Group):
    """A product of groups of which one at least is infinite."""

    def __init__(self, factors: Sequence[Group]) -> None:
        """Remember the factors, in order."""
        self.factors = tuple(factors)
        self.name = joined_name(factors)
        self.dimension = sum(factor.dimension for factor in factors)

    def sample(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Return independent draws of every factor, float64, (count, k, 3, 3)."""
        return torch.stack([f.sample(count, generator) for f in self.factors], dim=1)

    @property
    def algebra(self) -> torch.Tensor:
        """The algebra of each factor beside zeros, (dimension, k, 3, 3)."""
        zero = torch.zeros(3, 3, dtype=torch.float64)
        return self._embed([factor.algebra for factor in self.factors], zero)


def product_of(factors: Sequence[Group]) -> Group:
    """Return the product of groups; a single one is returned as it is."""
    flat = [part for factor in factors for part in (factor.factors or (factor,))]
    if len(flat) == 1:
        return flat[0]
    finite = [factor for factor in flat if isinstance(factor, FiniteGroup)]
    return FiniteProduct(finite) if len(finite) == len(flat) else Product(flat)
