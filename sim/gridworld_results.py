"""Rebuild tables and figures of the grid-world experiment from its raw figures.

The same raw figures give the same files, byte for byte. Runs that are not finished are named and
left out.
"""

import dataclasses
from pathlib import Path
import sys

from experiment import pictures
from grid_experiment import figures
from grid_experiment.curves import missing_runs, read_curves, read_worlds
from grid_experiment.tables import results_markdown, table_csv
from grid_experiment.verdicts import agents_of, variants_of, verdicts
from perl_core.errors import PerlError
import tyro


@dataclasses.dataclass(frozen=True, kw_only=True)
class Args:
    """Where from and where to."""

    raw: Path = Path('results/gridworld/raw')
    """Folder that sim/gridworld.py wrote."""
    output: Path = Path('results/gridworld')
    """Folder of table.csv, results.md and the figures."""


def main(args: Args) -> None:
    """Write every table and figure."""
    curves = read_curves(args.raw)
    worlds = {variant: read_worlds(args.raw, variant, curves) for variant in variants_of(curves)}
    missing = missing_runs(curves)
    args.output.mkdir(parents=True, exist_ok=True)
    (args.output / 'table.csv').write_text(table_csv(curves), encoding='utf-8')
    sentences = verdicts(curves)
    page = results_markdown(curves, worlds, missing, sentences)
    (args.output / 'results.md').write_text(page, encoding='utf-8')
    pictures.use_style()
    ablations = [agent for agent in agents_of(curves) if agent.startswith('pe')]
    made = {
        'learning_curves': figures.learning_curves(curves, figures.MAIN),
        'learning_curves_ablations': figures.learning_curves(curves, ablations),
        'final_regret': figures.final_intervals(curves),
        'over_obstacles': figures.over_obstacles(curves, worlds),
        'gate_quality': figures.gate_quality(curves),
        **{
            f'gates_{variant}': figures.gate_maps(args.raw, variant, configs[0].world())
            for variant, configs in worlds.items()
        },
    }
    for name, figure in made.items():
        if figure is not None:
            pictures.save(figure, args.output / f'{name}.png')
    sys.stdout.write('\n'.join(sentences) + '\n')
    if missing:
        sys.stdout.write(f'not finished: {", ".join(missing)}\n')


if __name__ == '__main__':
    try:
        main(tyro.cli(Args))
    except PerlError as error:
        sys.exit(f'error: {error}')
