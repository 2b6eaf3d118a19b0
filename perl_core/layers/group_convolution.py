"""The equivariant linear map between copies of the regular representation, block by block.

A group convolution mixes copies of one irreducible representation and nothing else, so in the
Fourier basis there are fewer products than in the dense matrix: 6 of 16 for C4, 12 of 64 for D4.

Features are kept as (order, batch, copies): a transform is one product for the whole batch then.
"""

from typing import NamedTuple

from perl_core.layers.fourier import Irreducible, fourier_transform
from perl_core.layers.linear import EquivariantLinear
from perl_core.symmetry import Representation
import torch


class _Term(NamedTuple):
    """One product of waves and a block."""

    wave: int
    """Which of the inputs' waves."""
    block: int
    """Which block."""


MOST_PRODUCTS = 16
"""With more of them than this they are too small to be faster than one dense product."""


class GroupConvolution(EquivariantLinear):
    """The same map as its base class, and the same parameters: the shared weights."""

    def __init__(self, rho_in: Representation, rho_out: Representation) -> None:
        """Build the layer.

        Args:
            rho_in: copies of the regular representation, the component changing slowest.
            rho_out: likewise, of the same finite group.
        """
        super().__init__(rho_in, rho_out)
        types = fourier_transform(rho_in.group)
        self._components = [kind.outputs.shape[1] for kind in types for _ in kind.inputs]
        self._sums = _sums(types)
        # Parameters refer to the shared weights: a Fourier basis may differ between machines.
        maps = torch.cat([kind.maps / kind.outputs.shape[1] ** 0.5 for kind in types])
        self.constant('to_blocks', maps.flatten(1) @ self._originals['maps_0_0'])
        self.constant('waves_in', torch.cat([kind.inputs.flatten(0, 1) for kind in types]))
        self.constant('waves_out', torch.cat([kind.outputs.flatten(0, 1) for kind in types]).T)

        # Only the trivial type has a bias: the one whose waves do not sum to zero.
        overlaps = torch.stack([frame.sum() for kind in types for frame in kind.outputs])
        self._biased = int(overlaps.abs().argmax())
        self._sign = float(overlaps[self._biased].sign())

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Map (order, batch, copies in) to (order, batch, copies out)."""
        order, batch, copies = inputs.shape
        if sum(map(len, self._sums)) > MOST_PRODUCTS:
            outputs = super().forward(inputs.transpose(0, 1).flatten(1))
            return outputs.view(batch, order, -1).transpose(0, 1)
        mixing = self.mixing['0_0']
        matrices = (self.to_blocks @ mixing.flatten(1)).view(-1, *mixing.shape[1:]).mT.unbind(0)
        waves = (self.waves_in @ inputs.flatten(1)).view(-1, copies)
        waves = waves.split([batch * size for size in self._components])
        mixed = []
        for at, terms in enumerate(self._sums):
            total = self.mixing['0_bias'].view(-1) * self._sign if at == self._biased else None
            for wave, block in terms:
                product = (waves[wave], matrices[block])
                total = torch.mm(*product) if total is None else torch.addmm(total, *product)
            mixed.append(total)
        return (self.waves_out @ torch.cat(mixed).view(order, -1)).view(order, batch, -1)


def _sums(types: tuple[Irreducible, ...]) -> list[list[_Term]]:
    """Return the products that make up each copy among the outputs."""
    sums, waves, blocks = [], 0, 0
    for kind in types:
        copies = len(kind.inputs)
        for _ in kind.outputs:
            sums.append([_Term(waves + at, blocks + at) for at in range(copies)])
            blocks += copies
        waves += copies
    return sums
