"""The off-policy loop: collect, learn, evaluate, keep.

A run is repeatable. Every episode starts from a seed of its own, made of the run's seed and the
episode's number, and a checkpoint cuts the episode. So nothing of the simulator needs to be kept:
a run that was killed and resumed has the same curve, bit for bit, as one that was left alone.
"""

from collections import deque
import dataclasses
import math
from pathlib import Path
import time
from typing import Any, NamedTuple, NoReturn

import gymnasium
import numpy as np
from perl_core.agents.pe_sac import PESAC
from perl_core.checkpoint import (
    BEST,
    has_checkpoint,
    latest_checkpoint,
    restore,
    save_checkpoint,
)
from perl_core.contract import Contract
from perl_core.durable import cannot_write
from perl_core.errors import CheckpointError, ConfigError, TrainingError
from perl_core.evaluation import (
    VALIDATION_SEED,
    Tolerance,
    agent_policy,
    evaluate,
    summarise,
    summarise_returns,
)
from perl_core.replay import Batch, Replay
from perl_core.run_log import RunLog
from perl_core.training_black_box import Moment, write_black_box
import torch

_KEPT_INFOS = 100
"""Updates of which a black box tells."""


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
    """Steps between checkpoints, each of which cuts the episode; the last step makes one too."""
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
        self.replay = Replay(
            min(config.capacity, config.steps),
            agent.contract.observation_size,
            agent.contract.action_size,
        )
        self.step = 0
        """Steps that were made."""
        self.saved_step = 0
        """Step of the newest checkpoint; a run without one starts again."""
        self.evaluation: dict[str, Any] = {}
        self._best = NO_SCORE
        self._learned: dict[str, float] = {}
        self._infos: deque[tuple[int, dict[str, float]]] = deque(maxlen=_KEPT_INFOS)
        self._started_s = time.monotonic()
        self._random = torch.Generator().manual_seed(config.seed)
        self._episodes = 0
        self._observation: np.ndarray | None = None

    def resume(self) -> None:
        """Go on from the newest checkpoint of the run folder; from the start if there is none yet.

        Raises:
            CheckpointError: the checkpoint does not fit.
        """
        if not has_checkpoint(self.run_folder):
            return
        checkpoint = latest_checkpoint(self.run_folder)
        meta = restore(checkpoint, self.agent, self.replay)
        try:
            self.step = self.saved_step = meta['step']
            self.evaluation, self._episodes = meta['evaluation'], meta['episodes']
            self._best = Score(*meta['best'])
            self._started_s = time.monotonic() - meta['seconds']
            self._random.set_state(torch.tensor(meta['random_state'], dtype=torch.uint8))
        except (KeyError, TypeError) as error:
            raise CheckpointError(
                f'{checkpoint}/checkpoint.json is of another version: {error!r}; start a new run'
            ) from error

    def save(self) -> Path:
        """Write a checkpoint, and end the episode: the next step starts another."""
        folder = save_checkpoint(self.run_folder, self.agent, self.replay, self._meta())
        self.saved_step, self._observation = self.step, None
        return folder

    @property
    def _seconds(self) -> float:
        """Return how long the run has taken so far, without the time between its parts."""
        return time.monotonic() - self._started_s

    def _meta(self) -> dict[str, Any]:
        return {
            'step': self.step,
            'evaluation': self.evaluation,
            'best': self._best,
            'episodes': self._episodes,
            'seconds': self._seconds,
            'random_state': self._random.get_state().tolist(),
        }

    def _keep_best(self) -> None:
        """Keep the agent, without its replay buffer, if no evaluation was better.

        Learning is not monotone; the validation goals choose, and the test goals never do.
        """
        score = Score(self.evaluation.get('success', 0.0), self.evaluation['reward_mean'])
        if score > self._best:
            self._best = score
            save_checkpoint(self.run_folder / BEST, self.agent, None, self._meta())

    def run(self) -> dict[str, Any]:
        """Train to the end.

        Returns:
            The last evaluation.

        Raises:
            TrainingError: a number became NaN or infinite, and a black box was written; or the
                log cannot be.
            CheckpointError: a checkpoint cannot be written; the one before is untouched.
        """
        try:
            with RunLog(self.run_folder, self.config.steps, self.step) as log:
                while self.step < self.config.steps:
                    self.advance()
                    self._report(log)
        except OSError as error:
            raise TrainingError(cannot_write(self.run_folder / 'log', error)) from error
        return self.evaluation

    def advance(self) -> None:
        """Make one step, and let the agent learn from what is remembered."""
        config = self.config
        self._collect(self._environments.training)
        if self.step >= config.random_steps and self.step % config.update_every == 0:
            batch = self.replay.sample(config.batch_size, self._random)
            info = self.agent.update(batch)
            self._infos.append((self.step, info))
            bad = [name for name, value in info.items() if not math.isfinite(value)]
            if bad:
                self._give_up(
                    f'{", ".join(bad)} became NaN or infinite', 'Try a lower agent.learning_rate.',
                    batch,
                )
            self._learned |= info
        self.step += 1

    def _collect(self, env: gymnasium.Env) -> None:
        if self._observation is None:
            seed = episode_seed(self.config.seed, self._episodes)
            self._observation = np.array(env.reset(seed=seed)[0], dtype=np.float32)
            self._episodes += 1
        seen = torch.from_numpy(self._observation)
        if self.step < self.config.random_steps:
            action = self.agent.spaces.action.random(1, self._random)[0]
        else:
            action = self.agent.act(seen.unsqueeze(0), explore=True).squeeze(0)
        step = env.step(action.numpy())
        following, reward = np.array(step[0], dtype=np.float32), float(step[1])
        if not (math.isfinite(reward) and np.isfinite(following).all()):
            bad = (~np.isfinite(following)).nonzero()[0].tolist()
            self._give_up(
                f'the environment gave the reward {reward} and an observation whose entries {bad} '
                'are not finite', 'Look for the cause in the environment.', None,
            )  # fmt: skip
        terminated, truncated = bool(step[2]), bool(step[3])
        self.replay.add(seen, action, reward, torch.from_numpy(following), terminated)
        self._observation = None if terminated or truncated else following

    def _give_up(self, reason: str, remedy: str, batch: Batch | None) -> NoReturn:
        moment = Moment(self.step, reason, tuple(self._infos))
        folder = write_black_box(self.run_folder, self.agent, batch, moment)
        raise TrainingError(
            f'at step {self.step} {reason}. {remedy} All of it is kept: look at it with python -m '
            f'perl_core.training_black_box {folder}. The newest checkpoint, of step '
            f'{self.saved_step}, is as it was'
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
        if step % config.checkpoint_every == 0 or step == config.steps:
            self.save()

    def _evaluate(self) -> dict[str, Any]:
        seeds = range(VALIDATION_SEED, VALIDATION_SEED + self.config.evaluation_episodes)
        episodes = evaluate(self._environments.evaluation, agent_policy(self.agent), seeds)
        contract = self.agent.contract
        figures = (
            summarise(episodes, Tolerance(), contract.policy_period_s)
            if isinstance(contract, Contract) else summarise_returns(episodes)
        )  # fmt: skip
        return figures | {'temperature': float(self.agent.temperature.alpha)}


def episode_seed(run_seed: int, episode: int) -> int:
    """Return the environment's seed for an episode of training.

    It lies in [2^30, 2^31), far from those of evaluations.
    """
    drawn = np.random.SeedSequence((run_seed, episode)).generate_state(1)[0]
    return int(drawn) % 2**30 + 2**30
