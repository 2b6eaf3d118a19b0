"""The declaration: how each named slice of an observation or action transforms.

Written once, as plain data. From it come rho(g), the representation that layers are built from, a
normaliser that keeps the symmetry, and data augmentation.
"""

from collections.abc import Mapping, Sequence
import dataclasses
from typing import Any, cast

from perl_core.contract import Slice
from perl_core.errors import SymmetryError
from perl_core.symmetry.description import Description, described
from perl_core.symmetry.groups import Group
from perl_core.symmetry.naming import group_named
from perl_core.symmetry.representations import Representation, Term
import torch


@dataclasses.dataclass(frozen=True, kw_only=True)
class Part:
    """One named slice."""

    name: str
    """What it holds."""
    representation: Representation
    """How it transforms."""
    at: tuple[int, ...]
    """Which entries of the flat vector it is, in the representation's order."""


class Space:
    """A flat vector of named slices that transform under a group."""

    def __init__(
        self, group: Group | str, parts: Mapping[str, Description | Mapping[str, Any]]
    ) -> None:
        """Declare a space.

        Args:
            group: a group, or its name as in ``group_named``.
            parts: how each slice transforms, in the order in which slices come: as ``described``
                takes it ('vector', '6 trivial', {'permutation': ...}), or a mapping with the key
                'representation' and one of 'size', which is checked, and 'at', the entries that
                the slice is made of if they do not follow the slice before.

        Raises:
            SymmetryError: a description is unknown, a representation does not have the size of its
                slice, or the slices do not make up a vector.
            ConfigError: no such group.
        """
        self.group = group_named(group) if isinstance(group, str) else group
        placed: list[Part] = []
        start = 0
        for name, description in parts.items():
            part = _part(self.group, name, description, start)
            placed.append(part)
            start = max(part.at, default=start - 1) + 1
        self.parts = {part.name: part for part in placed}
        _require_cover(placed)
        self.representation = Representation(self.group, [
            Term(term.atom, tuple(part.at[i] for i in term.positions))
            for part in placed for term in part.representation.terms
        ])  # fmt: skip
        self.size = self.representation.size

    @classmethod
    def of_contract(cls, parts: Sequence[Slice], group: Group | str) -> 'Space':
        """Return the space of parts of the robot's contract, 3-vectors in ``base``.

        Args:
            parts: parts of kind 'vector'.
            group: SO3, SO2 or another group that moves 3-vectors.

        Raises:
            ContractError: a part that no representation is given for.
        """
        group = group_named(group) if isinstance(group, str) else group
        return cls(group, {part.name: Representation.of([part], group) for part in parts})

    def matrix(self, element: torch.Tensor) -> torch.Tensor:
        """Return rho(g) of one element, shape (size, size)."""
        return self.representation.matrix(element)

    def transform(self, element: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """Return rho(g) x for one element or a batch of them; see Representation.transform."""
        return self.representation.transform(element, values)

    def select(self, name: str, values: torch.Tensor) -> torch.Tensor:
        """Return the named slice of values of shape (..., size).

        Raises:
            SymmetryError: no such slice, or values of another size.
        """
        if name not in self.parts:
            raise SymmetryError(f'no slice {name!r}; known: {list(self.parts)}')
        if values.shape[-1:] != (self.size,):
            raise SymmetryError(
                f'values must have shape (..., {self.size}) as the slices {list(self.parts)} have '
                f'together, got {tuple(values.shape)}'
            )
        return values[..., list(self.parts[name].at)]

    def __repr__(self) -> str:
        """Show each slice."""
        rows = [f'{part.name}: {part.representation.name}' for part in self.parts.values()]
        return f'Space({self.group}; {", ".join(rows)}; size {self.size})'


def _part(
    group: Group, name: str, description: Description | Mapping[str, Any], start: int
) -> Part:
    if not isinstance(description, Mapping) or 'representation' not in description:
        rho = described(group, cast('Description', description))
        return Part(name=name, representation=rho, at=tuple(range(start, start + rho.size)))
    fields = cast('Mapping[str, Any]', description)
    unknown = set(fields) - {'representation', 'size', 'at'}
    if unknown:
        raise SymmetryError(
            f'slice {name!r} has unknown keys {sorted(unknown)}; known: representation, size, at'
        )
    rho = described(group, fields['representation'])
    at = tuple(int(i) for i in fields.get('at', range(start, start + rho.size)))
    size = fields.get('size', len(at))
    if not rho.size == size == len(at):
        raise SymmetryError(
            f'slice {name!r} has size {size} and the entries {list(at)}, but {rho.name!r} of '
            f'{group} acts on {rho.size}'
        )
    return Part(name=name, representation=rho, at=at)


def _require_cover(parts: Sequence[Part]) -> None:
    entries = sorted(entry for part in parts for entry in part.at)
    if entries != list(range(len(entries))):
        doubled = sorted({e for e in entries if entries.count(e) > 1})
        missing = sorted(set(range(max(entries) + 1)) - set(entries))
        raise SymmetryError(
            f'the slices must cover the entries 0, 1, ... once each; missing: {missing}, '
            f'covered twice: {doubled}'
        )
