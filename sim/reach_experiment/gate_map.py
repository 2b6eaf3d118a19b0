"""What a trained gate says over the workspace, beside the symmetry error measured there."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from experiment.files import Row, replace_text, table_text
import numpy as np
from perl_core.kinematics import Kinematics
from perl_core.observation import build_observation
from perl_sim.envs.reach_config import UR5eReachConfig
from reach_experiment.states import drawn_states

COUNT = 600
"""States in a map."""
COLUMNS = ('x_m', 'y_m', 'z_m', 'gate')
"""Of the CSV: where the tool is, and the probability of the standard branch."""


Gate = Callable[[np.ndarray], np.ndarray]
"""Maps observations, shape (batch, observation size), to lambda(s), shape (batch,)."""


def gate_rows(gate: Gate, config: UR5eReachConfig) -> list[dict[str, Any]]:
    """Return what a gate says all over the workspace of a task."""
    kinematics, states = Kinematics(), list(drawn_states(config, COUNT, seed=1))
    seen = np.stack([
        build_observation(
            state.joint_position_rad, np.zeros(6), state.goal, kinematics, config.contract
        )
        for state in states
    ])
    return [
        dict(zip(('x_m', 'y_m', 'z_m'), map(float, state.tool.position_m), strict=True))
        | {'gate': float(value)}
        for state, value in zip(states, gate(seen), strict=True)
    ]


def write_gate_map(path: Path, rows: Iterable[Row]) -> None:
    """Write the map of one agent."""
    replace_text(path, table_text(COLUMNS, rows))
