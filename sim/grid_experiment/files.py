"""The files of a grid-world run; those that every experiment has are in ``experiment.files``.

The CSV grows by one row a seed at each evaluation; ``.gate.csv`` is the last gate of the first
seed; ``.checkpoint`` is gone when the run is finished.
"""

from collections.abc import Iterable
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from experiment import files
from experiment.files import Row, replace_text, table_text
from grid_experiment.plan import GridRun
from perl_core.errors import CheckpointError
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
import torch

COLUMNS = (
    'variant', 'agent', 'seed', 'step', 'regret', 'score', 'q_error_mean', 'q_error_max',
    'gate_open', 'gate_precision', 'gate_recall', 'config', 'git',
)  # fmt: skip
"""Of the CSV; ``config`` is the digest of the configuration in the JSON file."""
GATE_COLUMNS = ('seed', 'state', 'x', 'y', 'action', 'gate', 'broken')


class Checkpoint(NamedTuple):
    """Where an unfinished run stands."""

    state: dict[str, torch.Tensor]
    """Of the agent."""
    meta: dict[str, Any]
    """Everything else, as JSON types."""


class GridRunFiles(files.RunFiles):
    """The files of one run in a folder."""

    def __init__(self, folder: Path, run: GridRun) -> None:
        """Name them; nothing is written yet."""
        super().__init__(folder, run, COLUMNS)
        self._seeds = run.plan.seeds
        self.gate, self._checkpoint = self.path('.gate.csv'), self.path('.checkpoint')

    def last_rows(self) -> list[dict[str, str]]:
        """Return the newest complete evaluation, a row a seed; none before the first."""
        rows = self.rows()
        complete = [row for row in rows if int(row['seed']) == self._seeds - 1]
        newest = complete[-1]['step'] if complete else None
        return [row for row in rows if row['step'] == newest]

    def write_gate(self, rows: Iterable[Row]) -> None:
        """Write the gate of the first seed."""
        replace_text(self.gate, table_text(GATE_COLUMNS, rows))

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
