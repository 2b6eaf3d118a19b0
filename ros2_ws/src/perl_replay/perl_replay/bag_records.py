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
_BEGINNING = struct.Struct('<BQH')
"""Both heads up to the channel."""
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
        self.left: dict[int, int] = {}
        """Of these channels, how many messages follow that are not wanted."""

    def takes(self, channel_id: int) -> bool:
        """Return whether the next message of a channel is wanted."""
        if self.left.get(channel_id):
            self.left[channel_id] -= 1
            return False
        every = self.every.get(channel_id, 1)
        if every > 1:
            self.left[channel_id] = every - 1
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
    data, at, left, takes = stream.read(size), 0, choice.left, choice.takes
    read_head, head_bytes, message = _BEGINNING.unpack_from, RECORD_HEAD.size, _MESSAGE
    # So that the last record, which may be no message and shorter, can be read alike.
    data += bytes(_BEGINNING.size)
    while at < size:
        opcode, length, channel_id = read_head(data, at)
        begin, at = at + head_bytes, at + head_bytes + length
        if opcode == message:
            choice.passed += 1
            # Most of the time of this loop goes into messages that nobody wants.
            if left.get(channel_id):
                left[channel_id] -= 1
            elif takes(channel_id):
                if at > size:
                    raise McapError('a message is longer than the chunk it lies in')
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
