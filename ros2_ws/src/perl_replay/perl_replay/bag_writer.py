"""Writes bags as rosbag2 does: a folder with MCAP files and metadata.yaml.

Messages are stored as they came, serialised. What was flushed is on its way to the disk as whole
chunks, so that a bag whose writer was killed can be read up to there. Every file repeats the
definitions and the metadata, so that each can be understood alone.
"""

from collections.abc import Iterator
import contextlib
import dataclasses
import fcntl
import math
import os
from pathlib import Path
from typing import Protocol

from mcap.writer import CompressionType, Writer
from perl_core.errors import BagError, ConfigError
import yaml

from perl_replay.bag_metadata import (
    FileFacts,
    TopicFacts,
    information,
    qos_profiles,
    write_metadata,
)

_CHUNK_BYTES = 1 << 20
_NEVER = 1 << 63
"""Later than every time."""


class _Definition(Protocol):
    """What the writer needs to know of a type (see definitions.Definition)."""

    @property
    def type(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def type_hash(self) -> str: ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Split:
    """When a bag goes on in another file."""

    duration_s: float = 0.0
    """After so much recording; 0: never."""
    size_bytes: float = 0.0
    """Once the file is as large as this; 0: never."""

    def __post_init__(self) -> None:
        """Refuse what is no duration or size."""
        if not all(0.0 <= amount < math.inf for amount in dataclasses.astuple(self)):
            raise ConfigError(
                'a bag is split after a duration in seconds and a size in bytes, both at least '
                f'0 (0: never); got {self.duration_s} s and {self.size_bytes} bytes'
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class BagSize:
    """How much a closed bag holds."""

    path: Path
    """The bag's folder."""
    topics: int
    """Topics with at least one message."""
    messages: int
    """Messages of all topics."""
    bytes: int
    """Size of all MCAP files."""


@dataclasses.dataclass(kw_only=True)
class _Channel:
    """A topic under way."""

    definition: _Definition
    facts: TopicFacts
    channel_id: int = 0
    """In the present file."""


class BagWriter:
    """One bag being written."""

    def __init__(self, folder: Path, ros_distro: str = '', split: Split | None = None) -> None:
        """Create the folder and start the first file.

        Args:
            folder: the bag; must not exist yet.
            ros_distro: name of the ROS distribution, for the record.
            split: when to begin another file; None: never.

        Raises:
            BagError: the folder exists or cannot be made.
        """
        self.folder = folder
        self._distro = ros_distro
        self._split = split or Split()
        self._channels: dict[str, _Channel] = {}
        self._metadata: dict[str, dict[str, str]] = {}
        self._files: list[FileFacts] = []
        self._bytes = 0
        try:
            folder.mkdir(parents=True)
        except FileExistsError as error:
            raise BagError(
                f'the bag {folder} exists already and is not overwritten; give another folder'
            ) from error
        except OSError as error:
            raise BagError(f'the bag {folder} cannot be made: {error.strerror}') from error
        self._begin_file()

    def add_topic(self, topic: str, definition: _Definition, latched: bool = False) -> None:
        """Announce a topic; a topic without messages is still listed in the bag.

        Args:
            topic: full name.
            definition: type, text and hash of its messages.
            latched: offered as transient local with depth 1, not as volatile with depth 10.
        """
        facts = TopicFacts(
            name=topic, type=definition.type, type_hash=definition.type_hash,
            qos=qos_profiles(latched),
        )
        channel = self._channels[topic] = _Channel(definition=definition, facts=facts)
        self._register(channel)

    def write(self, topic: str, data: bytes, received_ns: int, sent_ns: int) -> None:
        """Add one serialised message.

        Args:
            topic: announced with ``add_topic``.
            data: CDR with its four bytes of encapsulation, as it came.
            received_ns: when it was received, Unix time.
            sent_ns: when it was sent, Unix time.

        Raises:
            BagError: the disk is full, or the file cannot be written for another reason.
        """
        with self._reporting():
            if received_ns >= self._until_ns or self._is_full():
                self._end_file()
                self._begin_file()
            channel, file = self._channels[topic], self._files[-1]
            if not file.messages and self._split.duration_s:
                self._until_ns = received_ns + round(self._split.duration_s * 1e9)
            file.note(received_ns)
            channel.facts.messages += 1
            self._writer.add_message(
                channel_id=channel.channel_id,
                log_time=received_ns,
                data=data,
                publish_time=sent_ns,
                sequence=channel.facts.messages,
            )

    def add_metadata(self, name: str, values: dict[str, str]) -> None:
        """Add a metadata record, or say it anew; it is in the file at the next flush."""
        self._metadata[name] = values
        with self._reporting():
            self._writer.add_metadata(name, values)

    def flush(self) -> None:
        """Close the chunk under way and hand everything to the operating system.

        Raises:
            BagError: the disk is full, or the file cannot be written for another reason.
        """
        with self._reporting():
            self._writer.flush()

    def close(self) -> BagSize:
        """Finish the bag and write metadata.yaml.

        Raises:
            BagError: the disk is full, or the file cannot be written for another reason.
        """
        with self._reporting():
            self._end_file()
            write_metadata(self.folder, self._information())
        counts = [channel.facts.messages for channel in self._channels.values()]
        return BagSize(
            path=self.folder,
            topics=sum(count > 0 for count in counts),
            messages=sum(counts),
            bytes=self._bytes,
        )

    def abandon(self) -> None:
        """Let go of the file as it is, after an error; what was flushed can be read."""
        with contextlib.suppress(OSError):
            self._stream.close()

    def _is_full(self) -> bool:
        """Return whether the present file is as large as it may be."""
        most = self._split.size_bytes
        return most > 0 and self._files[-1].messages > 0 and self._stream.tell() >= most

    def _begin_file(self) -> None:
        """Start the next file: with all that was announced and noted until now."""
        name = f'{self.folder.name}_{len(self._files)}.mcap'
        with self._reporting():
            self._stream = (self.folder / name).open('xb')
            # Held until the file is closed: nobody repairs what is still being written.
            fcntl.flock(self._stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._files.append(FileFacts(name=name))
            self._schemas: dict[str, int] = {}
            self._until_ns = _NEVER
            self._writer = Writer(
                self._stream,
                chunk_size=_CHUNK_BYTES,
                compression=CompressionType.ZSTD,
                enable_data_crcs=True,
            )
            self._writer.start(profile='ros2', library='perl_replay')
            for channel in self._channels.values():
                self._register(channel)
            for metadata, values in self._metadata.items():
                self._writer.add_metadata(metadata, values)

    def _end_file(self) -> None:
        """Finish the present file and see it on the disk."""
        # rosbag2 keeps a copy inside the file, so that the file alone tells what it is.
        described = yaml.safe_dump(self._information(), sort_keys=False)
        self._writer.add_metadata('rosbag2', {'serialized_metadata': described})
        self._writer.finish()
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._bytes += self._stream.tell()
        self._stream.close()

    def _register(self, channel: _Channel) -> None:
        """Announce a topic in the present file."""
        definition = channel.definition
        if definition.type not in self._schemas:
            self._schemas[definition.type] = self._writer.register_schema(
                name=definition.type, encoding='ros2msg', data=definition.text.encode()
            )
        channel.channel_id = self._writer.register_channel(
            topic=channel.facts.name,
            message_encoding='cdr',
            schema_id=self._schemas[definition.type],
            metadata={
                'offered_qos_profiles': yaml.safe_dump(channel.facts.qos, sort_keys=False),
                'topic_type_hash': definition.type_hash,
            },
        )

    @contextlib.contextmanager
    def _reporting(self) -> Iterator[None]:
        """Turn errors of the operating system into one sentence."""
        try:
            yield
        except OSError as error:
            raise BagError(
                f'the bag {self.folder} cannot be written: {error.strerror}; what was recorded '
                f'until then can be read. Make room, or record elsewhere'
            ) from error

    def _information(self) -> dict[str, object]:
        """Return rosbag2's description of the bag so far."""
        facts = [channel.facts for channel in self._channels.values()]
        return information(facts, self._files, self._distro)
