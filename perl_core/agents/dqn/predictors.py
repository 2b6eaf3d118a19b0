"""Two one-step predictors, P_E equivariant and P_N free, and how they compare."""

from collections.abc import Sequence
from typing import Protocol

from perl_core.agents.dqn.config import DQNConfig
from perl_core.agents.dqn.networks import network
from perl_core.agents.dqn.outcomes import Outcomes
from perl_core.agents.dqn.replay import Batch
from perl_core.agents.dqn.stacked import StackedNetwork
from perl_core.detection import Comparison, Moments, add_to_moments
from perl_core.symmetry import Representation
import torch
from torch import nn
from torch.func import vmap


class Change(Protocol):
    """What is predicted of the change of the observation."""

    representation: Representation
    """How it transforms."""

    def observe(self, batch: Batch) -> None:
        """Learn the scale of what is predicted."""
        ...

    def error(self, prediction: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Return how wrong predictions (seeds, batch, size) are, shape (seeds, batch)."""
        ...

    def distance(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        """Return how far apart two predictions are, shape (seeds, batch)."""
        ...


class CategoricalChange(nn.Module):
    """A distribution over the outcomes of a step."""

    def __init__(self, outcomes: Outcomes) -> None:
        """Predict these outcomes."""
        super().__init__()
        self._outcomes, self.representation = outcomes, outcomes.representation

    def observe(self, batch: Batch) -> None:
        """Learn nothing: probabilities have no scale."""

    def error(self, prediction: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Return the negative log-likelihood, in nats."""
        outcome = self._outcomes.of(batch.observation, batch.next_observation)
        chances = prediction.log_softmax(dim=-1)
        return -chances.gather(-1, outcome[..., None]).squeeze(-1)

    def distance(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        """Return the total variation, in [0, 1]."""
        return 0.5 * (first.softmax(dim=-1) - second.softmax(dim=-1)).abs().sum(dim=-1)


class ContinuousChange(nn.Module):
    """The change of the observation, in units of a typical step."""

    def __init__(self, rho_observation: Representation, seeds: int) -> None:
        """Start without a scale."""
        super().__init__()
        self.representation = rho_observation
        for name in Moments._fields:
            self.register_buffer(name, torch.zeros(seeds, dtype=torch.float64))

    def observe(self, batch: Batch) -> None:
        """Add the lengths of the steps to their running moments."""
        squares = (batch.next_observation - batch.observation).square().sum(dim=-1)
        moments = vmap(add_to_moments)(Moments(self.count, self.mean, self.squares), squares)
        self.count, self.mean, self.squares = moments

    def error(self, prediction: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Return the squared error."""
        scale = self.mean.sqrt().clamp_min(1e-8).to(prediction.dtype)[:, None, None]
        step = (batch.next_observation - batch.observation) / scale
        return (prediction - step).square().sum(dim=-1)

    def distance(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        """Return the Euclidean distance."""
        return torch.linalg.vector_norm(first - second, dim=-1)


class Predictors(nn.Module):
    """P_E and P_N, with a reward head each if so configured."""

    def __init__(
        self,
        config: DQNConfig,
        rho_observation: Representation,
        rho_action: Representation,
        seeds: Sequence[int],
        outcomes: Outcomes | None,
    ) -> None:
        """Build both networks: from an observation to one prediction for each action."""
        super().__init__()
        self.change: Change = (
            CategoricalChange(outcomes) if outcomes is not None
            else ContinuousChange(rho_observation, len(seeds))
        )  # fmt: skip
        self._reward_scale = config.gate.reward_scale if config.gate.reward_head else None
        self._actions = rho_action.size
        predicted = rho_action * self.change.representation
        if self._reward_scale is not None:
            predicted = predicted + rho_action
        self.equivariant, self.standard = (
            StackedNetwork(
                lambda kind=kind: network(kind, rho_observation, predicted, config),
                seeds, f'predictor {kind}',
            )
            for kind in ('equivariant', 'plain')
        )  # fmt: skip

    def losses(self, batch: Batch) -> tuple[torch.Tensor, Comparison]:
        """Return what to descend, and how the predictors compare before they have descended.

        Returns:
            The loss of each seed, shape (seeds,), over rows that are not held out; and the
            comparison, without gradients, each of shape (seeds, batch).
        """
        self.change.observe(batch)
        first = self._of_taken(self.equivariant, batch)
        second = self._of_taken(self.standard, batch)
        errors = [self._error(prediction, batch) for prediction in (first, second)]
        is_shown = (~batch.held_out).to(errors[0].dtype)
        losses = ((errors[0] + errors[1]) * is_shown).sum(dim=1) / is_shown.sum(dim=1).clamp_min(1)
        with torch.no_grad():
            comparison = Comparison(self._distance(first, second), errors[0] - errors[1])
        return losses, comparison

    def _of_taken(self, predictor: StackedNetwork, batch: Batch) -> tuple[torch.Tensor, ...]:
        """Return the predicted change, and reward, at the actions taken."""
        outputs, size = predictor(batch.observation), self.change.representation.size
        changes = outputs[..., : self._actions * size].unflatten(-1, (self._actions, size))
        at = batch.action[..., None]
        change = changes.gather(-2, at[..., None].expand(*at.shape, size)).squeeze(-2)
        if self._reward_scale is None:
            return (change,)
        return change, outputs[..., self._actions * size :].gather(-1, at).squeeze(-1)

    def _error(self, prediction: tuple[torch.Tensor, ...], batch: Batch) -> torch.Tensor:
        error = self.change.error(prediction[0], batch)
        if self._reward_scale is None:
            return error
        return error + 0.5 * ((prediction[1] - batch.reward) / self._reward_scale).square()

    def _distance(
        self, first: tuple[torch.Tensor, ...], second: tuple[torch.Tensor, ...]
    ) -> torch.Tensor:
        distance = self.change.distance(first[0], second[0])
        if self._reward_scale is None:
            return distance
        return distance + (first[1] - second[1]).abs() / self._reward_scale
