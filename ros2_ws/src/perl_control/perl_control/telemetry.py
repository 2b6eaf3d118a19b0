"""The telemetry ring: one record per control tick, from the loop to its node.

The writer never waits. A reader that falls behind by more than the ring holds is told how many
records it lost. Order of stores matters, and is kept by x86-64, the only processor that the
ROS 2 wheels and ur_rtde's wheels are made for.
"""

import mmap
from pathlib import Path
from typing import NamedTuple

import numpy as np
from perl_core.contract import ACTION_SIZE, OBSERVATION_SIZE

from perl_control.shared_memory import create_mapping, open_mapping

RECORD = np.dtype([
    ('tick', 'u8'),
    ('deadline_ns', 'i8'),
    ('lateness_us', 'f4'),
    ('work_us', 'f4'),
    ('state_age_us', 'f4'),
    ('filter_us', 'f4'),
    ('overruns', 'u8'),
    ('skipped', 'u8'),
    ('policy_misses', 'u8'),
    ('state', 'u1'),
    ('severity', 'u1'),
    ('limited', '?'),
    ('at_rest', '?'),
    ('reasons', 'S240'),
    ('note', 'S240'),
    ('limited_ticks', 'u8'),
    ('stops', 'u8'),
    ('reset_sequence', 'u8'),
    ('controller_time_s', 'f8'),
    ('robot_mode', 'i4'),
    ('safety_mode', 'i4'),
    ('safety_status_bits', 'u4'),
    ('runtime_state', 'u4'),
    ('speed_scaling', 'f8'),
    ('speed_scale', 'f8'),
    ('tool_force_n', 'f4'),
    ('measured_rad', 'f8', 6),
    ('measured_rad_s', 'f8', 6),
    ('asked_rad', 'f8', 6),
    ('sent_rad', 'f8', 6),
    ('goal_sequence', 'u8'),
    ('policy_ran', '?'),
    ('shadow', '?'),
    ('branch', 'u1'),
    ('goal_id', 'u1', 16),
    ('goal_position_m', 'f8', 3),
    ('goal_rotation', 'f8', (3, 3)),
    ('observation', 'f4', OBSERVATION_SIZE),
    ('action', 'f4', ACTION_SIZE),
    ('gate', 'f4'),
    ('inference_us', 'f4'),
], align=True)
"""One control tick. Times are of time.monotonic_ns(); poses are of tool0 in ``base``. ``note`` is
the loop's own sentence (a refused reset, for example); ``reasons`` are joined by '; '."""

CAPACITY = 6144
"""Records: 12 s at 500 Hz, more than a black box keeps and than any pause of a reader."""
_HEADER = 64
_MARGIN = 8
"""Records next to the writer that a reader leaves alone."""


class Drained(NamedTuple):
    """What a reader got."""

    records: np.ndarray
    """dtype RECORD, oldest first."""
    lost: int
    """Records that were overwritten before they could be read."""


class TelemetryRing:
    """One writer (the loop), any number of readers."""

    def __init__(self, mapping: mmap.mmap) -> None:
        """Use a mapping; see ``create`` and ``open``."""
        self._mapping = mapping
        self._written = np.frombuffer(mapping, dtype='u8', count=1)
        self._slots = np.frombuffer(mapping, dtype=RECORD, count=CAPACITY, offset=_HEADER)
        self._read = 0

    @staticmethod
    def size() -> int:
        """Return the size of the file in bytes."""
        return _HEADER + CAPACITY * RECORD.itemsize

    @classmethod
    def create(cls, path: Path) -> 'TelemetryRing':
        """Create an empty ring."""
        return cls(create_mapping(path, cls.size()))

    @classmethod
    def open(cls, path: Path) -> 'TelemetryRing':
        """Open the ring that the control loop created."""
        return cls(open_mapping(path, cls.size()))

    def write(self, record: np.ndarray) -> None:
        """Append one record.

        Args:
            record: dtype RECORD, shape () or (1,).
        """
        written = int(self._written[0])
        self._slots[written % CAPACITY] = record
        self._written[0] = written + 1

    def drain(self) -> Drained:
        """Return copies of all records since the last call."""
        written = int(self._written[0])
        first = max(self._read, written - CAPACITY + _MARGIN)
        records = self._slots[np.arange(first, written) % CAPACITY]
        # Whatever the writer reached while we copied may be torn: drop it from the front.
        overtaken = int(self._written[0]) - CAPACITY + _MARGIN - first
        if overtaken > 0:
            records, first = records[overtaken:], first + overtaken
        lost, self._read = min(first, written) - self._read, written
        return Drained(records, lost)
