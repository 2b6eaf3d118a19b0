"""Train any of the agents on a gymnasium environment of your own; see docs/library.md."""

from collections.abc import Callable, Mapping
import dataclasses
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium
import numpy as np
from perl_core.agents.pe_sac import PESAC, AgentKind, PESACConfig, spaces_of
from perl_core.bundle.export import description_of, export_bundle
from perl_core.bundle.manifest import Manifest
from perl_core.checkpoint import load_agent
from perl_core.environment_contract import EnvironmentContract, Parts
from perl_core.errors import ConfigError
from perl_core.evaluation import agent_policy, gather
from perl_core.run_folder import open_run, plain
from perl_core.training import Environments, Trainer, TrainingConfig

_REAL_SEEDS = (1_000_000,)
"""Of the episode whose observations become test vectors of a bundle."""


class Task(NamedTuple):
    """An environment, and what the group does to it."""

    make: Callable[[], gymnasium.Env]
    """Makes it."""
    contract: EnvironmentContract
    """How its observation and action transform."""


def describe(
    environment: str | Callable[[], gymnasium.Env],
    *,
    group: str,
    observation: Parts,
    action: Parts,
    scale: Mapping[str, float] | None = None,
) -> Task:
    """Return a task, after checking that the description fits the environment.

    Args:
        environment: id, or a function that makes one; observation and action are flat boxes, the
            action's within [-1, 1].
        group: as in docs/symmetry.md, for example 'Z2' or 'D4'.
        observation: how its slices transform, in their order: {'heading': 'sign', ...}.
        action: likewise.
        scale: typical magnitude of slices of the observation; 1 where left out.

    Raises:
        ConfigError: there is no such environment or group, or its spaces are not of this kind.
        ContractError: the description has another size.
        SymmetryError: the group has no such representation.
    """
    make = _maker(environment)
    env = make()
    sizes = [_flat_size(name, getattr(env, f'{name}_space')) for name in ('observation', 'action')]
    _require_unit_actions(env)
    contract = EnvironmentContract(
        environment=env.spec.id if env.spec else type(env.unwrapped).__name__,
        group=group, observation=observation, action=action, scale=dict(scale or {}),
        observation_size=sizes[0], action_size=sizes[1],
    )  # fmt: skip
    env.close()
    spaces_of(contract)
    return Task(make, contract)


def agent_for(kind: AgentKind, task: Task, **changes: Any) -> PESACConfig:
    """Return the configuration of an agent, with SAC's usual settings where not changed.

    The defaults of ``PESACConfig`` itself were tuned for the arm.

    Args:
        kind: which agent.
        task: gives the size of the action, of which the entropy's target is made.
        **changes: fields of ``PESACConfig``.

    Raises:
        ConfigError: an unknown agent or field, or a value without meaning.
    """
    usual = {
        'discount': 0.99, 'target_rate': 0.005, 'learning_rate': 3e-4,
        'target_entropy': -0.5 * task.contract.action_size, 'standard_trunk': 'plain',
    }  # fmt: skip
    known = [field.name for field in dataclasses.fields(PESACConfig)]
    unknown = sorted(set(changes) - set(known))
    if unknown:
        raise ConfigError(f'an agent has no field {unknown}; its fields are {known}')
    return PESACConfig(kind=kind, **{**usual, **changes})


def train(
    task: Task, agent: AgentKind | PESACConfig, training: TrainingConfig, run: str | Path
) -> PESAC:
    """Train an agent; called again with the same arguments, an interrupted run goes on.

    Args:
        task: from ``describe``.
        agent: its name ('pe', 'sac', 'equivariant', ...), or its configuration.
        training: steps, seed and how often.
        run: folder for checkpoints, evaluations and logs.

    Returns:
        The agent after the last step; the best one is in the folder.

    Raises:
        ConfigError: an unknown agent, or a buffer that is too large for the memory.
        CheckpointError: the folder holds a run of another configuration, or the disk is full.
        TrainingError: a number became NaN; a black box was written.
    """
    config = agent_for(agent, task) if isinstance(agent, str) else agent
    folder = Path(run)
    resume = (folder / 'config.json').exists()
    described = plain({
        'agent': config,
        'training': training,
        'contract': task.contract.to_dict(),
        'environment': {'id': task.contract.environment, 'config': {}},
    })
    learner = PESAC(config, task.contract, training.seed)
    environments = Environments(task.make(), task.make())
    try:
        trainer = Trainer(learner, environments, training, folder)
        open_run(folder, described, Path(__file__), resume=resume)
        if resume:
            trainer.resume()
        trainer.run()
    finally:
        for env in environments:
            env.close()
    return learner


def export(task: Task, run: str | Path, out: str | Path) -> Manifest:
    """Write the best policy of a run as a bundle that onnxruntime and numpy run.

    Args:
        task: that the run was made for.
        run: its folder.
        out: folder of the bundle; must not exist.

    Raises:
        CheckpointError: there is no such run.
        ContractError: the run is of another task.
        BundleError: the bundle cannot be made.
    """
    loaded = load_agent(Path(run), 'best')
    task.contract.require_equal(loaded.agent.contract, str(run))
    env = task.make()
    observations = gather(env, agent_policy(loaded.agent), _REAL_SEEDS)
    env.close()
    return export_bundle(
        loaded.agent.export_modules(), out, description_of(loaded, None, {}), observations
    )


def _maker(environment: str | Callable[[], gymnasium.Env]) -> Callable[[], gymnasium.Env]:
    if not isinstance(environment, str):
        return environment
    try:
        gymnasium.spec(environment)
    except gymnasium.error.Error as error:
        raise ConfigError(
            f'unknown environment {environment!r}: {error}. Give the id of one that is '
            'registered, or a function that makes one.'
        ) from error
    return lambda: gymnasium.make(environment)


def _flat_size(name: str, space: gymnasium.Space) -> int:
    if not isinstance(space, gymnasium.spaces.Box) or len(space.shape) != 1:
        raise ConfigError(
            f'the {name} must be a flat Box; it is {space}. Wrap the environment: '
            'gymnasium.wrappers.FlattenObservation, for example.'
        )
    return space.shape[0]


def _require_unit_actions(env: gymnasium.Env) -> None:
    low, high = env.action_space.low, env.action_space.high
    if not (np.allclose(low, -1.0) and np.allclose(high, 1.0)):
        raise ConfigError(
            f'actions must lie within [-1, 1]; those of {env} lie within {low.tolist()} and '
            f'{high.tolist()}. Wrap it: gymnasium.wrappers.RescaleAction(env, -1.0, 1.0), whose '
            'bounds must be as symmetric as the group is.'
        )
