"""Node ``perl_recorder``: writes every topic of the stack to a bag, as it comes.

Nothing is deserialised and no executor spins: the middleware queues and time-stamps the messages,
and the node drains all queues every 20 ms, which costs far less than a wake-up per message.
"""

from collections.abc import Iterator
import importlib
import os
from pathlib import Path
import signal
import sys
import time
from typing import Any, NamedTuple

from perl_core.errors import ConfigError, PerlError
from perl_msgs.msg import ControllerState
import rclpy
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from rclpy.signals import SignalHandlerOptions

from perl_replay.bag_writer import BagSize, BagWriter
from perl_replay.definitions import load_definition
from perl_replay.provenance import describe_software
from perl_replay.topics import CONTROLLER_STATE, Topic, select_topics

_POLL_S = 0.02
_FLUSH_S = 0.5
"""A killed recorder loses at most this and one poll."""
_QUEUE_DEPTH = 2000
"""Four seconds of a 500 Hz topic, should the disk stall."""


class _Taken(NamedTuple):
    """One message from a queue."""

    received_ns: int
    sent_ns: int
    topic: str
    data: bytes


class _Queue:
    """Serialised messages of one topic, kept by the middleware until they are drained."""

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
            _message_class(topic.type), topic.name, _never_called, profile, raw=True
        )

    def drain(self, now_ns: int) -> Iterator[_Taken]:
        """Take everything that waits, in the order of the publisher."""
        handle, message_type = self._subscription.handle, self._subscription.msg_type
        while (entry := handle.take_message(message_type, True)) is not None:
            data, info = entry
            # Not every middleware stamps; then the time of this poll is the best that is known.
            received_ns = info['received_timestamp'] or now_ns
            # What overtook a message that had to be sent again waited for it.
            self._newest_ns = max(self._newest_ns, received_ns)
            sent_ns = info['source_timestamp'] or received_ns
            yield _Taken(self._newest_ns, sent_ns, self.topic, data)


class Recorder(Node):
    """Subscribes to topics and writes what arrives."""

    def __init__(self) -> None:
        """Read the parameters, create the bag and subscribe.

        Raises:
            ConfigError: a parameter is missing or wrong.
            BagError: the bag exists, or cannot be made.
        """
        # Nothing spins this node, so it offers no services that could not answer.
        super().__init__(
            'perl_recorder',
            start_parameter_services=False,
            parameter_overrides=[Parameter('start_type_description_service', value=False)],
        )
        topics = select_topics(_texts(self, 'topics'))
        definitions = {topic.name: load_definition(topic.type) for topic in topics}
        self._writer = BagWriter(_bag_folder(self), ros_distro=os.environ.get('ROS_DISTRO', ''))
        self._writer.add_metadata('perl_software', describe_software())
        for topic in topics:
            self._writer.add_topic(topic.name, definitions[topic.name], topic.latched)
        self._writer.flush()
        self._queues = [_Queue(self, topic) for topic in topics]
        self._robot_known = False
        self._flushed_s = time.monotonic()
        self.get_logger().info(f'recording {len(topics)} topics to {self._writer.folder}')

    def poll(self) -> None:
        """Write what has arrived; hand it to the operating system twice a second."""
        now_ns = time.time_ns()
        taken = [message for queue in self._queues for message in queue.drain(now_ns)]
        for message in sorted(taken, key=lambda message: message.received_ns):
            self._writer.write(
                message.topic, message.data, message.received_ns, message.sent_ns
            )
            if message.topic == CONTROLLER_STATE and not self._robot_known:
                self._note_robot(message.data)
        if time.monotonic() - self._flushed_s > _FLUSH_S:
            self._writer.flush()
            self._flushed_s = time.monotonic()

    def close(self) -> BagSize:
        """Write what is left and finish the bag."""
        self.poll()
        return self._writer.close()

    def abandon(self) -> None:
        """Let go of the bag after an error."""
        self._writer.abandon()

    def _note_robot(self, data: bytes) -> None:
        """Write which robot and policy this is, once both are known."""
        state = deserialize_message(data, ControllerState)
        if state.robot_ip and state.bundle_sha256:
            self._robot_known = True
            self._writer.add_metadata(
                'perl_robot', {'robot_ip': state.robot_ip, 'bundle_sha256': state.bundle_sha256}
            )


def main() -> None:
    """Record until SIGTERM or SIGINT; exit 0 with a finished bag, 1 with one sentence."""
    stop_requests: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: stop_requests.append(received))
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    try:
        sys.exit(_run(stop_requests))
    finally:
        rclpy.try_shutdown()


def _run(stop_requests: list[int]) -> int:
    """Record until a stop is requested; return the exit status."""
    recorder = None
    try:
        recorder = Recorder()
        while not stop_requests:
            recorder.poll()
            time.sleep(_POLL_S)
        size = recorder.close()
    except PerlError as error:
        if recorder is not None:
            recorder.abandon()
        sys.stderr.write(f'perl_recorder: {error}\n')
        return 1
    sys.stdout.write(
        f'recorded {size.messages} messages on {size.topics} topics, '
        f'{size.bytes} bytes, to {size.path}\n'
    )
    return 0


def _never_called(_message: Any) -> None:
    """Stand in for a callback: no executor spins this node."""


def _message_class(type_name: str) -> Any:
    """Return the Python class of a message type."""
    package, kind, name = type_name.split('/')
    module = importlib.import_module(f'{package}.{kind}')
    if kind == 'action':
        return getattr(module, name.removesuffix('_FeedbackMessage')).Impl.FeedbackMessage
    return getattr(module, name)


def _texts(node: Node, name: str) -> list[str]:
    """Return a list parameter; empty if it is not given."""
    return list(node.declare_parameter(name, Parameter.Type.STRING_ARRAY).value or [])


def _bag_folder(node: Node) -> Path:
    """Return the folder of the bag, from the parameter."""
    value = node.declare_parameter('bag', '').value
    if not value:
        raise ConfigError(
            "perl_recorder needs the parameter 'bag', a folder that does not exist yet: "
            '--ros-args -p bag:=FOLDER'
        )
    return Path(value).absolute()


if __name__ == '__main__':
    main()
