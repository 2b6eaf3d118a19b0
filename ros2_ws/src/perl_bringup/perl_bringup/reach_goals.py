"""Goals for the demo: reachable poses of tool0, drawn by a script of the source tree."""

import json
import subprocess
import sys
from typing import NamedTuple

import numpy as np
from perl_core.errors import ConfigError
from perl_core.rotation import quaternion_from_rotation, rotation_from_vector

from perl_bringup import paths


class ReachGoal(NamedTuple):
    """One pose of tool0."""

    position_base_m: tuple[float, float, float]
    """In UR's frame base."""
    quaternion_base_xyzw: tuple[float, float, float, float]
    """In UR's frame base."""


def draw_goals(count: int, seed: int | None) -> list[ReachGoal]:
    """Return goals from ``sim/make_goals.py``, which runs as a process: it needs the simulator.

    Args:
        count: how many.
        seed: of the drawing; None for the script's own, which no training sees.

    Raises:
        ConfigError: there is no source tree, or the script fails.
    """
    root = paths.source_tree()
    if root is None:
        raise ConfigError('goals are drawn by sim/make_goals.py: run the demo from a source tree')
    command = [sys.executable, str(root / 'sim' / 'make_goals.py'), '--count', str(count)]
    if seed is not None:
        command += ['--seed', str(seed)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        last = (result.stderr.strip().splitlines() or ['it said nothing'])[-1]
        raise ConfigError(f'sim/make_goals.py ended with exit code {result.returncode}: {last}')
    return [_goal(entry) for entry in json.loads(result.stdout)['goals']]


def _goal(entry: dict[str, list[float]]) -> ReachGoal:
    rotation = rotation_from_vector(np.array(entry['rotation_vector_base_rad']))
    x_m, y_m, z_m = entry['position_base_m']
    x, y, z, w = (float(part) for part in quaternion_from_rotation(rotation))
    return ReachGoal((x_m, y_m, z_m), (x, y, z, w))
