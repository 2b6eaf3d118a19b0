"""Deep Q-learning of many seeds at once, with any use of the symmetry."""

from collections.abc import Sequence

from perl_core.agents.dqn.augmentation import Augmentation, action_table
from perl_core.agents.dqn.config import DQNConfig
from perl_core.agents.dqn.critics import critic_of
from perl_core.agents.dqn.gate import Gate, LearnedGate, Oracle, OracleGate
from perl_core.agents.dqn.outcomes import Outcomes
from perl_core.agents.dqn.replay import Batch, StackedReplay
from perl_core.agents.dqn.saving import learning_state, load_learning_state
from perl_core.agents.dqn.stacked import StackedOptimiser
from perl_core.agents.dqn.streams import Streams
from perl_core.agents.dqn.targets import double_target
from perl_core.errors import ConfigError, PolicyError, TrainingError
from perl_core.gating import of_taken
from perl_core.symmetry import Representation
import torch
from torch import nn


class DQN(nn.Module):
    """Agents of several seeds, trained together and independent of each other."""

    def __init__(
        self,
        config: DQNConfig,
        rho_observation: Representation,
        rho_action: Representation,
        seeds: Sequence[int],
        *,
        outcomes: Outcomes | None = None,
        oracle: Oracle | None = None,
    ) -> None:
        """Build the networks.

        Args:
            config: how to learn.
            rho_observation: how observations transform under a finite group.
            rho_action: how it permutes the discrete actions.
            seeds: one for each run; each run does what it would do alone.
            outcomes: of 'pe': what a step can change, if that is one of a few displacements;
                None predicts the change of the observation by regression.
            oracle: of 'pe' with the gate 'oracle': lambda from observations.

        Raises:
            ConfigError: there is no seed, or an oracle gate without oracle.
            SymmetryError: the group is not finite or does not permute the actions.
        """
        super().__init__()
        if not seeds or min(seeds) < 0:
            raise ConfigError(f'seeds must be one or more integers >= 0, got {list(seeds)}')
        rho_observation.require_group(rho_action)
        action_table(rho_action)
        self.config, self.seeds = config, tuple(seeds)
        self.rho_observation, self.rho_action = rho_observation, rho_action
        self.critic = critic_of(config, rho_observation, rho_action, self.seeds)
        self.target = self.critic.follower()
        self._gate = self._built_gate(outcomes, oracle)
        self._augmentation = (
            Augmentation(rho_observation, rho_action) if config.agent == 'augmented' else None
        )
        self.optimiser = StackedOptimiser(
            list(self.critic.networks), config.learning_rate, config.gradient_clip
        )
        self.replay = StackedReplay(
            len(self.seeds), config.replay_capacity, rho_observation.size
        )
        self.steps = 0
        self.updates = 0
        self._exploring, self._sampling, self._turning = (
            Streams(self.seeds, name) for name in ('explore', 'sample', 'augment')
        )

    def _built_gate(self, outcomes: Outcomes | None, oracle: Oracle | None) -> Gate | None:
        if self.config.agent != 'pe':
            return None
        if self.config.gate.kind != 'oracle':
            return LearnedGate(
                self.config, self.rho_observation, self.rho_action, self.seeds, outcomes
            )
        if oracle is None:
            raise ConfigError("the gate 'oracle' needs oracle=..., a function of observations")
        return OracleGate(oracle)

    @property
    def exploration(self) -> float:
        """Chance of a random action at the present step."""
        config = self.config
        if self.steps < config.learning_starts:
            return 1.0
        progress = min(self.steps / config.exploration_steps, 1.0)
        start, end = config.exploration_start, config.exploration_end
        return start + progress * (end - start)

    def _require(self, observations: torch.Tensor) -> None:
        expected = (len(self.seeds), self.rho_observation.size)
        if observations.ndim != 3 or (observations.shape[0], observations.shape[2]) != expected:
            raise PolicyError(
                f'observations must have shape (seeds, n, size) = ({expected[0]}, n, '
                f'{expected[1]}), got {tuple(observations.shape)}'
            )
        if not observations.isfinite().all():
            raise PolicyError('observations must be finite, these are not; look at what made them')

    @torch.no_grad()
    def q(self, observations: torch.Tensor) -> torch.Tensor:
        """Return Q(s, .), shape (seeds, n, actions).

        Args:
            observations: shape (seeds, n, observation size).

        Raises:
            PolicyError: the shape does not fit, or a number is not finite.
        """
        self._require(observations)
        return self.critic(observations, self._weight(observations))

    @torch.no_grad()
    def gate(self, observations: torch.Tensor) -> torch.Tensor | None:
        """Return lambda(s, .), shape (seeds, n, actions); None for an agent without a gate.

        Args:
            observations: shape (seeds, n, observation size).

        Raises:
            PolicyError: the shape does not fit, or a number is not finite.
        """
        self._require(observations)
        return None if self._gate is None else self._gate.probability(observations)

    def _weight(self, observations: torch.Tensor) -> torch.Tensor | None:
        return None if self._gate is None else self._gate.weight(observations)

    def act(self, observations: torch.Tensor, explore: bool) -> torch.Tensor:
        """Choose actions.

        Args:
            observations: shape (seeds, n, observation size), n environments of each seed.
            explore: take random actions now and then, and count n steps of each seed.

        Returns:
            int64, shape (seeds, n).

        Raises:
            PolicyError: the shape does not fit, or a number is not finite.
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
        """Take one step of learning: predictors, detector and gate; critic; target network.

        Args:
            batch: what to learn from; drawn from the replay buffer if None.

        Returns:
            What to log, each of shape (seeds,); empty before ``learning_starts`` transitions.

        Raises:
            TrainingError: the critic's loss is not finite.
        """
        if batch is None:
            if self.replay.added < max(self.config.learning_starts, 1):
                return {}
            batch = self.replay.sample(self.config.batch_size, self._sampling)
        if self._augmentation is not None:
            batch = self._augmentation(batch, self._turning)
        info = {}
        if self._gate is not None and self.updates % self.config.gate.every_updates == 0:
            info |= self._gate.update(batch)
        info |= self._update_critic(batch)
        self.target.follow(self.critic, self.config.target_rate)
        self.updates += 1
        return info

    def _update_critic(self, batch: Batch) -> dict[str, torch.Tensor]:
        with torch.no_grad():
            ahead = batch.next_observation
            weight = self._weight(ahead)
            target = double_target(
                batch.reward, batch.terminated, self.config.discount,
                self.critic(ahead, weight), self.target(ahead, weight),
            )  # fmt: skip
            weight = self._weight(batch.observation)
        branches = self.critic.branches(batch.observation)
        values = of_taken(self.critic.chosen(branches, weight), batch.action)
        losses = (values - target).square().mean(dim=1)
        if not losses.isfinite().all():
            seeds = [s for s, loss in zip(self.seeds, losses, strict=True) if not loss.isfinite()]
            raise TrainingError(
                f'the loss of the critic is not finite for the seeds {seeds} after {self.updates} '
                'updates; lower the learning rate, or look at the rewards'
            )
        norms = self.optimiser.descend(losses + self._practice(branches, weight, target, batch))
        return {
            'critic/loss': losses.detach(),
            'critic/gradient_norm': norms,
            'critic/value': values.detach().mean(dim=1),
        }

    def _practice(
        self,
        branches: list[torch.Tensor],
        weight: torch.Tensor | None,
        target: torch.Tensor,
        batch: Batch,
    ) -> torch.Tensor | float:
        """Return the free critic's own loss where the gate is closed, shape (seeds,)."""
        if weight is None or not self.config.practice:
            return 0.0
        errors = (of_taken(branches[1], batch.action) - target).square()
        closed = 1.0 - of_taken(weight, batch.action)
        return self.config.practice * (closed * errors).mean(dim=1)

    def streams(self) -> dict[str, Streams]:
        """Return the random generators by purpose."""
        streams = {
            'explore': self._exploring, 'sample': self._sampling, 'augment': self._turning,
        }  # fmt: skip
        if isinstance(self._gate, LearnedGate):
            streams['gate'] = self._gate.draws
        return streams

    def state(self) -> dict[str, torch.Tensor]:
        """Return everything on which the next step depends, as named tensors for safetensors."""
        return learning_state(self)

    def load_state(self, state: dict[str, torch.Tensor]) -> None:
        """Go on from what ``state`` returned, bit for bit.

        Raises:
            CheckpointError: the state is of another configuration, other seeds or spaces.
        """
        load_learning_state(self, state)
