"""What metadata.yaml says of a bag, in the words of rosbag2's version 9."""

from collections.abc import Sequence
import dataclasses
import os
from pathlib import Path
from typing import Any

import yaml

METADATA_FILE = 'metadata.yaml'
_VERSION = 9
_FOREVER = {'sec': 9223372036, 'nsec': 854775807}
"""An infinite duration in ROS: RMW_DURATION_INFINITE, 2^63 - 1 ns."""


@dataclasses.dataclass(kw_only=True)
class TopicFacts:
    """What is known of a topic."""

    name: str
    """Full name."""
    type: str
    """Full type name."""
    type_hash: str
    """RIHS01 hash, or empty."""
    qos: list[dict[str, Any]]
    """Offered profiles, see ``qos_profiles``."""
    messages: int = 0
    """How many there are in all files."""


@dataclasses.dataclass(kw_only=True)
class FileFacts:
    """What is known of one file of a bag."""

    name: str
    """Within the bag's folder."""
    start_ns: int = 0
    """Time of receipt of its first message, Unix time; 0 without messages."""
    end_ns: int = 0
    """Time of receipt of its last message."""
    messages: int = 0
    """Of all topics."""

    def note(self, received_ns: int) -> None:
        """Count a message."""
        self.start_ns = min(self.start_ns or received_ns, received_ns)
        self.end_ns = max(self.end_ns, received_ns)
        self.messages += 1


def information(
    topics: Sequence[TopicFacts], files: Sequence[FileFacts], ros_distro: str
) -> dict[str, Any]:
    """Return rosbag2's description of a bag."""
    filled = [file for file in files if file.messages]
    start_ns = min((file.start_ns for file in filled), default=0)
    end_ns = max((file.end_ns for file in filled), default=0)
    return {
        'version': _VERSION,
        'storage_identifier': 'mcap',
        'duration': {'nanoseconds': end_ns - start_ns},
        'starting_time': {'nanoseconds_since_epoch': start_ns},
        'message_count': sum(file.messages for file in files),
        'topics_with_message_count': [_topic_entry(topic) for topic in topics],
        'compression_format': '',
        'compression_mode': '',
        'relative_file_paths': [file.name for file in files],
        'files': [_file_entry(file) for file in files],
        'custom_data': None,
        'ros_distro': ros_distro,
    }


def write_metadata(folder: Path, described: dict[str, Any]) -> None:
    """Write metadata.yaml whole or not at all."""
    text = yaml.safe_dump({'rosbag2_bagfile_information': described}, sort_keys=False)
    replace_file(folder / METADATA_FILE, text.encode())


def replace_file(file: Path, content: bytes) -> None:
    """Give a file this content at once: whoever reads it finds the old one or the new one."""
    unfinished = file.with_name(f'{file.name}.unfinished')
    with unfinished.open('wb') as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    unfinished.replace(file)


def qos_profiles(latched: bool) -> list[dict[str, Any]]:
    """Return the one offered profile of a topic.

    Args:
        latched: transient local with depth 1, not volatile with depth 10.
    """
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


def _topic_entry(topic: TopicFacts) -> dict[str, Any]:
    return {
        'topic_metadata': {
            'name': topic.name,
            'type': topic.type,
            'serialization_format': 'cdr',
            'offered_qos_profiles': topic.qos,
            'type_description_hash': topic.type_hash,
        },
        'message_count': topic.messages,
    }


def _file_entry(file: FileFacts) -> dict[str, Any]:
    return {
        'path': file.name,
        'starting_time': {'nanoseconds_since_epoch': file.start_ns},
        'duration': {'nanoseconds': file.end_ns - file.start_ns},
        'message_count': file.messages,
    }
