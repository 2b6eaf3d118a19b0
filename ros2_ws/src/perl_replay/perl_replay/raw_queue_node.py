"""Serialised messages of a topic, kept by the middleware until they are taken: no callbacks."""

from collections.abc import Iterator
import importlib
from typing import Any, NamedTuple

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

from perl_replay.topics import Topic

_QUEUE_DEPTH = 2000
"""Four seconds of a 500 Hz topic, should the disk stall."""


class Taken(NamedTuple):
    """One message from a queue."""

    received_ns: int
    """Unix time."""
    sent_ns: int
    """Unix time."""
    topic: str
    """Full name."""
    data: bytes
    """CDR."""


class RawQueue:
    """What waits of one topic."""

    def __init__(self, node: Node, topic: Topic) -> None:
        """Subscribe."""
        self.topic = topic.name
        self._newest_ns = 0
        profile = QoSProfile(
            history=HistoryPolicy.KEEP_LAST,
            depth=_QUEUE_DEPTH,
            reliability=ReliabilityPolicy.RELIABLE,
            durability=(
                DurabilityPolicy.TRANSIENT_LOCAL if topic.latched else DurabilityPolicy.VOLATILE
            ),
        )
        self._subscription = node.create_subscription(
            message_class(topic.type), topic.name, _never_called, profile, raw=True
        )

    def drain(self, now_ns: int) -> Iterator[Taken]:
        """Take everything that waits, in the order of the publisher."""
        handle, message_type = self._subscription.handle, self._subscription.msg_type
        while (entry := handle.take_message(message_type, True)) is not None:
            data, info = entry
            # Not every middleware stamps; then the time of this poll is the best that is known.
            received_ns = info['received_timestamp'] or now_ns
            # What overtook a message that had to be sent again waited for it.
            self._newest_ns = max(self._newest_ns, received_ns)
            sent_ns = info['source_timestamp'] or received_ns
            yield Taken(self._newest_ns, sent_ns, self.topic, data)


def message_class(type_name: str) -> Any:
    """Return the Python class of a message type."""
    package, kind, name = type_name.split('/')
    module = importlib.import_module(f'{package}.{kind}')
    if kind == 'action':
        return getattr(module, name.removesuffix('_FeedbackMessage')).Impl.FeedbackMessage
    return getattr(module, name)


def _never_called(_message: Any) -> None:
    """Stand in for a callback: no executor spins the node."""
