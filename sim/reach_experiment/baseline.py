"""The resolved-rate controller on the goals of a task, and what kept it from each it missed."""

from collections.abc import Iterator, Sequence
import csv
from pathlib import Path
from typing import Any, Literal, NamedTuple

from experiment.files import replace_text, table_text
import gymnasium
import mujoco
import numpy as np
from perl_core.contract import slice_bounds
from perl_core.evaluation import TEST_SEED, Tolerance
from perl_core.kinematics import Kinematics
from perl_core.resolved_rate import resolved_rate_action
from perl_sim import REACH_ID
from perl_sim.envs.reach_config import TaskName, UR5eReachConfig, task
from perl_sim.robots.ur5e import load_ur5e

Cause = Literal['reached', 'wall', 'table', 'itself', 'joint limit', 'singularity', 'other']
"""What became of a goal: reached; the arm touched something; it stopped at a joint limit; near a
singularity; or none of these."""
COLUMNS = ('seed', 'cause', 'position_error_m', 'rotation_error_rad', 'seconds', 'return')
"""Of the CSV, a row a goal; ``seconds``: until both errors stayed small."""
AT_LIMIT_RAD = 0.05
"""A joint closer to its limit stands at it; own choice, twice what noise and servo lag leave."""
SINGULAR_VALUE = 0.05
"""The damping of the contract: from here on damped least squares follows less than half of a
twist along the worst direction."""
_TOUCH_M = 0.01
"""What is closer at the end of an episode that a collision ended is what was touched."""


class Ending(NamedTuple):
    """How an episode ended."""

    joint_position_rad: np.ndarray
    """Shape (6,), as measured."""
    is_reached: bool
    """Both errors within tolerance at the end."""
    is_collision: bool
    """Whether the arm touched something."""


class Judge:
    """Says what kept the arm from a goal."""

    def __init__(self, config: UR5eReachConfig) -> None:
        """Compile the scene."""
        self._contract, self._kinematics = config.contract, Kinematics()
        self._model = load_ur5e(config.boxes)
        self._data = mujoco.MjData(self._model)
        arm = ('forearm', 'wrist_1', 'wrist_2', 'wrist_3')
        self._arm = [self._model.geom(name).id for name in arm]
        self._boxes = [self._model.geom(box.name).id for box in config.boxes]
        self._table = [self._model.geom('table').id]

    def cause(self, ending: Ending) -> Cause:
        """Return what became of the goal."""
        if ending.is_collision:
            return self._touched(ending.joint_position_rad)
        if ending.is_reached:
            return 'reached'
        position = ending.joint_position_rad
        room = np.minimum(
            position - self._contract.joint_lower_rad, self._contract.joint_upper_rad - position
        )
        if room.min() < AT_LIMIT_RAD:
            return 'joint limit'
        _, jacobian = self._kinematics.tool_pose_and_jacobian(position)
        smallest = np.linalg.svd(jacobian, compute_uv=False)[-1]
        return 'singularity' if smallest < SINGULAR_VALUE else 'other'

    def _touched(self, joint_position_rad: np.ndarray) -> Cause:
        self._data.qpos[:] = joint_position_rad
        mujoco.mj_kinematics(self._model, self._data)
        away = {'wall': self._distance(self._boxes), 'table': self._distance(self._table)}
        nearest: Cause = 'wall' if away['wall'] <= away['table'] else 'table'
        return nearest if away[nearest] < _TOUCH_M else 'itself'

    def _distance(self, geoms: Sequence[int]) -> float:
        return min((
            mujoco.mj_geomDistance(self._model, self._data, mine, other, 1.0, None)
            for mine in self._arm for other in geoms
        ), default=1.0)  # fmt: skip


def resolved_rate_rows(
    config: UR5eReachConfig, goals: int, tolerance: Tolerance
) -> Iterator[dict[str, Any]]:
    """Yield what became of each test goal.

    Args:
        config: the task.
        goals: how many.
        tolerance: of a success.
    """
    env = gymnasium.make(REACH_ID, config=config, disable_env_checker=True)
    judge, contract = Judge(config), config.contract
    joints = slice_bounds(contract.observation)['joint_position_rad']
    for seed in range(TEST_SEED, TEST_SEED + goals):
        observation, _ = env.reset(seed=seed)
        total, steps, inside_since, terminated, truncated = 0.0, 0, 0, False, False
        info: dict[str, Any] = {}
        while not (terminated or truncated):
            action = resolved_rate_action(observation, contract)
            observation, reward, terminated, truncated, info = env.step(action)
            total, steps = total + float(reward), steps + 1
            if not _is_inside(info, tolerance):
                inside_since = steps
        ending = Ending(
            observation[joints].astype(float), _is_inside(info, tolerance), terminated
        )
        cause = judge.cause(ending)
        reached_s = (inside_since + 1) * contract.policy_period_s
        yield {
            'seed': seed, 'cause': cause, 'position_error_m': info['position_error_m'],
            'rotation_error_rad': info['rotation_error_rad'], 'return': total,
            'seconds': reached_s if cause == 'reached' else float('nan'),
        }  # fmt: skip
    env.close()


def _is_inside(info: dict[str, Any], tolerance: Tolerance) -> bool:
    return bool(
        info['position_error_m'] <= tolerance.position_m
        and info['rotation_error_rad'] <= tolerance.rotation_rad
    )


def baseline_file(folder: Path, name: str) -> Path:
    """Return where the figures of a task are."""
    return folder / f'{name}--resolved-rate.csv'


def write_baseline(folder: Path, name: TaskName, goals: int) -> None:
    """Write what became of the goals of a task."""
    rows = resolved_rate_rows(task(name, 'SO3'), goals, Tolerance())
    replace_text(baseline_file(folder, name), table_text(COLUMNS, rows))


class Baseline(NamedTuple):
    """The resolved-rate controller in one task."""

    causes: list[str]
    """Of every goal."""
    position_error_m: np.ndarray
    """At the end, of every goal."""
    returns: np.ndarray
    """Of every goal."""

    @property
    def success(self) -> float:
        """Share of the goals."""
        return self.causes.count('reached') / len(self.causes)


def read_baseline(folder: Path, name: str) -> Baseline | None:
    """Return the figures of a task; None if they were never made."""
    path = baseline_file(folder, name)
    if not path.exists():
        return None
    with path.open(encoding='utf-8', newline='') as file:
        rows = list(csv.DictReader(file))
    errors, returns = (
        np.array([float(row[column]) for row in rows]) for column in ('position_error_m', 'return')
    )
    return Baseline([row['cause'] for row in rows], errors, returns)
