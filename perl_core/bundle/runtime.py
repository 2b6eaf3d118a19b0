"""Running a bundle on the robot: onnxruntime and numpy, never torch.

Loading checks every file, the contract, the metadata and the shapes of the graphs, and runs the
test vectors again; whatever does not fit is refused by name. Acting runs the gate and then only
the branch that it chose, in buffers that were allocated once.
"""

import math
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
import onnxruntime as ort
from perl_core.bundle.manifest import (
    GRAPHS,
    MAX_PARITY_ERROR,
    GraphSpec,
    Manifest,
    graph_specs,
)
from perl_core.bundle.reading import BundleFiles, read_bundle
from perl_core.contract import Contract
from perl_core.environment_contract import AnyContract
from perl_core.errors import BundleError, PolicyError, PolicyRangeError

BRANCH_EQUIVARIANT = 0
BRANCH_STANDARD = 1
GATE_THRESHOLD = 0.5
"""The gate is hard: above this probability the standard branch acts, as in training."""
TEST_VECTOR_TOLERANCE = 2.0 * MAX_PARITY_ERROR
"""Parity was measured with the bundle's maker's processor; another one may round differently."""
MAX_ACTION = 1.001
"""Largest entry of an action: its vectors are squashed to a norm of 1, and float32 rounds."""
_WARM_UP_RUNS = 20
_ORT_LOG_ERROR = 3


class PolicyOutput(NamedTuple):
    """What a policy says."""

    action: np.ndarray
    """float32, shape (action size,); the caller's own."""
    gate: float
    """Probability that the symmetry is broken here."""
    branch: int
    """BRANCH_EQUIVARIANT or BRANCH_STANDARD: which one acted."""


class BatchOutput(NamedTuple):
    """What gate and branches say about many observations."""

    gate: np.ndarray
    """Shape (batch,)."""
    equivariant: np.ndarray
    """Action of the equivariant branch, shape (batch, action size)."""
    standard: np.ndarray
    """Action of the standard branch, shape (batch, action size)."""

    @property
    def action(self) -> np.ndarray:
        """Action of the branch that the gate chooses, shape (batch, action size)."""
        return np.where(self.gate[:, None] > GATE_THRESHOLD, self.standard, self.equivariant)


class Graph:
    """One ONNX graph, with one thread and without spinning."""

    def __init__(self, model: bytes, spec: GraphSpec, source: str) -> None:
        """Open a session, check names and shapes, bind buffers for a batch of one, warm up.

        Args:
            model: bytes of the ONNX file.
            spec: what the graph must be.
            source: where it came from, for the messages.

        Raises:
            BundleError: it is no ONNX graph, or not this one.
        """
        self._spec, self._source = spec, source
        self._session = _session(model, source)
        self._require_shapes()
        self.input = np.zeros((1, spec.input_size), dtype=np.float32)
        """Input for ``run``; written in place."""
        self.output = np.zeros((1, *spec.output_shape), dtype=np.float32)
        """Output of ``run``; overwritten by the next one."""
        self._binding = self._session.io_binding()
        self._binding.bind_input(
            spec.input_name, 'cpu', 0, np.float32, self.input.shape, self.input.ctypes.data
        )
        self._binding.bind_output(
            spec.output_name, 'cpu', 0, np.float32, self.output.shape, self.output.ctypes.data
        )
        for _ in range(_WARM_UP_RUNS):
            self.run()

    @property
    def metadata(self) -> dict[str, str]:
        """What the ONNX file says about itself."""
        return self._session.get_modelmeta().custom_metadata_map

    def run(self) -> None:
        """Compute ``output`` from ``input``."""
        self._session.run_with_iobinding(self._binding)

    def run_batch(self, inputs: np.ndarray) -> np.ndarray:
        """Return the outputs for inputs of shape (batch, input_size), float32."""
        return self._session.run([self._spec.output_name], {self._spec.input_name: inputs})[0]

    def _require_shapes(self) -> None:
        spec = self._spec
        came = [
            (part.name, part.type, part.shape[1:], isinstance(part.shape[0], str))
            for part in (*self._session.get_inputs(), *self._session.get_outputs())
            if part.shape
        ]
        expected = [
            (spec.input_name, 'tensor(float)', [spec.input_size], True),
            (spec.output_name, 'tensor(float)', list(spec.output_shape), True),
        ]
        if came != expected:
            raise BundleError(
                f'{self._source} must map {expected[0]} to {expected[1]} (name, type, shape after '
                f'the batch, whether the batch is free); it has {came}. Export the policy again.'
            )


def _session(model: bytes, source: str) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = _ORT_LOG_ERROR
    options.add_session_config_entry('session.intra_op.allow_spinning', '0')
    options.add_session_config_entry('session.inter_op.allow_spinning', '0')
    # onnxruntime's errors share no narrower base.
    try:
        return ort.InferenceSession(model, options, providers=['CPUExecutionProvider'])
    except Exception as error:
        raise BundleError(f'{source} is not a graph that onnxruntime runs: {error}') from error


class Policy:
    """A loaded bundle."""

    def __init__(self, manifest: Manifest, sha256: str, graphs: dict[str, Graph]) -> None:
        """Keep what ``load`` has checked; use ``load``."""
        self.manifest = manifest
        """What the bundle says about itself."""
        self.sha256 = sha256
        """Of the manifest, and so of everything in the bundle."""
        self._size = manifest.contract.observation_size
        self._gate = graphs['gate']
        self._branches = (graphs['actor_equivariant'], graphs['actor_standard'])

    @property
    def contract(self) -> Contract:
        """What the policy sees and says; an environment's, where it was loaded for one."""
        return cast('Contract', self.manifest.contract)

    @classmethod
    def load(
        cls, folder: str | Path, contract: AnyContract | None = None, keys: str | Path = ''
    ) -> 'Policy':
        """Return the policy of a bundle, after checking all of it.

        Args:
            folder: of the bundle.
            contract: what the policy must have been made for; without it for the robot, with any
                group, rates and limits.
            keys: file or folder of public keys, one of which must have signed the bundle; empty:
                whoever made it.

        Raises:
            BundleError: a file is missing, altered, unknown, or does not do what it should, or
                the bundle was not signed with one of the keys.
            ContractError: the bundle was made for another contract.
        """
        bundle = read_bundle(Path(folder), contract, Path(keys) if keys else None)
        graphs = {name: _load_graph(bundle, name) for name in GRAPHS}
        _require_test_vectors(bundle, graphs)
        return cls(bundle.manifest, bundle.sha256, graphs)

    def act(self, observation: np.ndarray) -> PolicyOutput:
        """Return what the policy says: the gate, and the branch that it chooses.

        Args:
            observation: float32, shape (observation size,), as build_observation returns it.

        Raises:
            PolicyError: the observation, or what the policy says about it, is not finite, not of
                the right shape, or out of range.
        """
        if observation.shape != (self._size,):
            raise PolicyError(
                f'an observation has the shape ({self._size},); this one {observation.shape}'
            )
        if not np.isfinite(observation).all():
            raise PolicyError(f'an observation must be finite; this one is {observation.tolist()}')
        self._gate.input[0] = observation
        self._gate.run()
        gate = float(self._gate.output[0])
        # A gate that is not a number chooses a branch here, and is refused below.
        branch = BRANCH_STANDARD if gate > GATE_THRESHOLD else BRANCH_EQUIVARIANT
        action = self.act_with(branch, observation)
        _require_sane(gate, action, self.sha256, observation)
        return PolicyOutput(action, gate, branch)

    def act_with(self, branch: int, observation: np.ndarray) -> np.ndarray:
        """Return the action of one branch, whatever the gate says, unchecked.

        Args:
            branch: BRANCH_EQUIVARIANT or BRANCH_STANDARD.
            observation: float32, shape (observation size,).
        """
        actor = self._branches[branch]
        actor.input[0] = observation[: actor.input.shape[1]]
        actor.run()
        return actor.output[0].copy()

    def gate_batch(self, observations: np.ndarray) -> np.ndarray:
        """Return the gate for many observations at once, shape (batch,); see ``act_batch``."""
        return self._gate.run_batch(observations).reshape(-1)

    def act_batch(self, observations: np.ndarray) -> BatchOutput:
        """Return what gate and both branches say, for many observations at once.

        A batch may be rounded otherwise than a single observation: see ``act`` for what the robot
        does.

        Args:
            observations: float32, shape (batch, observation size).
        """
        equivariant, standard = self._branches
        vectors = np.ascontiguousarray(observations[:, : equivariant.input.shape[1]])
        return BatchOutput(
            self.gate_batch(observations),
            equivariant.run_batch(vectors),
            standard.run_batch(observations),
        )


def _require_sane(gate: float, action: np.ndarray, sha256: str, observation: np.ndarray) -> None:
    """Raise PolicyError unless gate and action are numbers that a policy can say."""
    largest = float(np.abs(action).max())
    if 0.0 <= gate <= 1.0 and largest <= MAX_ACTION:
        return
    source = f'Bundle {sha256}, observation {observation.tolist()}'
    if not (math.isfinite(gate) and math.isfinite(largest)):
        raise PolicyError(
            f'the policy says gate {gate}, action {action.tolist()}; both must be finite. '
            f'{source}'
        )
    raise PolicyRangeError(
        f'the policy says gate {gate}, action {action.tolist()}; expected a gate from 0 to 1 '
        f'and an action within {MAX_ACTION}. {source}'
    )


def _load_graph(bundle: BundleFiles, name: str) -> Graph:
    spec = graph_specs(bundle.manifest.contract)[name]
    source = bundle.folder / spec.file
    graph = Graph(bundle.models[name], spec, str(source))
    said = graph.metadata
    for key, value in bundle.manifest.onnx_metadata(name).items():
        if said.get(key) != value:
            raise BundleError(
                f'{source}: its metadata {key} is {said.get(key)!r}, the manifest says {value!r}. '
                'The files are of two bundles; export the policy again.'
            )
    return graph


def _require_test_vectors(bundle: BundleFiles, graphs: dict[str, Graph]) -> None:
    vectors = bundle.manifest.test_vectors
    expected = {
        'gate': vectors.gate,
        'actor_equivariant': vectors.action_equivariant,
        'actor_standard': vectors.action_standard,
    }
    for name, graph in graphs.items():
        size = graph.input.shape[1]
        came = graph.run_batch(np.ascontiguousarray(vectors.observation[:, :size]))
        difference = np.abs(came - expected[name]).max()
        if not difference <= TEST_VECTOR_TOLERANCE:
            raise BundleError(
                f'{bundle.folder / GRAPHS[name].file} differs by {difference} from the test '
                f'vectors in the manifest; at most {TEST_VECTOR_TOLERANCE} is accepted. Export '
                'the policy again, and check the version of onnxruntime.'
            )
