"""The figures of all runs, read from their CSV: one curve for each task and trial."""

from collections.abc import Mapping
import csv
import json
from pathlib import Path
from typing import Any, NamedTuple

from experiment.estimates import interquartile_mean
import numpy as np
from perl_core.errors import ConfigError
from reach_experiment.agents import TRIALS
from reach_experiment.files import MEASURES

TASKS = ('bins', 'open')
"""In the order of the pages."""


class Curve(NamedTuple):
    """All finished seeds of one trial in one task."""

    task: str
    """Name of the task."""
    trial: str
    """Name of the trial."""
    seeds: tuple[int, ...]
    """In order."""
    steps: np.ndarray
    """Environment steps at each evaluation, shape (E,)."""
    values: Mapping[str, np.ndarray]
    """Each of ``MEASURES``, shape (seeds, E); NaN where it does not exist."""
    git: str
    """Commits that made it, joined."""

    @property
    def seconds(self) -> float:
        """Mean time of a run."""
        return float(self.values['seconds'][:, -1].mean())


Curves = Mapping[tuple[str, str], Curve]
"""By task and trial."""


def read_curves(folder: Path) -> dict[tuple[str, str], Curve]:
    """Return the finished runs of a folder, in the order of the experiment.

    Raises:
        ConfigError: the seeds of one trial differ in more than their seed.
    """
    found: dict[tuple[str, str], dict[int, Path]] = {}
    for path in sorted(folder.glob('*--seed-*.json')):
        described = json.loads(path.read_text(encoding='utf-8'))
        if 'seconds' in described:
            config = described['config']
            found.setdefault((config['task'], config['trial']), {})[config['seed']] = path
    return {
        (task, trial): _curve(task, trial, dict(sorted(found[task, trial].items())))
        for task in TASKS for trial in TRIALS if (task, trial) in found
    }  # fmt: skip


def _curve(task: str, trial: str, paths: Mapping[int, Path]) -> Curve:
    descriptions = [json.loads(path.read_text(encoding='utf-8')) for path in paths.values()]
    first = _without_seed(descriptions[0]['config'])
    for path, described in zip(paths.values(), descriptions, strict=True):
        if _without_seed(described['config']) != first:
            raise ConfigError(
                f'{path} is of another configuration than the other seeds of {trial}; make the '
                'runs of this trial again'
            )
    tables = [_rows(path.with_suffix('.csv')) for path in paths.values()]
    steps = [[int(row['step']) for row in rows] for rows in tables]
    if any(one != steps[0] for one in steps):
        raise ConfigError(f'the seeds of {trial} in {task} were not evaluated at the same steps')
    values = {
        name: np.array([[float(row[name] or 'nan') for row in rows] for rows in tables])
        for name in MEASURES
    }
    git = ' '.join(dict.fromkeys(described['git'] for described in descriptions))
    return Curve(task, trial, tuple(paths), np.array(steps[0]), values, git)


def _without_seed(config: dict[str, Any]) -> dict[str, Any]:
    training = {**config['training'], 'seed': None}
    return {**config, 'seed': None, 'training': training}


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding='utf-8', newline='') as file:
        return list(csv.DictReader(file))


def final(curve: Curve, measure: str) -> np.ndarray:
    """Return a measure at the end: the mean of the last fifth of the evaluations, (seeds,).

    One evaluation alone would hang on the luck of the last update.
    """
    last = max(1, len(curve.steps) // 5)
    return curve.values[measure][:, -last:].mean(axis=1)


def whole(curve: Curve, measure: str) -> np.ndarray:
    """Return the mean of a measure over the whole training, shape (seeds,): sample efficiency."""
    return curve.values[measure].mean(axis=1)


def steps_to(curve: Curve, success: float) -> np.ndarray:
    """Return the steps of the first evaluation with this success, (seeds,); infinite if none."""
    reached = curve.values['success'] >= success
    return np.where(reached.any(axis=1), curve.steps[reached.argmax(axis=1)], np.inf)


def middle_steps_to(curve: Curve, success: float) -> float:
    """Return the median over seeds of ``steps_to``; infinite if half of them never got there."""
    found = np.sort(steps_to(curve, success))
    return float(found[len(found) // 2])


def share_at(curve: Curve, measure: str) -> float:
    """Return the interquartile mean over seeds of a measure at the end."""
    return interquartile_mean(final(curve, measure))
