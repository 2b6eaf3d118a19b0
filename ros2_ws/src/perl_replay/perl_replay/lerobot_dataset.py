"""Bags -> a dataset in LeRobot's format (v3.0). Needs the extra ``lerobot``."""

from collections.abc import Sequence
import dataclasses
import json
from pathlib import Path
import tempfile
from typing import Any

import numpy as np
from perl_core.contract import Contract, Slice
from perl_core.errors import ConfigError

from perl_replay.episodes import Outcome
from perl_replay.followed import FollowedGoal, read_followed

CONTRACT_FILE = 'meta/perl_contract.json'
"""LeRobot's own description has no place for the contract."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class DatasetFigures:
    """What was exported."""

    goals: int
    """With at least one step."""
    episodes: int
    """Written: one a goal, and one more for each interruption of its steps."""
    frames: int
    """Written: one a step."""
    limited: int
    """Left out because the safety filter changed what the policy asked for."""


def export_dataset(
    bags: Sequence[Path], folder: Path, contract: Contract, partial: bool = False
) -> DatasetFigures:
    """Write the steps of some bags that the arm followed (perl_replay.followed) as a dataset.

    LeRobot takes the frames of an episode for consecutive, so a goal of which steps are left out
    in between becomes several episodes. What the reward was, no robot knows: there is none.

    Args:
        bags: folders, or MCAP files.
        folder: to make.
        contract: of the policy that was recorded.
        partial: take what can be read of a damaged bag.

    Raises:
        BagError: a bag cannot be read, or holds no step at all.
        ConfigError: the extra is not installed, or the folder is there already.
    """
    dataset_type = _dataset_type()
    if folder.exists():
        raise ConfigError(f'{folder} exists: a dataset is written to a new folder. Name another.')
    goals = read_followed(bags, contract, partial)
    folder.parent.mkdir(parents=True, exist_ok=True)
    # What breaks off leaves no folder that looks like a dataset.
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f'.{folder.name}-') as beside:
        root = Path(beside) / folder.name
        dataset = dataset_type.create(
            repo_id=f'local/{folder.name}', fps=contract.policy_rate_hz,
            features=_features(contract), root=root, robot_type='ur5e', use_videos=False,
        )  # fmt: skip
        for goal in goals:
            _add(dataset, goal)
        dataset.finalize()
        (root / CONTRACT_FILE).write_text(json.dumps(contract.to_dict(), indent=2) + '\n', 'utf-8')
        root.rename(folder)
    return DatasetFigures(
        goals=sum(len(goal.rows) > 0 for goal in goals),
        episodes=sum(len(_runs(goal.rows)) for goal in goals),
        frames=sum(len(goal.rows) for goal in goals),
        limited=sum(goal.limited for goal in goals),
    )


def _dataset_type() -> Any:
    """Return LeRobot's class.

    Raises:
        ConfigError: the extra is not installed.
    """
    try:
        # Optional, and seconds to import.
        from lerobot.datasets.lerobot_dataset import LeRobotDataset  # noqa: PLC0415
    except ImportError as error:
        raise ConfigError(
            f"--format lerobot needs the optional extra 'lerobot' in an environment of its own, "
            f'see docs/replay.md ({error}); --format transitions needs nothing more'
        ) from error
    return LeRobotDataset


def _features(contract: Contract) -> dict[str, dict[str, Any]]:
    """Return what LeRobot must know of a frame."""
    flag = {'dtype': 'bool', 'shape': (1,), 'names': None}
    return {
        'observation.state': _vector(contract.observation),
        'action': _vector(contract.action),
        'next.done': flag,
        'next.success': flag,
    }


def _vector(parts: tuple[Slice, ...]) -> dict[str, Any]:
    names = [f'{part.name}_{index}' for part in parts for index in range(part.size)]
    return {'dtype': 'float32', 'shape': (len(names),), 'names': names}


def _add(dataset: Any, goal: FollowedGoal) -> None:
    """Write the episodes of a goal."""
    episode, task = goal.episode, _task(goal.episode.target)
    for run in _runs(goal.rows):
        for row in run:
            last = episode.ended_ns is not None and row == goal.rows[-1]
            reached = last and episode.outcome == Outcome.REACHED
            dataset.add_frame({
                'observation.state': episode.observation[row],
                'action': episode.policy.action[row],
                'next.done': np.array([last]),
                'next.success': np.array([reached]),
                'task': task,
            })
        dataset.save_episode()


def _runs(rows: np.ndarray) -> list[np.ndarray]:
    """Return the rows in parts, in each of which they follow each other; none is empty."""
    parts = np.split(rows, np.flatnonzero(np.diff(rows) != 1) + 1)
    return [part for part in parts if len(part)]


def _task(target: tuple[float, ...]) -> str:
    """Return a goal in words."""
    if not target:
        return 'Move the tool to a pose that was not recorded.'
    position = ', '.join(f'{value:.4f}' for value in target[:3])
    quaternion = ', '.join(f'{value:.4f}' for value in target[3:])
    return (
        f'Move the tool to the position ({position}) m and the orientation ({quaternion}) '
        f'(quaternion x, y, z, w) in the frame base.'
    )
