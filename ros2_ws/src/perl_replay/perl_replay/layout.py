"""Reads messages of one topic, which nearly all have the same shape, from fixed places.

The first message of every length is decoded as its definition says, part by part. Where the
numbers stand in it is remembered; a later message of that length whose strings and whose lengths
of sequences are the same, byte by byte, has its numbers in the same places.
"""

from collections.abc import Callable, Collection
import dataclasses
import struct
from typing import Any

import numpy as np
from rosbags.interfaces import Nodetype
from rosbags.typesys.store import Typestore

_LITTLE_ENDIAN = b'\x00\x01'
"""Encapsulation. Source: OMG DDS-XTYPES, CDR_LE."""
_HEAD = 4
"""Bytes of the encapsulation, from the end of which places are aligned."""
_MOST_LENGTHS = 64
"""Of one topic that are remembered: timing has a few ticks more or less each time."""
_FORMATS = {
    'bool': '?', 'int8': 'b', 'uint8': 'B', 'int16': 'h', 'uint16': 'H', 'int32': 'i',
    'uint32': 'I', 'int64': 'q', 'uint64': 'Q', 'float32': 'f', 'float64': 'd',
}  # fmt: skip
_COUNT = struct.Struct('<I')

_Build = Callable[[bytes, tuple], Any]
"""Makes a part of a message from its bytes and the single numbers in it."""


class TopicReader:
    """Decodes the messages of one topic."""

    def __init__(
        self,
        store: Typestore,
        type_name: str,
        decode: Callable[[bytes], Any],
        fields: Collection[str] | None = None,
    ) -> None:
        """Know no message yet.

        Args:
            store: knows the type.
            type_name: of the messages.
            decode: does it as the definition says.
            fields: others are mostly None; all are read without it.
        """
        self._store, self._type, self._decode, self._fields = store, type_name, decode, fields
        self._layouts: dict[int, _Layout | None] = {}

    def read(self, data: bytes) -> Any:
        """Return the message; its strings may be shared with others, its arrays are read-only."""
        layout = self._layouts.get(len(data))
        if layout is not None and layout.fits(data):
            return layout.read(data)
        message = self._decode(data)
        if len(data) not in self._layouts and len(self._layouts) < _MOST_LENGTHS:
            self._layouts[len(data)] = self._layout_of(data, message)
        return message

    def _layout_of(self, data: bytes, message: Any) -> '_Layout | None':
        """Return the layout of a message, None if it has parts that are not known here."""
        if data[:2] != _LITTLE_ENDIAN:
            return None
        try:
            walk = _Walk(self._store, data)
            layout = _Layout(walk.message(self._type, message), walk.numbers, walk.fixed)
        except KeyError:  # lists of messages, and kinds of text and numbers not used here
            return None
        if walk.at > len(data) or not _same(layout.read(data), message):
            return None
        walk = _Walk(self._store, data)
        build = walk.message(self._type, message, self._fields)
        return _Layout(build, walk.numbers, walk.fixed)


class _Layout:
    """Where the parts of a message are."""

    def __init__(self, build: _Build, numbers: str, fixed: list[tuple[slice, bytes]]) -> None:
        self._build, self._numbers, self._fixed = build, struct.Struct(numbers), fixed

    def fits(self, data: bytes) -> bool:
        """Return whether a message of the same length has the same shape."""
        return all([data[place] == same for place, same in self._fixed])

    def read(self, data: bytes) -> Any:
        return self._build(data, self._numbers.unpack_from(data))


class _Walk:
    """Goes through a message once."""

    def __init__(self, store: Typestore, data: bytes) -> None:
        self.at = _HEAD
        self.numbers = f'<{_HEAD}x'
        self.fixed = [(slice(0, _HEAD), data[:_HEAD])]
        self._store, self._data = store, data
        self._count, self._unpacked = 0, _HEAD

    def message(
        self, type_name: str, message: Any, wanted: Collection[str] | None = None
    ) -> _Build:
        """Pass a message; return what makes one like it, with the fields that are wanted."""
        fields = self._store.fielddefs[type_name][1]
        begin = self._count
        parts = [self._part(node, getattr(message, name)) for name, node in fields]
        kind, numbers = type(message), slice(begin, self._count)
        if all(node[0] == Nodetype.BASE and node[1][0] != 'string' for _, node in fields):
            return lambda _, found: kind(*found[numbers])
        if wanted is not None:
            parts = [
                part if name in wanted else _nothing
                for (name, _), part in zip(fields, parts, strict=True)
            ]
        return lambda data, numbers: kind(*[part(data, numbers) for part in parts])

    def _part(self, node: tuple[Any, Any], value: Any) -> _Build:
        """Pass a field."""
        kind, what = node
        if kind == Nodetype.NAME:
            return self.message(what, value)
        if kind == Nodetype.BASE:
            return self._text(value) if what[0] == 'string' else self._number(what[0])
        (of, part), _ = what
        if of != Nodetype.BASE:
            raise KeyError(of)
        name = part[0]
        if kind == Nodetype.SEQUENCE:
            self._align(_COUNT.size)
            self._fix(_COUNT.size)
        return self._texts(value) if name == 'string' else self._array(name, len(value))

    def _number(self, name: str) -> _Build:
        letter = _FORMATS[name]
        self._align(struct.calcsize(letter))
        self.numbers += f'{self.at - self._unpacked}x{letter}'
        index, self._count = self._count, self._count + 1
        self.at += struct.calcsize(letter)
        self._unpacked = self.at
        return lambda _, numbers: numbers[index]

    def _array(self, name: str, count: int) -> _Build:
        kind = np.dtype('<' + _FORMATS[name])
        if count:
            self._align(kind.itemsize)
        begin = self.at
        self.at += count * kind.itemsize
        # Some versions of numpy refuse to begin at the end.
        place = begin if count else 0
        return lambda data, _: np.frombuffer(data, kind, count, place)

    def _texts(self, texts: list[str]) -> _Build:
        for text in texts:
            self._text(text)
        return lambda _data, _numbers: texts

    def _text(self, text: str) -> _Build:
        self._align(_COUNT.size)
        self._fix(_COUNT.size + _COUNT.unpack_from(self._data, self.at)[0])
        return lambda _data, _numbers: text

    def _align(self, size: int) -> None:
        self.at += -(self.at - _HEAD) % size

    def _fix(self, size: int) -> None:
        """Pass bytes that later messages must have, too; what lies between two such is padding."""
        last, _ = self.fixed[-1]
        end = self.at + size
        begin = last.start if self.at - last.stop < _COUNT.size else self.at
        if begin == last.start:
            self.fixed.pop()
        self.fixed.append((slice(begin, end), self._data[begin:end]))
        self.at = end


def _nothing(_data: bytes, _numbers: tuple) -> None:
    """Make no field."""


def _same(one: Any, other: Any) -> bool:
    """Return whether two messages are the same, not-a-numbers too."""
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.tobytes() == other.tobytes()
    if dataclasses.is_dataclass(one):
        names = [field.name for field in dataclasses.fields(one)]
        return all(_same(getattr(one, name), getattr(other, name)) for name in names)
    return bool(one == other or (one != one and other != other))
