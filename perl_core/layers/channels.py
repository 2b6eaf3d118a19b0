"""Hidden features of networks for SO2, O2, SO3 and O3: channels of scalars, vectors and their kin.

Each type is an irreducible representation, so that a linear map mixes channels of one type and
nothing else (Schur). O2 and O3 tell true from pseudo types apart: the cross product of two vectors
is a pseudovector under O3, its dot product with a vector a pseudoscalar.
"""

from collections.abc import Iterator
import dataclasses
from typing import NamedTuple

from perl_core.errors import SymmetryError
from perl_core.symmetry import (
    Group,
    Representation,
    equivariant_basis,
    irrep,
    pseudovector,
    sign,
    trivial,
    vector,
)
import torch

LARGEST_INDEX = 6
"""Irreps with a larger index are refused on input and output."""


class Product(NamedTuple):
    """A bilinear equivariant map of one type and another, such as the cross product."""

    first: int
    """Index of the first type."""
    second: int
    """Index of the second type."""
    result: int
    """Index of the result's type."""
    coefficients: torch.Tensor
    """Clebsch-Gordan coefficients, float64, shape (size of result, size of first * second)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Channels:
    """Which types hidden features have, and how many of each."""

    types: tuple[Representation, ...]
    """The trivial one first."""
    products: tuple[Product, ...]
    """Of the other types, each pair once."""
    scalars: int
    """Trivial channels, those that come from products not counted."""
    copies: int
    """Channels of each other type, and of each product."""

    @property
    def before(self) -> Representation:
        """Scalars and gates; of each type features and both operands of its products."""
        count = self.scalars + self.copies * (len(self.types) - 1)
        return _stacked(self.types, [count, *[3 * self.copies] * (len(self.types) - 1)])

    @property
    def after(self) -> Representation:
        """Scalars; of each type features; and the products that are of it."""
        return _stacked(self.types, [
            (self.copies if index else self.scalars) + self.copies * self.products_into(index)
            for index in range(len(self.types))
        ])  # fmt: skip

    def products_into(self, index: int) -> int:
        """Return the number of products of this type."""
        return sum(product.result == index for product in self.products)


def channels_for(
    rho_in: Representation, rho_out: Representation, width: int
) -> Channels:
    """Return channels of about ``width`` entries in all, half of them scalars.

    Raises:
        SymmetryError: the group is none of the four, or a representation needs other types.
    """
    types = _types(rho_in, rho_out)
    products = tuple(_products(types))
    # Entries after the nonlinearity for each channel: features, and products of every type.
    entries = sum(rho.size for rho in types[1:])
    entries += sum(types[product.result].size for product in products)
    copies = max(2, round(width / 2 / entries))
    scalars = max(copies, width - copies * entries)
    return Channels(types=types, products=products, scalars=scalars, copies=copies)


def _types(rho_in: Representation, rho_out: Representation) -> tuple[Representation, ...]:
    group, both = rho_in.group, rho_in + rho_out
    if group.name not in ('SO2', 'O2', 'SO3', 'O3'):
        raise SymmetryError(
            f'equivariant networks exist for finite groups and for SO2, O2, SO3, O3; got {group}'
        )
    types = [trivial(group), vector(group)]
    if group.name in ('O2', 'O3'):
        types.insert(1, sign(group))
    if group.name == 'O3':
        types.append(pseudovector(group))
    covered = sum(_share(rho, both) for rho in types)
    for candidate in _candidates(group):
        if covered == both.size:
            return tuple(types)
        if share := _share(candidate, both):
            types.append(candidate)
            covered += share
    raise SymmetryError(
        f'{rho_in.name!r} or {rho_out.name!r} of {group} has parts beyond irrep '
        f'{LARGEST_INDEX}; known: scalars, vectors, tensors, irreps up to that index'
    )


def _candidates(group: Group) -> Iterator[Representation]:
    for index in range(2, LARGEST_INDEX + 1):
        yield irrep(group, index)
        if group.name == 'O3':
            yield irrep(group, index, pseudo=True)
    yield trivial(group)


def _share(rho: Representation, whole: Representation) -> int:
    """Return how many entries of ``whole`` are of this type."""
    maps = len(equivariant_basis(rho, whole))
    return rho.size * maps // len(equivariant_basis(rho, rho))


def _products(types: tuple[Representation, ...]) -> Iterator[Product]:
    for first in range(1, len(types)):
        for second in range(first, len(types)):
            pair = types[first] * types[second]
            for result, rho in enumerate(types):
                for coefficients in equivariant_basis(pair, rho):
                    # Unit Frobenius norm for each entry of the result.
                    yield Product(first, second, result, coefficients * rho.size**0.5)


def _stacked(types: tuple[Representation, ...], counts: list[int]) -> Representation:
    """Return the sum; in each type the component changes slowest, the channel fastest."""
    group = types[0].group
    total, *rest = [
        rho * (count * trivial(group)) for rho, count in zip(types, counts, strict=True)
    ]
    for part in rest:
        total = total + part
    return total
