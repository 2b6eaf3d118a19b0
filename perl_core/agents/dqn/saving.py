"""The whole state of an agent as named tensors, which safetensors can write."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from perl_core.errors import CheckpointError
import torch
from torch import nn

if TYPE_CHECKING:
    from perl_core.agents.dqn.agent import DQN


def described(agent: DQN) -> dict[str, Any]:
    """Return what a state must have in common with the agent that takes it, as JSON types."""
    return {
        'config': dataclasses.asdict(agent.config), 'seeds': list(agent.seeds),
        'observation': agent.rho_observation.name, 'action': agent.rho_action.name,
        'group': agent.rho_action.group.name,
    }  # fmt: skip


def learning_state(agent: DQN) -> dict[str, torch.Tensor]:
    """Return everything on which the agent's next step depends."""
    state = {f'module/{name}': value.clone() for name, value in agent.state_dict().items()}
    for name, adam in _optimisers(agent).items():
        for index, values in adam.state_dict()['state'].items():
            for key, value in values.items():
                state[f'optimiser/{name}/{index}/{key}'] = value.clone()
    state |= {f'stream/{name}': stream.state() for name, stream in agent.streams().items()}
    state['replay/rows'] = agent.replay.rows[:, : len(agent.replay)].clone()
    counts = [agent.replay.added, agent.steps, agent.updates]
    state['counts'] = torch.tensor(counts, dtype=torch.long)
    text = json.dumps(described(agent), sort_keys=True)
    state['described'] = torch.tensor(list(text.encode()), dtype=torch.uint8)
    return state


def load_learning_state(agent: DQN, state: dict[str, torch.Tensor]) -> None:
    """Put an agent into a state that ``learning_state`` returned.

    Raises:
        CheckpointError: a tensor is missing, or the state is of another agent.
    """
    _require_same(agent, state)
    parts = {k.removeprefix('module/'): v for k, v in state.items() if k.startswith('module/')}
    try:
        agent.load_state_dict(parts)
        for name, stream in agent.streams().items():
            stream.set_state(state[f'stream/{name}'])
        rows, counts = state['replay/rows'], state['counts'].tolist()
    except (KeyError, RuntimeError) as error:
        raise CheckpointError(f'the checkpoint does not fit this agent: {error}') from error
    for name, adam in _optimisers(agent).items():
        _load_optimiser(adam, f'optimiser/{name}/', state)
    agent.replay.rows[:, : rows.shape[1]] = rows
    agent.replay.added, agent.steps, agent.updates = counts


def _require_same(agent: DQN, state: dict[str, torch.Tensor]) -> None:
    if 'described' not in state:
        raise CheckpointError(
            f'this is no checkpoint of DQN.state(): expected the entry described, got '
            f'{sorted(state)[:5]}'
        )
    saved = json.loads(bytes(state['described'].tolist()).decode())
    current = described(agent)
    differing = _differences(saved, current)
    if differing:
        raise CheckpointError(
            f'the checkpoint is of another agent; saved and current differ in {differing}'
        )


def _differences(saved: Any, current: Any, path: str = '') -> list[str]:
    if not (isinstance(saved, dict) and isinstance(current, dict)):
        return [] if saved == current else [f'{path} ({saved!r}, now {current!r})']
    names = sorted(set(saved) | set(current))
    return [
        line for name in names
        for line in _differences(saved.get(name), current.get(name), f'{path}.{name}'.strip('.'))
    ]  # fmt: skip


def _optimisers(agent: nn.Module) -> dict[str, torch.optim.Adam]:
    found = {name: getattr(part, 'optimiser', None) for name, part in agent.named_modules()}
    return {name or 'critic': part.adam for name, part in found.items() if part is not None}


def _load_optimiser(
    adam: torch.optim.Adam, prefix: str, state: dict[str, torch.Tensor]
) -> None:
    entries: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in state.items():
        if name.startswith(prefix):
            index, key = name.removeprefix(prefix).split('/')
            # Adam updates these in place, and must not write into the checkpoint.
            entries.setdefault(int(index), {})[key] = value.clone()
    groups = adam.state_dict()['param_groups']
    adam.load_state_dict({'state': entries, 'param_groups': groups})
