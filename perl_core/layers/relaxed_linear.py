"""The approximately equivariant layer: relaxed weight sharing (arXiv 2411.04225, 2201.11969).

W = sum_l A_l diag(m_l): several equivariant maps, mixed by a weight for each component of the
input, which in the regular representation is a weight for each group element. Weights that are
equal over the components leave W equivariant, and so they start.
"""

import math

from perl_core.layers.expansion import ExpandedLinear, Weights
from perl_core.layers.linear import EquivariantLinear
from perl_core.symmetry import Representation
import torch
from torch import nn

FILTERS = 2
"""Equivariant maps in a layer."""


class RelaxedLinear(ExpandedLinear):
    """Exactly equivariant at the start, free to leave it one component at a time."""

    def __init__(self, rho_in: Representation, rho_out: Representation) -> None:
        """Build the maps, mixed evenly.

        Args:
            rho_in: how inputs transform.
            rho_out: how outputs transform, under the same group.
        """
        super().__init__()
        self.filters = nn.ModuleList(EquivariantLinear(rho_in, rho_out) for _ in range(FILTERS))
        start, component = 0, torch.zeros(rho_in.size, dtype=torch.int64)
        for copies in rho_in.copies:
            component[copies.positions] = start + torch.arange(copies.atom.size)
            start += copies.atom.size
        self.register_buffer('component', component, persistent=False)
        self.relaxation = nn.Parameter(torch.full((FILTERS, start), 1.0 / math.sqrt(FILTERS)))

    def expand(self) -> Weights:
        """Return the mixture and the mean of the biases."""
        expanded = [layer.expand() for layer in self.filters]
        weights = self.relaxation.index_select(1, self.component)
        matrix = sum(part.matrix * weight for part, weight in zip(expanded, weights, strict=True))
        bias = sum(part.bias for part in expanded) / FILTERS
        return Weights(matrix, bias)
