"""Equivariant linear maps into and out of copies of the regular representation.

Instead of expanding the weights over the group, the input is moved by every element and meets the
same weights (into), or what the weights make of every element's features is moved back and summed
(out of). The products are as large as the dense ones, and nothing has to be expanded.
"""

from perl_core.layers.linear import EquivariantLinear, require_inputs
from perl_core.symmetry import Representation
import torch
from torch import nn


class Lifting(EquivariantLinear):
    """The same map as its base class, and the same parameters; to the regular representation."""

    def __init__(self, rho_in: Representation, rho_out: Representation) -> None:
        """Build the layer.

        Args:
            rho_in: how inputs transform.
            rho_out: copies of the regular representation, the component changing slowest.
        """
        super().__init__(rho_in, rho_out)
        self._order = rho_in.group.count
        moves = []
        for column, source in enumerate(rho_in.copies):
            maps = self._originals[f'maps_0_{column}'].view(self._order, source.atom.size, -1)
            moves.append(_placed(maps.transpose(1, 2), source.positions, rho_in.size))
        # For each element a matrix: the input -> its features, moved by the element.
        self.constant('moves', torch.cat(moves, dim=1).mT.contiguous())

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Map (batch, in) to (order, batch, copies)."""
        require_inputs(inputs, self.rho_in)
        weights = [
            self.mixing[f'0_{column}'].transpose(0, 1).flatten(1)
            for column in range(len(self.rho_in.copies))
        ]
        weight = weights[0] if len(weights) == 1 else torch.cat(weights, dim=1)
        bias = self.mixing['0_bias'].flatten() * self._order**-0.5
        return nn.functional.linear(inputs @ self.moves, weight, bias)


class Projection(EquivariantLinear):
    """The same map as its base class, and the same parameters; from the regular representation."""

    def __init__(self, rho_in: Representation, rho_out: Representation) -> None:
        """Build the layer.

        Args:
            rho_in: copies of the regular representation, the component changing slowest.
            rho_out: how outputs transform.
        """
        super().__init__(rho_in, rho_out)
        self._order = rho_in.group.count
        moves, biases = [], []
        for row, target in enumerate(rho_out.copies):
            maps = self._originals[f'maps_{row}_0'].view(target.atom.size, self._order, -1)
            moves.append(_placed(torch.einsum('igk->gki', maps), target.positions, rho_out.size))
            if f'{row}_bias' in self.mixing:
                maps = self._originals[f'maps_{row}_bias'].T.unsqueeze(0)
                biases.append(_placed(maps, target.positions, rho_out.size))
        self.constant('moves', torch.cat(moves, dim=1).flatten(0, 1))
        if biases:
            self.constant('biases', torch.cat(biases, dim=1).flatten(0, 1))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Map (order, batch, copies) to (batch, out)."""
        rows = range(len(self.rho_out.copies))
        weights = [self.mixing[f'{row}_0'].flatten(0, 1) for row in rows]
        weight = weights[0] if len(weights) == 1 else torch.cat(weights)
        seen = nn.functional.linear(inputs, weight).transpose(0, 1).flatten(1)
        biases = [
            self.mixing[name].flatten() for row in rows if (name := f'{row}_bias') in self.mixing
        ]
        if not biases:
            return seen @ self.moves
        bias = biases[0] if len(biases) == 1 else torch.cat(biases)
        return torch.addmm(bias @ self.biases, seen, self.moves)


def _placed(maps: torch.Tensor, positions: torch.Tensor, size: int) -> torch.Tensor:
    """Return maps (n, k, components) for each copy, to its positions: (n, k * copies, size)."""
    placed = maps.new_zeros(*maps.shape[:2], len(positions), size)
    for copy, entries in enumerate(positions):
        placed[:, :, copy, entries] = maps
    return placed.flatten(1, 2)
