"""Making a bundle from torch modules, proven by numbers in the runtime that the robot uses."""

from collections.abc import Iterator, Mapping
import contextlib
import dataclasses
import io
import logging
from pathlib import Path
import shutil
import tempfile
from typing import Any
import warnings

import numpy as np
import onnx
from perl_core.agents.pe_sac import spaces_of
from perl_core.bundle.manifest import (
    MANIFEST_NAME,
    MAX_EQUIVARIANCE_ERROR,
    MAX_PARITY_ERROR,
    Checks,
    ExpectedOutputs,
    GraphSpec,
    Manifest,
    TrainedCalibration,
    Training,
    graph_specs,
    representations_of,
)
from perl_core.bundle.reading import file_record
from perl_core.bundle.runtime import Graph, Policy
from perl_core.checkpoint import Loaded
from perl_core.environment_contract import AnyContract
from perl_core.errors import BundleError
from perl_core.spaces import Spaces
from perl_core.symmetry import Representation
import torch
from torch import nn

_RANDOM_OBSERVATIONS = 512
_TEST_VECTORS = 16
"""This many random and as many real observations go into the manifest."""
_NORM_ROUNDING = 1e-5
Specs = Mapping[str, GraphSpec]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Description:
    """What a bundle says beside its graphs."""

    contract: AnyContract
    """What the policy was trained for."""
    training: Training
    """Where it comes from."""
    calibration: TrainedCalibration | None
    """The arm it was trained with; None for an environment."""
    evaluation: dict[str, Any]
    """Figures of its evaluation; empty if there was none."""


def description_of(
    loaded: Loaded, calibration: TrainedCalibration | None, evaluation: dict[str, Any]
) -> Description:
    """Return what the bundle of a run says beside its graphs.

    Args:
        loaded: agent and configuration of the run.
        calibration: the arm it was trained with; None for an environment.
        evaluation: figures of its evaluation; empty if there was none.
    """
    config = loaded.config
    return Description(
        contract=loaded.agent.contract,
        training=Training(
            agent=config['agent']['kind'],
            agent_config=config['agent'],
            environment=config['environment']['id'],
            environment_config=config['environment']['config'],
            seed=config['training']['seed'],
            steps=loaded.meta['step'],
            git_hash=config['origin']['git'],
            command=config['origin']['command'],
        ),
        calibration=calibration,
        evaluation=evaluation,
    )


def export_bundle(
    modules: Mapping[str, nn.Module],
    folder: str | Path,
    description: Description,
    observations: np.ndarray,
) -> Manifest:
    """Write a bundle, or nothing at all.

    Args:
        modules: 'actor_equivariant' (batch, 15) -> (batch, 6), 'actor_standard' (batch, 39) ->
            (batch, 6) and 'gate' (batch, 39) -> (batch,) on the arm, as an agent's
            ``export_modules`` gives.
        folder: to be made; must not exist, or be empty.
        description: what the bundle says beside its graphs.
        observations: real ones, shape (count, observation size), at least one; some become test
            vectors.

    Returns:
        What was written.

    Raises:
        BundleError: the modules are not these three, cannot be exported, or differ in
            onnxruntime; the equivariant branch is not equivariant; an action is longer than 1;
            the folder is not empty.
    """
    folder = Path(folder)
    _require_free(folder)
    spaces, specs = spaces_of(description.contract), graph_specs(description.contract)
    _require_modules(modules, specs)
    real = _require_observations(observations, spaces.observation_size)
    drawn = _random_observations(spaces)
    seen = np.concatenate((drawn, real))
    models = {name: _to_onnx(modules[name], spec) for name, spec in specs.items()}
    graphs = {
        name: Graph(model.SerializeToString(), specs[name], specs[name].file)
        for name, model in models.items()
    }
    checks = Checks(
        parity_error={
            name: _parity_error(modules[name], graphs[name], seen[:, : spec.input_size])
            for name, spec in specs.items()
        },
        equivariance_error=_equivariance_error(graphs['actor_equivariant'], spaces, seen),
    )
    _require_checks(checks)
    for name in ('actor_equivariant', 'actor_standard'):
        _require_short_actions(name, graphs[name], spaces, seen)
    manifest = Manifest(
        files={},
        contract=description.contract,
        representations=representations_of(description.contract),
        training=description.training,
        calibration=description.calibration,
        evaluation=description.evaluation,
        checks=checks,
        test_vectors=_test_vectors(modules, specs, drawn, real),
    )
    return _write(manifest, models, folder)


def _require_free(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BundleError(
            f'{folder} exists already and is not an empty folder. A bundle is never changed: '
            'remove it, or choose another name.'
        )


def _require_modules(modules: Mapping[str, nn.Module], specs: Specs) -> None:
    if set(modules) != set(specs):
        raise BundleError(f'a bundle has the parts {sorted(specs)}; came {sorted(modules)}.')


def _require_observations(observations: np.ndarray, size: int) -> np.ndarray:
    real = np.asarray(observations, dtype=np.float32)
    if real.ndim != 2 or real.shape[1] != size or not len(real):
        raise BundleError(
            f'real observations have the shape (count, {size}), count at least 1; '
            f'came {real.shape}.'
        )
    if not np.isfinite(real).all():
        raise BundleError('real observations must be finite; some are not.')
    return real


def _random_observations(spaces: Spaces) -> np.ndarray:
    shape = (_RANDOM_OBSERVATIONS, spaces.observation_size)
    normal = np.random.default_rng(0).normal(size=shape)
    return (normal * spaces.scale.numpy()).astype(np.float32)


def _torch_outputs(module: nn.Module, inputs: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return module(torch.from_numpy(np.ascontiguousarray(inputs))).numpy()


def _to_onnx(module: nn.Module, spec: GraphSpec) -> onnx.ModelProto:
    """Return a graph with a free batch, without the paths and names of the maker's machine."""
    # A batch of 1 would be taken for a constant.
    example = torch.zeros(3, spec.input_size)
    with _quiet():
        program = torch.onnx.export(
            module,
            (example,),
            dynamo=True,
            input_names=[spec.input_name],
            output_names=[spec.output_name],
            dynamic_shapes=({0: torch.export.Dim('batch')},),
            verbose=False,
        )
    model = onnx.ModelProto()
    model.CopyFrom(program.model_proto)
    graph = model.graph
    for part in (graph, *graph.node, *graph.input, *graph.output, *graph.value_info,
                 *graph.initializer, *model.functions):  # fmt: skip
        part.ClearField('metadata_props')
        part.ClearField('doc_string')
    onnx.checker.check_model(model, full_check=True)
    return model


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hold back torch's remarks about its own parts; errors are raised, not logged."""
    logger = logging.getLogger('torch.onnx')
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter('ignore')
            yield
    finally:
        logger.setLevel(level)


def _parity_error(module: nn.Module, graph: Graph, inputs: np.ndarray) -> float:
    inputs = np.ascontiguousarray(inputs)
    return float(np.abs(_torch_outputs(module, inputs) - graph.run_batch(inputs)).max())


def _equivariance_error(graph: Graph, spaces: Spaces, observations: np.ndarray) -> float:
    """Return the largest |rho(g) f(x) - f(rho(g) x)|, one drawn g for each x."""
    rho_in, rho_out = spaces.seen, spaces.said
    elements = spaces.group.sample(len(observations), torch.Generator().manual_seed(0))
    inputs = np.ascontiguousarray(observations[:, : rho_in.size])
    turned = np.stack([_turn(rho_in, *pair) for pair in zip(elements, inputs, strict=True)])
    actions = graph.run_batch(inputs)
    expected = [_turn(rho_out, *pair) for pair in zip(elements, actions, strict=True)]
    difference = graph.run_batch(turned.astype(np.float32)) - np.stack(expected)
    return float(np.linalg.norm(difference, axis=-1).max())


def _require_short_actions(
    name: str, graph: Graph, spaces: Spaces, observations: np.ndarray
) -> None:
    inputs = np.ascontiguousarray(observations[:, : graph.input.shape[1]])
    blocks = spaces.action.split(torch.from_numpy(graph.run_batch(inputs)))
    longest = float(torch.linalg.vector_norm(blocks, dim=-1).max())
    if not longest <= 1.0 + _NORM_ROUNDING:
        raise BundleError(
            f'an action is {spaces.action.count} vectors with a norm of at most 1; {name} gave '
            f'one of {longest}.'
        )


def _turn(representation: Representation, element: torch.Tensor, row: np.ndarray) -> np.ndarray:
    return representation.transform(element, torch.from_numpy(row).double()).numpy()


def _require_checks(checks: Checks) -> None:
    for name, error in checks.parity_error.items():
        if not error <= MAX_PARITY_ERROR:
            raise BundleError(
                f'{name} differs by {error} between torch and onnxruntime; at most '
                f'{MAX_PARITY_ERROR} is accepted. Is the module in eval mode and finite?'
            )
    if not checks.equivariance_error <= MAX_EQUIVARIANCE_ERROR:
        raise BundleError(
            f'actor_equivariant breaks its symmetry by {checks.equivariance_error} of a full '
            f'action; at most {MAX_EQUIVARIANCE_ERROR} is accepted.'
        )


def _test_vectors(
    modules: Mapping[str, nn.Module], specs: Specs, drawn: np.ndarray, real: np.ndarray
) -> ExpectedOutputs:
    spread = np.unique(np.linspace(0, len(real) - 1, _TEST_VECTORS).astype(int))
    chosen = np.concatenate((drawn[:_TEST_VECTORS], real[spread]))
    outputs = {
        name: _torch_outputs(module, chosen[:, : specs[name].input_size])
        for name, module in modules.items()
    }
    return ExpectedOutputs(
        observation=chosen,
        gate=outputs['gate'],
        action_equivariant=outputs['actor_equivariant'],
        action_standard=outputs['actor_standard'],
    )


def _write(manifest: Manifest, models: Mapping[str, onnx.ModelProto], folder: Path) -> Manifest:
    """Write everything beside ``folder``, load it as the robot does, and only then rename it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    specs = graph_specs(manifest.contract)
    unfinished = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f'.{folder.name}.'))
    try:
        files = {}
        for name, model in models.items():
            metadata = manifest.onnx_metadata(name)
            onnx.helper.set_model_props(model, metadata)
            content = model.SerializeToString()
            (unfinished / specs[name].file).write_bytes(content)
            files[specs[name].file] = file_record(content)
        manifest = dataclasses.replace(manifest, files=files)
        (unfinished / MANIFEST_NAME).write_text(_json(manifest), encoding='utf-8')
        Policy.load(unfinished, manifest.contract)
        unfinished.chmod(0o755)  # mkdtemp makes folders that only their owner reads.
        unfinished.replace(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return manifest


def _json(manifest: Manifest) -> str:
    try:
        return manifest.to_json()
    except (TypeError, ValueError) as error:
        raise BundleError(
            f'the manifest must hold plain finite JSON values: {error}. Look at the '
            'configurations and the evaluation.'
        ) from error
