"""The mailbox: the newest orders of the node to the control loop, never a torn mixture of two.

Two slots are written in turn, each with its number and a checksum. The reader takes the valid
slot with the higher number. A writer that is killed in the middle of a slot, or is overtaken by
the reader, costs nothing: the other slot is whole.
"""

from enum import IntEnum
import mmap
from pathlib import Path
import struct
from typing import NamedTuple
import zlib

from perl_control.shared_memory import create_mapping, open_mapping

_NUMBER = struct.Struct('<Q')
_ORDERS = struct.Struct('<QqBQ??3d9d16sdQ')
_CHECKSUM = struct.Struct('<I')
_SLOT_SIZE = 256
_FACE = _ORDERS.size
"""Bytes that the checksum covers: the number and the orders."""


class Mode(IntEnum):
    """What the node wants the loop to be."""

    STANDBY = 0
    """Connected, holding still, no goals."""
    ARMED = 1
    """May move."""
    EXIT = 2
    """Ramp down, stop the script, end."""


class Orders(NamedTuple):
    """What the node wants."""

    heartbeat_ns: int = 0
    """time.monotonic_ns() of the node when it wrote this; 0 = never."""
    mode: Mode = Mode.STANDBY
    """Wanted mode."""
    goal_sequence: int = 0
    """Raised by one with every new goal."""
    goal_active: bool = False
    """Pursue the goal; otherwise brake and hold."""
    goal_home: bool = False
    """Go home in joint space; the goal is then the pose of tool0 there."""
    goal_position_m: tuple[float, ...] = (0.0, 0.0, 0.0)
    """Wanted position of tool0 in ``base``."""
    goal_rotation: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    """Wanted rotation matrix of tool0 in ``base``, row by row."""
    goal_id: bytes = bytes(16)
    """UUID of the goal."""
    speed_scale: float = 1.0
    """Share of the policy's speed, 0 to 1."""
    reset_sequence: int = 0
    """Raised by one with every wish to leave FAULT."""


def _pack(number: int, orders: Orders) -> bytes:
    face = _ORDERS.pack(
        number, orders.heartbeat_ns, orders.mode, orders.goal_sequence, orders.goal_active,
        orders.goal_home,
        *orders.goal_position_m, *orders.goal_rotation, orders.goal_id, orders.speed_scale,
        orders.reset_sequence,
    )
    return face + _CHECKSUM.pack(zlib.crc32(face))


def _unpack(slot: bytes) -> tuple[int, Orders] | None:
    """Return the number and the orders of a slot; None if it is torn or was never written."""
    face = slot[:_FACE]
    if _CHECKSUM.unpack_from(slot, _FACE)[0] != zlib.crc32(face):
        return None
    number, beat, mode, goal, active, home, *rest = _ORDERS.unpack(face)
    orders = Orders(
        beat, Mode(mode), goal, active, home, tuple(rest[:3]), tuple(rest[3:12]), *rest[12:15]
    )
    return (number, orders) if number else None


class Mailbox:
    """One writer (the node), one reader (the loop)."""

    def __init__(self, mapping: mmap.mmap) -> None:
        """Use a mapping; see ``create`` and ``open``."""
        self._mapping = mapping
        self._number = max((found[0] for found in self._slots() if found), default=0)
        self._seen = (0, Orders())

    @classmethod
    def create(cls, path: Path) -> 'Mailbox':
        """Create an empty mailbox."""
        return cls(create_mapping(path, 2 * _SLOT_SIZE))

    @classmethod
    def open(cls, path: Path) -> 'Mailbox':
        """Open the mailbox that the control loop created."""
        return cls(open_mapping(path, 2 * _SLOT_SIZE))

    def _slots(self) -> list[tuple[int, Orders] | None]:
        whole = self._mapping[:]
        return [_unpack(whole[:_SLOT_SIZE]), _unpack(whole[_SLOT_SIZE:])]

    def write(self, orders: Orders) -> None:
        """Replace the orders."""
        self._number += 1
        packed = _pack(self._number, orders)
        start = (self._number % 2) * _SLOT_SIZE
        self._mapping[start : start + len(packed)] = packed

    def read(self) -> Orders:
        """Return the newest whole orders; empty ones before the first write."""
        newest = max(_NUMBER.unpack_from(self._mapping, at)[0] for at in (0, _SLOT_SIZE))
        if newest != self._seen[0]:
            found = [slot for slot in self._slots() if slot and slot[0] > self._seen[0]]
            self._seen = max(found, default=self._seen, key=lambda slot: slot[0])
        return self._seen[1]

    def close(self) -> None:
        """Unmap."""
        self._mapping.close()
