"""Linear layers with one constructor, ``Layer(rho_in, rho_out)``: plain and equivariant.

The two that lie between are in ``residual_linear.py`` and ``relaxed_linear.py``.
"""

import math

from perl_core.errors import SymmetryError
from perl_core.layers.closed_forms import maps_between
from perl_core.layers.expansion import ExpandedLinear, Weights
from perl_core.symmetry import Representation, trivial
from perl_core.symmetry.representations import Copies
import torch
from torch import nn


class PlainLinear(nn.Linear):
    """An ordinary layer: of the representations only the sizes count."""

    def __init__(self, rho_in: Representation, rho_out: Representation) -> None:
        """Build the layer with torch's initial weights.

        Args:
            rho_in: how inputs transform.
            rho_out: how outputs transform, under the same group.
        """
        rho_in.require_group(rho_out)
        super().__init__(rho_in.size, rho_out.size)


class EquivariantLinear(ExpandedLinear):
    """W rho_in(g) = rho_out(g) W and rho_out(g) b = b for every g of the group.

    W = sum_k Q_k (x) P_k for each pair of atoms: Q_k are the equivariant maps between single
    copies, the parameters P_k mix copies.
    """

    def __init__(self, rho_in: Representation, rho_out: Representation) -> None:
        """Build the layer; its initial weights spread as those of the plain one do.

        Args:
            rho_in: how inputs transform.
            rho_out: how outputs transform, under the same group.

        Raises:
            SymmetryError: the groups differ.
        """
        super().__init__()
        rho_in.require_group(rho_out)
        self.rho_in, self.rho_out = rho_in, rho_out
        self.mixing = nn.ParameterDict()
        self._identities: set[str] = set()
        self._one = trivial(rho_in.group).copies[0]
        for row, target in enumerate(rho_out.copies):
            for column, source in enumerate(rho_in.copies):
                self._add(f'{row}_{column}', source, target)
            self._add(f'{row}_bias', self._one, target)
        self._order_in = _order(rho_in)
        self._order_out = _order(rho_out)
        self.reset_parameters()

    def _add(self, name: str, source: Copies, target: Copies) -> None:
        maps = maps_between(source.atom, target.atom)
        if len(maps):
            self.constant(f'maps_{name}', maps.flatten(1).T.contiguous())
            shape = (len(maps), len(target.positions), len(source.positions))
            self.mixing[name] = nn.Parameter(torch.empty(shape))
            if source.atom == target.atom and len(maps) == 1:
                self._identities.add(name)

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw P uniformly so that W and b have the variance that torch gives to a plain layer."""
        for row, target in enumerate(self.rho_out.copies):
            names = [
                name for column in range(len(self.rho_in.copies))
                if (name := f'{row}_{column}') in self.mixing
            ]  # fmt: skip
            # Each output's weights then have a sum of squares of 1/3, on average.
            self._draw(names, target.atom.size)
            if (name := f'{row}_bias') in self.mixing:
                self._draw([name], target.atom.size / self.rho_in.size)

    def _draw(self, names: list[str], outputs: float) -> None:
        squares = [
            self._originals[f'maps_{name}'].square().sum() * self.mixing[name].shape[2]
            for name in names
        ]
        bound = math.sqrt(outputs / float(sum(squares))) if names else 0.0
        for name in names:
            self.mixing[name].uniform_(-bound, bound)

    def _bias(self, row: int) -> torch.Tensor | None:
        """Return the bias of an atom's copies, (components, 1, copies); None if there is none."""
        if f'{row}_bias' not in self.mixing:
            return None
        mixing = self.mixing[f'{row}_bias'].squeeze(2)
        return (getattr(self, f'maps_{row}_bias') @ mixing).unsqueeze(1)

    def expand(self) -> Weights:
        """Return W, shape (out, in), and b, shape (out,)."""
        rows = [
            _joined([
                self._corner(f'{row}_{column}', source, target)
                for column, source in enumerate(self.rho_in.copies)
            ], 1)
            for row, target in enumerate(self.rho_out.copies)
        ]  # fmt: skip
        biases = [
            self._corner(f'{row}_bias', self._one, target)
            for row, target in enumerate(self.rho_out.copies)
        ]
        matrix = _reordered(_reordered(_joined(rows, 0), 0, self._order_out), 1, self._order_in)
        return Weights(matrix, _reordered(_joined(biases, 0), 0, self._order_out).squeeze(1))

    def _corner(self, name: str, source: Copies, target: Copies) -> torch.Tensor:
        """Return the part of W between all copies of two atoms; the component changes slowest."""
        (copies_out, size_out), (copies_in, size_in) = (
            target.positions.shape, source.positions.shape
        )  # fmt: skip
        if name not in self.mixing:
            other = next(iter(self.mixing.values()))
            return other.new_zeros(size_out * copies_out, size_in * copies_in)
        products = getattr(self, f'maps_{name}') @ self.mixing[name].flatten(1)
        products = products.view(size_out, size_in, copies_out, copies_in).transpose(1, 2)
        return products.reshape(size_out * copies_out, size_in * copies_in)


def _joined(parts: list[torch.Tensor], dim: int) -> torch.Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim)


def require_inputs(inputs: torch.Tensor, rho_in: Representation) -> None:
    """Raise SymmetryError where inputs are not rows of the representation's size."""
    if inputs.ndim != 2 or inputs.shape[1] != rho_in.size:
        raise SymmetryError(
            f'expected inputs of shape (batch, {rho_in.size}), which transform as {rho_in.name!r} '
            f'of {rho_in.group}; got {tuple(inputs.shape)}'
        )


def _order(representation: Representation) -> torch.Tensor | None:
    """Return where each entry stands when components change slowest; None if where it is."""
    rows = [copies.positions.T.flatten() for copies in representation.copies]
    order = torch.cat(rows).argsort()
    return None if torch.equal(order, torch.arange(len(order))) else order


def _reordered(values: torch.Tensor, dim: int, order: torch.Tensor | None) -> torch.Tensor:
    return values if order is None else values.index_select(dim, order.to(values.device))
