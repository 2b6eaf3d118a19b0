"""What a bundle says about itself: the records of ``manifest.json``.

Group, representations, rates and limits are those of the contract, which is written out in full.
"""

import dataclasses
import json
from typing import Any

import numpy as np
from perl_core.contract import Contract, Slice
from perl_core.environment_contract import AnyContract
from perl_core.kinematics import DHParameters

SCHEMA_VERSION = 1
MANIFEST_NAME = 'manifest.json'
SIGNATURE_NAME = 'manifest.sig'
"""Of the manifest, detached; see signature.py. A bundle may have one."""
METADATA_PREFIX = 'perl.'
MAX_PARITY_ERROR = 1e-5
"""Largest difference between torch and onnxruntime in an entry of an output of magnitude 1."""
MAX_EQUIVARIANCE_ERROR = 1e-5
"""Largest |rho(g) f(x) - f(rho(g) x)| of the exported equivariant graph, in units of a full
action (norm 1); float32 rounds at 1e-7."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class GraphSpec:
    """Names and sizes of one ONNX graph."""

    file: str
    """Name in the bundle."""
    input_name: str
    """Name of its one input."""
    input_size: int
    """The input has the shape (batch, input_size)."""
    output_name: str
    """Name of its one output."""
    output_shape: tuple[int, ...]
    """Shape of the output after the batch."""



def graph_specs(contract: AnyContract) -> dict[str, GraphSpec]:
    """Return the graphs of a bundle for a contract."""
    everything, action = contract.observation_size, (contract.action_size,)
    return {
        'actor_equivariant': GraphSpec(
            file='actor_equivariant.onnx', input_name='vectors', input_size=contract.seen_size,
            output_name='action', output_shape=action,
        ),
        'actor_standard': GraphSpec(
            file='actor_standard.onnx', input_name='observation', input_size=everything,
            output_name='action', output_shape=action,
        ),
        'gate': GraphSpec(
            file='gate.onnx', input_name='observation', input_size=everything,
            output_name='gate', output_shape=(),
        ),
    }  # fmt: skip


GRAPHS = graph_specs(Contract())
"""The graphs of a bundle for the robot; their names and files are those of every bundle."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class FileRecord:
    """One file of the bundle."""

    sha256: str
    """Of its bytes, hexadecimal."""
    size_bytes: int
    """Number of bytes."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Training:
    """Where a policy comes from."""

    agent: str
    """Name of the algorithm."""
    agent_config: dict[str, Any]
    """The algorithm's resolved configuration."""
    environment: str
    """Id of the environment."""
    environment_config: dict[str, Any]
    """The environment's resolved configuration."""
    seed: int
    """Of the run."""
    steps: int
    """Environment steps until this policy."""
    git_hash: str
    """Commit of the code that trained it."""
    command: str
    """What was typed to train it."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class TrainedCalibration:
    """The arm with which a policy was trained."""

    content_sha256: str
    """``Calibration.content_sha256()``, hexadecimal."""
    dh_parameters: DHParameters
    """Of that arm."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Checks:
    """What was measured when the bundle was made."""

    parity_error: dict[str, float]
    """For each graph, the largest difference between torch and onnxruntime."""
    equivariance_error: float
    """See MAX_EQUIVARIANCE_ERROR."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ExpectedOutputs:
    """Observations, and what torch said about them; half of them random, half of them real."""

    observation: np.ndarray
    """Shape (count, observation size), float32."""
    gate: np.ndarray
    """Shape (count,)."""
    action_equivariant: np.ndarray
    """Shape (count, action size)."""
    action_standard: np.ndarray
    """Shape (count, action size)."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Manifest:
    """Everything that a bundle says about itself."""

    files: dict[str, FileRecord]
    """By name; all files of the bundle but the manifest."""
    contract: AnyContract
    """What the policy sees and says, its group, and a robot's rates and limits."""
    representations: dict[str, list[str]]
    """For the equivariant graph's input and output, how each three entries or each slice
    transforms."""
    training: Training
    """Where it comes from."""
    calibration: TrainedCalibration | None
    """The arm it was trained with; None for an environment, which has none."""
    evaluation: dict[str, Any]
    """Figures of the policy's evaluation, free in form; empty if it was not evaluated."""
    checks: Checks
    """Parity and equivariance of the graphs."""
    test_vectors: ExpectedOutputs
    """Run again at every load."""

    def to_dict(self) -> dict[str, Any]:
        """Return the manifest as plain JSON types."""
        data = {
            field.name: _plain(getattr(self, field.name)) for field in dataclasses.fields(self)
        }
        return {'schema_version': SCHEMA_VERSION, **data}

    def to_json(self) -> str:
        """Return the text of ``manifest.json``."""
        return json.dumps(self.to_dict(), indent=1, allow_nan=False) + '\n'

    def onnx_metadata(self, graph: str) -> dict[str, str]:
        """Return what the ONNX file of a graph says about itself."""
        training = self.training
        values = {
            'schema_version': str(SCHEMA_VERSION),
            'graph': graph,
            'contract': json.dumps(self.contract.to_dict(), sort_keys=True),
            'contract_sha256': self.contract.fingerprint(),
            'calibration_sha256': (
                self.calibration.content_sha256 if self.calibration else 'none'
            ),
            'agent': training.agent,
            'environment': training.environment,
            'seed': str(training.seed),
            'steps': str(training.steps),
            'git_hash': training.git_hash,
            'command': training.command,
        }
        return {METADATA_PREFIX + name: value for name, value in values.items()}


def representations_of(contract: AnyContract) -> dict[str, list[str]]:
    """Return how input and output of the equivariant graph transform.

    For the robot three entries a name, for an environment one description for each slice.
    """
    if not isinstance(contract, Contract):
        return {
            'vectors': [f'{name}: {json.dumps(p)}' for name, p in contract.observation.items()],
            'action': [f'{name}: {json.dumps(p)}' for name, p in contract.action.items()],
        }

    def blocks(parts: tuple[Slice, ...]) -> list[str]:
        return [p.kind for p in parts if p.kind == 'vector' for _ in range(p.size // 3)]

    return {'vectors': blocks(contract.observation), 'action': blocks(contract.action)}


def _plain(value: Any) -> Any:
    """Return a value of the manifest as plain JSON types."""
    if isinstance(value, AnyContract):
        return value.to_dict()
    if isinstance(value, np.ndarray):
        return value.astype(float).tolist()
    if isinstance(value, DHParameters):
        return {name: _plain(array) for name, array in value._asdict().items()}
    if dataclasses.is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    return value
