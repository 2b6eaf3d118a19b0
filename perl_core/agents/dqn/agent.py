"""Deep Q-learning of many seeds at once."""

from collections.abc import Sequence
import copy

from perl_core.agents.dqn.config import DQNConfig
from perl_core.agents.dqn.replay import Batch, StackedReplay
from perl_core.agents.dqn.stacked import StackedNetwork, StackedOptimiser, follow
from perl_core.agents.dqn.streams import Streams
from perl_core.agents.dqn.targets import double_target, taken
from perl_core.symmetry import Representation
import torch
from torch import nn


class DQN:
    """Agents of several seeds, trained together and independent of each other."""

    def __init__(
        self,
        config: DQNConfig,
        rho_observation: Representation,
        rho_action: Representation,
        seeds: Sequence[int],
    ) -> None:
        """Build the networks.

        Args:
            config: how to learn.
            rho_observation: how observations transform.
            rho_action: how the discrete actions transform: a permutation representation.
            seeds: one for each run; each run does what it would do alone.
        """
        self.config, self.seeds = config, tuple(seeds)
        self.rho_observation, self.rho_action = rho_observation, rho_action
        self.critic = StackedNetwork(self._network, self.seeds, 'critic')
        self.target = copy.deepcopy(self.critic).requires_grad_(False)
        self.optimiser = StackedOptimiser(
            [self.critic], config.learning_rate, config.gradient_clip
        )
        self.replay = StackedReplay(
            len(self.seeds), config.replay_capacity, rho_observation.size
        )
        self.steps = 0
        self._exploring, self._sampling = (Streams(seeds, name) for name in ('explore', 'sample'))

    def _network(self) -> nn.Module:
        width = self.config.width
        return nn.Sequential(
            nn.Linear(self.rho_observation.size, width), nn.ReLU(),
            nn.Linear(width, width), nn.ReLU(),
            nn.Linear(width, self.rho_action.size),
        )  # fmt: skip

    @property
    def exploration(self) -> float:
        """Chance of a random action at the present step."""
        config = self.config
        if self.steps < config.learning_starts:
            return 1.0
        progress = min(self.steps / config.exploration_steps, 1.0)
        start, end = config.exploration_start, config.exploration_end
        return start + progress * (end - start)

    @torch.no_grad()
    def q(self, observations: torch.Tensor) -> torch.Tensor:
        """Return Q(s, .), shape (seeds, n, actions).

        Args:
            observations: shape (seeds, n, observation size).
        """
        return self.critic(observations)

    def act(self, observations: torch.Tensor, explore: bool) -> torch.Tensor:
        """Choose actions.

        Args:
            observations: shape (seeds, n, observation size), n environments of each seed.
            explore: take random actions now and then, and count n steps of each seed.

        Returns:
            int64, shape (seeds, n).
        """
        greedy = self.q(observations).argmax(dim=-1)
        if not explore:
            return greedy
        count = observations.shape[1]
        is_random = self._exploring.uniform(count) < self.exploration
        drawn = self._exploring.integers(self.rho_action.size, count)
        self.steps += count
        return torch.where(is_random, drawn, greedy)

    def remember(
        self,
        observations: torch.Tensor,
        actions: torch.Tensor,
        rewards: torch.Tensor,
        next_observations: torch.Tensor,
        terminated: torch.Tensor,
    ) -> None:
        """Add n transitions of each seed to the replay buffer; shapes as ``StackedReplay.add``."""
        self.replay.add(observations, actions, rewards, next_observations, terminated)

    def update(self, batch: Batch | None = None) -> dict[str, torch.Tensor]:
        """Take one step of learning.

        Args:
            batch: what to learn from; drawn from the replay buffer if None.

        Returns:
            What to log, each of shape (seeds,); empty before ``learning_starts`` transitions.
        """
        if batch is None:
            if self.replay.added < self.config.learning_starts:
                return {}
            batch = self.replay.sample(self.config.batch_size, self._sampling)
        info = self._update_critic(batch)
        follow(self.target, self.critic, self.config.target_rate)
        return info

    def _update_critic(self, batch: Batch) -> dict[str, torch.Tensor]:
        with torch.no_grad():
            target = double_target(
                batch.reward, batch.terminated, self.config.discount,
                self.critic(batch.next_observation), self.target(batch.next_observation),
            )  # fmt: skip
        values = taken(self.critic(batch.observation), batch.action)
        losses = (values - target).square().mean(dim=1)
        norms = self.optimiser.descend(losses)
        return {
            'critic/loss': losses.detach(),
            'critic/gradient_norm': norms,
            'critic/value': values.detach().mean(dim=1),
        }
