"""Where is the symmetry broken? The mathematics of both detectors, as functions of tensors.

Nothing here keeps state or knows what an observation is, and all of it runs under
``torch.func.vmap``, so that many seeds can be batched. ``perl_core.detectors`` holds the modules.
"""

from typing import Literal, NamedTuple

import torch
from torch import nn

LARGEST_EXCESS = 3.0
"""Excess errors are clipped to this many typical steps; more says nothing more."""
_SMALLEST_SPREAD = 0.01


class Comparison(NamedTuple):
    """How two one-step predictors did on a batch, before they learned from it."""

    disagreement: torch.Tensor
    """d(s, a), the distance between the two predictions, shape (batch,)."""
    excess_error: torch.Tensor
    """Error of the equivariant predictor minus that of the free one, shape (batch,)."""


class Moments(NamedTuple):
    """Count, mean and sum of squared deviations of everything seen, each of shape ()."""

    count: torch.Tensor
    """Number of values."""
    mean: torch.Tensor
    """Their mean."""
    squares: torch.Tensor
    """Sum of the squared deviations from the mean."""

    @property
    def std(self) -> torch.Tensor:
        """Standard deviation of everything seen; 0 before anything was."""
        return (self.squares / self.count.clamp_min(1.0)).sqrt()


def no_moments() -> Moments:
    """Return the moments of no values, float64: sums over all history need its digits."""
    return Moments(*(torch.zeros((), dtype=torch.float64) for _ in Moments._fields))


def add_to_moments(moments: Moments, values: torch.Tensor) -> Moments:
    """Return the moments with a batch of values, shape (batch,), added.

    Welford's update in the form of Chan, Golub and LeVeque for whole batches (1979).
    """
    values, count = values.to(moments.mean.dtype), values.shape[-1]
    mean = values.mean()
    shift, total = mean - moments.mean, moments.count + count
    spread = (values - mean).square().sum() + shift.square() * moments.count * count / total
    return Moments(total, moments.mean + shift * count / total, moments.squares + spread)


def z_score_labels(moments: Moments, values: torch.Tensor, kappa: float) -> torch.Tensor:
    """Return 1 where the z-score of a value is above kappa, else 0, float, shape (batch,)."""
    # The last term is for the rounding of the mean, when all values are alike.
    threshold = moments.mean + kappa * moments.std + 1e-9 * moments.mean.abs()
    return (values.to(threshold.dtype) > threshold).to(values.dtype)


def cantelli_ceiling(kappa: float) -> float:
    """Return the largest share of any data whose z-score is above kappa: 1 / (1 + kappa^2).

    One-sided Chebyshev inequality; with a kappa of 1, 2, 3 it is 50 %, 20 %, 10 %.
    """
    return 1.0 / (1.0 + kappa * kappa)


class Estimate(NamedTuple):
    """What a network believes of the excess error at (s, a)."""

    mean: torch.Tensor
    """Shape (batch, members)."""
    spread: torch.Tensor
    """Standard deviation of a single observation, shape (batch, members)."""


def estimate_of(outputs: torch.Tensor) -> Estimate:
    """Return the estimate in a network's outputs.

    Args:
        outputs: shape (batch, 2 * members): mean and raw spread of each member side by side.
    """
    mean, spread = outputs.unflatten(-1, (-1, 2)).unbind(-1)
    return Estimate(mean, nn.functional.softplus(spread) + _SMALLEST_SPREAD)


def estimate_loss(
    estimate: Estimate, excess_error: torch.Tensor, weights: torch.Tensor
) -> torch.Tensor:
    """Return the mean negative log-likelihood of the excess errors under a Gaussian.

    Args:
        estimate: at the same rows.
        excess_error: shape (batch,); clipped to ``LARGEST_EXCESS``.
        weights: of each row for each member, shape (batch, 1) or (batch, members): zero at every
            row that the predictors have learned from.

    Returns:
        A scalar; zero if every weight is.
    """
    target = excess_error.clamp(-LARGEST_EXCESS, LARGEST_EXCESS).unsqueeze(-1)
    surprise = (target - estimate.mean) / estimate.spread
    losses = 0.5 * surprise.square() + estimate.spread.log()
    weights = weights.to(losses.dtype).expand_as(losses)
    return (losses * weights).sum() / weights.sum().clamp_min(1.0)


def bootstrap_weights(rows: torch.Tensor, members: int) -> torch.Tensor:
    """Return a weight of 0 or 2 for each row and member, the same whenever the row comes again.

    Each member so learns from its own half of the data, and what the members differ by is the
    uncertainty of their mean: the double-or-nothing bootstrap (Owen and Eckles 2012,
    arXiv 1106.2125). The coin is a hash of the row, because batches are drawn again and again.

    Args:
        rows: what identifies a transition, shape (batch, any size).
        members: number of networks.

    Returns:
        Shape (batch, members).
    """
    entries = torch.arange(1, rows.shape[-1] + 1, dtype=torch.float64, device=rows.device)
    phase = (rows.double() * (entries * 12.9898).sin()).sum(-1, keepdim=True)
    member = torch.arange(1, members + 1, dtype=torch.float64, device=rows.device) * 78.233
    coin = ((phase + member).sin() * 43758.5453).frac().abs()
    return 2.0 * (coin < 0.5).to(rows.dtype)


Bound = Literal['observation', 'mean']
"""What the lower bound is one of: a single observation of the excess error (its spread), or its
mean (what the members of an ensemble differ by)."""


def lower_bound(estimate: Estimate, kappa: float, bound: Bound) -> torch.Tensor:
    """Return the lower confidence bound of the excess error, shape (batch,).

    Args:
        estimate: of at least two members for 'mean'.
        kappa: spreads below the mean.
        bound: which spread.
    """
    mean = estimate.mean.mean(-1)
    if bound == 'mean':
        return mean - kappa * estimate.mean.std(-1)
    return mean - kappa * estimate.spread.square().mean(-1).sqrt()


def excess_labels(
    estimate: Estimate, kappa: float, tolerance: float, bound: Bound = 'observation'
) -> torch.Tensor:
    """Return 1 where the lower bound is above the tolerance, else 0, float, shape (batch,).

    Args:
        estimate: at the rows.
        kappa: spreads below the mean at which the bound lies.
        tolerance: smallest excess error that matters, in the unit of the errors.
        bound: which spread.
    """
    return (lower_bound(estimate, kappa, bound) > tolerance).to(estimate.mean.dtype)
