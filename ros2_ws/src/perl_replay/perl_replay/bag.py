"""Reads bags: typed messages by topic, from the file alone, one chunk in memory at a time.

The definitions that the bag carries are used, so neither ROS nor our messages need be installed.
A bag whose recorder was killed has no index; it is read from the front, as far as it goes.
"""

from collections.abc import Collection, Iterator, Mapping
import contextlib
import dataclasses
from pathlib import Path
import re
import struct
from typing import Any, NamedTuple

from mcap.records import Channel, McapRecord, Metadata, Schema
from perl_core.errors import BagError
from rosbags.serde import SerdeError
from rosbags.typesys import Stores, TypesysError, get_types_from_msg, get_typestore

from perl_replay.bag_records import DAMAGE, Choice, Stored, read_records, read_summary
from perl_replay.layout import TopicReader
from perl_replay.objections import Objections
from perl_replay.steady import Steady


class TypeText(NamedTuple):
    """Definition of a message type, as a bag carries it."""

    type: str
    """Full type name."""
    text: str
    """The message's own text, then that of every message it contains."""
    type_hash: str
    """RIHS01 hash; empty if the bag does not tell."""


class BagMessage(NamedTuple):
    """One message of a bag."""

    topic: str
    """Full name of the topic."""
    received_ns: int
    """When the recorder got it, Unix time."""
    data: Any
    """The message; fields as in its definition, arrays of numbers as numpy arrays."""


@dataclasses.dataclass(kw_only=True)
class TopicInfo:
    """What a bag holds of a topic."""

    type: str
    """Full type name."""
    messages: int = 0
    """How many there are."""


class Bag:
    """A bag on disk."""

    def __init__(self, path: Path, readable_part: bool = False) -> None:
        """Find the files and list what they hold.

        Args:
            path: the bag's folder, or its MCAP file.
            readable_part: be content with the part before a damage, and note it in ``damage``.

        Raises:
            BagError: there is no bag, or it is damaged and ``readable_part`` is false.
        """
        self.path = path
        self.topics: dict[str, TopicInfo] = {}
        self.metadata: dict[str, dict[str, str]] = {}
        self.start_ns = 0
        self.end_ns = 0
        self.damage: str | None = None
        self._readable_part = readable_part
        self._store = get_typestore(Stores.EMPTY)
        self._registered: set[str] = set()
        self._schemas: dict[str, Schema] = {}
        self._type_hashes: dict[str, str] = {}
        self._files = find_files(path)
        self._note_gaps()
        for file in self._files:
            if not self._list_from_index(file):
                self._list_from_front(file)

    @property
    def message_count(self) -> int:
        """Messages of all topics."""
        return sum(topic.messages for topic in self.topics.values())

    def require(
        self, wanted: Mapping[str, tuple[str, Collection[str]]], objections: Objections
    ) -> list[str]:
        """Return those topics of this stack that the bag holds.

        Args:
            wanted: type and needed fields of each topic.
            objections: told of every topic that is missing or of another type, or of the fields.

        Raises:
            BagError: the bag holds none of them, or an objection is raised.
        """
        missing = sorted(set(wanted) - set(self.topics))
        if missing:
            sentence = (
                f'{self.path} was not recorded with this stack: it lacks the topics {missing}; '
                f'it holds {sorted(self.topics)}'
            )
            if len(missing) == len(wanted):
                raise BagError(sentence)
            objections.raise_('topics', sentence)
        usable = []
        for name in sorted(set(wanted) - set(missing)):
            wrong = self._unlike(name, *wanted[name])
            if wrong:
                objections.raise_(f'type of {name}', wrong)
            else:
                usable.append(name)
        return usable

    def _unlike(self, name: str, type_name: str, fields: Collection[str]) -> str | None:
        """Return why a topic cannot be read as this type, or None."""
        if self.topics[name].type != type_name:
            return (
                f'{self.path} was not recorded with this stack: {name} is of type '
                f'{self.topics[name].type}, expected {type_name}'
            )
        try:
            self._require_fields(type_name, fields)
        except BagError as error:
            return str(error)
        return None

    def messages(
        self,
        topics: Collection[str],
        every: Mapping[str, int] | None = None,
        repeated: Collection[str] = (),
        fields: Mapping[str, Collection[str]] | None = None,
    ) -> Iterator[BagMessage]:
        """Yield the messages of some topics in the order of the file.

        Args:
            topics: full names; each must be in ``self.topics``.
            every: of these topics, only every n-th message is decoded and yielded.
            repeated: of these topics, whose messages begin with a header, one that says the same
                as the one before is yielded as the same object, stamped anew: keep none of them.
            fields: of these topics, what is wanted; other fields may be None.

        Raises:
            BagError: a topic is not in the bag, a message does not fit its definition, or, after
                the readable part, the bag is damaged and ``readable_part`` is false.
        """
        unknown = sorted(set(topics) - set(self.topics))
        if unknown:
            raise BagError(f'{self.path} has no topics {unknown}; it has {sorted(self.topics)}')
        for topic in topics:
            self._register(self.topics[topic].type)
        readers = {name: self._reader(name, (fields or {}).get(name)) for name in topics}
        steady = {name: Steady(b'', None) for name in repeated}
        for name, received_ns, data in self.raw_messages(topics, every):
            message = steady[name].stamped(data) if name in steady else None
            if message is None:
                message = readers[name].read(data)
                if name in steady:
                    steady[name] = Steady(data, message)
            yield BagMessage(name, received_ns, message)

    def raw_messages(
        self, topics: Collection[str], every: Mapping[str, int] | None = None
    ) -> Iterator[tuple[str, int, bytes]]:
        """Yield topic, time of receipt and CDR bytes of messages, in the order of the file.

        Args:
            topics: full names.
            every: of these topics, only every n-th message is yielded.

        Raises:
            BagError: the bag is damaged and ``readable_part`` is false.
        """
        wanted = {name: (every or {}).get(name, 1) for name in topics}
        for file in self._files:
            names: dict[int, str] = {}
            choice = Choice()
            for record in self._records(file, choice):
                # Exact types: much of the time of reading a bag goes into this.
                if type(record) is Stored:
                    name = names.get(record.channel_id)
                    if name is not None:
                        yield name, record.log_time, record.data
                elif type(record) is Channel:
                    names[record.id] = record.topic
                    choice.every[record.id] = wanted.get(record.topic, 0)

    def definition(self, topic: str) -> TypeText:
        """Return the definition of a topic's type."""
        type_name = self.topics[topic].type
        text = self._schemas[type_name].data.decode()
        return TypeText(type_name, text, self._type_hashes.get(topic, ''))

    def has_header(self, topic: str) -> bool:
        """Return whether the messages of a topic begin with a std_msgs/Header."""
        type_name = self.topics[topic].type
        self._register(type_name)
        return self._store.fielddefs[type_name][1][0][0] == 'header'

    def _records(self, file: Path, choice: Choice) -> Iterator[McapRecord | Stored]:
        """Yield the records of a file from the front, up to its end or its first damage."""
        with file.open('rb') as stream:
            try:
                yield from read_records(stream, choice)
            except DAMAGE as error:
                readable_s = (choice.end_ns - self.start_ns) / 1e9 if choice.passed else 0.0
                self.damage = (
                    f'{file} is truncated or damaged: its first {choice.passed} messages '
                    f'({readable_s:.1f} s) can be read, what follows cannot '
                    f'({type(error).__name__})'
                )
        if self.damage and not self._readable_part:
            raise BagError(self.damage)

    def _list_from_index(self, file: Path) -> bool:
        """List a finished file from its summary; false if it has none."""
        with file.open('rb') as stream:
            reader, summary = read_summary(stream)
            if reader is None or summary is None or summary.statistics is None:
                return False
            with contextlib.suppress(*DAMAGE):  # told when the messages are read
                for record in reader.iter_metadata():
                    self.metadata[record.name] = dict(record.metadata)
        for channel in summary.channels.values():
            self._note_channel(channel, summary.schemas[channel.schema_id])
            count = summary.statistics.channel_message_counts.get(channel.id, 0)
            self.topics[channel.topic].messages += count
        if summary.statistics.message_count:
            self._note_time(summary.statistics.message_start_time)
            self._note_time(summary.statistics.message_end_time)
        return True

    def _list_from_front(self, file: Path) -> None:
        """List an unfinished file by reading it once."""
        schemas: dict[int, Schema] = {}
        names: dict[int, str] = {}
        for record in self._records(file, Choice()):
            match record:
                case Schema():
                    schemas[record.id] = record
                case Channel() if record.id not in names and record.schema_id in schemas:
                    names[record.id] = record.topic
                    self._note_channel(record, schemas[record.schema_id])
                case Stored() if record.channel_id in names:
                    self.topics[names[record.channel_id]].messages += 1
                    self._note_time(record.log_time)
                case Metadata():
                    self.metadata[record.name] = dict(record.metadata)
                case _:
                    pass

    def _note_gaps(self) -> None:
        """Say so if a file of a split bag is missing.

        Raises:
            BagError: one is, and ``readable_part`` is false.
        """
        numbers = [_number_in_name(file)[0] for file in self._files]
        missing = sorted(set(range(max(numbers) + 1)) - set(numbers))
        if missing and self.path.is_dir():
            self.damage = (
                f'{self.path} was split, and its files number {missing} are missing; put them '
                'back, or what they held is missing in all figures'
            )
            if not self._readable_part:
                raise BagError(self.damage)

    def _note_channel(self, channel: Channel, schema: Schema) -> None:
        """Remember a topic and how to read it."""
        if channel.message_encoding != 'cdr':
            raise BagError(
                f'{self.path} is not a ROS 2 bag: {channel.topic} is encoded as '
                f'{channel.message_encoding!r}, expected cdr'
            )
        self.topics.setdefault(channel.topic, TopicInfo(type=schema.name))
        self._schemas[schema.name] = schema
        self._type_hashes[channel.topic] = channel.metadata.get('topic_type_hash', '')

    def _note_time(self, time_ns: int) -> None:
        """Widen the span of the bag."""
        self.start_ns = min(self.start_ns or time_ns, time_ns)
        self.end_ns = max(self.end_ns, time_ns)

    def _register(self, type_name: str) -> None:
        """Make a type of the bag readable."""
        if type_name in self._registered:
            return
        schema = self._schemas[type_name]
        try:
            if schema.encoding != 'ros2msg':
                raise BagError(
                    f'{self.path}: the definition of {type_name} is written in '
                    f'{schema.encoding!r}, expected ros2msg'
                )
            self._store.register(get_types_from_msg(schema.data.decode(), type_name))
        except (TypesysError, UnicodeDecodeError) as error:
            raise BagError(
                f'{self.path}: the definition of {type_name} cannot be understood: '
                f'{" ".join(str(error).split())}'
            ) from error
        self._registered.add(type_name)

    def _require_fields(self, type_name: str, fields: Collection[str]) -> None:
        """Raise BagError if a type lacks fields that are needed."""
        self._register(type_name)
        present = [name for name, _ in self._store.fielddefs[type_name][1]]
        missing = sorted(set(fields) - set(present))
        if missing:
            raise BagError(
                f'{self.path} was recorded with other messages: {type_name} lacks {missing}; '
                f'it has {present}'
            )

    def _reader(self, topic: str, fields: Collection[str] | None) -> TopicReader:
        """Return what decodes some fields, or all, of the messages of a topic."""
        type_name = self.topics[topic].type
        return TopicReader(
            self._store, type_name, lambda data: self._deserialise(data, type_name, topic), fields
        )

    def _deserialise(self, data: bytes, type_name: str, topic: str) -> Any:
        """Return a message, from its CDR bytes."""
        try:
            return self._store.deserialize_cdr(data, type_name)
        except (SerdeError, ValueError, IndexError, struct.error) as error:
            raise BagError(
                f'{self.path}: a message on {topic} does not fit the definition of {type_name} '
                f'({error})'
            ) from error


def find_files(path: Path) -> list[Path]:
    """Return the MCAP files of a bag, in the order in which they were written."""
    if not path.exists():
        raise BagError(f'there is no bag at {path}')
    if path.is_file():
        if path.suffix != '.mcap':
            raise BagError(f'{path} is not a bag: expected a folder of rosbag2 or an .mcap file')
        return [path]
    files = sorted(path.glob('*.mcap'), key=_number_in_name)
    if not files:
        content = sorted(entry.name for entry in path.iterdir())
        raise BagError(
            f'{path} is not an MCAP bag: it has no .mcap file; it holds {content or "nothing"}. '
            f"Other formats of rosbag2 can be turned into MCAP with 'ros2 bag convert'"
        )
    return files


def _number_in_name(file: Path) -> tuple[int, str]:
    """Sort bag_2 before bag_10."""
    match = re.search(r'_(\d+)$', file.stem)
    return (int(match[1]) if match else 0, file.name)
