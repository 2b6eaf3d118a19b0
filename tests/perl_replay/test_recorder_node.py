"""The real recorder process beside a real publisher: nothing is lost, whatever ends it."""

import contextlib
import hashlib
import os
from pathlib import Path
import resource
import signal
import socket
import subprocess
import sys
import threading
import time

from perl_core.bundle.reading import manifest_sha256
from perl_core.errors import BagError
from perl_msgs.action import Reach
from perl_msgs.msg import ControllerState
from perl_msgs.srv import AddMark
from perl_replay.bag import Bag
import pytest
import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, QoSProfile
from rosbags.highlevel import AnyReader
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger

DOMAIN = 141
JOINTS = '/joint_states'
FEEDBACK = '/perl_controller/reach/_action/feedback'
STATE = '/perl_controller/state'


@contextlib.contextmanager
def recorder(bag, *parameters, file_bytes=None, wait=True, files=()):
    """Start the node in a process group of its own; kill the group at the end."""
    def limit_file_size():
        if file_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))

    arguments = [word for p in (f'bag:={bag}', *parameters) for word in ('-p', p)]
    arguments += [str(word) for file in files for word in ('--params-file', file)]
    process = subprocess.Popen(
        [sys.executable, '-m', 'perl_replay.recorder_node', '--ros-args', *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, 'ROS_DOMAIN_ID': str(DOMAIN),
             'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST'},
        preexec_fn=limit_file_size,
    )
    try:
        if wait:
            read_until(process, 'recording')
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=10)


def read_until(process, text):
    seen = []
    for line in process.stderr:
        seen.append(line)
        if text in line:
            return
    raise AssertionError(f'the recorder ended without {text!r}: {seen}')


@pytest.fixture
def node(monkeypatch):
    """A node of the stack, in this process and in a context of its own."""
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    context = Context()
    rclpy.init(context=context, domain_id=DOMAIN)
    node = rclpy.create_node('publisher', context=context)
    yield node
    node.destroy_node()
    rclpy.shutdown(context=context)


def connect(publisher):
    deadline_s = time.monotonic() + 20.0
    while not publisher.get_subscription_count():
        assert time.monotonic() < deadline_s, 'the recorder was not discovered'
        time.sleep(0.01)


def publish_joints(node, publisher, count, rate_hz=500.0):
    start_s = time.monotonic()
    for number in range(count):
        message = JointState(name=['a'], position=[float(number)])
        message.header.stamp = node.get_clock().now().to_msg()
        publisher.publish(message)
        time.sleep(max(start_s + number / rate_hz - time.monotonic(), 0.0))


def call(node, kind, name, request):
    """Return the recorder's answer."""
    client = node.create_client(kind, f'/perl_recorder/{name}')
    assert client.wait_for_service(20.0)
    future = client.call_async(request)
    executor = SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    executor.spin_until_future_complete(future, timeout_sec=10.0)
    executor.remove_node(node)
    return future.result()


def positions(bag):
    return [message.data.position[0] for message in bag.messages([JOINTS])]


def test_everything_at_500_hz_is_recorded_and_closed_on_sigterm(node, tmp_path):
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    node.create_publisher(ControllerState, STATE, latched).publish(
        ControllerState(robot_ip='127.0.0.9', bundle_sha256='beef')
    )
    joints = node.create_publisher(JointState, JOINTS, 10)
    feedback = node.create_publisher(Reach.Impl.FeedbackMessage, FEEDBACK, 10)
    with recorder(tmp_path / 'bag') as process:
        connect(joints)
        connect(feedback)
        publish_joints(node, joints, 1000)
        feedback.publish(Reach.Impl.FeedbackMessage())
        feedback.wait_for_all_acked()
        joints.wait_for_all_acked()
        time.sleep(0.2)
        asked_s = time.monotonic()
        process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=10)
        ended_s = time.monotonic() - asked_s
    assert process.returncode == 0, errors
    assert output.startswith('recorded ')
    assert output.count('\n') == 1
    assert str(tmp_path / 'bag') in output
    assert ended_s < 3.0
    bag = Bag(tmp_path / 'bag')
    read = positions(bag)
    # The publisher may know the recorder a little before the recorder knows the publisher.
    assert read == [float(number) for number in range(1000 - len(read), 1000)]
    assert len(read) >= 800
    assert bag.metadata['perl_robot'] == {'robot_ip': '127.0.0.9', 'bundle_sha256': 'beef'}
    assert bag.metadata['perl_software']['version.mcap'] != 'unknown'
    with AnyReader([tmp_path / 'bag']) as reader:
        counts = {c.topic: c.msgcount for c in reader.connections}
        times = [time_ns for _, time_ns, _ in reader.messages()]
    assert (counts[JOINTS], counts[STATE]) == (len(read), 1)
    assert counts[FEEDBACK] >= 1
    assert times == sorted(times)


def test_sigkill_loses_at_most_about_a_second(node, tmp_path):
    joints = node.create_publisher(JointState, JOINTS, 10)
    with recorder(tmp_path / 'bag', 'topics:=["/joint_states"]') as process:
        connect(joints)
        publish_joints(node, joints, 1500)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=10)
    with pytest.raises(BagError, match='truncated or damaged'):
        Bag(tmp_path / 'bag')
    bag = Bag(tmp_path / 'bag', readable_part=True)
    assert set(bag.topics) == {JOINTS, '/perl_recorder/marks'}
    read = positions(bag)
    assert read == [read[0] + number for number in range(len(read))]
    # Flushed every 0.5 s; the machine may be slow, so 1.5 s are granted.
    assert read[-1] >= 750


def test_full_disk_ends_the_recorder_with_one_sentence(node, tmp_path):
    joints = node.create_publisher(JointState, JOINTS, 10)
    with recorder(tmp_path / 'bag', file_bytes=30_000) as process:
        connect(joints)
        publish_joints(node, joints, 2000, rate_hz=1000.0)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 1
    assert 'cannot be written: File too large' in errors
    assert 'Traceback' not in errors
    assert positions(Bag(tmp_path / 'bag', readable_part=True))


def test_recordings_are_stopped_started_and_marked_by_service(node, tmp_path):
    joints = node.create_publisher(JointState, JOINTS, 10)
    options = ('topics:=["/joint_states"]', 'begin_at_once:=false', 'split_s:=0.3')
    with recorder(tmp_path / 'bag', *options, wait=False) as process:
        connect(joints)
        refused = [
            call(node, Trigger, 'stop', Trigger.Request()).message,
            call(node, AddMark, 'mark', AddMark.Request(text='too early')).message,
        ]
        begun = call(node, Trigger, 'start', Trigger.Request())
        publish_joints(node, joints, 400)
        marked = call(node, AddMark, 'mark', AddMark.Request(text=' a cup\n fell  '))
        empty = call(node, AddMark, 'mark', AddMark.Request(text=' '))
        again = call(node, Trigger, 'start', Trigger.Request())
        ended = call(node, Trigger, 'stop', Trigger.Request())
        publish_joints(node, joints, 20)
        (tmp_path / 'bag-2').mkdir()
        second = call(node, Trigger, 'start', Trigger.Request())
        publish_joints(node, joints, 30)
        joints.wait_for_all_acked()
        time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=10)
    assert process.returncode == 0, errors
    assert 'nothing is being recorded' in refused[0]
    assert 'nothing is being recorded' in refused[1]
    assert [begun.success, marked.success, ended.success, second.success] == [True] * 4
    assert (empty.success, again.success) == (False, False)
    assert 'being recorded already' in again.message
    assert f'to {tmp_path / "bag-3"}' in second.message
    assert str(tmp_path / 'bag-3') in output
    bag = Bag(tmp_path / 'bag')
    assert [message.data.text for message in bag.messages(['/perl_recorder/marks'])] == [
        'a cup fell'
    ]
    read = positions(bag)
    assert read == [float(number) for number in range(400 - len(read), 400)]
    assert len(list((tmp_path / 'bag').glob('*.mcap'))) >= 3
    # What came while nothing was recorded is in neither.
    assert positions(Bag(tmp_path / 'bag-3')) == [float(number) for number in range(30)]


def test_settings_and_robot_are_noted(tmp_path, dashboard):
    limits, parameters = tmp_path / 'limits.yaml', tmp_path / 'parameters.yaml'
    limits.write_text('a: 1\n')
    parameters.write_text('perl_recorder:\n  ros__parameters:\n    split_s: 100.0\n')
    bundle = Path(__file__).parents[2] / 'policies' / 'ur5e_reach'
    options = (f'limits_file:={limits}', f'bundle:={bundle}', f'robot_ip:={dashboard}')
    with recorder(tmp_path / 'bag', *options, files=[parameters]) as process:
        deadline_s = time.monotonic() + 20.0
        while 'perl_robot' not in Bag(tmp_path / 'bag', readable_part=True).metadata:
            assert time.monotonic() < deadline_s, 'the robot was not asked'
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=10)
    noted = Bag(tmp_path / 'bag').metadata
    settings = noted['perl_settings']
    assert settings['limits.text'] == 'a: 1\n'
    assert settings['limits.sha256'] == hashlib.sha256(b'a: 1\n').hexdigest()
    assert settings['parameters.0.text'] == parameters.read_text()
    assert settings['bundle.path'] == str(bundle)
    assert settings['bundle.sha256'] == manifest_sha256(bundle)
    assert 'calibration.path' not in settings
    assert noted['perl_robot'] == {
        'serial_number': 'get serial number?', 'model': 'get robot model?',
        'polyscope': 'PolyscopeVersion?',
    }


@pytest.fixture
def dashboard():
    """The address of a dashboard server that repeats what it is asked."""
    address = '127.0.0.141'
    with socket.create_server((address, 29999)) as server:
        def serve():
            with contextlib.suppress(OSError):
                connection, _ = server.accept()
                with connection, connection.makefile('rwb', buffering=0) as stream:
                    stream.write(b'Connected\n')
                    for line in stream:
                        stream.write(line.strip() + b'?\n')

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield address
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5.0)


@pytest.mark.parametrize(('bag', 'parameters', 'text'), [
    ('there', (), 'exists already and is not overwritten'),
    ('', (), "needs the parameter 'bag'"),
    ('new', ('split_s:=-1.0',), 'a bag is split after a duration in seconds'),
    ('new', ('limits_file:=/nowhere.yaml',), 'cannot read /nowhere.yaml, to note it in'),
    ('new', ('topics:=["/nothing"]',), "unknown topics to record: ['/nothing']. Known: ["),
])
def test_bad_parameters_are_one_sentence(tmp_path, bag, parameters, text):
    (tmp_path / 'there').mkdir()
    with recorder(tmp_path / bag if bag else '""', *parameters, wait=False) as process:
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 1
    assert text in errors
    assert 'Traceback' not in errors
