"""One recording after the other, each in a bag of its own; without ROS."""

from collections.abc import Mapping, Sequence
import itertools
from pathlib import Path
import time

from perl_core.errors import BagError

from perl_replay.bag_writer import BagSize, BagWriter, Split
from perl_replay.definitions import Definition
from perl_replay.topics import Topic

_FLUSH_S = 0.5
"""A killed recorder loses at most this and one poll."""


class Recordings:
    """Begins and ends bags; at most one is being written."""

    def __init__(
        self,
        folder: Path,
        topics: Sequence[tuple[Topic, Definition]],
        split: Split,
        ros_distro: str,
    ) -> None:
        """Begin nothing yet.

        Args:
            folder: the first bag; the next ones are called the same with -2, -3, ...
            topics: that are recorded.
            split: when a bag goes on in another file.
            ros_distro: name of the ROS distribution, for the record.
        """
        self._folder, self._topics, self._split = folder, topics, split
        self._distro = ros_distro
        self._writer: BagWriter | None = None
        self._metadata: dict[str, dict[str, str]] = {}
        self._begun = 0
        self._flushed_s = 0.0

    @property
    def bag(self) -> Path | None:
        """The bag that is being written."""
        return None if self._writer is None else self._writer.folder

    def begin(self) -> Path:
        """Begin a bag and return its folder.

        Raises:
            BagError: one is being written, or the folder cannot be made.
        """
        if self._writer is not None:
            raise BagError(f'{self._writer.folder} is being recorded already; stop it first')
        folder = self._folder if not self._begun else self._next_folder()
        writer = BagWriter(folder, self._distro, self._split)
        self._begun += 1
        for name, values in self._metadata.items():
            writer.add_metadata(name, values)
        for topic, definition in self._topics:
            writer.add_topic(topic.name, definition, topic.latched)
        writer.flush()
        self._writer, self._flushed_s = writer, time.monotonic()
        return folder

    def note(self, name: str, values: Mapping[str, str]) -> None:
        """Add what is known about all recordings of this process, to what was noted before."""
        self._metadata[name] = {**self._metadata.get(name, {}), **values}
        if self._writer is not None:
            self._writer.add_metadata(name, self._metadata[name])

    def write(self, topic: str, data: bytes, received_ns: int, sent_ns: int) -> None:
        """Add one serialised message; see BagWriter. Dropped while no bag is being written.

        Raises:
            BagError: the bag cannot be written.
        """
        if self._writer is not None:
            self._writer.write(topic, data, received_ns, sent_ns)

    def flush(self, at_once: bool = False) -> None:
        """Hand what was written to the operating system, twice a second or at once.

        Raises:
            BagError: the bag cannot be written.
        """
        now_s = time.monotonic()
        if self._writer is not None and (at_once or now_s - self._flushed_s > _FLUSH_S):
            self._writer.flush()
            self._flushed_s = now_s

    def end(self) -> BagSize:
        """Finish the bag.

        Raises:
            BagError: none is being written, or it cannot be written.
        """
        if self._writer is None:
            raise BagError('nothing is being recorded; start a recording first')
        writer, self._writer = self._writer, None
        try:
            return writer.close()
        except BagError:
            writer.abandon()
            raise

    def abandon(self) -> None:
        """Let go of the bag after an error; what was flushed can be read."""
        if self._writer is not None:
            self._writer.abandon()
            self._writer = None

    def _next_folder(self) -> Path:
        """Return the first folder after the earlier ones that is not there yet."""
        names = (f'{self._folder.name}-{n}' for n in itertools.count(self._begun + 1))
        return next(
            folder for folder in map(self._folder.with_name, names) if not folder.exists()
        )
