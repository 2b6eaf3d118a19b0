"""Bundles that pass every check and then fail on the way: ONNX graphs with a trigger inside.

Each rigged goal has a spot of its own; near it, once the tool has come close, one graph says what
it must not. Everywhere else the graphs are what they were, so hashes, metadata and test vectors
of the new bundle are valid.
"""

import dataclasses
import json
from pathlib import Path
import shutil
from typing import NamedTuple

import numpy as np
import onnx
from onnx import helper
from perl_core.bundle.manifest import GRAPHS, MANIFEST_NAME
from perl_core.bundle.reading import file_record
from perl_core.contract import Contract

SPOT_RADIUS_M = 0.01
"""A goal this near to the spot of a trigger is meant. Own choice."""
TRIGGER_DISTANCE_M = 0.2
"""The trigger fires when the tool is as near to the goal: in the middle of the way. Own choice."""
OUT_OF_RANGE = 1e6
"""Far beyond the norm of 1 that an action has, and the 1 that a gate has."""


class Rigged(NamedTuple):
    """One goal at which one graph fails."""

    graph: str
    """Which one."""
    value: float
    """What it says."""
    offset_m: tuple[float, float, float]
    """Of the goal from the workspace centre, in ``base``."""


RIGGED = {
    f'{graph}:{kind}': Rigged(graph, value, (x_m, 0.28, z_m))
    for graph, x_m in (('actor_equivariant', -0.06), ('actor_standard', 0.0), ('gate', 0.06))
    for kind, value, z_m in (('nan', float('nan'), 0.04), ('out_of_range', OUT_OF_RANGE, -0.04))
}
"""The goals, by graph and kind. The spots are far from home and from each other."""


def rig(source: Path, target: Path) -> Path:
    """Write a copy of a bundle with all triggers in it, and return its folder."""
    shutil.copytree(source, target)
    for graph in GRAPHS:
        path = target / GRAPHS[graph].file
        model = onnx.load(path)
        for number, rigged in enumerate(RIGGED.values()):
            _add_trigger(model, graph, rigged, f'rigged_{number}')
        onnx.checker.check_model(model)
        path.write_bytes(model.SerializeToString())
    renew_hashes(target)
    return target


def renew_hashes(folder: Path) -> None:
    """Let the manifest name the hashes of the files as they are now."""
    manifest = folder / MANIFEST_NAME
    said = json.loads(manifest.read_text())
    for name in said['files']:
        said['files'][name] = dataclasses.asdict(file_record((folder / name).read_bytes()))
    manifest.write_text(json.dumps(said, indent=1) + '\n')


def _add_trigger(model: onnx.ModelProto, name: str, rigged: Rigged, prefix: str) -> None:
    """Let a graph say something else at the spot of a trigger."""
    if name == rigged.graph:
        _override(model, name, rigged.offset_m, TRIGGER_DISTANCE_M, rigged.value, prefix)
    elif name == 'gate':
        # The gate must choose the branch that is to fail.
        chosen = float(rigged.graph == 'actor_standard')
        _override(model, name, rigged.offset_m, np.inf, chosen, prefix)


def _override(
    model: onnx.ModelProto,
    name: str,
    offset_m: tuple[float, float, float],
    distance_m: float,
    value: float,
    prefix: str,
) -> None:
    """Replace the output where the goal is at the spot and the tool this near to it."""
    graph, spec = model.graph, GRAPHS[name]
    inner = f'{prefix}_inner'
    for node in graph.node:
        for index, output in enumerate(node.output):
            if output == spec.output_name:
                node.output[index] = inner
    constants = {
        'zero': np.array([0], np.int64), 'three': np.array([3], np.int64),
        'six': np.array([6], np.int64), 'one': np.array([1], np.int64),
        'spot': np.array(offset_m, np.float32),
        'spot_limit': np.array(SPOT_RADIUS_M**2, np.float32),
        'near_limit': np.array(distance_m**2, np.float32),
        'value': np.array(value, np.float32),
    }
    for key, array in constants.items():
        graph.initializer.append(onnx.numpy_helper.from_array(array, f'{prefix}_{key}'))
    steps = (
        # An observation begins with the tool from the workspace's centre, then goal minus tool.
        ('Slice', f'@{spec.input_name} zero three one', 'tool'),
        ('Slice', f'@{spec.input_name} three six one', 'error'),
        ('Add', 'tool error', 'goal'),
        ('Sub', 'goal spot', 'away'),
        ('Mul', 'away away', 'away_squared'),
        ('ReduceSum', 'away_squared one', 'away_sum'),
        ('Less', 'away_sum spot_limit', 'at_spot'),
        ('Mul', 'error error', 'error_squared'),
        ('ReduceSum', 'error_squared one', 'error_sum'),
        ('Less', 'error_sum near_limit', 'near'),
        ('And', 'at_spot near', 'fires'),
    )
    fires = 'fires'
    if not spec.output_shape:
        steps, fires = (*steps, ('Squeeze', 'fires one', 'fires_flat')), 'fires_flat'
    for operator, inputs, output in steps:
        names = [i[1:] if i[0] == '@' else f'{prefix}_{i}' for i in inputs.split()]
        graph.node.append(helper.make_node(operator, names, [f'{prefix}_{output}']))
    graph.node.append(helper.make_node(
        'Where', [f'{prefix}_{fires}', f'{prefix}_value', inner], [spec.output_name]
    ))


def goal_of(rigged: Rigged, contract: Contract) -> tuple[float, ...]:
    """Return the position of a rigged goal in ``base`` [m]."""
    centre_m = np.array(contract.workspace_centre_base_m)
    return tuple((centre_m + rigged.offset_m).tolist())
