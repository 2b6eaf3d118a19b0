"""The results as CSV and Markdown."""

from collections.abc import Mapping, Sequence
import csv
import math
from pathlib import Path

from experiment.estimates import Interval, intervals
from experiment.files import markdown, table_text
import numpy as np
from reach_experiment.agents import ABLATIONS, MAIN, TUNING
from reach_experiment.curves import Curve, Curves, final, middle_steps_to, whole
from reach_experiment.symmetry_map import BROKEN_FROM, MAPS, STEPS, map_file
from reach_experiment.verdicts import Baselines, tasks_of

TABLE_COLUMNS = (
    'task', 'trial', 'seeds', 'steps', 'success', 'success_low', 'success_high', 'mean_success',
    'mean_success_low', 'mean_success_high', 'return', 'steps_to_50', 'steps_to_90',
    'position_error_m', 'rotation_error_rad', 'gate_open', 'temperature', 'seconds', 'git',
)  # fmt: skip
"""Of table.csv. Success, its mean over training and the errors: interquartile means over seeds;
``steps_to``: median seed, empty if it never got there."""
_CAUSES = ('reached', 'wall', 'table', 'itself', 'joint limit', 'singularity', 'other')


def _row(curve: Curve, at_end: Interval, over_all: Interval) -> Mapping[str, object]:
    measures = {
        'return': 'reward_mean', 'position_error_m': 'position_error_median_m',
        'rotation_error_rad': 'rotation_error_median_rad', 'gate_open': 'standard_share',
        'temperature': 'temperature',
    }  # fmt: skip
    shown = intervals([final(curve, measure) for measure in measures.values()])
    to = {f'steps_to_{p}': middle_steps_to(curve, p / 100.0) for p in (50, 90)}
    return {
        'task': curve.task, 'trial': curve.trial, 'seeds': len(curve.seeds),
        'steps': int(curve.steps[-1]), 'success': at_end.mean, 'success_low': at_end.low,
        'success_high': at_end.high, 'mean_success': over_all.mean,
        'mean_success_low': over_all.low, 'mean_success_high': over_all.high,
        'seconds': curve.seconds, 'git': curve.git,
        **{name: one.mean for name, one in zip(measures, shown, strict=True)},
        **{name: math.nan if math.isinf(steps) else steps for name, steps in to.items()},
    }  # fmt: skip


def rows_of(curves: Curves) -> list[Mapping[str, object]]:
    """Return a row for each task and trial."""
    rows = []
    for curve in curves.values():
        # One call a curve: the number of seeds may differ.
        at_end, over_all = intervals([final(curve, 'success'), whole(curve, 'success')])
        rows.append(_row(curve, at_end, over_all))
    return rows


def table_csv(rows: Sequence[Mapping[str, object]]) -> str:
    """Return a row for each task and trial as CSV."""
    return table_text(TABLE_COLUMNS, rows)


def results_markdown(
    curves: Curves, baselines: Baselines, sentences: list[str], raw: Path
) -> str:
    """Return the page of results.

    Args:
        curves: finished runs.
        baselines: the resolved-rate controller by task.
        sentences: who wins where.
        raw: folder of the maps of the symmetry error.
    """
    rows = rows_of(curves)
    parts = [
        '# Reach: results',
        'Made by `make results` from `raw/`; do not edit. Success: share of 50 validation goals '
        'held to 10 mm and 5 degrees at the end of 5 s. Figures: interquartile mean over seeds '
        '[95 % bootstrap interval]; at the end: mean of the last fifth of the evaluations.',
        '## Who wins where',
        'From the intervals of differences paired by seed.' if sentences else
        'Too few runs are finished to say.',
        '\n'.join(f'- {sentence}' for sentence in sentences),
    ]  # fmt: skip
    for task in tasks_of(curves):
        for title, trials in (('agents', MAIN), ('ablations', ABLATIONS), ('settings', TUNING)):
            chosen = [row for row in rows if row['task'] == task and row['trial'] in trials]
            if chosen:
                parts += [f'## {task}: {title}', _agents(chosen)]
    parts += [
        '## The resolved rate on 200 test goals', _baselines(baselines),
        '## Where the symmetries hold', _symmetries(raw),
    ]  # fmt: skip
    return '\n\n'.join(part for part in parts if part) + '\n'


def _agents(rows: Sequence[Mapping[str, object]]) -> str:
    header = ('trial', 'seeds', 'steps', 'success', 'over all training', 'return', 'steps to 50 %',
              'steps to 90 %', 'position [mm]', 'rotation [deg]', 'gate open [%]', 'time [s]')
    return markdown(header, [_shown(row) for row in rows])


def _shown(row: Mapping[str, object]) -> list[str]:
    def number(name: str, digits: int, factor: float = 1.0) -> str:
        value = float(str(row[name]))
        return '-' if math.isnan(value) else f'{factor * value:.{digits}f}'

    def interval(name: str) -> str:
        ends = (float(str(row[f'{name}{end}'])) for end in ('', '_low', '_high'))
        return str(Interval(*ends))

    return [
        str(row['trial']), str(row['seeds']), str(row['steps']), interval('success'),
        interval('mean_success'), number('return', 1), number('steps_to_50', 0),
        number('steps_to_90', 0), number('position_error_m', 1, 1000.0),
        number('rotation_error_rad', 2, 180.0 / math.pi), number('gate_open', 1, 100.0),
        number('seconds', 0),
    ]  # fmt: skip


def _baselines(baselines: Baselines) -> str:
    if not baselines:
        return 'Not measured yet: python sim/reach_measure.py.'
    rows = [
        [task, *(f'{100.0 * found.causes.count(cause) / len(found.causes):.1f}'
                 for cause in _CAUSES),
         f'{1000.0 * np.median(found.position_error_m):.2f}', f'{found.returns.mean():.1f}']
        for task, found in baselines.items()
    ]  # fmt: skip
    header = ['task', 'reached [%]', *(f'{cause} [%]' for cause in _CAUSES[1:]),
              'position, median [mm]', 'return']  # fmt: skip
    return markdown(header, rows)


def read_rows(path: Path) -> list[dict[str, float]]:
    """Return a CSV of numbers; empty cells are NaN."""
    with path.open(encoding='utf-8', newline='') as file:
        return [
            {name: float(value or 'nan') for name, value in row.items()}
            for row in csv.DictReader(file)
        ]


def _symmetries(raw: Path) -> str:
    header = ('task', 'group', 'states', 'no counterpart [%]', 'one step, median',
              f'{STEPS} steps, median', '90 %', f'above {BROKEN_FROM:g} [%]',
              'only one touches something [%]')  # fmt: skip
    rows = []
    for task, group in MAPS:
        if map_file(raw, task, group).exists():
            found = read_rows(map_file(raw, task, group))
            rows.append([task, group, *_map_figures(found)])
    return markdown(header, rows) if rows else 'Not measured yet: python sim/reach_measure.py.'


def _map_figures(rows: Sequence[Mapping[str, float]]) -> list[str]:
    known = [row for row in rows if row['has_counterpart']]
    error = np.array([row['error'] for row in known])
    one = np.array([row['error_one_step'] for row in known])
    differs = np.array([row['collision_differs'] for row in known])
    return [
        str(len(rows)), f'{100.0 * (1.0 - len(known) / len(rows)):.0f}', f'{np.median(one):.2g}',
        f'{np.median(error):.2g}', f'{np.quantile(error, 0.9):.2g}',
        f'{100.0 * (error > BROKEN_FROM).mean():.0f}', f'{100.0 * differs.mean():.0f}',
    ]  # fmt: skip
