"""States that are published ten times a second and say the same most of the time."""

import struct
from typing import Any

_STAMP = struct.Struct('<iI')
"""Seconds and nanoseconds of a std_msgs/Header that begins a message."""
_AT = 4
"""Where it begins, after CDR's encapsulation."""
_LITTLE_ENDIAN = 1
"""Second byte of the encapsulation. Source: OMG DDS-XTYPES, CDR_LE."""


class Steady:
    """The last message of a topic, for those that differ from it by their stamp only."""

    def __init__(self, data: bytes, message: Any) -> None:
        """Remember a message.

        Args:
            data: its CDR bytes.
            message: what they say.
        """
        self._before, self._after = data[:_AT], data[_AT + _STAMP.size :]
        self._message = message

    def stamped(self, data: bytes) -> Any | None:
        """Return the message with the stamp in ``data``, or None if that says something else."""
        if data[_AT + _STAMP.size :] != self._after or data[:_AT] != self._before:
            return None
        if len(data) < _AT + _STAMP.size or data[1] != _LITTLE_ENDIAN:
            return None
        stamp = self._message.header.stamp
        stamp.sec, stamp.nanosec = _STAMP.unpack_from(data, _AT)
        return self._message
