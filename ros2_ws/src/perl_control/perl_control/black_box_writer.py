"""``python -m perl_control.black_box_writer``: keeps the last seconds of a stopped control loop.

A process of its own, started by the control loop, that reads the loop's telemetry ring. So the
loop is not delayed by a disk, and what it did last survives the death of the loop, of the node
and of the recorder. The loop holds the other end of stdin: its first line says what runs, and its
end says that the loop has ended; the word ``end`` before that, that it was meant.
"""

import dataclasses
import json
import os
from pathlib import Path
import re
import select
import sys
import time
from typing import Any

import numpy as np
from perl_core.black_box import SUFFIX, BlackBox, BlackBoxHeader, write_black_box
from perl_core.errors import PerlError
from perl_safety.severity import Severity

from perl_control.black_box_config import BlackBoxConfig
from perl_control.states import State
from perl_control.telemetry import TelemetryRing

KEPT_S = 10.0
MOST_FILES = 20
"""Older ones are deleted."""
SILENT_S = 1.0
"""A loop that writes no telemetry for so long is stopped, or starved."""
_REST_S = 1.5
"""After a stop: until the arm rests, so that the ramp is in the file."""
_LOOK_S = 0.05
_NICE = 10
_NAME = 'black_box_'


class BlackBoxWriter:
    """Watches one ring."""

    def __init__(self, config: BlackBoxConfig, now_s: float) -> None:
        """Open the ring.

        Args:
            config: what runs.
            now_s: time.monotonic().
        """
        self._config = config
        self._ring = TelemetryRing.open(Path(config.ring))
        self._records = self._ring.drain().records
        self._stops = 0
        self._due_s: float | None = None
        self._heard_s, self._silent = now_s, False

    def look(self, now_s: float) -> None:
        """Take new telemetry, and write a file if there is reason to.

        Args:
            now_s: time.monotonic().
        """
        fresh = self._ring.drain().records
        if len(fresh):
            kept = round(KEPT_S * self._config.rate_hz)
            self._records = np.concatenate((self._records, fresh))[-kept:]
            self._heard_s, self._silent = now_s, False
        if not len(self._records):
            return
        last = self._records[-1]
        if int(last['stops']) > self._stops:
            self._stops = int(last['stops'])
            self._due_s = now_s + _REST_S
        rests = last['state'] in (State.FAULT, State.STANDBY)
        if self._due_s is not None and (rests or now_s > self._due_s):
            self._write(self._reasons() or 'stop')
        elif not self._silent and now_s - self._heard_s > SILENT_S:
            self._silent = True
            self._write(f'the control loop has been silent for {SILENT_S:g} s')

    def end(self, meant: bool, now_s: float) -> None:
        """Write what is still due, or that the loop died."""
        self.look(now_s)
        if not len(self._records):
            return
        if not meant:
            self._write('; '.join(filter(None, (self._reasons(), 'the control loop died'))))
        elif self._due_s is not None:
            self._write(self._reasons() or 'stop')

    def _reasons(self) -> str:
        last = self._records[-1]
        stopped = last['severity'] == Severity.STOP
        return last['reasons'].decode(errors='replace') if stopped else ''

    def _write(self, cause: str) -> None:
        self._due_s = None
        folder = Path(self._config.folder)
        records = self._records
        signals = {name: np.ascontiguousarray(records[name]) for name in records.dtype.names or ()}
        header = dataclasses.replace(
            self._config.header, cause=cause,
            unix_offset_ns=time.time_ns() - time.monotonic_ns(),
        )
        try:
            folder.mkdir(parents=True, exist_ok=True)
            file = _free_name(folder, cause)
            write_black_box(file, BlackBox(header=header, signals=signals))
            for unfinished in folder.glob(f'.{_NAME}*'):
                unfinished.unlink(missing_ok=True)
            for old in sorted(folder.glob(f'{_NAME}*{SUFFIX}'))[:-MOST_FILES]:
                old.unlink(missing_ok=True)
        except OSError as error:
            sys.stderr.write(f'black box: cannot be written to {folder}: {error.strerror}\n')
            return
        sys.stderr.write(f'black box: {file} ({cause})\n')


def _free_name(folder: Path, cause: str) -> Path:
    """Return a name that sorts by time and tells the first cause."""
    word = re.sub(r'[^a-z0-9]+', '_', cause.split(';')[0].lower())[:40].strip('_')
    stamp, number = time.strftime('%Y%m%d_%H%M%S', time.gmtime()), 0
    while (file := folder / f'{_NAME}{stamp}_{number}_{word}{SUFFIX}').exists():
        number += 1
    return file


def watch(config: BlackBoxConfig) -> None:
    """Look until the loop ends."""
    writer, said = BlackBoxWriter(config, time.monotonic()), b''
    while True:
        if select.select((sys.stdin,), (), (), _LOOK_S)[0]:
            more = os.read(sys.stdin.fileno(), 64)
            if not more:
                break
            said += more
        writer.look(time.monotonic())
    writer.end(said.startswith(b'end'), time.monotonic())


def _first_line() -> Any:
    """Return the configuration; nothing behind it is read ahead."""
    line = b''
    while not line.endswith(b'\n'):
        more = os.read(sys.stdin.fileno(), 1)
        if not more:
            break
        line += more
    return json.loads(line)


def main() -> None:
    """Entry point of the process."""
    os.nice(_NICE)
    values = _first_line()
    try:
        watch(BlackBoxConfig(**{**values, 'header': BlackBoxHeader(**values['header'])}))
    except PerlError as error:
        sys.stderr.write(f'black box: {error}\n')
        sys.exit(1)


if __name__ == '__main__':
    main()
