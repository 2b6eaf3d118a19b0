"""The files of a run: figures as CSV, what made them as JSON, and a checkpoint while it runs.

``<variant>--<agent>.csv`` grows by one row a seed at each evaluation; the ``.json`` beside it
holds configuration, commit and command; ``.gate.csv`` the last gate of the first seed;
``.checkpoint`` is gone when the run is finished. Every file but the growing one is replaced in one
step, so that a process that is killed leaves no half of one.
"""

from collections.abc import Iterable, Iterator, Mapping
import contextlib
import csv
import fcntl
import io
import json
import math
import os
from pathlib import Path
from typing import Any, NamedTuple

from grid_experiment.plan import Run
from perl_core.errors import CheckpointError, ConfigError
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
import torch

COLUMNS = (
    'variant', 'agent', 'seed', 'step', 'regret', 'score', 'q_error_mean', 'q_error_max',
    'gate_open', 'gate_precision', 'gate_recall', 'config', 'git',
)  # fmt: skip
"""Of the CSV; ``config`` is the digest of the configuration in the JSON file."""
GATE_COLUMNS = ('seed', 'state', 'x', 'y', 'action', 'gate', 'broken')
Row = Mapping[str, Any]


class Checkpoint(NamedTuple):
    """Where an unfinished run stands."""

    state: dict[str, torch.Tensor]
    """Of the agent."""
    meta: dict[str, Any]
    """Everything else, as JSON types."""


class RunFiles:
    """The files of one run in a folder."""

    def __init__(self, folder: Path, run: Run) -> None:
        """Name them; nothing is written yet."""
        self.run = run
        self.curve, self.description, self.gate, self._checkpoint = (
            folder / f'{run.name}{suffix}'
            for suffix in ('.csv', '.json', '.gate.csv', '.checkpoint')
        )

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from computing the same run; a process that dies frees it.

        Raises:
            ConfigError: one is already doing so.
        """
        path = self.curve.with_suffix('.lock')
        with path.open('w') as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise ConfigError(
                    f'another process is computing {self.run.name} in {path.parent}; wait for it, '
                    'or choose another --output'
                ) from error
            yield
            path.unlink()

    def is_finished(self) -> bool:
        """Return whether nothing is left to do.

        Raises:
            ConfigError: the folder holds a run of this name and another configuration.
        """
        if not self.description.exists():
            return False
        described = json.loads(self.description.read_text(encoding='utf-8'))
        if described['config'] != self.run.described():
            raise ConfigError(
                f'{self.description} is of a run with another configuration '
                f'({_first_difference(described["config"], self.run.described())}); choose '
                'another --output, or remove its files'
            )
        return 'seconds' in described

    def describe(self, **more: Any) -> None:
        """Write the description."""
        described = {'config': self.run.described(), 'digest': self.run.digest, **more}
        _replace(self.description, json.dumps(described, indent=1) + '\n')

    def steps_done(self) -> int:
        """Return the step of the last row, to show progress; 0 if there is none."""
        try:
            with self.curve.open('rb') as file:
                file.seek(max(0, self.curve.stat().st_size - 512))
                last = file.read().decode('utf-8').splitlines()[-1].split(',')
            return int(last[COLUMNS.index('step')])
        except (FileNotFoundError, IndexError, ValueError):
            return 0

    def append(self, rows: Iterable[Row]) -> None:
        """Add rows to the curve."""
        exists = self.curve.exists()
        text = table_text(COLUMNS, rows, header=not exists)
        with self.curve.open('a', encoding='utf-8') as file:
            file.write(text)

    def truncate(self, after_step: int) -> None:
        """Drop the rows of the curve after a step; a negative step drops the whole file."""
        rows = [row for row in self._rows() if int(row['step']) <= after_step]
        if rows:
            _replace(self.curve, table_text(COLUMNS, rows))
        else:
            self.curve.unlink(missing_ok=True)

    def last_rows(self) -> list[dict[str, str]]:
        """Return the newest complete evaluation, a row a seed; none before the first."""
        rows = self._rows()
        complete = [row for row in rows if int(row['seed']) == self.run.plan.seeds - 1]
        newest = complete[-1]['step'] if complete else None
        return [row for row in rows if row['step'] == newest]

    def _rows(self) -> list[dict[str, str]]:
        if not self.curve.exists():
            return []
        with self.curve.open(encoding='utf-8', newline='') as file:
            # A row that was cut off by the end of its process has no last column.
            return [row for row in csv.DictReader(file) if row[COLUMNS[-1]]]

    def write_gate(self, rows: Iterable[Row]) -> None:
        """Write the gate of the first seed."""
        _replace(self.gate, table_text(GATE_COLUMNS, rows))

    def save_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Replace the checkpoint."""
        temporary = self._checkpoint.with_suffix('.incomplete')
        meta = {'meta': json.dumps(checkpoint.meta | {'digest': self.run.digest})}
        save_file(checkpoint.state, temporary, metadata=meta)
        os.replace(temporary, self._checkpoint)

    def load_checkpoint(self) -> Checkpoint | None:
        """Return the checkpoint, if there is one.

        Raises:
            CheckpointError: it is damaged, or of another configuration.
        """
        if not self._checkpoint.exists():
            return None
        try:
            state = load_file(self._checkpoint)
            with safe_open(self._checkpoint, 'pt') as opened:
                meta = json.loads(opened.metadata()['meta'])
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise CheckpointError(
                f'cannot read {self._checkpoint}: {error}; remove it to start the run again'
            ) from error
        if meta['digest'] != self.run.digest:
            raise CheckpointError(
                f'{self._checkpoint} is of configuration {meta["digest"]}, the run has '
                f'{self.run.digest}; remove it to start the run again'
            )
        return Checkpoint(state, meta)

    def remove_checkpoint(self) -> None:
        """Remove the checkpoint of a finished run."""
        self._checkpoint.unlink(missing_ok=True)


def table_text(columns: tuple[str, ...], rows: Iterable[Row], header: bool = True) -> str:
    """Return rows as CSV; floats with six digits, NaN as nothing."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    if header:
        writer.writerow(columns)
    writer.writerows([_shown(row[column]) for column in columns] for row in rows)
    return text.getvalue()


def _shown(value: Any) -> str:
    if isinstance(value, float):
        # Adding zero turns -0.0 into 0.0.
        return '' if math.isnan(value) else f'{round(value, 12) + 0.0:.6g}'
    return str(value)


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(f'{path.name}.incomplete')
    temporary.write_text(text, encoding='utf-8')
    os.replace(temporary, path)


def _first_difference(saved: Any, now: Any, where: str = '') -> str:
    if isinstance(saved, dict) and isinstance(now, dict):
        for key in sorted(saved.keys() | now.keys()):
            if saved.get(key) != now.get(key):
                return _first_difference(saved.get(key), now.get(key), f'{where}.{key}')
    return f'{where.lstrip(".")} was {saved}, now it is {now}'
