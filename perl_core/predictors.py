"""One-step predictors, equivariant and free: where they disagree, the symmetry is broken."""

import dataclasses
from typing import Literal, NamedTuple

from perl_core.detection import Comparison
from perl_core.errors import ConfigError
from perl_core.fields import require_choice
from perl_core.layers import Adam, TrunkShape, descend
from perl_core.replay import Batch
from perl_core.spaces import Spaces
import torch
from torch import nn


class Prediction(NamedTuple):
    """Change of the observation's blocks and reward, in units of a typical step."""

    vectors: torch.Tensor
    """Shape (batch, blocks, d); 3-vectors on the arm."""
    reward: torch.Tensor
    """Shape (batch, 1), or (batch, 0) without a reward head."""


Distance = Literal['norm', 'square']
"""Of two predictions of a vector: |x - y|, or its square, which weighs large breaks more."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PredictorConfig:
    """Both one-step predictors."""

    width: int = 128
    """Units in each hidden layer."""
    depth: int = 2
    """Hidden layers."""
    reward_head: bool = True
    """Predict the reward too: the only way to find a break that is in the reward alone."""
    distance: Distance = 'norm'
    """D of the disagreement d(s, a) = D(P_E, P_N); errors are always norms."""

    def __post_init__(self) -> None:
        """Refuse values without meaning."""
        require_choice('predictors.distance', self.distance, Distance)
        if min(self.width, self.depth) < 1:
            raise ConfigError(
                f'predictors need a width and depth of at least 1; got {self.width}, {self.depth}'
            )


class Predictors(nn.Module):
    """Both predictors, and the size of a typical step, by which targets are divided."""

    def __init__(self, spaces: Spaces, config: PredictorConfig) -> None:
        """Build two trunks of the same size that share nothing."""
        super().__init__()
        self.config, self.blocks = config, spaces.change
        self._seen_size = spaces.seen_size
        shape = TrunkShape(
            scalars=int(config.reward_head), width=config.width, depth=config.depth
        )
        self.equivariant = spaces.trunk('equivariant', 'pair', 'change', shape)
        self.standard = spaces.trunk('plain', 'pair', 'change', shape)
        self.register_buffer('inverse_scale', spaces.inverse_scale, persistent=False)
        # Running mean squares, one a block and one for the reward: invariant by construction.
        self.register_buffer('mean_square', torch.ones(self.blocks.count + 1))
        self.register_buffer('reward_mean', torch.zeros(()))
        self.register_buffer('batches', torch.zeros(()))

    def predict(
        self, observation: torch.Tensor, action: torch.Tensor
    ) -> tuple[Prediction, Prediction]:
        """Return the equivariant and the free prediction."""
        seen = torch.cat((observation[:, : self._seen_size], action), dim=1)
        everything = torch.cat((observation, action), dim=1)
        return Prediction(*self.equivariant(seen)), Prediction(*self.standard(everything))

    @torch.no_grad()
    def target(self, batch: Batch) -> Prediction:
        """Return what really happened, in units of a typical step."""
        vectors = self._change(batch)
        typical = self.mean_square.sqrt() + 1e-6
        reward = (batch.reward - self.reward_mean) / typical[-1]
        heads = int(self.config.reward_head)
        return Prediction(vectors / typical[:-1, None], reward.unsqueeze(1)[:, :heads])

    @torch.no_grad()
    def observe(self, batch: Batch) -> None:
        """Adapt the size of a typical step: running average over about 1000 batches."""
        vectors = self._change(batch)
        self.batches += 1
        rate = torch.clamp(1.0 / self.batches, min=1e-3)
        self.reward_mean.lerp_(batch.reward.mean(), rate)
        spread = (batch.reward - self.reward_mean).square().mean().unsqueeze(0)
        squares = self.blocks.tied(vectors.square().sum(-1).mean(0))
        self.mean_square.lerp_(torch.cat((squares, spread)), rate)

    def _change(self, batch: Batch) -> torch.Tensor:
        size = self._seen_size
        change = batch.next_observation[:, :size] - batch.observation[:, :size]
        return self.blocks.split(change * self.inverse_scale)


def errors(prediction: Prediction, target: Prediction) -> torch.Tensor:
    """Return the mean distance over vectors and reward, in typical steps, shape (batch,).

    The distance and not its square: the rotation vector jumps near pi, where nothing can be
    predicted, and squares of such jumps would drown everything else.
    """
    vectors = torch.linalg.vector_norm(prediction.vectors - target.vectors, dim=-1)
    reward = (prediction.reward - target.reward).abs()
    return torch.cat((vectors, reward), dim=1).mean(1)


def disagreement(
    first: Prediction, second: Prediction, distance: Distance = 'norm'
) -> torch.Tensor:
    """Return d(s, a), how far apart two predictions are, shape (batch,).

    Args:
        first: of a batch.
        second: of the same batch.
        distance: 'norm' gives the mean distance in typical steps, 'square' the mean square.
    """
    if distance == 'norm':
        return errors(first, second)
    vectors = (first.vectors - second.vectors).square().sum(-1)
    return torch.cat((vectors, (first.reward - second.reward).square()), dim=1).mean(1)


def update_predictors(
    predictors: Predictors, optimiser: Adam, batch: Batch, max_norm: float
) -> tuple[dict[str, float], Comparison]:
    """Take one step on the part of the batch that is not held out.

    Returns:
        What to log, and what the detectors learn from.
    """
    predictors.observe(batch)
    target = predictors.target(batch)
    equivariant, standard = predictors.predict(batch.observation, batch.action)
    error_equivariant, error_standard = errors(equivariant, target), errors(standard, target)
    shown = ~batch.held_out
    loss = ((error_equivariant + error_standard) * shown).sum() / shown.sum().clamp_min(1)
    with torch.no_grad():
        comparison = Comparison(
            disagreement(equivariant, standard, predictors.config.distance),
            error_equivariant - error_standard,
        )
    descend(optimiser, loss, max_norm)
    held_out = batch.held_out.sum().clamp_min(1)
    info = {
        'predictors/loss': loss.item(),
        'predictors/equivariant_error': _mean(error_equivariant, batch.held_out, held_out),
        'predictors/standard_error': _mean(error_standard, batch.held_out, held_out),
        'predictors/disagreement': comparison.disagreement.mean().item(),
    }
    return info, comparison


def _mean(values: torch.Tensor, mask: torch.Tensor, count: torch.Tensor) -> float:
    return float((values.detach() * mask).sum() / count)
