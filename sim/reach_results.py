"""Rebuild tables and figures of the learning experiment on the arm from its raw figures.

The same raw figures give the same files, byte for byte. Runs that are not finished are left out.
"""

import dataclasses
from pathlib import Path
import sys
from typing import get_args

from experiment import pictures
from experiment.files import replace_text
from perl_core.errors import PerlError
from perl_sim.envs.reach_config import TaskName
from reach_experiment import figures
from reach_experiment.agents import ABLATIONS, MAIN
from reach_experiment.baseline import read_baseline
from reach_experiment.curves import read_curves
from reach_experiment.tables import results_markdown, rows_of, table_csv
from reach_experiment.verdicts import verdicts
import tyro


@dataclasses.dataclass(frozen=True, kw_only=True)
class Args:
    """Where from and where to."""

    raw: Path = Path('results/reach/raw')
    """Folder that sim/reach_learning.py and sim/reach_measure.py wrote."""
    output: Path = Path('results/reach')
    """Folder of table.csv, results.md and the figures."""


def main(args: Args) -> None:
    """Write every table and figure."""
    curves = read_curves(args.raw)
    found = {name: read_baseline(args.raw, name) for name in get_args(TaskName)}
    baselines = {name: one for name, one in found.items() if one is not None}
    args.output.mkdir(parents=True, exist_ok=True)
    sentences = verdicts(curves, baselines)
    replace_text(args.output / 'table.csv', table_csv(rows_of(curves)))
    page = results_markdown(curves, baselines, sentences, args.raw)
    replace_text(args.output / 'results.md', page)
    pictures.use_style()
    made = {
        'learning_curves': figures.learning_curves(curves, baselines, list(MAIN)),
        'learning_curves_ablations': figures.learning_curves(
            curves, baselines, ['pe', *ABLATIONS]
        ),
        'symmetry': figures.symmetry_maps(args.raw),
        **{f'gates_{name}': figures.gate_maps(args.raw, name) for name in get_args(TaskName)},
    }
    for name, figure in made.items():
        if figure is not None:
            pictures.save(figure, args.output / f'{name}.png')
    sys.stdout.write('\n'.join(sentences or ['reach: too few runs are finished to say']) + '\n')


if __name__ == '__main__':
    try:
        main(tyro.cli(Args))
    except PerlError as error:
        sys.exit(f'error: {error}')
