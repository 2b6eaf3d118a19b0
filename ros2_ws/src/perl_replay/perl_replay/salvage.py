"""Copies what can be read of a damaged MCAP file into a new one that is whole."""

from collections.abc import Iterator
import dataclasses
import io
from typing import BinaryIO

from mcap.data_stream import ReadDataStream
from mcap.opcode import Opcode
from mcap.records import Channel, Chunk, McapRecord, Message, Metadata, Schema
from mcap.stream_reader import breakup_chunk
from mcap.writer import CompressionType, Writer

from perl_replay.bag_records import DAMAGE, RECORD_HEAD, read_summary

_MAGIC_BYTES = 8
_READ = {
    Opcode.CHUNK: Chunk, Opcode.CHANNEL: Channel, Opcode.SCHEMA: Schema,
    Opcode.METADATA: Metadata,
}
"""Records that are copied. An index is made anew, attachments are not ours."""
_COPY = 'rosbag2'
"""Metadata that rosbag2 keeps of the whole bag: metadata.yaml tells it anew."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Salvaged:
    """What was kept, and what was lost."""

    messages: int
    """Messages that were kept."""
    lost_chunks: int
    """Groups of messages that could not be read: at most half a second each of our recorder's."""
    lost_messages: int
    """Messages that could be read, but no longer of which topic they are."""
    lost_bytes: int
    """At the end, from the first record that breaks off."""


class _Copy:
    """The new file; ids may differ from the old file's."""

    def __init__(self, target: BinaryIO) -> None:
        self._writer = Writer(target, compression=CompressionType.ZSTD, enable_data_crcs=True)
        self._writer.start(profile='ros2', library='perl_replay repair')
        self._schemas: dict[int, int] = {}
        self._channels: dict[int, int] = {}
        self.messages = self.lost = 0

    def add(self, record: McapRecord) -> None:
        """Copy a record."""
        match record:
            case Schema() if record.id not in self._schemas:
                self._schemas[record.id] = self._writer.register_schema(
                    record.name, record.encoding, record.data
                )
            case Channel() if record.id not in self._channels:
                self._add_channel(record)
            case Metadata() if record.name != _COPY:
                self._writer.add_metadata(record.name, record.metadata)
            case Message():
                self._add_message(record)
            case _:
                pass

    def _add_channel(self, channel: Channel) -> None:
        if channel.schema_id in self._schemas:
            self._channels[channel.id] = self._writer.register_channel(
                channel.topic, channel.message_encoding, self._schemas[channel.schema_id],
                channel.metadata,
            )

    def _add_message(self, message: Message) -> None:
        channel_id = self._channels.get(message.channel_id)
        if channel_id is None:
            self.lost += 1
            return
        self.messages += 1
        self._writer.add_message(
            channel_id, message.log_time, message.data, message.publish_time, message.sequence
        )

    def flush(self) -> None:
        """End a chunk where the old file did."""
        self._writer.flush()

    def finish(self) -> None:
        """Write the index."""
        self._writer.finish()


def salvage(source: BinaryIO, target: BinaryIO) -> Salvaged:
    """Copy what can be read.

    Args:
        source: the damaged file.
        target: a new file.
    """
    copy, lost_chunks = _Copy(target), 0
    source.seek(0)
    summary = read_summary(source)[1]
    if summary is not None:
        # Of a file that was finished: then no chunk is needed to know the topics.
        for record in (*summary.schemas.values(), *summary.channels.values()):
            copy.add(record)
    size = source.seek(0, io.SEEK_END)
    source.seek(_MAGIC_BYTES)
    for opcode, content in _records(source, size):
        try:
            record = _READ[opcode].read(ReadDataStream(io.BytesIO(content)))
            inside = breakup_chunk(record, True) if isinstance(record, Chunk) else [record]
        except DAMAGE:
            lost_chunks += 1
            continue
        for one in inside:
            copy.add(one)
        copy.flush()
    copy.finish()
    return Salvaged(
        messages=copy.messages, lost_chunks=lost_chunks, lost_messages=copy.lost,
        lost_bytes=size - source.tell(),
    )


def _records(source: BinaryIO, size: int) -> Iterator[tuple[int, bytes]]:
    """Yield opcode and content of the records to copy, up to the end or the first torn one.

    Leaves ``source`` behind the last record that is whole.
    """
    while True:
        begin = source.tell()
        head = source.read(RECORD_HEAD.size)
        if len(head) < RECORD_HEAD.size:
            source.seek(begin)
            return
        opcode, length = RECORD_HEAD.unpack(head)
        if opcode == Opcode.FOOTER or begin + RECORD_HEAD.size + length > size:
            source.seek(size if opcode == Opcode.FOOTER else begin)
            return
        if opcode in _READ:
            yield opcode, source.read(length)
        else:
            source.seek(length, io.SEEK_CUR)
