"""What a person sees of the experiment: a progress bar, and a summary at the end."""

from collections.abc import Sequence
from pathlib import Path
import statistics
from types import TracebackType
from typing import Self

from grid_experiment.files import RunFiles
from grid_experiment.plan import Run
from rich import progress
from rich.console import Console
from rich.table import Table


class Progress:
    """A bar over the environment steps of all runs, read from their files."""

    def __init__(self, runs: Sequence[Run], folder: Path, console: Console) -> None:
        """Prepare it; use as a context manager.

        Args:
            runs: that are computed now.
            folder: of their files.
            console: where it is shown.
        """
        self._open = {run.name: RunFiles(folder, run) for run in runs}
        self._steps = dict.fromkeys(self._open, 0)
        self._totals = {run.name: run.plan.steps for run in runs}
        self._bar = progress.Progress(
            progress.TextColumn('{task.description}'), progress.BarColumn(),
            progress.TaskProgressColumn(), progress.TimeElapsedColumn(),
            progress.TimeRemainingColumn(), console=console,
        )  # fmt: skip
        self._task = self._bar.add_task('', total=sum(self._totals.values()))

    def __enter__(self) -> Self:
        """Show the bar."""
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the bar as it is."""
        self._bar.stop()

    def ended(self, name: str, error: str | None) -> None:
        """Show that a run is over."""
        del self._open[name]
        self._steps[name] = self._totals[name]
        self._bar.console.print(f'{name}: {error or "finished"}', highlight=False)

    def update(self) -> None:
        """Show how far the runs are."""
        self._steps |= {name: files.steps_done() for name, files in self._open.items()}
        current = [name for name in self._open if 0 < self._steps[name] < self._totals[name]]
        ended = len(self._totals) - len(self._open)
        self._bar.update(
            self._task, completed=sum(self._steps.values()),
            description=f'{ended}/{len(self._totals)} runs {", ".join(current)}',
        )  # fmt: skip


def summary(runs: Sequence[Run], folder: Path) -> Table:
    """Return a table of how far each run is and what it reached."""
    table = Table(title='Regret of the greedy policy, median over seeds')
    for name in ('variant', 'agent'):
        table.add_column(name)
    for name in ('steps', 'regret', 'gate recall'):
        table.add_column(name, justify='right')
    for run in runs:
        rows = RunFiles(folder, run).last_rows()
        step = int(rows[0]['step']) if rows else 0
        table.add_row(
            run.variant, run.agent, f'{step}/{run.plan.steps}',
            *(_median([row[name] for row in rows]) for name in ('regret', 'gate_recall')),
        )  # fmt: skip
    return table


def _median(texts: Sequence[str]) -> str:
    known = [float(text) for text in texts if text]
    return f'{statistics.median(known) + 0.0:.3f}' if known else ''
