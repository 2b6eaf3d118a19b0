"""RTDE recipes: which variables a client reads or writes, compiled once into one layout."""

from itertools import chain
import struct

from perl_sim.ur_controller.rtde_protocol import PackageType
from perl_sim.ur_controller.rtde_variables import FORMATS, LENGTHS, Values

MAX_RATE_HZ = 500.0
"""Source: RTDE guide, e-Series."""
OUTPUT_RECIPE_ID = 1
"""A client has one output recipe; protocol version 2 numbers it 1."""


class OutputLayout:
    """Which variables a data package holds, in which order; clients that ask alike share one."""

    def __init__(self, names: tuple[str, ...], types: list[str]) -> None:
        """Compile the layout of the package.

        Args:
            names: of readable variables.
            types: of the same.
        """
        self.names = names
        self._layout = struct.Struct('>HBB' + ''.join(FORMATS[kind] for kind in types))
        self._head = (self._layout.size, int(PackageType.DATA_PACKAGE), OUTPUT_RECIPE_ID)
        self._tick = -1
        self._package = b''

    def pack(self, values: Values) -> bytes:
        """Return the data package of the present values."""
        return self._layout.pack(
            *self._head, *chain.from_iterable([values[name] for name in self.names]))

    def package(self, tick: int, values: Values) -> bytes:
        """Return the data package of this tick, packed for the first who asks."""
        if tick != self._tick:
            self._tick = tick
            self._package = self.pack(values)
        return self._package


class Rate:
    """When packages are due, at a rate that need not divide that of the ticks."""

    def __init__(self, rate_hz: float) -> None:
        """Let the first package be due at once.

        Args:
            rate_hz: packages per second, at most 500.
        """
        self._ticks_per_package = MAX_RATE_HZ / rate_hz
        self._due_tick = 0.0

    def is_due(self, tick: int) -> bool:
        """Return whether a package is due at this tick; true once for each."""
        if tick < self._due_tick:
            return False
        self._due_tick += self._ticks_per_package
        if self._due_tick <= tick:
            # The first one, or a late one: it never draws others after it.
            self._due_tick = tick + self._ticks_per_package
        return True


class InputRecipe:
    """Which variables a client writes, in which order."""

    def __init__(self, names: list[str], types: list[str]) -> None:
        """Compile the layout of the payload.

        Args:
            names: of writable variables.
            types: of the same.
        """
        self.names = names
        self._lengths = [LENGTHS[kind] for kind in types]
        self._layout = struct.Struct('>' + ''.join(FORMATS[kind] for kind in types))

    def unpack(self, fields: bytes) -> Values:
        """Return the values of a data package.

        ur_rtde 1.6.5 sends packages that are too short or too long for their recipe
        (getForwardKinematics, setExternalForceTorque): bytes are cut off or taken as zero.
        """
        numbers = self._layout.unpack(fields[:self._layout.size].ljust(self._layout.size, b'\0'))
        values, start = {}, 0
        for name, length in zip(self.names, self._lengths, strict=True):
            values[name] = numbers[start:start + length]
            start += length
        return values
