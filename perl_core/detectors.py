"""Where is the symmetry broken? Two detectors behind one interface, with their state.

They know features, a mask and a ``Comparison`` of two predictors, and nothing of what is observed.
The mathematics is in ``perl_core.detection``.
"""

import dataclasses
from typing import Literal, Protocol

from perl_core.detection import (
    Bound,
    Comparison,
    Moments,
    add_to_moments,
    bootstrap_weights,
    estimate_loss,
    estimate_of,
    excess_labels,
    no_moments,
    z_score_labels,
)
from perl_core.errors import ConfigError
from perl_core.fields import require_choice
from perl_core.layers import Adam, descend
import torch
from torch import nn

DetectorName = Literal['loss_difference', 'welford']
"""Which detector labels."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class DetectorConfig:
    """When a transition counts as one that breaks the symmetry."""

    kind: DetectorName = 'loss_difference'
    """Confidence bound of the held-out loss difference, or the paper's z-score ('welford')."""
    kappa: float = 1.0
    """Threshold: standard deviations above the mean (welford), or spreads below the mean at which
    the lower bound lies (loss_difference)."""
    tolerance: float = 0.05
    """loss_difference: smallest excess error that counts, in typical steps."""
    bound: Bound = 'observation'
    """loss_difference: the spread is that of a single observation, or that of the mean, which is
    sharper and needs an ensemble."""
    members: int = 1
    """loss_difference: networks in the ensemble; each of several has its own half of the data."""
    width: int = 128
    """loss_difference: units in each of two hidden layers."""
    learning_rate: float = 3e-4
    """loss_difference: of Adam."""

    def __post_init__(self) -> None:
        """Refuse values without meaning."""
        require_choice('detector.kind', self.kind, DetectorName)
        require_choice('detector.bound', self.bound, Bound)
        least = 2 if self.bound == 'mean' else 1
        if self.members < least:
            raise ConfigError(
                f'detector.members must be at least {least} with the bound {self.bound!r}; '
                f'got {self.members}'
            )
        if self.width < 1:
            raise ConfigError(f'detector.width must be at least 1; got {self.width}')
        if not self.kappa >= 0.0:
            raise ConfigError(f'detector.kappa must not be negative; got {self.kappa}')


class Detector(Protocol):
    """Labels transitions at which the symmetry is broken."""

    def update(
        self, features: torch.Tensor, held_out: torch.Tensor, comparison: Comparison
    ) -> dict[str, float]:
        """Learn from how the predictors did on a batch; return what to log.

        Args:
            features: of state and action, shape (batch, size).
            held_out: bool, shape (batch,); True where the predictors never learn.
            comparison: of the predictors, on the same rows.
        """
        ...

    def labels(self, features: torch.Tensor, comparison: Comparison) -> torch.Tensor:
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
        for name, value in no_moments()._asdict().items():
            self.register_buffer(name, value)

    @property
    def moments(self) -> Moments:
        """Count, mean and squared deviations of every disagreement so far."""
        return Moments(self.count, self.mean, self.squares)

    @torch.no_grad()
    def update(
        self, features: torch.Tensor, held_out: torch.Tensor, comparison: Comparison
    ) -> dict[str, float]:
        """Add a batch to the running mean and variance."""
        moments = add_to_moments(self.moments, comparison.disagreement)
        for name, value in moments._asdict().items():
            getattr(self, name).copy_(value)
        return {'detector/mean': float(moments.mean), 'detector/std': float(moments.std)}

    def labels(self, features: torch.Tensor, comparison: Comparison) -> torch.Tensor:
        """Return where the z-score exceeds kappa."""
        return z_score_labels(self.moments, comparison.disagreement, self.kappa)


class LossDifferenceDetector(nn.Module):
    """Broken where the equivariant predictor surely does worse than the free one.

    A network learns mean and spread of the held-out excess error err_E - err_N at (s, a); the
    label is mean - kappa * spread > tolerance. With the spread of a single observation, larger
    than that of the mean, the gate stays closed where the difference is noise; the ensemble's is
    the sharper bound. The tolerance keeps it closed where the difference is sure but too small to
    matter.
    """

    def __init__(self, network: nn.Module, config: DetectorConfig) -> None:
        """Wrap a network.

        Args:
            network: maps features (batch, size) to (batch, 2 * members), independent members.
            config: of the label.
        """
        super().__init__()
        self.config, self.network = config, network
        self.optimiser = Adam(network.parameters(), config.learning_rate)

    def update(
        self, features: torch.Tensor, held_out: torch.Tensor, comparison: Comparison
    ) -> dict[str, float]:
        """Take one step of maximum likelihood on the held-out part of the batch."""
        at = held_out.nonzero().squeeze(1)
        if not len(at):
            return {}
        estimate = estimate_of(self.network(features[at]))
        loss = estimate_loss(estimate, comparison.excess_error[at], self._weights(features[at]))
        descend(self.optimiser, loss, 1.0)
        return {
            'detector/loss': loss.item(),
            'detector/excess_error': estimate.mean.mean().item(),
            'detector/spread': estimate.spread.mean().item(),
        }

    def _weights(self, rows: torch.Tensor) -> torch.Tensor:
        members = self.config.members
        return bootstrap_weights(rows, members) if members > 1 else rows.new_ones(len(rows), 1)

    @torch.no_grad()
    def labels(self, features: torch.Tensor, comparison: Comparison) -> torch.Tensor:
        """Return where the lower bound of the excess error is above the tolerance."""
        config = self.config
        estimate = estimate_of(self.network(features))
        return excess_labels(estimate, config.kappa, config.tolerance, config.bound)
