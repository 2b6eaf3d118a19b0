"""The files of a run: figures as CSV, and what made them as JSON.

``<run>.csv`` grows at each evaluation; the ``.json`` beside it holds configuration, commit and
command, and how long the run took once it is finished. Every file but the growing one is replaced
in one step, so that a process that is killed leaves no half of one.
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
from typing import Any

from experiment.runs import Run
from perl_core.errors import ConfigError

Row = Mapping[str, Any]


class RunFiles:
    """The files of one run in a folder."""

    def __init__(self, folder: Path, run: Run, columns: tuple[str, ...]) -> None:
        """Name them; nothing is written yet.

        Args:
            folder: where they are.
            run: whose they are.
            columns: of the CSV; one is 'step', and the last one is never empty.
        """
        self.run, self.folder, self._columns = run, folder, columns
        self.curve, self.description = self.path('.csv'), self.path('.json')

    def path(self, suffix: str) -> Path:
        """Return the file of the run with this suffix."""
        return self.folder / f'{self.run.name}{suffix}'

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from computing the same run; a process that dies frees it.

        Raises:
            ConfigError: one is already doing so.
        """
        path = self.path('.lock')
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
        """Write the description; with ``seconds`` the run is finished."""
        described = {'config': self.run.described(), 'digest': self.run.digest, **more}
        replace_text(self.description, json.dumps(described, indent=1) + '\n')

    def steps_done(self) -> int:
        """Return the step of the last row, to show progress; 0 if there is none."""
        try:
            with self.curve.open('rb') as file:
                file.seek(max(0, self.curve.stat().st_size - 512))
                last = file.read().decode('utf-8').splitlines()[-1].split(',')
            return int(last[self._columns.index('step')])
        except (FileNotFoundError, IndexError, ValueError):
            return 0

    def append(self, rows: Iterable[Row]) -> None:
        """Add rows to the curve."""
        exists = self.curve.exists()
        text = table_text(self._columns, rows, header=not exists)
        with self.curve.open('a', encoding='utf-8') as file:
            file.write(text)

    def truncate(self, after_step: int) -> None:
        """Drop the rows of the curve after a step; a negative step drops the whole file."""
        rows = [row for row in self.rows() if int(row['step']) <= after_step]
        if rows:
            replace_text(self.curve, table_text(self._columns, rows))
        else:
            self.curve.unlink(missing_ok=True)

    def rows(self) -> list[dict[str, str]]:
        """Return the whole rows of the curve."""
        if not self.curve.exists():
            return []
        with self.curve.open(encoding='utf-8', newline='') as file:
            # A row that was cut off by the end of its process has no last column.
            return [row for row in csv.DictReader(file) if row[self._columns[-1]]]


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


def replace_text(path: Path, text: str) -> None:
    """Replace a file in one step."""
    temporary = path.with_name(f'{path.name}.incomplete')
    temporary.write_text(text, encoding='utf-8')
    os.replace(temporary, path)


def markdown(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table."""
    header = list(header)
    lines = [header, ['---'] * len(header), *map(list, rows)]
    return '\n'.join(f'| {" | ".join(line)} |' for line in lines)


def _first_difference(saved: Any, now: Any, where: str = '') -> str:
    if isinstance(saved, dict) and isinstance(now, dict):
        for key in sorted(saved.keys() | now.keys()):
            if saved.get(key) != now.get(key):
                return _first_difference(saved.get(key), now.get(key), f'{where}.{key}')
    return f'{where.lstrip(".")} was {saved}, now it is {now}'
