"""Where is the symmetry broken? Two detectors that turn the predictors' errors into labels."""

from typing import Protocol

from perl_core.contract import Contract
from perl_core.layers import PlainTrunk, TrunkShape, descend
from perl_core.predictors import Comparison
from perl_core.replay import Batch
from perl_core.symmetry import group_named
import torch
from torch import nn

_LARGEST_EXCESS = 3.0
"""Excess errors are clipped to this many typical steps; more says nothing more."""


class Detector(Protocol):
    """Labels transitions at which the symmetry is broken."""

    def update(self, batch: Batch, comparison: Comparison) -> dict[str, float]:
        """Learn from how the predictors did on a batch; return what to log."""
        ...

    def labels(self, batch: Batch, comparison: Comparison) -> torch.Tensor:
        """Return 1 where the symmetry is broken and 0 elsewhere, float, shape (batch,)."""
        ...


class WelfordDetector(nn.Module):
    """The paper's: broken where the z-score of the disagreement exceeds kappa.

    At most 1 / (1 + kappa^2) of the data can be labelled (Cantelli's inequality), and some always
    is, even where the symmetry is exact.
    """

    def __init__(self, kappa: float) -> None:
        """Start without any data.

        Args:
            kappa: standard deviations above the mean.
        """
        super().__init__()
        self.kappa = kappa
        self.register_buffer('count', torch.zeros((), dtype=torch.float64))
        self.register_buffer('mean', torch.zeros((), dtype=torch.float64))
        self.register_buffer('squares', torch.zeros((), dtype=torch.float64))

    def update(self, batch: Batch, comparison: Comparison) -> dict[str, float]:
        """Add a batch to the running mean and variance (Chan's form of Welford's update)."""
        values = comparison.disagreement.double()
        shift = values.mean() - self.mean
        total = self.count + len(values)
        spread = (values - values.mean()).square().sum()
        self.squares += spread + shift.square() * self.count * len(values) / total
        self.mean += shift * len(values) / total
        self.count += len(values)
        return {'detector/mean': float(self.mean), 'detector/std': float(self._std())}

    def _std(self) -> torch.Tensor:
        return (self.squares / self.count.clamp_min(1)).sqrt()

    def labels(self, batch: Batch, comparison: Comparison) -> torch.Tensor:
        """Return where the z-score exceeds kappa."""
        threshold = self.mean + self.kappa * self._std()
        return (comparison.disagreement.double() > threshold).float()


class LossDifferenceDetector(nn.Module):
    """Broken where the equivariant predictor surely does worse than the free one.

    A network learns mean and spread of the held-out excess error err_E - err_N at (s, a); the
    label is mean - kappa * spread > tolerance. The spread is that of a single observation, larger
    than that of the mean, so that the gate stays closed where the difference is noise. The
    tolerance keeps it closed where the difference is sure but too small to matter.
    """

    def __init__(self, contract: Contract, width: int, kappa: float, tolerance: float) -> None:
        """Build the network.

        Args:
            contract: gives the inputs.
            width: units in each of two hidden layers.
            kappa: spreads below the mean at which the lower bound lies.
            tolerance: smallest excess error that counts, in typical steps.
        """
        super().__init__()
        self.kappa, self.tolerance = kappa, tolerance
        shape = TrunkShape(scalars=2, width=width, last_layer_scale=0.01)
        parts = (*contract.observation, *contract.action)
        self.network = PlainTrunk(parts, group_named(contract.group), shape)
        self.optimiser = torch.optim.Adam(self.network.parameters(), lr=3e-4, fused=True)

    def bound(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mean and spread of the excess error, each of shape (batch,)."""
        inputs = torch.cat((batch.observation, batch.action), dim=1)
        mean, spread = self.network(inputs).scalars.unbind(1)
        return mean, nn.functional.softplus(spread) + 0.01

    def update(self, batch: Batch, comparison: Comparison) -> dict[str, float]:
        """Take one step of maximum likelihood on the held-out part of the batch."""
        at = batch.held_out.nonzero().squeeze(1)
        if not len(at):
            return {}
        held_out = Batch(*(part[at] for part in batch))
        target = comparison.excess_error[at].clamp(-_LARGEST_EXCESS, _LARGEST_EXCESS)
        mean, spread = self.bound(held_out)
        loss = (0.5 * ((target - mean) / spread).square() + spread.log()).mean()
        descend(self.optimiser, loss, 1.0)
        return {
            'detector/loss': loss.item(),
            'detector/excess_error': mean.mean().item(),
            'detector/spread': spread.mean().item(),
        }

    @torch.no_grad()
    def labels(self, batch: Batch, comparison: Comparison) -> torch.Tensor:
        """Return where the lower bound of the excess error is above the tolerance."""
        mean, spread = self.bound(batch)
        return (mean - self.kappa * spread > self.tolerance).float()
