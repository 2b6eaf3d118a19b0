"""The figures of all runs, read from their CSV, and interval estimates of them by rliable."""

from collections.abc import Callable, Sequence
import csv
import json
from pathlib import Path
from typing import NamedTuple

from grid_experiment.plan import AGENTS, VARIANTS
import numpy as np
from perl_core.errors import ConfigError
from perl_sim.envs.grid_world import GridWorldConfig
from rliable import library
from scipy.stats import trim_mean

METRICS = (
    'regret', 'score', 'q_error_mean', 'q_error_max', 'gate_open', 'gate_precision',
    'gate_recall',
)  # fmt: skip
REPETITIONS = 1000
"""Of the bootstrap."""
CONFIDENCE = 0.95
_CUT = 0.25
"""Share of the seeds that the interquartile mean leaves out at each end."""


class Curve(NamedTuple):
    """One finished run: one agent in one variant."""

    variant: str
    """Of the world."""
    agent: str
    """Name of the agent."""
    steps: np.ndarray
    """Environment steps of each seed at each evaluation, shape (E,)."""
    values: dict[str, np.ndarray]
    """Each metric, shape (seeds, E); NaN where it does not exist."""
    digest: str
    """Of the configuration."""
    git: str
    """Commit that made it."""
    seconds: float
    """Time that it took."""


class Interval(NamedTuple):
    """An interquartile mean over seeds and its bootstrap interval."""

    mean: float
    """The interquartile mean."""
    low: float
    """Lower end of the 95 % interval."""
    high: float
    """Upper end."""

    def __str__(self) -> str:
        """Show it as in the tables."""
        return f'{_rounded(self.mean)} [{_rounded(self.low)}, {_rounded(self.high)}]'


def _rounded(value: float) -> str:
    return f'{round(value, 3) + 0.0:.3f}'


def read_curves(folder: Path) -> dict[tuple[str, str], Curve]:
    """Return the finished runs of a folder by variant and agent, in the order of the plan.

    Raises:
        ConfigError: there are none, or a file does not hold what its description says.
    """
    curves = {}
    for variant in VARIANTS:
        for agent in AGENTS:
            description = folder / f'{variant}--{agent}.json'
            if description.exists():
                described = json.loads(description.read_text(encoding='utf-8'))
                if 'seconds' in described:
                    curves[variant, agent] = _curve(description.with_suffix('.csv'), described)
    if not curves:
        raise ConfigError(f'{folder} holds no finished run; python sim/gridworld.py makes them')
    return curves


def _curve(path: Path, described: dict) -> Curve:
    with path.open(encoding='utf-8', newline='') as file:
        rows = list(csv.DictReader(file))
    plan = described['config']['plan']
    shape = (plan['evaluations'] + 1, plan['seeds'])
    if len(rows) != shape[0] * shape[1] or {row['config'] for row in rows} != {
        described['digest']
    }:
        raise ConfigError(
            f'{path} must hold {shape[0]} evaluations of {shape[1]} seeds of configuration '
            f'{described["digest"]}, it holds {len(rows)} rows; remove the files of this run and '
            'make it again'
        )
    values = {
        name: np.array([float(row[name] or 'nan') for row in rows]).reshape(shape).T
        for name in METRICS
    }
    steps = np.array([int(row['step']) for row in rows]).reshape(shape)[:, 0]
    return Curve(
        described['config']['variant'], described['config']['agent'], steps, values,
        described['digest'], described['git'], described['seconds'],
    )  # fmt: skip


def final(curve: Curve, metric: str) -> np.ndarray:
    """Return a metric at the end: the mean of the last fifth of the evaluations, (seeds,).

    One evaluation alone would hang on the luck of the last update.
    """
    last = max(1, (len(curve.steps) - 1) // 5)
    return curve.values[metric][:, -last:].mean(axis=1)


def whole(curve: Curve, metric: str) -> np.ndarray:
    """Return the mean of a metric over the whole training, shape (seeds,): sample efficiency."""
    return curve.values[metric].mean(axis=1)


def interquartile_mean(values: np.ndarray) -> float:
    """Return the mean of the middle half of all values."""
    return float(trim_mean(values.ravel(), _CUT))


def interval(values: np.ndarray) -> Interval:
    """Return the interquartile mean over seeds and tasks with a stratified bootstrap interval.

    Args:
        values: shape (seeds, tasks), or (seeds,) for one; resampled within each task.
    """
    values = values.reshape(len(values), -1)
    (found,) = _estimates(values, lambda scores: np.array([interquartile_mean(scores)]))
    return found


def intervals(columns: Sequence[np.ndarray]) -> list[Interval]:
    """Return the intervals of several tasks apart, in one bootstrap and so much faster.

    Args:
        columns: each of shape (seeds,), all of one length; NaN gives NaN.
    """
    return _estimates(np.stack(columns, axis=1), lambda scores: trim_mean(scores, _CUT, axis=0))


def _estimates(
    values: np.ndarray, of: Callable[[np.ndarray], np.ndarray]
) -> list[Interval]:
    # rliable 1.2 takes a random state and draws from the global one all the same.
    before = np.random.get_state()
    np.random.seed(0)
    try:
        mean, ends = library.get_interval_estimates(
            {'': values}, of, reps=REPETITIONS, confidence_interval_size=CONFIDENCE
        )
    finally:
        np.random.set_state(before)
    return [Interval(*map(float, row)) for row in zip(mean[''], *ends[''], strict=True)]


def differences(
    pairs: Sequence[tuple[Curve, Curve]], metric: str = 'regret'
) -> list[Interval]:
    """Return first minus second at the end, paired by seed: both met the same layouts."""
    return intervals([final(first, metric) - final(second, metric) for first, second in pairs])


def missing_runs(curves: dict[tuple[str, str], Curve]) -> list[str]:
    """Return the names of the experiment's runs that are not there."""
    return [
        f'{variant}--{agent}' for variant in VARIANTS for agent in AGENTS
        if (variant, agent) not in curves
    ]  # fmt: skip


def read_worlds(
    folder: Path, variant: str, curves: dict[tuple[str, str], Curve]
) -> list[GridWorldConfig]:
    """Return the world of each seed of a variant.

    Raises:
        ConfigError: the runs of the variant were made in different worlds.
    """
    agents = [agent for name, agent in curves if name == variant]
    paths = [folder / f'{variant}--{agent}.json' for agent in agents]
    plans = [json.loads(path.read_text(encoding='utf-8'))['config']['plan'] for path in paths]
    worlds = [(plan['world'], plan['seeds']) for plan in plans]
    for agent, other in zip(agents, worlds, strict=True):
        if other != worlds[0]:
            raise ConfigError(
                f'the runs {agents[0]} and {agent} of {variant} must be of the same worlds, got '
                f'{worlds[0]} and {other}; make one of them again'
            )
    world, seeds = worlds[0]
    return [GridWorldConfig(**world | {'layout_seed': seed}) for seed in range(seeds)]
