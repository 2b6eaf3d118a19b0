"""The results as pictures."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from experiment.estimates import intervals
from experiment.pictures import COLOURS, panels, with_legend
from matplotlib.axes import Axes
from matplotlib.figure import Figure
import numpy as np
from perl_sim.envs.reach_config import UR5eReachConfig, task
from perl_sim.obstacles import Box
from reach_experiment.agents import ABLATIONS, MAIN, TRIALS
from reach_experiment.baseline import Baseline
from reach_experiment.curves import Curve, Curves
from reach_experiment.symmetry_map import BROKEN_FROM, MAPS, map_file
from reach_experiment.tables import read_rows
from reach_experiment.verdicts import Baselines, tasks_of

_MEASURES = (('success', 'success'), ('reward_mean', 'return'),
             ('position_error_median_m', 'median position error [m]'))
_BINS = 16
"""Cells of a map along each side."""
_HALF_M = 0.36
"""Half of the side of a map: a little more than the workspace's radius."""
Points = Sequence[dict[str, float]]


def colour(trial: str) -> str:
    """Return the trial's colour, the same in every figure."""
    return COLOURS[list(TRIALS).index(trial) % len(COLOURS)]


def learning_curves(
    curves: Curves, baselines: Baselines, trials: Sequence[str]
) -> Figure | None:
    """Return success, return and precision over environment steps; a row for each task."""
    tasks = [t for t in tasks_of(curves) if any((t, trial) in curves for trial in trials)]
    if not tasks:
        return None
    figure, axes = panels(len(tasks), len(_MEASURES), 3.9, 2.8)
    for row, name in enumerate(tasks):
        chosen = [curves[name, trial] for trial in trials if (name, trial) in curves]
        for column, (measure, label) in enumerate(_MEASURES):
            axis = axes[row * len(_MEASURES) + column]
            for curve in chosen:
                _draw_curve(axis, curve, measure)
            if name in baselines:
                _draw_baseline(axis, baselines[name], measure)
            axis.set(title=f'{name}: {label}', xlabel='environment steps [1000]')
            if measure.endswith('_m'):
                axis.set_yscale('log')
    return with_legend(figure, axes)


def _draw_curve(axis: Axes, curve: Curve, measure: str) -> None:
    mean, low, high = np.array(intervals(list(curve.values[measure].T))).T
    thousands, shade = curve.steps / 1000.0, colour(curve.trial)
    axis.plot(thousands, mean, color=shade, label=curve.trial, lw=1.4)
    axis.fill_between(thousands, low, high, color=shade, alpha=0.15, lw=0)


def _draw_baseline(axis: Axes, found: Baseline, measure: str) -> None:
    level = {
        'success': found.success, 'reward_mean': found.returns.mean(),
        'position_error_median_m': float(np.median(found.position_error_m)),
    }[measure]
    axis.axhline(level, color='k', ls='--', lw=1, label='resolved rate')


def symmetry_maps(raw: Path) -> Figure | None:
    """Return where each group holds in each task: from above, and from the side."""
    known = [pair for pair in MAPS if map_file(raw, *pair).exists()]
    if not known:
        return None
    figure, axes = panels(2, len(known), 3.2, 3.0)
    for column, (name, group) in enumerate(known):
        points = read_rows(map_file(raw, name, group))
        broken = [point | {'value': _is_broken(point)} for point in points]
        for row, plane in enumerate(('xy', 'xz')):
            axis = axes[row * len(known) + column]
            _draw_map(axis, broken, plane, task(name, group).boxes)
            axis.set_title(f'{name}, {group}')
    figure.suptitle(
        'share of states without a counterpart, with one collision of two, or with a relative '
        f'difference above {BROKEN_FROM:g}'
    )
    return figure


def _is_broken(point: Mapping[str, float]) -> float:
    if not point['has_counterpart'] or point['collision_differs']:
        return 1.0
    return float(point['error'] > BROKEN_FROM)


def gate_maps(raw: Path, name: str) -> Figure | None:
    """Return the gates of trained agents over the workspace, of the first seed of each."""
    files = {
        trial: path for trial in (*MAIN, *ABLATIONS)
        if (path := raw / f'{name}--{trial}--seed-0.gate.csv').exists()
    }
    if not files:
        return None
    figure, axes = panels(2, len(files), 3.0, 3.0)
    for column, (trial, path) in enumerate(files.items()):
        points = [point | {'value': point['gate']} for point in read_rows(path)]
        boxes = task(name, 'SO3').boxes  # type: ignore[arg-type]
        for row, plane in enumerate(('xy', 'xz')):
            axis = axes[row * len(files) + column]
            _draw_map(axis, points, plane, boxes)
            axis.set_title(trial)
    figure.suptitle(f'{name}: mean probability of the standard branch')
    return figure


def _draw_map(axis: Axes, points: Points, plane: str, boxes: Sequence[Box]) -> None:
    """Draw means of cells, seen along the third axis, and the boxes."""
    centre = dict(zip('xyz', task('open', 'SO3').contract.workspace_centre_base_m, strict=True))
    first, second = plane
    edges = [np.linspace(centre[a] - _HALF_M, centre[a] + _HALF_M, _BINS + 1) for a in plane]
    at = [np.array([point[f'{a}_m'] for point in points]) for a in plane]
    values = np.array([point['value'] for point in points])
    count, *_ = np.histogram2d(*at, bins=edges)
    total, *_ = np.histogram2d(*at, bins=edges, weights=values)
    mean = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
    axis.pcolormesh(*edges, mean.T, vmin=0.0, vmax=1.0, cmap='viridis')
    for box in boxes:
        middle, half = (
            [part['xyz'.index(a)] for a in plane] for part in (box.centre_base_m, box.half_size_m)
        )
        low, high = np.subtract(middle, half), np.add(middle, half)
        axis.plot(*np.array((low, (low[0], high[1]), high, (high[0], low[1]), low)).T, 'r', lw=1)
    axis.set(xlabel=f'{first} [m]', ylabel=f'{second} [m]', aspect='equal',
             xlim=edges[0][[0, -1]], ylim=edges[1][[0, -1]])  # fmt: skip
    axis.grid(visible=False)


def gate_beside_error(gate: Points, errors: Points, config: UR5eReachConfig) -> Figure:
    """Return the gate of one policy and the measured symmetry, from above and from the side."""
    figure, axes = panels(2, 2, 3.4, 3.2)
    shown = {
        'gate': [point | {'value': point['gate']} for point in gate],
        f'{config.contract.group} broken': [p | {'value': _is_broken(p)} for p in errors],
    }
    for column, (title, points) in enumerate(shown.items()):
        for row, plane in enumerate(('xy', 'xz')):
            axis = axes[2 * row + column]
            _draw_map(axis, points, plane, config.boxes)
            axis.set_title(title)
    return figure
