"""Node ``perl_recorder``: writes every topic of the stack to a bag, as it comes.

Nothing is deserialised and no executor spins: the middleware queues and time-stamps the messages,
and the node drains all queues every 20 ms, which costs far less than a wake-up per message.
"""

from collections.abc import Callable
import itertools
import operator
import os
from pathlib import Path
import sys
import threading
import time
from typing import Any, NoReturn, TypeVar

from perl_core.errors import ConfigError, PerlError
from perl_msgs.msg import ControllerState, Mark
from perl_msgs.srv import AddMark
from perl_safety.limits import DEFAULT_LIMITS_FILE
from perl_safety.process_node import StopRequests, run_process
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.serialization import deserialize_message, serialize_message
from std_srvs.srv import Trigger

from perl_replay.bag_writer import BagSize, Split
from perl_replay.definitions import load_definition
from perl_replay.provenance import describe_robot, describe_settings, describe_software
from perl_replay.raw_queue_node import RawQueue
from perl_replay.raw_service_node import RawService
from perl_replay.recording import Recordings
from perl_replay.topics import CONTROLLER_STATE, MARKS, select_topics

_POLL_S = 0.02
_ASK_AGAIN_S = 5.0
"""A robot that is switched on later is asked then who it is."""
_LONGEST_MARK = 1000
_PARAMETERS = {
    'bag': '',
    'begin_at_once': True,
    'split_s': 0.0,
    'split_mb': 0.0,
    'robot_ip': '',
    'bundle': '',
    'limits_file': '',
    'kinematics_params_file': '',
}
"""The last four are not used but noted: what the other nodes of the stack were given."""
_SETTINGS = {'bundle': 'bundle', 'limits_file': 'limits', 'kinematics_params_file': 'calibration'}
"""Files that are noted, by parameter, and what they are called in the bag."""
_Answer = TypeVar('_Answer', Trigger.Response, AddMark.Response)


class Recorder(Node):
    """Subscribes to topics and writes what arrives."""

    def __init__(self) -> None:
        """Read the parameters, offer the services, subscribe, and begin the first bag.

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
        values = {n: self.declare_parameter(n, v).value for n, v in _PARAMETERS.items()}
        names = self.declare_parameter('topics', Parameter.Type.STRING_ARRAY).value
        topics = select_topics(names or [])
        # What the recorder itself says is written when it says it.
        heard = [topic for topic in topics if topic.name != MARKS]
        self._recordings = Recordings(
            _bag_folder(values['bag']),
            [(topic, load_definition(topic.type)) for topic in (*heard, *select_topics([MARKS]))],
            Split(duration_s=values['split_s'], size_bytes=values['split_mb'] * 1e6),
            os.environ.get('ROS_DISTRO', ''),
        )
        self._recordings.note('perl_software', describe_software())
        self._recordings.note('perl_settings', _settings(values))
        self._robot_said: list[dict[str, str]] = []
        self._marks = self.create_publisher(Mark, MARKS, 10)
        self._offered = (
            RawService(self, Trigger, '~/start', self._on_start),
            RawService(self, Trigger, '~/stop', self._on_stop),
            RawService(self, AddMark, '~/mark', self._on_mark),
        )
        self._queues = [RawQueue(self, topic) for topic in heard]
        self._robot_known = False
        ip = values['robot_ip']
        if ip:
            threading.Thread(target=self._ask_robot, args=(ip,), daemon=True).start()
        if values['begin_at_once']:
            self._begin()

    def poll(self) -> None:
        """Write what has arrived, answer, and hand all to the system twice a second."""
        self._drain()
        for service in self._offered:
            service.serve()
        while self._robot_said:
            self._recordings.note('perl_robot', self._robot_said.pop())
        self._recordings.flush()

    def close(self) -> BagSize | None:
        """Write what is left and finish the bag, if one is being written."""
        self._drain()
        return None if self._recordings.bag is None else self._recordings.end()

    def abandon(self) -> None:
        """Let go of the bag after an error."""
        self._recordings.abandon()

    def _drain(self) -> None:
        """Take what waits in all queues and write it in the order in which it came."""
        now_ns = time.time_ns()
        taken = [message for queue in self._queues for message in queue.drain(now_ns)]
        taken.sort(key=operator.itemgetter(0))
        for received_ns, sent_ns, topic, data in taken:
            self._recordings.write(topic, data, received_ns, sent_ns)
            if topic == CONTROLLER_STATE and not self._robot_known:
                self._note_robot(data)

    def _note_robot(self, data: bytes) -> None:
        """Write which robot and policy this is, once both are known."""
        state = deserialize_message(data, ControllerState)
        if state.robot_ip and state.bundle_sha256:
            self._robot_known = True
            self._recordings.note(
                'perl_robot', {'robot_ip': state.robot_ip, 'bundle_sha256': state.bundle_sha256}
            )

    def _ask_robot(self, robot_ip: str) -> None:
        """Ask the robot who it is until it answers; runs in a thread of its own."""
        while not (said := describe_robot(robot_ip)):
            time.sleep(_ASK_AGAIN_S)
        self._robot_said.append(said)

    def _begin(self) -> str:
        folder = self._recordings.begin()
        # Another policy may run by now.
        self._robot_known = False
        sentence = f'recording to {folder}'
        self.get_logger().info(sentence)
        return sentence

    def _on_start(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        return _answered(response, self._begin)

    def _on_stop(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        return _answered(response, self._end)

    def _end(self) -> str:
        return _sentence(self._recordings.end())

    def _on_mark(self, request: AddMark.Request, response: AddMark.Response) -> AddMark.Response:
        return _answered(response, lambda: self._mark(' '.join(request.text.split())))

    def _mark(self, text: str) -> str:
        if not 0 < len(text) <= _LONGEST_MARK:
            raise ConfigError(f'a mark has 1 to {_LONGEST_MARK} characters; got {len(text)}')
        bag = self._recordings.bag
        if bag is None:
            raise ConfigError('nothing is being recorded, so nothing can be marked; start first')
        now_ns = time.time_ns()
        mark = Mark(text=text)
        mark.header.stamp.sec, mark.header.stamp.nanosec = divmod(now_ns, 1_000_000_000)
        self._recordings.write(MARKS, serialize_message(mark), now_ns, now_ns)
        self._recordings.flush(at_once=True)
        self._marks.publish(mark)
        return f'marked in {bag}'


def _answered(response: _Answer, act: Callable[[], str]) -> _Answer:
    """Act, and say in the response what came of it."""
    try:
        response.message, response.success = act(), True
    except PerlError as error:
        response.message, response.success = str(error), False
    return response


def main() -> NoReturn:
    """Record until SIGTERM or SIGINT; exit 0 with a finished bag, 1 with one sentence."""
    run_process(_run)


def _run(stop_requests: StopRequests) -> int:
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
    if size is not None:
        sys.stdout.write(f'{_sentence(size)}\n')
    return 0


def _sentence(size: BagSize) -> str:
    return (
        f'recorded {size.messages} messages on {size.topics} topics, '
        f'{size.bytes} bytes, to {size.path}'
    )


def _settings(values: dict[str, Any]) -> dict[str, str]:
    """Return what is noted of the files that the stack was given, or uses if given none."""
    files = {name: Path(values[key]) for key, name in _SETTINGS.items() if values[key]}
    files.setdefault('limits', DEFAULT_LIMITS_FILE)
    parameters = [
        Path(file) for word, file in itertools.pairwise(sys.argv) if word == '--params-file'
    ]
    return describe_settings(files, parameters)


def _bag_folder(value: str) -> Path:
    """Return the folder of the first bag, from the parameter."""
    if not value:
        raise ConfigError(
            "perl_recorder needs the parameter 'bag', a folder that does not exist yet: "
            '--ros-args -p bag:=FOLDER'
        )
    return Path(value).absolute()


if __name__ == '__main__':
    main()
