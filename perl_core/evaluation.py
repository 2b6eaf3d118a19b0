"""Deterministic evaluation on held-out seeds, deciding exactly as the robot does."""

from collections.abc import Callable, Iterator, Sequence
import dataclasses
import math
from typing import Any, NamedTuple

import gymnasium
import numpy as np
from perl_core.agents.pe_sac import PESAC
from perl_core.errors import TrainingError
import torch

VALIDATION_SEED = 10_000_000
"""First environment seed of the evaluations during training."""
TEST_SEED = 20_000_000
"""First environment seed of final evaluations; used for no choice."""


class Decision(NamedTuple):
    """What a policy says."""

    action: np.ndarray
    """Shape (action size,)."""
    gate: float
    """Probability of the standard branch."""
    is_standard: bool
    """Whether the standard branch decided."""


Policy = Callable[[np.ndarray], Decision]
_LONGEST_EPISODE = 100_000
"""Steps after which an episode of an evaluation counts as endless."""
_ERRORS = ('position_error_m', 'rotation_error_rad')


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tolerance:
    """When a goal counts as reached."""

    position_m: float = 0.01
    """Largest position error."""
    rotation_rad: float = math.radians(5.0)
    """Largest rotation error."""


class Episode(NamedTuple):
    """One goal, or one episode of an environment without goals."""

    seed: int
    """Of the environment."""
    position_error_m: np.ndarray
    """After every step, shape (steps,); NaN where the environment has no goals."""
    rotation_error_rad: np.ndarray
    """After every step, shape (steps,); likewise."""
    standard_share: float
    """Share of the steps that the standard branch decided."""
    gate: float
    """Mean probability of the standard branch."""
    total_reward: float
    """Sum of the rewards."""
    terminated: bool
    """Whether the MDP ended it, for example by a collision."""

    def settled_after(self, tolerance: Tolerance) -> int | None:
        """Return the number of steps after which both errors stayed small, None if never."""
        outside = (self.position_error_m > tolerance.position_m) | (
            self.rotation_error_rad > tolerance.rotation_rad
        )
        if self.terminated or outside[-1]:
            return None
        return int(outside.nonzero()[0].max(initial=-1)) + 2


def agent_policy(agent: PESAC, branch: str | None = None) -> Policy:
    """Return an agent's deterministic policy.

    Args:
        agent: not changed.
        branch: 'equivariant' or 'standard' to let this branch alone decide; None for the gate.
    """
    modules = agent.export_modules()
    equivariant, standard = modules['actor_equivariant'], modules['actor_standard']
    seen = agent.contract.seen_size

    @torch.no_grad()
    def decide(observation: np.ndarray) -> Decision:
        inputs = torch.as_tensor(observation, dtype=torch.float32).unsqueeze(0)
        gate = float(modules['gate'](inputs))
        is_standard = gate > 0.5 if branch is None else branch == 'standard'
        action = standard(inputs) if is_standard else equivariant(inputs[:, :seen])
        return Decision(action.squeeze(0).numpy(), gate, is_standard)

    return decide


class Step(NamedTuple):
    """One step of an episode."""

    observation: np.ndarray
    """Before it."""
    decision: Decision
    """What the policy said."""
    reward: float
    """What it paid."""
    terminated: bool
    """Whether the MDP ended."""
    info: dict[str, Any]
    """Of the environment."""


def steps_of(env: gymnasium.Env, policy: Policy, seed: int) -> Iterator[Step]:
    """Yield the steps of one episode.

    Raises:
        TrainingError: the episode does not end.
    """
    observation, _ = env.reset(seed=seed)
    for _ in range(_LONGEST_EPISODE):
        decision = policy(observation)
        following, reward, terminated, truncated, info = env.step(decision.action)
        yield Step(observation, decision, float(reward), bool(terminated), info)
        if terminated or truncated:
            return
        observation = following
    raise TrainingError(
        f'an episode of {env} did not end within {_LONGEST_EPISODE} steps. Wrap it: '
        'gymnasium.wrappers.TimeLimit(env, max_episode_steps=1000)'
    )


def gather(env: gymnasium.Env, policy: Policy, seeds: Sequence[int]) -> np.ndarray:
    """Return what is seen in one episode for each seed, float32, (count, observation size)."""
    seen = [
        np.array(step.observation, dtype=np.float32)
        for seed in seeds for step in steps_of(env, policy, seed)
    ]  # fmt: skip
    return np.stack(seen)


def evaluate(env: gymnasium.Env, policy: Policy, seeds: Sequence[int]) -> list[Episode]:
    """Run one episode for each seed.

    Args:
        env: with goals, its ``info`` has ``position_error_m`` and ``rotation_error_rad``.
        policy: asked at every step.
        seeds: of the environment; each fixes start, goal and everything random.
    """
    return [_run(env, policy, seed) for seed in seeds]


def _run(env: gymnasium.Env, policy: Policy, seed: int) -> Episode:
    steps = list(steps_of(env, policy, seed))
    errors = [tuple(step.info.get(name, math.nan) for name in _ERRORS) for step in steps]
    position, rotation = np.array(errors).T
    decisions = [(step.decision.is_standard, step.decision.gate) for step in steps]
    standard, gate = np.array(decisions, dtype=float).mean(axis=0)
    total = sum(step.reward for step in steps)
    return Episode(seed, position, rotation, standard, gate, total, steps[-1].terminated)


def summarise(
    episodes: Sequence[Episode], tolerance: Tolerance, period_s: float
) -> dict[str, Any]:
    """Return the figures of an evaluation, as JSON types.

    Success means that both errors are within tolerance at the end and have stayed so since
    ``time_s``.
    """
    settled = [episode.settled_after(tolerance) for episode in episodes]
    times_s = [steps * period_s for steps in settled if steps is not None]
    last_m = np.array([episode.position_error_m[-1] for episode in episodes])
    last_rad = np.array([episode.rotation_error_rad[-1] for episode in episodes])
    return {
        'success': len(times_s) / len(episodes),
        'failed_seeds': [
            e.seed for e, steps in zip(episodes, settled, strict=True) if steps is None
        ],
        'position_error_median_m': float(np.median(last_m)),
        'position_error_p90_m': float(np.quantile(last_m, 0.9)),
        'rotation_error_median_rad': float(np.median(last_rad)),
        'rotation_error_p90_rad': float(np.quantile(last_rad, 0.9)),
        'time_median_s': float(np.median(times_s)) if times_s else None,
        'time_p90_s': float(np.quantile(times_s, 0.9)) if times_s else None,
        **summarise_returns(episodes),
    }


def summarise_returns(episodes: Sequence[Episode]) -> dict[str, Any]:
    """Return the figures that every environment has, as JSON types."""
    rewards = np.array([episode.total_reward for episode in episodes])
    return {
        'episodes': len(episodes),
        'reward_mean': float(rewards.mean()),
        'reward_std': float(rewards.std()),
        'steps_mean': float(np.mean([len(episode.position_error_m) for episode in episodes])),
        'terminated_share': float(np.mean([episode.terminated for episode in episodes])),
        'standard_share': float(np.mean([episode.standard_share for episode in episodes])),
        'gate_mean': float(np.mean([episode.gate for episode in episodes])),
    }


def in_words(summary: dict[str, Any]) -> str:
    """Return the main figures of an evaluation in one line."""
    reach = ''
    if 'success' in summary:
        reach = (
            f'success {summary["success"]:.2f}, '
            f'{1000 * summary["position_error_median_m"]:.1f} mm, '
            f'{summary["rotation_error_median_rad"]:.3f} rad, '
        )
    return (
        f'{reach}reward {summary["reward_mean"]:.1f}, '
        f'standard branch {100 * summary["standard_share"]:.0f} %'
    )
