"""Writes bags as rosbag2 does: a folder with an MCAP file and metadata.yaml (version 9).

Messages are stored as they came, serialised. What was flushed is on its way to the disk as whole
chunks, so that a bag whose writer was killed can be read up to there.
"""

import contextlib
import dataclasses
from pathlib import Path
from typing import Any, Protocol

from mcap.writer import CompressionType, Writer
from perl_core.errors import BagError
import yaml

_ROSBAG2_METADATA_VERSION = 9
_FOREVER = {'sec': 9223372036, 'nsec': 854775807}
"""An infinite duration in ROS: RMW_DURATION_INFINITE, 2^63 - 1 ns."""
_CHUNK_BYTES = 1 << 20


class _Definition(Protocol):
    """What the writer needs to know of a type (see definitions.Definition)."""

    @property
    def type(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def type_hash(self) -> str: ...


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
    """Size of the MCAP file."""


@dataclasses.dataclass(kw_only=True)
class _Channel:
    """A topic under way."""

    channel_id: int
    topic: str
    definition: _Definition
    latched: bool
    messages: int = 0


class BagWriter:
    """One bag being written."""

    def __init__(self, folder: Path, ros_distro: str = '') -> None:
        """Create the folder and start the file.

        Args:
            folder: the bag; must not exist yet.
            ros_distro: name of the ROS distribution, for the record.

        Raises:
            BagError: the folder exists or cannot be made.
        """
        self.folder = folder
        self._distro = ros_distro
        self._channels: dict[str, _Channel] = {}
        self._schemas: dict[str, int] = {}
        self._first_ns, self._last_ns = 0, 0
        try:
            folder.mkdir(parents=True)
            self._file = (folder / f'{folder.name}_0.mcap').open('xb')
        except FileExistsError as error:
            raise BagError(
                f'the bag {folder} exists already and is not overwritten; give another folder'
            ) from error
        except OSError as error:
            raise BagError(f'the bag {folder} cannot be made: {error.strerror}') from error
        self._writer = Writer(
            self._file,
            chunk_size=_CHUNK_BYTES,
            compression=CompressionType.ZSTD,
            enable_data_crcs=True,
        )
        with self._reporting():
            self._writer.start(profile='ros2', library='perl_replay')

    def add_topic(self, topic: str, definition: _Definition, latched: bool = False) -> None:
        """Announce a topic; a topic without messages is still listed in the bag.

        Args:
            topic: full name.
            definition: type, text and hash of its messages.
            latched: offered as transient local with depth 1, not as volatile with depth 10.
        """
        if definition.type not in self._schemas:
            self._schemas[definition.type] = self._writer.register_schema(
                name=definition.type, encoding='ros2msg', data=definition.text.encode()
            )
        channel_id = self._writer.register_channel(
            topic=topic,
            message_encoding='cdr',
            schema_id=self._schemas[definition.type],
            metadata={
                'offered_qos_profiles': yaml.safe_dump(_qos(latched), sort_keys=False),
                'topic_type_hash': definition.type_hash,
            },
        )
        self._channels[topic] = _Channel(
            channel_id=channel_id, topic=topic, definition=definition, latched=latched
        )

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
        channel = self._channels[topic]
        self._first_ns = min(self._first_ns or received_ns, received_ns)
        self._last_ns = max(self._last_ns, received_ns)
        channel.messages += 1
        with self._reporting():
            self._writer.add_message(
                channel_id=channel.channel_id,
                log_time=received_ns,
                data=data,
                publish_time=sent_ns,
                sequence=channel.messages,
            )

    def add_metadata(self, name: str, values: dict[str, str]) -> None:
        """Add a metadata record; it is in the file at the next flush."""
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
        """Finish the file and write metadata.yaml.

        Raises:
            BagError: the disk is full, or the file cannot be written for another reason.
        """
        information = self._information()
        with self._reporting():
            # rosbag2 keeps a copy inside the file, so that the file alone tells what it is.
            self._writer.add_metadata(
                'rosbag2', {'serialized_metadata': yaml.safe_dump(information, sort_keys=False)}
            )
            self._writer.finish()
            self._file.close()
            (self.folder / 'metadata.yaml').write_text(
                yaml.safe_dump({'rosbag2_bagfile_information': information}, sort_keys=False),
                'utf-8',
            )
        return BagSize(
            path=self.folder,
            topics=sum(channel.messages > 0 for channel in self._channels.values()),
            messages=information['message_count'],
            bytes=Path(self._file.name).stat().st_size,
        )

    def abandon(self) -> None:
        """Let go of the file as it is, after an error; what was flushed can be read."""
        with contextlib.suppress(OSError):
            self._file.close()

    @contextlib.contextmanager
    def _reporting(self) -> Any:
        """Turn errors of the operating system into one sentence."""
        try:
            yield
        except OSError as error:
            raise BagError(
                f'the bag {self.folder} cannot be written: {error.strerror}; what was recorded '
                f'until then can be read. Make room, or record elsewhere'
            ) from error

    def _information(self) -> dict[str, Any]:
        """Return rosbag2's description of the bag."""
        start = {'nanoseconds_since_epoch': self._first_ns}
        duration = {'nanoseconds': self._last_ns - self._first_ns}
        count = sum(channel.messages for channel in self._channels.values())
        file_name = Path(self._file.name).name
        return {
            'version': _ROSBAG2_METADATA_VERSION,
            'storage_identifier': 'mcap',
            'duration': duration,
            'starting_time': start,
            'message_count': count,
            'topics_with_message_count': [_topic_entry(c) for c in self._channels.values()],
            'compression_format': '',
            'compression_mode': '',
            'relative_file_paths': [file_name],
            'files': [
                {
                    'path': file_name,
                    'starting_time': dict(start),
                    'duration': dict(duration),
                    'message_count': count,
                }
            ],
            'custom_data': None,
            'ros_distro': self._distro,
        }


def _topic_entry(channel: _Channel) -> dict[str, Any]:
    """Return rosbag2's description of a topic."""
    return {
        'topic_metadata': {
            'name': channel.topic,
            'type': channel.definition.type,
            'serialization_format': 'cdr',
            'offered_qos_profiles': _qos(channel.latched),
            'type_description_hash': channel.definition.type_hash,
        },
        'message_count': channel.messages,
    }


def _qos(latched: bool) -> list[dict[str, Any]]:
    """Return the one offered profile of a topic, in the words of rosbag2's version 9."""
    return [
        {
            'history': 'keep_last',
            'depth': 1 if latched else 10,
            'reliability': 'reliable',
            'durability': 'transient_local' if latched else 'volatile',
            'deadline': dict(_FOREVER),
            'lifespan': dict(_FOREVER),
            'liveliness': 'automatic',
            'liveliness_lease_duration': dict(_FOREVER),
            'avoid_ros_namespace_conventions': False,
        }
    ]
