"""A running normaliser that commutes with the group.

Plain normalisation gives every entry its own mean and scale, which breaks the symmetry of anything
behind it. Here the mean is the part of it that the group leaves alone, and all entries of one atom
(the three of a vector, all of a regular representation) have one scale.
"""

from perl_core.errors import SymmetryError
from perl_core.symmetry.basis import equivariant_basis
from perl_core.symmetry.elementary import trivial
from perl_core.symmetry.representations import Representation
import torch
from torch import nn


class EquivariantNormaliser(nn.Module):
    """x -> (x - mean) / scale with rho(g) mean = mean and one scale for each atom."""

    def __init__(self, representation: Representation, *, smallest_scale: float = 1e-3) -> None:
        """Start with mean 0 and scale 1.

        Args:
            representation: how the values transform.
            smallest_scale: scales are at least this, so that constants are not blown up.
        """
        super().__init__()
        size = representation.size
        self.representation = representation
        self.smallest_scale = smallest_scale
        invariants = equivariant_basis(trivial(representation.group), representation)[..., 0]
        atom = torch.empty(size, dtype=torch.int64)
        sizes = []
        for term in representation.terms:
            atom[list(term.positions)] = len(sizes)
            sizes.append(float(len(term.positions)))
        self.register_buffer('_invariants', invariants, persistent=False)
        self.register_buffer('_atom', atom, persistent=False)
        self.register_buffer('_atom_sizes', torch.tensor(sizes).double(), persistent=False)
        self.register_buffer('count', torch.zeros((), dtype=torch.float64))
        self.register_buffer('raw_mean', torch.zeros(size, dtype=torch.float64))
        self.register_buffer('squares', torch.zeros(size, dtype=torch.float64))
        self.register_buffer('mean', torch.zeros(size))
        self.register_buffer('scale', torch.ones(size))

    @torch.no_grad()
    def update(self, values: torch.Tensor) -> None:
        """Take a batch into mean and scale, as if all batches so far were one.

        Args:
            values: shape (batch, size).

        Raises:
            SymmetryError: the shape is wrong, or values are not finite.
        """
        size = self.representation.size
        if values.ndim != 2 or values.shape[1] != size or not values.isfinite().all():
            raise SymmetryError(
                f'expected finite values of shape (batch, {size}), got shape '
                f'{tuple(values.shape)} with {int((~values.isfinite()).sum())} not finite'
            )
        if not len(values):
            return
        # Chan, Golub and LeVeque, "Updating formulae", 1979, equations 1.3.
        rows = values.double()
        mean, total = rows.mean(dim=0), self.count + len(rows)
        change = mean - self.raw_mean
        self.squares += (rows - mean).square().sum(dim=0)
        self.squares += change.square() * self.count * len(rows) / total
        self.raw_mean += change * len(rows) / total
        self.count.copy_(total)
        self._refresh()

    def _refresh(self) -> None:
        mean = self._invariants.T @ (self._invariants @ self.raw_mean)
        # About the invariant mean, as if every value had come in all its orientations.
        squares = self.squares / self.count + (self.raw_mean - mean).square()
        by_atom = torch.zeros_like(self._atom_sizes).index_add_(0, self._atom, squares)
        scale = (by_atom / self._atom_sizes).sqrt().clamp_min(self.smallest_scale)
        self.mean.copy_(mean)
        self.scale.copy_(scale[self._atom])

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return normalised values, shape (..., size)."""
        return (values - self.mean) / self.scale

    def restore(self, values: torch.Tensor) -> torch.Tensor:
        """Return what ``forward`` normalised, shape (..., size)."""
        return values * self.scale + self.mean
