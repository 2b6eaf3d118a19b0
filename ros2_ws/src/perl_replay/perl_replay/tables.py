"""Figures -> CSV: one row a goal, for spreadsheets and pandas."""

from collections.abc import Sequence
import csv
import dataclasses
from pathlib import Path
from typing import Any

from perl_replay.evaluation import Evaluation
from perl_replay.goals import named_goals


def write_csv(path: Path, evaluations: Sequence[Evaluation]) -> None:
    """Write the figures of every goal; nested figures are named ``part.figure``."""
    rows = [
        {'bag': evaluation.bag, 'name': name, **_flat(dataclasses.asdict(goal))}
        for evaluation in evaluations
        for name, goal in named_goals(evaluation.goals)
    ]
    columns = list(dict.fromkeys(column for row in rows for column in row))
    with path.open('w', encoding='utf-8', newline='') as stream:
        writer = csv.DictWriter(stream, columns or ['bag'])
        writer.writeheader()
        writer.writerows(rows)


def _flat(figures: dict[str, Any], prefix: str = '') -> dict[str, Any]:
    """Return the figures of all levels on one."""
    flat: dict[str, Any] = {}
    for name, value in figures.items():
        if isinstance(value, dict):
            flat |= _flat(value, f'{prefix}{name}.')
        elif isinstance(value, list | tuple):
            flat[prefix + name] = ' '.join(map(str, value))
        elif value is not None:
            flat[prefix + name] = value
    return flat
