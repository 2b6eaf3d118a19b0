"""What a person sees of the experiment at its end."""

from collections.abc import Sequence
from pathlib import Path
import statistics

from grid_experiment.files import GridRunFiles
from grid_experiment.plan import GridRun
from rich.table import Table


def summary(runs: Sequence[GridRun], folder: Path) -> Table:
    """Return a table of how far each run is and what it reached."""
    table = Table(title='Regret of the greedy policy, median over seeds')
    for name in ('variant', 'agent'):
        table.add_column(name)
    for name in ('steps', 'regret', 'gate recall'):
        table.add_column(name, justify='right')
    for run in runs:
        rows = GridRunFiles(folder, run).last_rows()
        step = int(rows[0]['step']) if rows else 0
        table.add_row(
            run.variant, run.agent, f'{step}/{run.plan.steps}',
            *(_median([row[name] for row in rows]) for name in ('regret', 'gate_recall')),
        )  # fmt: skip
    return table


def _median(texts: Sequence[str]) -> str:
    known = [float(text) for text in texts if text]
    return f'{statistics.median(known) + 0.0:.3f}' if known else ''
