"""What a training run shows and keeps: a progress bar, TensorBoard, and lines of JSON."""

import json
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from perl_core.evaluation import in_words
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from torch.utils.tensorboard import SummaryWriter


class RunLog:
    """Use as a context manager; nothing is shown before."""

    def __init__(self, run_folder: Path, steps: int, start: int = 0) -> None:
        """Open the files; what they hold of steps after ``start`` is dropped.

        Args:
            run_folder: ``tensorboard/`` and ``evaluations.jsonl`` go there.
            steps: of the whole run.
            start: step of the checkpoint from which the run goes on.
        """
        purge = start + 1 if start else None
        self._writer = SummaryWriter(str(run_folder / 'tensorboard'), purge_step=purge)
        self._evaluations = run_folder / 'evaluations.jsonl'
        keep_until(self._evaluations, start)
        self._progress = Progress(
            TextColumn('{task.description}'),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        self._task = self._progress.add_task('training', total=steps)

    def __enter__(self) -> Self:
        """Show the progress bar."""
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Hide it and write what is buffered."""
        self._progress.stop()
        self._writer.close()

    def step(self, step: int) -> None:
        """Show how far the run is."""
        self._progress.update(self._task, completed=step)

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """Write scalars for TensorBoard."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def evaluation(self, step: int, summary: dict[str, Any]) -> None:
        """Keep an evaluation, and show its line."""
        with self._evaluations.open('a', encoding='utf-8') as file:
            file.write(json.dumps({'step': step} | summary) + '\n')
        numbers = {k: v for k, v in summary.items() if isinstance(v, int | float)}
        self.scalars(step, {f'evaluation/{name}': value for name, value in numbers.items()})
        self._progress.console.print(f'step {step}: {in_words(summary)}')


def keep_until(evaluations: Path, step: int) -> None:
    """Drop the lines of later steps, and one that was cut off: a resumed run writes them again."""
    if not evaluations.exists():
        return
    kept = [line for line in evaluations.read_text(encoding='utf-8').splitlines(keepends=True)
            if line.endswith('\n') and json.loads(line)['step'] <= step]  # fmt: skip
    shorter = evaluations.with_suffix('.incomplete')
    shorter.write_text(''.join(kept), encoding='utf-8')
    shorter.replace(evaluations)
