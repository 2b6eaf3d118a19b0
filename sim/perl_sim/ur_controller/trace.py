"""What the arm really did, tick by tick, in a file that whoever watches from outside maps.

No fault of a stream or a sensor touches it, it costs the controller some microseconds a tick and
no connection, and it outlives the process: the witness of tests that make things go wrong.
"""

import mmap
import pathlib
import struct
import time

import numpy as np
from perl_core.errors import ConfigError, RobotError
from perl_sim.ur_controller.controller import Controller

TICKS = 1 << 16
"""Kept; older ones are overwritten. Own choice: 131 s, 10 MB."""
RECORD = np.dtype([
    ('time_ns', 'i8'), ('position_rad', 'f8', 6), ('velocity_rad_s', 'f8', 6),
    ('reference_rad', 'f8', 6), ('robot_mode', 'i4'), ('safety_mode', 'i4'),
    ('runtime_state', 'i4'), ('spare', 'i4'),
])
"""One tick: time.monotonic_ns(), measured joints before any bias, the servo's reference, modes."""
_HEADER = struct.Struct('@Q')
_SIZE = _HEADER.size + TICKS * RECORD.itemsize


class TraceWriter:
    """Writes one record a tick."""

    def __init__(self, path: pathlib.Path) -> None:
        """Make the file, empty.

        Raises:
            RobotError: it cannot be made.
        """
        try:
            with path.open('w+b') as file:
                file.truncate(_SIZE)
                self._map = mmap.mmap(file.fileno(), _SIZE)
        except OSError as error:
            raise RobotError(f'cannot write the trace {path}: {error.strerror}') from error
        self._records = np.frombuffer(self._map, RECORD, TICKS, _HEADER.size)
        self._count = 0

    def write(self, controller: Controller) -> None:
        """Note the state of this tick."""
        arm = controller.arm
        self._records[self._count % TICKS] = (
            time.monotonic_ns(), arm.position_rad, arm.velocity_rad_s, arm.reference.position_rad,
            controller.robot_mode, controller.safety_mode, controller.runtime_state, 0,
        )
        self._count += 1
        # Last: a reader takes only what is counted.
        _HEADER.pack_into(self._map, 0, self._count)


class TraceReader:
    """Reads the trace of an emulator that runs, or ran."""

    def __init__(self, path: pathlib.Path) -> None:
        """Map the file.

        Raises:
            ConfigError: it is none.
        """
        try:
            with path.open('rb') as file:
                self._map = mmap.mmap(file.fileno(), _SIZE, prot=mmap.PROT_READ)
        except (OSError, ValueError) as error:
            raise ConfigError(f'{path} is no trace of an emulated controller: {error}') from error
        self._records = np.frombuffer(self._map, RECORD, TICKS, _HEADER.size)

    @property
    def count(self) -> int:
        """Ticks written since the start."""
        return _HEADER.unpack_from(self._map)[0]

    def since(self, time_ns: int) -> np.ndarray:
        """Return a copy of the records at and after a time of time.monotonic_ns()."""
        count = self.count
        kept = np.arange(max(0, count - TICKS + 1), count) % TICKS
        times = self._records['time_ns'][kept]
        return self._records[kept[np.searchsorted(times, time_ns):]]

    def newest(self) -> np.ndarray:
        """Return a copy of the newest record, a scalar of RECORD; zeros before the first."""
        return self._records[(self.count - 1) % TICKS].copy()
