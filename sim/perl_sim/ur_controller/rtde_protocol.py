"""The framing of RTDE, protocol version 2: big-endian packages of size, type and payload."""

from collections.abc import Iterator
import enum
import struct

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
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[PackageType, bytes]]:
        """Take what arrived, and yield each package that is now complete: type and payload.

        Raises:
            ProtocolError: what came is no RTDE package.
        """
        self._buffer += data
        while len(self._buffer) >= HEADER.size:
            size, type_byte = HEADER.unpack_from(self._buffer)
            package_type = _known_type(type_byte)
            if size < HEADER.size:
                raise ProtocolError(f'an RTDE package has 3 bytes or more; its size says {size}')
            if len(self._buffer) < size:
                return
            payload = bytes(self._buffer[HEADER.size:size])
            del self._buffer[:size]
            yield package_type, payload


def _known_type(type_byte: int) -> PackageType:
    try:
        return PackageType(type_byte)
    except ValueError:
        known = ', '.join(chr(member) for member in PackageType)
        raise ProtocolError(
            f'RTDE package types are {known}; got the byte 0x{type_byte:02x}'
        ) from None


def unpack(layout: str, payload: bytes, what: str) -> tuple:
    """Return the numbers of a payload that must have exactly this layout.

    Raises:
        ProtocolError: the payload is shorter or longer.
    """
    expected = struct.calcsize(layout)
    if len(payload) != expected:
        raise ProtocolError(f'{what} has a payload of {expected} bytes; got {len(payload)}')
    return struct.unpack(layout, payload)


def split_names(payload: bytes) -> list[str]:
    """Return the names of a comma-separated list; empty ones (a trailing comma) are left out."""
    return [name for name in payload.decode('latin-1').split(',') if name]
