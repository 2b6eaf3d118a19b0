"""The equivariant linear map between channels, block by block: it mixes channels of one type."""

from collections.abc import Sequence

from perl_core.layers.linear import EquivariantLinear, require_inputs
from perl_core.symmetry import Representation
import torch
from torch import nn

Parts = list[torch.Tensor]
"""One tensor (components, batch, copies) for each entry of ``Representation.copies``."""


class Split(nn.Module):
    """A flat (batch, size) -> its parts."""

    def __init__(self, representation: Representation) -> None:
        """Remember where the parts are."""
        super().__init__()
        self._representation = representation
        self._shapes = [copies.positions.T.shape for copies in representation.copies]
        self._sizes = [shape.numel() for shape in self._shapes]
        rows = [copies.positions.T.flatten() for copies in representation.copies]
        self._is_moved = not torch.equal(torch.cat(rows), torch.arange(representation.size))
        self.register_buffer('moved', torch.cat(rows), persistent=False)

    def forward(self, inputs: torch.Tensor) -> Parts:
        """Return the parts, each of shape (components, batch, copies)."""
        require_inputs(inputs, self._representation)
        inputs = inputs.index_select(1, self.moved) if self._is_moved else inputs
        return [
            part.unflatten(1, shape).transpose(0, 1)
            for part, shape in zip(inputs.split(self._sizes, dim=1), self._shapes, strict=True)
        ]


class Join(nn.Module):
    """Parts -> a flat (batch, size)."""

    def __init__(self, representation: Representation) -> None:
        """Remember where the parts go."""
        super().__init__()
        rows = torch.cat([copies.positions.T.flatten() for copies in representation.copies])
        self._is_moved = not torch.equal(rows, torch.arange(representation.size))
        self.register_buffer('moved', rows.argsort(), persistent=False)

    def forward(self, parts: Sequence[torch.Tensor]) -> torch.Tensor:
        """Return the flat vector."""
        flat = torch.cat([part.transpose(0, 1).flatten(1) for part in parts], dim=1)
        return flat.index_select(1, self.moved) if self._is_moved else flat


class ChannelLinear(EquivariantLinear):
    """The same map as its base class, on parts and without the zeros between types."""

    def forward(self, parts: Parts) -> Parts:
        """Map parts of ``rho_in`` to parts of ``rho_out``."""
        return [self._row(row, parts) for row in range(len(self.rho_out.copies))]

    def _row(self, row: int, parts: Parts) -> torch.Tensor:
        bias = self._bias(row)
        values = [
            self._mixed(f'{row}_{column}', part)
            for column, part in enumerate(parts) if f'{row}_{column}' in self.mixing
        ]  # fmt: skip
        if not values:
            components, copies = self.rho_out.copies[row].positions.T.shape
            values = [parts[0].new_zeros(components, parts[0].shape[1], copies)]
        if bias is not None:
            values.append(bias)
        return sum(values[1:], values[0])

    def _mixed(self, name: str, part: torch.Tensor) -> torch.Tensor:
        mixing = self.mixing[name]
        if name in self._identities:
            return nn.functional.linear(part, mixing[0])
        rank, components = mixing.shape[0], part.shape[0]
        maps = getattr(self, f'maps_{name}').view(-1, components, rank).transpose(1, 2)
        moved = maps.reshape(-1, components) @ part.flatten(1)
        moved = moved.view(-1, rank, *part.shape[1:]).transpose(1, 2).flatten(2)
        return nn.functional.linear(moved, mixing.transpose(0, 1).flatten(1))
