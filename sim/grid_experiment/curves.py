"""The figures of all runs, read from their CSV."""

from collections.abc import Sequence
import csv
import json
from pathlib import Path
from typing import NamedTuple

from experiment.estimates import Interval, intervals
from grid_experiment.plan import AGENTS, VARIANTS
import numpy as np
from perl_core.errors import ConfigError
from perl_sim.envs.grid_world import GridWorldConfig

METRICS = (
    'regret', 'score', 'q_error_mean', 'q_error_max', 'gate_open', 'gate_precision',
    'gate_recall',
)  # fmt: skip


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
