"""Where a group really holds in a task: the simulator against itself, turned.

From each state the arm takes a few steps with one action, once as it is and once with arm, goal
and action turned by an element of the group. What the equivariant networks see must then have
changed alike. The two episodes have the same randomisation, which does not turn: a tilt breaks the
symmetry as it does for the robot.
"""

import dataclasses
import math
from pathlib import Path
from typing import Any, Literal, NamedTuple

from experiment.files import replace_text, table_text
import gymnasium
import numpy as np
from perl_core.action import damped_least_squares
from perl_core.contract import VECTOR_SIZE, Contract, scales
from perl_core.kinematics import Kinematics, Pose
from perl_core.rotation import random_rotation, rotation_from_vector, vector_from_rotation
from perl_sim import REACH_ID
from perl_sim.collision import CollisionChecker
from perl_sim.envs.reach_config import TaskName, UR5eReachConfig, task
from reach_experiment.states import State, drawn_states

STEPS = 5
"""Policy steps with one action: 0.2 s and up to 0.1 m, far enough to meet what is near."""
BROKEN_FROM = 0.1
"""Relative difference from which a state counts as one that breaks the symmetry; own choice. Where
the twist is followed exactly it is some thousandths."""
COLUMNS = ('x_m', 'y_m', 'z_m', 'has_counterpart', 'error_one_step', 'error', 'collision_differs')
"""Of the CSV: where the tool is; whether the turned state exists at all, within the joint limits
and clear of obstacles; relative difference after one step and after ``STEPS``; whether only one of
the two touched something."""
MAPS: tuple[tuple[TaskName, Literal['SO3', 'SO2']], ...] = (
    ('bins', 'SO3'), ('bins', 'SO2'), ('open', 'SO3'), ('open', 'SO2'),
)
"""Every task with every group."""
_SCALES = scales(Contract().observation)[:VECTOR_SIZE]


class Turn(NamedTuple):
    """An element of a group, as a motion of space."""

    rotation: np.ndarray
    """Shape (3, 3), in ``base``."""
    centre_m: np.ndarray
    """What stays where it is, in ``base``, shape (3,)."""

    def of_pose(self, pose: Pose) -> Pose:
        """Return the turned pose."""
        position = self.centre_m + self.rotation @ (pose.position_m - self.centre_m)
        return Pose(position, self.rotation @ pose.rotation)

    def of_vectors(self, vectors: np.ndarray) -> np.ndarray:
        """Return turned 3-vectors, side by side in one array."""
        return (vectors.reshape(-1, 3) @ self.rotation.T).ravel()


class Comparison(NamedTuple):
    """One state against its turned counterpart."""

    has_counterpart: bool
    """Whether there is one."""
    error_one_step: float
    """Relative difference of what changed in one step; NaN without a counterpart."""
    error: float
    """The same after ``STEPS``."""
    collision_differs: bool
    """Whether one of the two touched something and the other did not."""


class SymmetryProbe:
    """Compares states of one task under one group."""

    def __init__(self, config: UR5eReachConfig, seed: int = 0) -> None:
        """Compile the simulator.

        Args:
            config: the task; its contract names the group.
            seed: of the elements of the group.
        """
        noiseless = dataclasses.replace(
            config.randomisation, position_noise_rad=0.0, velocity_noise_rad_s=0.0
        )
        quiet = dataclasses.replace(config, randomisation=noiseless)
        self._env = gymnasium.make(REACH_ID, config=quiet, disable_env_checker=True)
        self._contract, self._kinematics = config.contract, Kinematics()
        self._checker = CollisionChecker(0.0, config.boxes)
        self._generator = np.random.default_rng(seed)

    def close(self) -> None:
        """Close the simulator."""
        self._env.close()

    def draw(self) -> Turn:
        """Return a random element of the contract's group."""
        if self._contract.group == 'SO3':
            centre = np.array(self._contract.workspace_centre_base_m)
            return Turn(random_rotation(self._generator), centre)
        angle = self._generator.uniform(-math.pi, math.pi)
        return Turn(rotation_from_vector(np.array((0.0, 0.0, angle))), np.zeros(3))

    def compare(self, state: State, turn: Turn, seed: int = 0) -> Comparison:
        """Return how differently a state and its counterpart go on.

        Args:
            state: the one.
            turn: leads to the other.
            seed: of the randomisation, the same for both.
        """
        counterpart = self._counterpart(state, turn)
        if counterpart is None:
            return Comparison(False, math.nan, math.nan, False)
        turned = State(
            turn.of_pose(state.tool), counterpart, turn.of_pose(state.goal),
            turn.of_vectors(state.action),
        )  # fmt: skip
        first, second = self._changes(state, seed), self._changes(turned, seed)
        one_step, several = (
            _relative(turn.of_vectors(first.of_step[step]), second.of_step[step])
            for step in (0, -1)
        )
        return Comparison(True, one_step, several, first.collision != second.collision)

    def _changes(self, state: State, seed: int) -> '_Changes':
        options = {'joint_position_rad': state.joint_position_rad, 'goal': state.goal}
        start, _ = self._env.reset(seed=seed, options=options)
        of_step, collision = [], False
        for _ in range(STEPS):
            seen, _, terminated, _, _ = self._env.step(state.action)
            of_step.append((seen - start)[:VECTOR_SIZE] / _SCALES)
            collision |= bool(terminated)
        return _Changes(of_step, collision)

    def _counterpart(self, state: State, turn: Turn) -> np.ndarray | None:
        """Return the joint angles of the turned state, None if the arm cannot be there."""
        found = state.joint_position_rad.copy()
        if self._contract.group == 'SO2':
            found[0] += vector_from_rotation(turn.rotation)[2]
        else:
            found = self._inverse(turn.of_pose(state.tool), found)
        low, high = self._contract.joint_lower_rad, self._contract.joint_upper_rad
        if found is None or not ((found > low) & (found < high)).all():
            return None
        return found if self._checker.is_free(found) else None

    def _inverse(self, pose: Pose, start_rad: np.ndarray) -> np.ndarray | None:
        """Return joint angles of a pose, found by damped least squares from two starts."""
        for q in (start_rad.copy(), np.array(self._contract.home_rad)):
            for _ in range(150):
                tool, jacobian = self._kinematics.tool_pose_and_jacobian(q)
                left = np.concatenate((
                    pose.position_m - tool.position_m,
                    vector_from_rotation(pose.rotation @ tool.rotation.T),
                ))
                if np.abs(left).max() < 1e-9:
                    return q
                q = q + np.clip(damped_least_squares(jacobian, left, 1e-3), -0.3, 0.3)
                q = np.clip(q, self._contract.joint_lower_rad, self._contract.joint_upper_rad)
        return None


class _Changes(NamedTuple):
    of_step: list[np.ndarray]
    collision: bool


def _relative(expected: np.ndarray, found: np.ndarray) -> float:
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


def map_file(folder: Path, name: str, group: str) -> Path:
    """Return where the map of a task and a group is."""
    return folder / f'{name}--symmetry-{group}.csv'


def write_map(path: Path, name: TaskName, group: Literal['SO3', 'SO2'], count: int) -> None:
    """Write the comparison of ``count`` states of a task."""
    replace_text(path, table_text(COLUMNS, map_rows(task(name, group), count)))


def map_rows(config: UR5eReachConfig, count: int) -> list[dict[str, Any]]:
    """Return the comparison of ``count`` states of a task under its group."""
    probe, rows = SymmetryProbe(config), []
    for seed, state in enumerate(drawn_states(config, count)):
        found = probe.compare(state, probe.draw(), seed)
        place = zip(('x_m', 'y_m', 'z_m'), map(float, state.tool.position_m), strict=True)
        flags = {'has_counterpart': int(found.has_counterpart),
                 'collision_differs': int(found.collision_differs)}  # fmt: skip
        rows.append(dict(place) | found._asdict() | flags)
    probe.close()
    return rows
