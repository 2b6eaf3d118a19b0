"""The off-policy loop: collect, learn, evaluate, keep."""

import dataclasses
import math
from pathlib import Path
import time
from typing import Any, NamedTuple

import gymnasium
import numpy as np
from perl_core.agents.pe_sac import PESAC
from perl_core.checkpoint import BEST, latest_checkpoint, restore, save_checkpoint
from perl_core.errors import ConfigError, TrainingError
from perl_core.evaluation import (
    TRAINING_SEED,
    VALIDATION_SEED,
    Tolerance,
    agent_policy,
    evaluate,
    summarise,
)
from perl_core.gaussian import random_actions
from perl_core.replay import Replay
from perl_core.run_log import RunLog
import torch


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How long and how often."""

    seed: int = 0
    """Of networks, exploration, replay and environment."""
    steps: int = 60_000
    """Environment steps of the whole run."""
    random_steps: int = 1_000
    """Steps with random actions at the start, during which nothing is learned."""
    batch_size: int = 256
    """Transitions in an update."""
    update_every: int = 1
    """Steps for each update."""
    capacity: int = 1_000_000
    """Transitions kept; limited to ``steps``."""
    evaluate_every: int = 2_500
    """Steps between evaluations on the validation seeds."""
    evaluation_episodes: int = 50
    """Goals of such an evaluation."""
    checkpoint_every: int = 10_000
    """Steps between checkpoints; the last step always makes one."""
    log_every: int = 500
    """Steps between points in TensorBoard."""

    def __post_init__(self) -> None:
        """Refuse values without meaning."""
        for field in dataclasses.fields(self):
            least = 0 if field.name == 'seed' else 1
            if getattr(self, field.name) < least:
                raise ConfigError(
                    f'training.{field.name} must be at least {least}; '
                    f'got {getattr(self, field.name)}'
                )


class Environments(NamedTuple):
    """One for learning and one for evaluation, of the same task."""

    training: gymnasium.Env
    """Experience comes from here."""
    evaluation: gymnasium.Env
    """Reset with the validation seeds."""


class Score(NamedTuple):
    """How good an evaluation was: success first, reward between equals."""

    success: float
    """Share of the goals."""
    reward: float
    """Mean over the goals."""


NO_SCORE = Score(-1.0, 0.0)
"""Worse than any evaluation."""


class Trainer:
    """A run: agent, replay buffer, environment, and the counters."""

    def __init__(
        self, agent: PESAC, environments: Environments, config: TrainingConfig, run_folder: Path
    ) -> None:
        """Start a new run; nothing is written yet.

        Args:
            agent: learns in place.
            environments: the caller closes them.
            config: of the loop.
            run_folder: for checkpoints and logs.
        """
        self.agent, self.config, self.run_folder = agent, config, run_folder
        self._environments = environments
        contract = agent.contract
        self.replay = Replay(
            min(config.capacity, config.steps),
            sum(part.size for part in contract.observation),
            sum(part.size for part in contract.action),
        )
        self.step = 0
        self.evaluation: dict[str, Any] = {}
        self._best = NO_SCORE
        self._learned: dict[str, float] = {}
        self._started_s = time.monotonic()
        self._random = torch.Generator().manual_seed(config.seed)
        self._start_seed = TRAINING_SEED + config.seed

    def resume(self) -> None:
        """Go on from the newest checkpoint of the run folder.

        The state of the simulator is not kept: the next episode is a new one, from a seed that no
        earlier episode had.

        Raises:
            CheckpointError: there is none, or it does not fit.
        """
        meta = restore(latest_checkpoint(self.run_folder), self.agent, self.replay)
        self.step, self.evaluation = meta['step'], meta['evaluation']
        self._best = Score(*meta['best'])
        self._started_s = time.monotonic() - meta['seconds']
        self._random.set_state(torch.tensor(meta['random_state'], dtype=torch.uint8))
        self._start_seed += 1_000_003 * self.step % VALIDATION_SEED

    def save(self) -> Path:
        """Write a checkpoint."""
        return save_checkpoint(self.run_folder, self.agent, self.replay, self._meta())

    @property
    def _seconds(self) -> float:
        """Return how long the run has taken so far, without the time between its parts."""
        return time.monotonic() - self._started_s

    def _meta(self) -> dict[str, Any]:
        return {
            'step': self.step,
            'evaluation': self.evaluation,
            'best': self._best,
            'seconds': self._seconds,
            'random_state': self._random.get_state().tolist(),
        }

    def _keep_best(self) -> None:
        """Keep the agent, without its replay buffer, if no evaluation was better.

        Learning is not monotone; the validation goals choose, and the test goals never do.
        """
        score = Score(self.evaluation['success'], self.evaluation['reward_mean'])
        if score > self._best:
            self._best = score
            save_checkpoint(self.run_folder / BEST, self.agent, None, self._meta())

    def run(self) -> dict[str, Any]:
        """Train to the end; a run that is interrupted keeps its state.

        Returns:
            The last evaluation.

        Raises:
            TrainingError: a loss became NaN or infinite; the state was saved.
        """
        with RunLog(self.run_folder, self.config.steps) as log:
            try:
                self._loop(log)
            except KeyboardInterrupt:
                self.save()
                raise
            self.save()
        return self.evaluation

    def _loop(self, log: RunLog) -> None:
        config, env = self.config, self._environments.training
        observation, _ = env.reset(seed=self._start_seed)
        while self.step < config.steps:
            observation = self._collect(env, observation)
            if self.step >= config.random_steps and self.step % config.update_every == 0:
                info = self.agent.update(self.replay.sample(config.batch_size, self._random))
                self._require_finite(info)
                self._learned |= info
            self.step += 1
            self._report(log)

    def _collect(self, env: gymnasium.Env, observation: np.ndarray) -> np.ndarray:
        seen = torch.from_numpy(observation)
        if self.step < self.config.random_steps:
            action = random_actions((1, self.replay.action_size // 3, 3), self._random)[0]
        else:
            action = self.agent.act(seen.unsqueeze(0), explore=True).squeeze(0)
        following, reward, terminated, truncated, _ = env.step(action.numpy())
        self.replay.add(
            seen, action, float(reward), torch.from_numpy(following), bool(terminated)
        )
        return env.reset()[0] if terminated or truncated else following

    def _require_finite(self, info: dict[str, float]) -> None:
        bad = [name for name, value in info.items() if not math.isfinite(value)]
        if bad:
            folder = self.save()
            raise TrainingError(
                f'{", ".join(bad)} became NaN or infinite at step {self.step}; the state was '
                f'saved in {folder}. Try a lower agent.learning_rate.'
            )

    def _report(self, log: RunLog) -> None:
        config, step = self.config, self.step
        if step % config.log_every == 0:
            log.scalars(step, self._learned)
        if step % 100 == 0 or step == config.steps:
            log.step(step)
        if step % config.evaluate_every == 0 or step == config.steps:
            self.evaluation = self._evaluate()
            log.evaluation(step, self.evaluation | {'seconds': round(self._seconds, 1)})
            self._keep_best()
        if step % config.checkpoint_every == 0:
            self.save()

    def _evaluate(self) -> dict[str, Any]:
        seeds = range(VALIDATION_SEED, VALIDATION_SEED + self.config.evaluation_episodes)
        episodes = evaluate(self._environments.evaluation, agent_policy(self.agent), seeds)
        return summarise(episodes, Tolerance(), self.agent.contract.policy_period_s) | {
            'temperature': float(self.agent.temperature.alpha)
        }
