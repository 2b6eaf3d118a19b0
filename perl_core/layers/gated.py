"""The nonlinearity of channels: gates, and products of vectors such as dot and cross."""

from collections.abc import Iterator
import itertools

from perl_core.layers.channel_linear import Parts
from perl_core.layers.channels import Channels, Product
from perl_core.layers.constants import ExactConstants
from perl_core.layers.prior import Pathways
from perl_core.layers.residual_linear import FREE_SCALE
import torch
from torch import nn


class Gated(ExactConstants):
    """Parts of ``channels.before`` -> parts of ``channels.after``, equivariant.

    Scalars pass a swish; every other feature is multiplied by the sigmoid of a scalar; products
    of two operands a and b join as a * b / sqrt(1 + |a|^2), which grows no faster than b, so that
    values do not explode with depth.
    """

    def __init__(self, channels: Channels, *, free: bool = False) -> None:
        """Prepare the products.

        Args:
            channels: types and sizes.
            free: add the residual pathway's swish of features that are no scalars, weighted by a
                parameter; it breaks the symmetry.
        """
        super().__init__()
        self.channels = channels
        self.free = nn.Parameter(torch.tensor(FREE_SCALE)) if free else None
        self._pairs = [
            (pair, list(products)) for pair, products in
            itertools.groupby(channels.products, key=lambda product: product[:2])
        ]  # fmt: skip
        for (first, second), products in self._pairs:
            together = torch.cat([product.coefficients for product in products])
            self.constant(f'products_{first}_{second}', together)

    def forward(self, parts: Parts) -> Parts:
        """Map parts (components, batch, copies) to such parts."""
        copies = self.channels.copies
        scalars, gates = parts[0].tensor_split([self.channels.scalars], dim=2)
        triples = [part.split(copies, dim=2) for part in parts[1:]]
        found = [[nn.functional.silu(scalars)]]
        for (feature, *_), gate in zip(
            triples, gates.sigmoid().split(copies, dim=2), strict=True
        ):
            found.append([self._feature(feature, gate)])
        for product, values in self._products(triples):
            found[product.result].append(values)
        return [torch.cat(values, dim=2) for values in found]

    def _feature(self, feature: torch.Tensor, gate: torch.Tensor) -> torch.Tensor:
        gated = feature * gate
        return gated if self.free is None else gated + self.free * nn.functional.silu(feature)

    def _products(
        self, triples: list[tuple[torch.Tensor, ...]]
    ) -> Iterator[tuple[Product, torch.Tensor]]:
        """Yield each product and its values, shape (components, batch, copies)."""
        lefts = [left * (1.0 + left.square().sum(0)).rsqrt() for _, left, _ in triples]
        for (first, second), products in self._pairs:
            left, right = lefts[first - 1], triples[second - 1][2]
            outer = (left.unsqueeze(1) * right).flatten(0, 1)
            matrix = getattr(self, f'products_{first}_{second}')
            values = (matrix @ outer.flatten(1)).unflatten(1, outer.shape[1:])
            sizes = [len(product.coefficients) for product in products]
            yield from zip(products, values.split(sizes), strict=True)

    def pathways(self) -> Pathways:
        """Return the weights that each prior is on: none on the strict one."""
        return Pathways((), () if self.free is None else (self.free,))
