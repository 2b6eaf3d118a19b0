"""Records of an MCAP file, fast: the messages of a chunk are not parsed before they are wanted."""

from collections.abc import Iterator
import io
import struct
from typing import BinaryIO, NamedTuple

from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.reader import SeekingReader
from mcap.records import Channel, Chunk, McapRecord, Message, Schema
from mcap.stream_reader import StreamReader, get_chunk_data_stream
from mcap.summary import Summary
import zstandard

_LARGEST_RECORD_BYTES = 1 << 28
"""A longer record is a damaged length: rosbag2's chunks are below 1 MiB by default."""
RECORD_HEAD = struct.Struct('<BQ')
"""Opcode and length of a record. Source: MCAP specification, "Records"."""
_MESSAGE_HEAD = struct.Struct('<HIQQ')
"""Channel, sequence, log time and publish time of a message, before its data."""
_CHANNEL = struct.Struct('<H')
"""The first part of it."""
_MESSAGE = int(Opcode.MESSAGE)
DAMAGE = (
    McapError, ValueError, struct.error, zstandard.ZstdError, MemoryError, OverflowError,
)
"""What mcap raises on bytes that are not what they should be: its CRC error is a ValueError, and
a damaged length within a record asks for more memory than there is."""


class Stored(NamedTuple):
    """A message as it lies in the file."""

    channel_id: int
    """Of its topic."""
    log_time: int
    """When the recorder got it, Unix time [ns]."""
    data: bytes
    """CDR."""


class _Reader(StreamReader):
    """Passes over the indexes of chunks, whose every entry mcap would parse.

    They are part of the data section's checksum all the same. Where mcap no longer asks here,
    reading is slower and nothing else.
    """

    def _read_record(self, opcode: int, length: int) -> McapRecord | None:
        if opcode == Opcode.MESSAGE_INDEX:
            self._stream.read(length)
            return None
        return super()._read_record(opcode, length)


class Choice:
    """Which messages of a file are wanted; the others cost next to nothing."""

    def __init__(self) -> None:
        """Want all."""
        self.every: dict[int, int] = {}
        """Of these channels, every n-th message; 0: none."""
        self.passed = 0
        """Messages so far, wanted or not."""
        self.end_ns = 0
        """Latest time of receipt among them."""
        self._left: dict[int, int] = {}

    def takes(self, channel_id: int) -> bool:
        """Return whether the next message of a channel is wanted."""
        left = self._left.get(channel_id, 0)
        if left:
            self._left[channel_id] = left - 1
            return False
        every = self.every.get(channel_id, 1)
        if every > 1:
            self._left[channel_id] = every - 1
        return every > 0


def read_records(stream: BinaryIO, choice: Choice) -> Iterator[McapRecord | Stored]:
    """Yield the records of a file from the front, those inside chunks too.

    Raises one of DAMAGE where the bytes are not what they should be.

    Args:
        stream: the file.
        choice: of messages; may be changed whenever a channel was yielded.
    """
    reader = _Reader(
        stream, emit_chunks=True, validate_crcs=True, record_size_limit=_LARGEST_RECORD_BYTES
    )
    for record in reader.records:
        if isinstance(record, Chunk):
            yield from _inside(record, choice)
        elif isinstance(record, Message):
            choice.passed += 1
            choice.end_ns = max(choice.end_ns, record.log_time)
            if choice.takes(record.channel_id):
                yield Stored(record.channel_id, record.log_time, record.data)
        else:
            yield record


def _inside(chunk: Chunk, choice: Choice) -> Iterator[McapRecord | Stored]:
    """Yield the wanted records of a chunk whose checksum is right."""
    stream, size = get_chunk_data_stream(chunk, validate_crc=True)
    data, at, takes = stream.read(size), 0, choice.takes
    read_head, read_channel = RECORD_HEAD.unpack_from, _CHANNEL.unpack_from
    head_bytes, message = RECORD_HEAD.size, _MESSAGE
    while at < size:
        opcode, length = read_head(data, at)
        begin, at = at + head_bytes, at + head_bytes + length
        # Most of the time of this loop goes into messages that nobody wants.
        if opcode == message:
            choice.passed += 1
            channel_id = read_channel(data, begin)[0]
            if takes(channel_id):
                _, _, log_time, _ = _MESSAGE_HEAD.unpack_from(data, begin)
                yield Stored(channel_id, log_time, data[begin + _MESSAGE_HEAD.size : at])
        elif opcode in (Opcode.CHANNEL, Opcode.SCHEMA):
            kind = Channel if opcode == Opcode.CHANNEL else Schema
            yield kind.read(ReadDataStream(io.BytesIO(data[begin:at])))
    choice.end_ns = max(choice.end_ns, chunk.message_end_time)


def read_summary(stream: BinaryIO) -> tuple[SeekingReader | None, Summary | None]:
    """Return a reader and the summary of a finished file; nothing of an unfinished one."""
    try:
        reader = SeekingReader(stream, record_size_limit=_LARGEST_RECORD_BYTES)
        summary = reader.get_summary()
    except (*DAMAGE, OSError):  # OSError: a seek to before the start of a short file
        return None, None
    channels = () if summary is None else summary.channels.values()
    if summary is None or any(c.schema_id not in summary.schemas for c in channels):
        return None, None
    return reader, summary
