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


def read_records(stream: BinaryIO) -> Iterator[McapRecord | Stored]:
    """Yield the records of a file from the front, those inside chunks too.

    Raises one of DAMAGE where the bytes are not what they should be.
    """
    reader = _Reader(
        stream, emit_chunks=True, validate_crcs=True, record_size_limit=_LARGEST_RECORD_BYTES
    )
    for record in reader.records:
        if isinstance(record, Chunk):
            yield from _inside(record)
        elif isinstance(record, Message):
            yield Stored(record.channel_id, record.log_time, record.data)
        else:
            yield record


def _inside(chunk: Chunk) -> Iterator[McapRecord | Stored]:
    """Yield the records of a chunk whose checksum is right."""
    stream, size = get_chunk_data_stream(chunk, validate_crc=True)
    data, at = stream.read(size), 0
    while at < size:
        opcode, length = RECORD_HEAD.unpack_from(data, at)
        begin, at = at + RECORD_HEAD.size, at + RECORD_HEAD.size + length
        if opcode == Opcode.MESSAGE:
            channel_id, _, log_time, _ = _MESSAGE_HEAD.unpack_from(data, begin)
            yield Stored(channel_id, log_time, data[begin + _MESSAGE_HEAD.size : at])
        elif opcode in (Opcode.CHANNEL, Opcode.SCHEMA):
            kind = Channel if opcode == Opcode.CHANNEL else Schema
            yield kind.read(ReadDataStream(io.BytesIO(data[begin:at])))


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
