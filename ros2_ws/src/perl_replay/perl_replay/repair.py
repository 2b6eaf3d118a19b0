"""Makes a damaged bag whole again: what can be read is kept, index and metadata.yaml are new.

A recorder that was killed leaves a file that breaks off and no metadata.yaml; a bad disk leaves
chunks whose checksum is wrong. A file that is whole is not touched. A new file is written beside
the old one and takes its place at once, when it is complete and on the disk.
"""

import contextlib
import dataclasses
import fcntl
import os
from pathlib import Path
from typing import Any, BinaryIO

from mcap.summary import Summary
from perl_core.errors import BagError
import yaml

from perl_replay.bag import find_files
from perl_replay.bag_metadata import (
    METADATA_FILE,
    FileFacts,
    TopicFacts,
    information,
    qos_profiles,
    write_metadata,
)
from perl_replay.bag_records import DAMAGE, Choice, read_records, read_summary
from perl_replay.salvage import Salvaged, salvage


@dataclasses.dataclass(frozen=True, kw_only=True)
class Repair:
    """What became of a bag."""

    bag: str
    """Its folder, or its only file."""
    files: dict[str, Salvaged]
    """What was kept and lost of each file that was not whole."""
    messages: int
    """In the whole bag now."""
    metadata_written: bool
    """metadata.yaml was missing or told something else."""

    def sentences(self) -> list[str]:
        """Return what was done, for people."""
        done = [
            f'{name}: kept {salvaged.messages} messages; lost {salvaged.lost_chunks} chunks, '
            f'{salvaged.lost_messages} messages of unknown topics and the last '
            f'{salvaged.lost_bytes} bytes'
            for name, salvaged in self.files.items()
        ]
        if self.metadata_written:
            done.append(f'{METADATA_FILE}: written anew')
        return [*(done or ['nothing to repair']), f'{self.bag} holds {self.messages} messages']


def repair_bag(path: Path) -> Repair:
    """Repair a bag in its place.

    Args:
        path: the bag's folder, or an MCAP file.

    Raises:
        BagError: there is no bag, it is being recorded, or nothing of a file can be read.
    """
    files = find_files(path)
    repaired = {}
    for file in files:
        with file.open('rb') as stream:
            _require_finished(stream, file)
            if not _is_whole(stream):
                repaired[file.name] = _replace(stream, file)
    summaries = {file: _summary_of(file) for file in files}
    written = path.is_dir() and _mend_metadata(path, summaries)
    return Repair(
        bag=str(path), files=repaired, metadata_written=written,
        messages=sum(_count(summary) for summary in summaries.values()),
    )


def _require_finished(stream: BinaryIO, file: Path) -> None:
    try:
        fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise BagError(f'{file} is being recorded; stop the recorder before a repair') from error


def _is_whole(stream: BinaryIO) -> bool:
    """Return whether all records and the index of a file are as they should be."""
    if read_summary(stream)[1] is None:
        return False
    stream.seek(0)
    try:
        for _ in read_records(stream, Choice()):
            pass
    except DAMAGE:
        return False
    return True


def _replace(stream: BinaryIO, file: Path) -> Salvaged:
    """Write what can be read of a file, and put it in the file's place."""
    unfinished = file.with_name(f'{file.name}.unfinished')
    try:
        with unfinished.open('wb') as target:
            salvaged = salvage(stream, target)
            target.flush()
            os.fsync(target.fileno())
        if not salvaged.messages:
            raise BagError(f'nothing of {file} can be read; it is left as it is')
        unfinished.replace(file)
    except OSError as error:
        raise BagError(f'{file} cannot be repaired: {error.strerror}. Make room') from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            unfinished.unlink()
    return salvaged


def _summary_of(file: Path) -> Summary:
    with file.open('rb') as stream:
        summary = read_summary(stream)[1]
    if summary is None:
        raise BagError(f'{file} was written anew and has no summary; is the disk sound?')
    return summary


def _count(summary: Summary) -> int:
    return 0 if summary.statistics is None else summary.statistics.message_count


def _mend_metadata(folder: Path, summaries: dict[Path, Summary]) -> bool:
    """Write metadata.yaml if it does not tell what the files hold; return whether it was."""
    topics: dict[str, TopicFacts] = {}
    files = []
    for file, summary in summaries.items():
        _add_topics(topics, summary)
        statistics = summary.statistics
        if statistics is not None:
            files.append(FileFacts(
                name=file.name, messages=statistics.message_count,
                start_ns=statistics.message_start_time, end_ns=statistics.message_end_time,
            ))
    present = _read_metadata(folder)
    distro = present.get('ros_distro', '')
    described = information(list(topics.values()), files, distro)
    told = ('message_count', 'relative_file_paths')
    if all(present.get(name) == described[name] for name in told):
        return False
    write_metadata(folder, described)
    return True


def _add_topics(topics: dict[str, TopicFacts], summary: Summary) -> None:
    for channel in summary.channels.values():
        facts = topics.setdefault(channel.topic, TopicFacts(
            name=channel.topic,
            type=summary.schemas[channel.schema_id].name,
            type_hash=channel.metadata.get('topic_type_hash', ''),
            qos=_qos(channel.metadata.get('offered_qos_profiles', '')),
        ))
        if summary.statistics is not None:
            facts.messages += summary.statistics.channel_message_counts.get(channel.id, 0)


def _qos(text: str) -> list[dict[str, Any]]:
    with contextlib.suppress(yaml.YAMLError):
        profiles = yaml.safe_load(text)
        if isinstance(profiles, list):
            return profiles
    return qos_profiles(latched=False)


def _read_metadata(folder: Path) -> dict[str, Any]:
    """Return what metadata.yaml says; nothing if it is missing or damaged."""
    with contextlib.suppress(OSError, UnicodeDecodeError, yaml.YAMLError):
        content = yaml.safe_load((folder / METADATA_FILE).read_text('utf-8'))
        if isinstance(content, dict):
            described = content.get('rosbag2_bagfile_information')
            return described if isinstance(described, dict) else {}
    return {}
