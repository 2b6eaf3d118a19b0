"""A heartbeat: one small record in shared memory, the monitor's and the control loop's.

Each reads the other's: the loop stops the arm when the monitor is silent or objects, the monitor
when the loop is silent that said last that the arm moves.

The record stands between two counters. The writer raises the first, writes, then sets the second
to match; the reader takes the second, the record, then the first, and believes them only if they
agree. x86 keeps the order of stores and of loads, so a torn record is never believed. A writer
that dies leaves its last beat to grow old; a file that is not there is infinitely old.
"""

import fcntl
import math
import mmap
import os
from pathlib import Path
import struct
import time
from typing import NamedTuple

from perl_core.errors import RobotError

_RECORD = struct.Struct('=q?H245s')
"""Time [ns], stop, length of the reason, reason."""
_SIZE = 8 + _RECORD.size + 8
_ATTEMPTS = 5
_REOPEN_AFTER_S = 0.05
_FUTURE_TOLERANCE_S = 0.05
_REASON_BYTES = 245


class Beat(NamedTuple):
    """One beat."""

    time_ns: int | None
    """time.monotonic_ns() of the writer; None if there never was a beat."""
    stop: bool
    """Of the monitor: the arm must stop, or nobody watches. Of the loop: the arm rests."""
    reason: str
    """Why."""

    def age_s(self, now_ns: int) -> float:
        """Return how old the beat is [s]; infinite if there is none or its clock is not ours."""
        if self.time_ns is None:
            return math.inf
        age_s = (now_ns - self.time_ns) * 1e-9
        return math.inf if age_s < -_FUTURE_TOLERANCE_S else max(age_s, 0.0)


NO_BEAT = Beat(None, True, 'no_heartbeat')


def heartbeat_path(robot_ip: str, who: str = 'monitor') -> Path:
    """Return where the monitor of this robot, or its loop, beats."""
    return Path('/dev/shm') / f'perl-{robot_ip}-{who}'


class HeartbeatWriter:
    """Writes beats; one writer a file."""

    def __init__(self, path: str | Path) -> None:
        """Open or create the file and lock it until ``close`` or death.

        Args:
            path: see ``heartbeat_path``.

        Raises:
            RobotError: another process beats here, or the file cannot be opened.
        """
        self._path = Path(path)
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            self._file = os.open(path, flags, 0o600)
        except OSError as error:
            raise RobotError(f'cannot open the heartbeat file {path}: {error}') from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._file)
            raise RobotError(
                f'another monitor already beats in {path}: one monitor a robot; stop the other'
            ) from error
        if not self._path.exists() or self._path.stat().st_ino != os.fstat(self._file).st_ino:
            os.close(self._file)
            raise RobotError(f'the last monitor took {path} away only now; start again')
        # Same length and same inode as before, so that a reader's mapping stays valid.
        os.ftruncate(self._file, _SIZE)
        self._map = mmap.mmap(self._file, _SIZE)
        self._count = struct.unpack_from('@Q', self._map, _SIZE - 8)[0]

    def beat(self, stop: bool, reason: str) -> None:
        """Write one beat.

        Args:
            stop: whether the control loop must stop the arm.
            reason: why; cut to 245 bytes.
        """
        text = reason.encode()[:_REASON_BYTES]
        self._count = (self._count + 1) % 2**64
        struct.pack_into('@Q', self._map, 0, self._count)
        _RECORD.pack_into(self._map, 8, time.monotonic_ns(), stop, len(text), text)
        struct.pack_into('@Q', self._map, _SIZE - 8, self._count)

    def close(self) -> None:
        """Say that nobody watches any more, and take the file away.

        A reader that still maps it sees the last beat; without a file there is no beat: a stop.
        """
        self.beat(True, 'monitor_ended')
        self._path.unlink(missing_ok=True)
        self._map.close()
        os.close(self._file)


class HeartbeatReader:
    """Reads beats; the writer may come, die and come again at any time."""

    def __init__(self, path: str | Path) -> None:
        """Remember where to read; the file need not exist yet."""
        self._path = Path(path)
        self._map: mmap.mmap | None = None
        self._inode = -1
        self._last = NO_BEAT

    def read(self) -> Beat:
        """Return the newest whole beat; costs some microseconds, never waits."""
        if self._last.age_s(time.monotonic_ns()) > _REOPEN_AFTER_S:
            self._open()
        if self._map is None:
            return NO_BEAT
        for _ in range(_ATTEMPTS):
            (end,) = struct.unpack_from('@Q', self._map, _SIZE - 8)
            time_ns, stop, length, text = _RECORD.unpack_from(self._map, 8)
            (begin,) = struct.unpack_from('@Q', self._map, 0)
            if begin == end and begin != 0:
                reason = text[:length].decode(errors='replace')
                self._last = Beat(time_ns, stop, reason)
                break
        return self._last

    def close(self) -> None:
        """Let go of the file."""
        if self._map is not None:
            self._map.close()
        self._map, self._inode, self._last = None, -1, NO_BEAT

    def _open(self) -> None:
        """Map the file if it is new; without a file of full size there is no beat."""
        try:
            status = self._path.stat()
        except OSError:
            self.close()
            return
        if status.st_size != _SIZE or status.st_ino == self._inode:
            return
        self.close()
        try:
            with self._path.open('rb') as file:
                self._map = mmap.mmap(file.fileno(), _SIZE, prot=mmap.PROT_READ)
        except (OSError, ValueError):
            return
        self._inode = status.st_ino
