"""Compute runs under a progress bar; Ctrl-C and SIGTERM end it, and the same call goes on."""

from collections.abc import Sequence
import signal
import sys
from types import TracebackType
from typing import NamedTuple, Self

from experiment.backends import Backend, LocalProcesses, RayCluster, Work
from experiment.files import RunFiles
from experiment.runs import Run
from perl_core.errors import ConfigError
from rich import progress
from rich.console import Console


class Outcome(NamedTuple):
    """How it ended."""

    errors: dict[str, str]
    """Of the runs that failed, by name."""
    is_interrupted: bool
    """Whether it was stopped from outside."""

    def report(self) -> int:
        """Say on stderr what went wrong; return the exit code of the script."""
        for name, error in self.errors.items():
            sys.stderr.write(f'error in {name}: {error}\n')
        if self.is_interrupted:
            sys.stderr.write('interrupted; the same command goes on\n')
            return 130
        return 1 if self.errors else 0


class Place(NamedTuple):
    """Where runs are computed."""

    workers: int
    """Processes on this machine, each with one thread."""
    is_cluster: bool
    """On a Ray cluster instead."""
    address: str | None
    """Of the cluster; None starts one on this machine."""

    def open(self, runs: Sequence[Run], work: Work) -> Backend:
        """Start computing."""
        if self.is_cluster:
            return RayCluster(runs, work, self.address)
        return LocalProcesses(runs, work, self.workers)


def compute(files: Sequence[RunFiles], work: Work, place: Place) -> Outcome:
    """Compute what is left of the runs, in this order.

    Args:
        files: of all runs; finished ones are skipped.
        work: what to do with each.
        place: where.

    Raises:
        ConfigError: there are no workers, or a finished run is of another configuration.
    """
    if place.workers < 1:
        raise ConfigError(f'--workers must be at least 1, got {place.workers}')
    todo = [one for one in files if not one.is_finished()]
    errors: dict[str, str] = {}
    if not todo:
        return Outcome(errors, False)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        _compute(todo, work, place, errors)
    except KeyboardInterrupt:
        return Outcome(errors, True)
    return Outcome(errors, False)


def _compute(
    files: Sequence[RunFiles], work: Work, place: Place, errors: dict[str, str]
) -> None:
    left = {one.run.name for one in files}
    backend = place.open([one.run for one in files], work)
    try:
        with Progress(files, Console(stderr=True)) as bar:
            while left:
                for name, error in backend.poll():
                    left.remove(name)
                    errors |= {name: error} if error else {}
                    bar.ended(name, error)
                bar.update()
    finally:
        backend.close()


class Progress:
    """A bar over the environment steps of all runs, read from their files."""

    def __init__(self, files: Sequence[RunFiles], console: Console) -> None:
        """Prepare it; use as a context manager.

        Args:
            files: of the runs that are computed now.
            console: where it is shown.
        """
        self._open = {one.run.name: one for one in files}
        self._steps = dict.fromkeys(self._open, 0)
        self._totals = {one.run.name: one.run.steps for one in files}
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
