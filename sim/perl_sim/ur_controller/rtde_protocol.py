"""The framing of RTDE, protocol version 2: big-endian packages of size, type and payload."""

from collections.abc import Iterator
import enum
import struct
from typing import NamedTuple, NoReturn

from perl_core.errors import PerlError

HEADER = struct.Struct('>HB')
"""Size of the whole package, and its type."""
PROTOCOL_VERSION = 2
"""The only version spoken here."""


class ProtocolError(PerlError):
    """A client that does not follow the protocol. Its connection is closed, no other."""


class PackageType(enum.IntEnum):
    """Types of RTDE packages (RTDE guide)."""

    REQUEST_PROTOCOL_VERSION = ord('V')
    GET_URCONTROL_VERSION = ord('v')
    TEXT_MESSAGE = ord('M')
    DATA_PACKAGE = ord('U')
    SETUP_OUTPUTS = ord('O')
    SETUP_INPUTS = ord('I')
    START = ord('S')
    PAUSE = ord('P')


class MessageLevel(enum.IntEnum):
    """How serious a text message is (RTDE guide)."""

    EXCEPTION = 0
    ERROR = 1
    WARNING = 2
    INFO = 3


class TextMessage(NamedTuple):
    """What one side tells the other's log."""

    text: str
    """At most 255 bytes."""
    source: str
    """Who says it, at most 255 bytes."""
    level: int
    """A MessageLevel, or what a client takes for one."""


def frame(package_type: PackageType, payload: bytes = b'') -> bytes:
    """Return a whole package.

    Raises:
        ProtocolError: the payload does not fit the 16 bit of the size field.
    """
    size = HEADER.size + len(payload)
    if size > 0xFFFF:
        raise ProtocolError(f'an RTDE package has at most 65535 bytes; got {size}')
    return HEADER.pack(size, package_type) + payload


class FrameReader:
    """Cuts a stream of bytes, in whatever pieces it arrives, into packages."""

    def __init__(self) -> None:
        """Start with nothing received."""
        self._buffer = b''

    def feed(self, data: bytes) -> Iterator[tuple[PackageType, bytes]]:
        """Take what arrived, and yield each package that is now complete: type and payload.

        Raises:
            ProtocolError: what came is no RTDE package.
        """
        # An offset instead of a shorter buffer each time: a flood of small packages stays cheap.
        stream, start = self._buffer + data, 0
        try:
            while len(stream) - start >= HEADER.size:
                size, type_byte = HEADER.unpack_from(stream, start)
                package_type = _TYPES.get(type_byte) or _refuse_type(type_byte)
                if size < HEADER.size:
                    raise ProtocolError(
                        f'an RTDE package has 3 bytes or more; its size says {size}')
                if len(stream) - start < size:
                    return
                payload = stream[start + HEADER.size:start + size]
                start += size
                yield package_type, payload
        finally:
            self._buffer = stream[start:]


_TYPES = {int(member): member for member in PackageType}


def _refuse_type(type_byte: int) -> NoReturn:
    known = ', '.join(chr(member) for member in PackageType)
    raise ProtocolError(f'RTDE package types are {known}; got the byte 0x{type_byte:02x}')


def unpack(layout: str, payload: bytes, what: str) -> tuple:
    """Return the numbers of a payload that must have exactly this layout.

    Raises:
        ProtocolError: the payload is shorter or longer.
    """
    expected = struct.calcsize(layout)
    if len(payload) != expected:
        raise ProtocolError(f'{what} has a payload of {expected} bytes; got {len(payload)}')
    return struct.unpack(layout, payload)


def pack_message(message: TextMessage) -> bytes:
    """Return the payload of a text message; what is too long is cut."""
    payload = b''
    for part in (message.text, message.source):
        encoded = part.encode('latin-1', 'replace')[:255]
        payload += bytes([len(encoded)]) + encoded
    return payload + bytes([message.level])


def unpack_message(payload: bytes) -> TextMessage:
    """Return the text message of a payload.

    Raises:
        ProtocolError: its lengths do not fit.
    """
    parts, rest = [], payload
    for _ in range(2):
        if not rest or len(rest) <= rest[0]:
            raise ProtocolError(
                'a text message is length, text, length, source, level; '
                f'got {len(payload)} bytes that end too early'
            )
        parts.append(rest[1:1 + rest[0]].decode('latin-1'))
        rest = rest[1 + rest[0]:]
    if len(rest) != 1:
        raise ProtocolError(f'a text message ends with 1 byte of level; got {len(rest)}')
    text, source = parts
    return TextMessage(text, source, rest[0])


def split_names(payload: bytes) -> list[str]:
    """Return the names of a comma-separated list; empty ones (a trailing comma) are left out."""
    return [name for name in payload.decode('latin-1').split(',') if name]
