"""Checkpoints: safetensors and JSON, written atomically, never pickle.

A run folder holds ``config.json`` (the resolved configuration, with the contract) and
``checkpoint-<step>/`` with ``agent.safetensors`` (parts, optimisers, random generators),
``replay.safetensors`` and ``checkpoint.json`` (step, counters and what a caller adds). ``best/``
holds another one, without the replay buffer.
"""

import dataclasses
import json
from pathlib import Path
import shutil
from typing import Any, Literal, NamedTuple

from perl_core.agents.pe_sac import PESAC, PESACConfig
from perl_core.durable import whole_folder, write_tensors
from perl_core.environment_contract import contract_from_dict
from perl_core.errors import CheckpointError, ConfigError
from perl_core.replay import Replay
from safetensors import SafetensorError
from safetensors.torch import load_file
import torch

_PREFIX = 'checkpoint-'
BEST = 'best'
"""Folder in a run's folder with the checkpoint that did best on the validation goals."""


Choice = Literal['best', 'newest']


class Loaded(NamedTuple):
    """An agent from a run folder."""

    agent: PESAC
    """As it was saved."""
    config: dict[str, Any]
    """The run's ``config.json``."""
    meta: dict[str, Any]
    """The checkpoint's ``checkpoint.json``: step, updates, and what the training added."""


def save_checkpoint(
    run_folder: Path, agent: PESAC, replay: Replay | None, meta: dict[str, Any]
) -> Path:
    """Write a checkpoint beside the older ones, then remove these.

    Args:
        run_folder: of the run.
        agent: everything that it needs to go on is written.
        replay: likewise; None leaves it out.
        meta: JSON types, with an entry 'step'.

    Returns:
        The checkpoint's folder.

    Raises:
        CheckpointError: the disk is full; older checkpoints are as they were.
    """
    target = run_folder / f'{_PREFIX}{meta["step"]:09d}'
    with whole_folder(target) as folder:
        write_tensors(folder / 'agent.safetensors', learning_state(agent))
        if replay is not None:
            write_tensors(folder / 'replay.safetensors', replay.state_dict())
        text = json.dumps(meta | {'updates': agent.updates}, indent=2)
        (folder / 'checkpoint.json').write_text(text, encoding='utf-8')
    for older in _checkpoints(run_folder):
        if older != target:
            shutil.rmtree(older)
    return target


def has_checkpoint(run_folder: Path) -> bool:
    """Return whether a run has a checkpoint yet."""
    return bool(_checkpoints(run_folder))


def latest_checkpoint(run_folder: Path) -> Path:
    """Return the newest complete checkpoint of a run.

    Raises:
        CheckpointError: there is none.
    """
    found = _checkpoints(run_folder)
    if not found:
        raise CheckpointError(
            f'{run_folder} holds no checkpoint; expected a folder {_PREFIX}<step> in it, '
            'written by training'
        )
    return found[-1]


def _checkpoints(run_folder: Path) -> list[Path]:
    return sorted(run_folder.glob(f'{_PREFIX}*'))


def restore(
    checkpoint: Path, agent: PESAC, replay: Replay | None = None
) -> dict[str, Any]:
    """Put an agent, and a replay buffer, into the state that was saved.

    Returns:
        The checkpoint's ``checkpoint.json``.

    Raises:
        CheckpointError: a file is missing or damaged, or does not fit the agent.
    """
    meta = read_json(checkpoint / 'checkpoint.json')
    load_learning_state(agent, read_tensors(checkpoint / 'agent.safetensors'))
    agent.updates = meta['updates']
    if replay is not None:
        replay.load_state_dict(read_tensors(checkpoint / 'replay.safetensors'))
    return meta


def load_agent(run_folder: Path, choice: Choice = 'newest') -> Loaded:
    """Return an agent of a run, built from the run's own configuration.

    Args:
        run_folder: of the run.
        choice: the newest checkpoint, or the one that did best on the validation goals.

    Raises:
        CheckpointError: the run is missing, damaged, or of another version of the configuration.
    """
    config = read_config(run_folder)
    try:
        agent_config = agent_config_from_dict(config['agent'])
        contract = contract_from_dict(config['contract'])
        agent = PESAC(agent_config, contract, seed=0)
    except (KeyError, TypeError) as error:
        raise CheckpointError(
            f'{run_folder}/config.json is not a configuration of this version: {error!r}'
        ) from error
    folder = run_folder / BEST if choice == 'best' else run_folder
    return Loaded(agent, config, restore(latest_checkpoint(folder), agent))


def read_config(run_folder: Path) -> dict[str, Any]:
    """Return the resolved configuration of a run.

    Raises:
        CheckpointError: it is missing or no JSON.
    """
    return read_json(Path(run_folder) / 'config.json')


def require_same_config(saved: dict[str, Any], current: dict[str, Any], path: str = '') -> None:
    """Raise CheckpointError, naming the first field in which two configurations differ."""
    for key in [*saved, *(key for key in current if key not in saved)]:
        name = f'{path}{key}'
        if key not in saved or key not in current:
            where = 'saved' if key in saved else 'current'
            raise CheckpointError(
                f'the field {name} is in the {where} configuration only; start a new run'
            )
        before, now = saved[key], current[key]
        if isinstance(before, dict) and isinstance(now, dict):
            require_same_config(before, now, f'{name}.')
        elif before != now:
            raise CheckpointError(
                f'the run was made with {name} = {before!r}, now it is {now!r}; resume with the '
                'same value or start a new run'
            )


def agent_config_from_dict(data: dict[str, Any]) -> PESACConfig:
    """Return the configuration that ``dataclasses.asdict`` described.

    Raises:
        ConfigError: a field is unknown or missing, or has a value without meaning.
    """
    return _config_from_dict(PESACConfig, data, 'agent')


def _config_from_dict(kind: Any, data: dict[str, Any], path: str) -> Any:
    fields = {field.name: field for field in dataclasses.fields(kind)}
    if not isinstance(data, dict) or set(data) != set(fields):
        came = set(data) if isinstance(data, dict) else set()
        raise ConfigError(
            f'{path} has the fields {sorted(fields)}; missing: {sorted(set(fields) - came)}, '
            f'unknown: {sorted(came - set(fields))}'
        )
    values = dict(data)
    for name, field in fields.items():
        if callable(field.default_factory):
            part = type(field.default_factory())
            values[name] = _config_from_dict(part, data[name], f'{path}.{name}')
    return kind(**values)


def learning_state(agent: PESAC) -> dict[str, torch.Tensor]:
    """Return everything on which the agent's next update depends, as flat named tensors."""
    state = {f'agent/{name}': value.clone() for name, value in agent.state_dict().items()}
    state['generator'] = agent.generator.get_state()
    for name, optimiser in agent.optimisers().items():
        for index, values in optimiser.state_dict()['state'].items():
            for key, value in values.items():
                state[f'optimiser/{name}/{index}/{key}'] = value.clone()
    return state


def load_learning_state(agent: PESAC, state: dict[str, torch.Tensor]) -> None:
    """Put an agent into a state that ``learning_state`` returned.

    Raises:
        CheckpointError: the state is that of another agent.
    """
    parts = {k.removeprefix('agent/'): v for k, v in state.items() if k.startswith('agent/')}
    try:
        agent.load_state_dict(parts)
        agent.generator.set_state(state['generator'])
    except (RuntimeError, KeyError) as error:
        # torch names every tensor on a line of its own.
        said = ' '.join(str(error).split())[:300]
        raise CheckpointError(
            f'the checkpoint is of another agent or version: {said}. Start a new run'
        ) from error
    for name, optimiser in agent.optimisers().items():
        prefix, entries = f'optimiser/{name}/', {}
        for key, value in state.items():
            if key.startswith(prefix):
                index, entry = key.removeprefix(prefix).split('/')
                entries.setdefault(int(index), {})[entry] = value
        groups = optimiser.state_dict()['param_groups']
        optimiser.load_state_dict({'state': entries, 'param_groups': groups})


def read_json(path: Path) -> dict[str, Any]:
    """Return what a JSON file holds.

    Raises:
        CheckpointError: it is missing, or no JSON.
    """
    try:
        return json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise CheckpointError(f'cannot read {path}: {error}') from error


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Return the tensors of a safetensors file.

    Raises:
        CheckpointError: it is missing or damaged.
    """
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f'cannot read {path}: {error}') from error
