"""Training in any vector environment of gymnasium with discrete actions."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from perl_core.agents.dqn.agent import DQN
from perl_core.errors import ConfigError
import torch


def walk(
    agent: DQN, environment: Any, rounds: int, seed: int | None = None
) -> Iterator[dict[str, torch.Tensor]]:
    """Act, remember and learn, one update for each step of all environments.

    Args:
        agent: each of its S seeds gets an equal part of the environments, in their order.
        environment: a ``gymnasium.vector.VectorEnv`` of S * n environments that reset in the same
            step: ``gymnasium.make_vec(..., vector_kwargs={'autoreset_mode': 'SameStep'})``. With
            the other mode there are steps that are none, which must not be remembered.
        rounds: steps of each environment.
        seed: of the environment's reset.

    Yields:
        What the update has to log; see ``DQN.update``.

    Raises:
        ConfigError: the number of environments or of actions, or the mode, does not fit.
    """
    shape = (len(agent.seeds), environment.num_envs // len(agent.seeds))
    _require(agent, environment)
    observation, _ = environment.reset(seed=seed)
    for _ in range(rounds):
        seen = _tensor(observation, shape)
        action = agent.act(seen, explore=True)
        observation, reward, terminated, _, info = environment.step(action.flatten().numpy())
        after = np.array(observation)
        for index in np.flatnonzero(info.get('_final_obs', ())):
            after[index] = info['final_obs'][index]
        agent.remember(
            seen, action, _tensor(reward, shape), _tensor(after, shape),
            _tensor(terminated, shape),
        )  # fmt: skip
        yield agent.update()


def _tensor(values: np.ndarray, shape: tuple[int, int]) -> torch.Tensor:
    return torch.from_numpy(np.asarray(values, dtype=np.float32)).unflatten(0, shape)


def _require(agent: DQN, environment: Any) -> None:
    mode = environment.metadata.get('autoreset_mode')
    if getattr(mode, 'value', mode) != 'SameStep':
        raise ConfigError(
            f"the environment must reset in the same step, its autoreset_mode is {mode}; make it "
            "with vector_kwargs={'autoreset_mode': 'SameStep'}"
        )
    count, actions = environment.num_envs, getattr(environment.single_action_space, 'n', None)
    if count % len(agent.seeds) or count == 0:
        raise ConfigError(
            f'{count} environments cannot be shared equally among {len(agent.seeds)} seeds'
        )
    if actions != agent.rho_action.size:
        raise ConfigError(
            f'the agent has {agent.rho_action.size} discrete actions, the environment has '
            f'{environment.single_action_space}'
        )
