"""Transitions in a file, between robot and training: numpy, safetensors, and the contract.

The robot's side writes what a bag recorded; the training side reads it, refuses another contract,
and pays each step by its own reward, which no robot knows.
"""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
from perl_core.contract import Contract
from perl_core.errors import ContractError
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

FORMAT = 'perl-transitions/1'
"""Raised with every change of meaning."""


class Transitions(NamedTuple):
    """Experience in rows, in the order in which it was made."""

    observation: np.ndarray
    """float32, shape (n, observation size), contract units."""
    action: np.ndarray
    """float32, shape (n, action size): what the policy said and the arm followed."""
    next_observation: np.ndarray
    """float32, shape (n, observation size), one policy period later."""
    terminated: np.ndarray
    """bool, shape (n,): the MDP ended here. A clock that ran out, or a stop, is no end."""
    episode: np.ndarray
    """int64, shape (n,): which goal, counted from 0 over the file."""


def write_transitions(path: Path, transitions: Transitions, contract: Contract) -> None:
    """Write transitions and the contract that they were made under.

    Args:
        path: of the new file; an old one is replaced.
        transitions: to write.
        contract: of the policy that acted.
    """
    header = {'format': FORMAT, 'contract': json.dumps(contract.to_dict(), sort_keys=True)}
    arrays = {
        name: np.ascontiguousarray(values) for name, values in transitions._asdict().items()
    }
    save_file(arrays, path, metadata=header)


def read_transitions(path: Path, contract: Contract) -> Transitions:
    """Return the transitions of a file.

    Args:
        path: of the file.
        contract: that they must have been made under; of the group, any will do, since it is in
            no transition.

    Raises:
        ContractError: there is no such file, it holds no transitions, or those of another
            contract.
    """
    try:
        with safe_open(path, framework='numpy') as file:
            header = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise ContractError(f'cannot read transitions from {path}: {error}') from error
    if header.get('format') != FORMAT or set(arrays) != set(Transitions._fields):
        raise ContractError(
            f'{path} holds no transitions: expected the format {FORMAT} with '
            f'{list(Transitions._fields)}; came {header.get("format")!r} with {sorted(arrays)}'
        )
    made = Contract.from_dict(json.loads(header['contract']) | {'group': contract.group})
    contract.require_equal(made, str(path))
    transitions = Transitions(**arrays)
    _require_shapes(transitions, contract, path)
    return transitions


def _require_shapes(transitions: Transitions, contract: Contract, path: Path) -> None:
    count = len(transitions.observation)
    seen = sum(part.size for part in contract.observation)
    said = sum(part.size for part in contract.action)
    expected = [(count, seen), (count, said), (count, seen), (count,), (count,)]
    came = [values.shape for values in transitions]
    if came != expected or not all(np.isfinite(values).all() for values in transitions[:3]):
        raise ContractError(
            f'{path} must hold finite arrays of the shapes {expected}, in the order of '
            f'{list(Transitions._fields)}; it has {came}'
        )
