"""The monitor node as its own process, against the emulated controller as another."""

import contextlib
import json
import math
import os
import signal
import subprocess
import sys
import time

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
import numpy as np
from perl_core.contract import Contract
from perl_core.kinematics import Kinematics
from perl_msgs.msg import SafetyState
from perl_safety.heartbeat import HeartbeatReader, heartbeat_path
from perl_safety.limits import DEFAULT_LIMITS_FILE, load_limits
from perl_sim.ur_controller.control_server import ask
import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rtde_receive import RTDEReceiveInterface
from std_srvs.srv import Trigger

from calibration.loader import NOMINAL, ROBOTS_FOLDER

pytestmark = pytest.mark.alone

ADDRESS = '127.0.3.20'
DOMAIN = 131
HOME = np.array(Contract().home_rad)
LIMITS = load_limits().monitor
ENVIRONMENT = {
    **os.environ,
    'ROS_DOMAIN_ID': str(DOMAIN),
    'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
    'AMENT_PREFIX_PATH': os.environ.get('AMENT_PREFIX_PATH', sys.prefix),
}

DRIVER = """
import json, sys, time
from rtde_control import RTDEControlInterface
control = RTDEControlInterface(sys.argv[1])
control.speedJ(json.loads(sys.argv[2]), 10.0, 0.0)
print('driving', flush=True)
time.sleep(60)
"""


@contextlib.contextmanager
def process(*arguments, **options):
    running = subprocess.Popen(
        [sys.executable, *arguments], env=ENVIRONMENT, start_new_session=True, **options
    )
    try:
        yield running
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        running.wait()


@contextlib.contextmanager
def driver(speed_rad_s):
    """A program that moves the arm at a joint speed and knows no limits."""
    command = ('-c', DRIVER, ADDRESS, json.dumps(speed_rad_s))
    with process(*command, stdout=subprocess.PIPE) as running:
        assert running.stdout.readline() == b'driving\n'
        yield running
    running.stdout.close()


class Node:
    """The monitor's process, seen from the ROS graph and from shared memory."""

    def __init__(self, running, log, context):
        self.process, self._log = running, log
        self.heartbeat = HeartbeatReader(heartbeat_path(ADDRESS))
        self.messages = []
        self._node = rclpy.create_node('test_monitor', context=context)
        self._executor = SingleThreadedExecutor(context=context)
        self._executor.add_node(self._node)
        latched = QoSProfile(
            depth=1,
            reliability=ReliabilityPolicy.RELIABLE,
            durability=DurabilityPolicy.TRANSIENT_LOCAL,
        )
        self._node.create_subscription(
            SafetyState, '/perl_safety_monitor/safety', self.messages.append, latched
        )
        self._change = self._node.create_client(
            ChangeState, '/perl_safety_monitor/change_state'
        )
        self._reset = self._node.create_client(Trigger, '/perl_safety_monitor/reset')

    def change(self, transition):
        request = ChangeState.Request()
        request.transition.id = transition
        return self._call(self._change, request).success

    def reset(self):
        return self._call(self._reset, Trigger.Request())

    def activate(self):
        # A server that does not see its client yet, though the client sees it, answers nobody.
        assert self._change.wait_for_service(20.0), self.log()
        time.sleep(0.5)
        assert self.change(Transition.TRANSITION_CONFIGURE), self.log()
        assert self.change(Transition.TRANSITION_ACTIVATE), self.log()
        self.wait_until(lambda: not self.heartbeat.read().stop and self.age_s() < 0.1)

    def log(self):
        return self._log.read_text()

    def age_s(self):
        return self.heartbeat.read().age_s(time.monotonic_ns())

    def wait_until(self, condition, timeout_s=10.0):
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, f'timed out; the node said:\n{self.log()}'
            self._executor.spin_once(timeout_sec=0.02)

    def close(self):
        self._executor.shutdown()
        self._node.destroy_node()

    def reset_succeeds(self):
        time.sleep(0.1)
        return self.reset().success

    def _call(self, client, request):
        assert client.wait_for_service(20.0), self.log()
        future = client.call_async(request)
        self._executor.spin_until_future_complete(future, 20.0)
        assert future.done(), self.log()
        return future.result()


@pytest.fixture(scope='module')
def context():
    os.environ.update(ENVIRONMENT)
    made = rclpy.Context()
    rclpy.init(context=made, domain_id=DOMAIN)
    yield made
    rclpy.shutdown(context=made)


@contextlib.contextmanager
def monitor(context, folder, *parameters):
    log = folder / 'monitor.log'
    options = [text for each in (f'robot_ip:={ADDRESS}', *parameters) for text in ('-p', each)]
    command = ('-m', 'perl_safety.monitor_node', '--ros-args', *options)
    with log.open('w') as file, process(*command, stdout=file, stderr=file) as running:
        made = Node(running, log, context)
        try:
            yield made
        finally:
            made.close()


@pytest.fixture
def node(context, tmp_path):
    with monitor(context, tmp_path) as made:
        yield made


@pytest.fixture
def arm(start_emulator):
    """The emulated arm; ``arm()`` returns its joint positions and speeds."""
    emulator = start_emulator(ADDRESS)
    receive = RTDEReceiveInterface(ADDRESS)

    def measured():
        return np.array(receive.getActualQ()), np.array(receive.getActualQd())

    measured.emulator = emulator
    measured.receive = receive
    yield measured
    receive.disconnect()


def stands(arm):
    return bool(np.abs(arm()[1]).max() < 0.01)


def test_an_arm_too_fast_is_stopped_named_and_released_by_reset(arm, node):
    node.activate()
    node.wait_until(lambda: any(message.severity == SafetyState.PASS for message in node.messages))
    with driver([0, 0, 0, 0, 0, 2.9]):
        node.wait_until(lambda: node.heartbeat.read().stop)
        assert 'joint_speed:wrist_3_joint' in node.heartbeat.read().reason
        node.wait_until(lambda: stands(arm))
        rest = arm()[0]
        node.wait_until(lambda: node.messages[-1].severity == SafetyState.STOP)
        assert list(node.messages[-1].reasons) == ['joint_speed:wrist_3_joint']
        assert node.messages[-1].stops == 1 and node.messages[-1].source == 'monitor'
        assert arm.receive.getRuntimeState() == 1, 'the program is ended, not only slowed'
    time.sleep(0.2)
    assert np.allclose(arm()[0], rest, atol=1e-3)
    answer = node.reset()
    assert answer.success, answer.message
    node.wait_until(lambda: not node.heartbeat.read().stop)
    node.wait_until(lambda: node.messages[-1].severity == SafetyState.PASS)
    assert node.process.poll() is None
    node.process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    assert node.process.wait(10.0) == 0
    # A quarter of a second alone; the bound is for a machine that others share.
    assert time.monotonic() - began < 3.0
    assert node.heartbeat.read()[1:] == (True, 'no_heartbeat')


def test_an_arm_that_leaves_the_workspace_is_stopped_at_its_border(arm, node):
    node.activate()
    with driver([0.8, 0, 0, 0, 0, 0]):
        node.wait_until(lambda: 'workspace:sphere' in node.heartbeat.read().reason)
        node.wait_until(lambda: stands(arm))
    tool_m = Kinematics().tool_pose(arm()[0]).position_m
    distance_m = math.dist(tool_m, LIMITS.workspace_centre_base_m)
    # 0.1 m: at 0.4 m/s what the stop takes, and a quarter of a second that the machine may lose.
    assert LIMITS.workspace_radius_m - 0.01 < distance_m < LIMITS.workspace_radius_m + 0.15
    assert not node.reset().success, 'it is still outside'


def test_a_killed_monitor_leaves_a_heartbeat_that_grows_old(arm, node):
    node.activate()
    node.process.kill()
    node.process.wait()
    node.wait_until(lambda: node.age_s() > 0.2, timeout_s=2.0)


def test_an_arm_too_fast_is_stopped_without_the_dashboard(arm, node):
    node.activate()
    with driver([0, 0, 0, 0, 0, -0.5]):
        node.wait_until(lambda: abs(arm()[1][5]) > 0.4)
        ask(ADDRESS, {'do': 'begin', 'fault': 'cut_connections', 'service': 'dashboard',
                      'for_s': 60})
        ask(ADDRESS, {'do': 'begin', 'fault': 'sensor_bias', 'of': 'actual_qd',
                      'by': [0, 0, 0, 0, 0, -2.5]})
        node.wait_until(lambda: node.heartbeat.read().stop)
        node.wait_until(lambda: ask(ADDRESS, {'do': 'status'})['runtime_state'] == 'STOPPED')
        ask(ADDRESS, {'do': 'clear', 'fault': 'sensor_bias'})
        node.wait_until(lambda: stands(arm))
    assert 'joint_speed:wrist_3_joint' in node.heartbeat.read().reason


def test_a_protective_stop_is_latched_until_it_is_gone(arm, node):
    node.activate()
    arm.emulator.send_signal(signal.SIGUSR1)
    node.wait_until(lambda: 'safety_bits:protective_stop' in node.heartbeat.read().reason)
    answer = node.reset()
    assert not answer.success and 'protective_stop' in answer.message


@pytest.mark.parametrize('frozen_s', [0.0, 3.0])
def test_a_frozen_controller_is_noticed_and_recovered_from(arm, node, frozen_s):
    """3 s: ur_rtde gives the connection up after 2.5 s."""
    node.activate()
    arm.emulator.send_signal(signal.SIGSTOP)
    node.wait_until(lambda: 'stale_state' in node.heartbeat.read().reason, timeout_s=3.0)
    node.wait_until(lambda: any('stale_state' in message.reasons for message in node.messages))
    time.sleep(frozen_s)
    arm.emulator.send_signal(signal.SIGCONT)
    node.wait_until(node.reset_succeeds, timeout_s=15.0)
    node.wait_until(lambda: not node.heartbeat.read().stop and node.age_s() < 0.1)


def test_a_controller_that_comes_back_is_watched_again(node, start_emulator):
    first = start_emulator(ADDRESS)
    node.activate()
    first.kill()
    first.wait()
    node.wait_until(lambda: 'stale_state' in node.heartbeat.read().reason)
    start_emulator(ADDRESS)
    node.wait_until(node.reset_succeeds, timeout_s=20.0)
    node.wait_until(lambda: not node.heartbeat.read().stop)


def test_deactivate_tells_the_loop_to_stop_and_cleanup_frees_the_robot(arm, node):
    node.activate()
    assert node.change(Transition.TRANSITION_DEACTIVATE)
    assert node.heartbeat.read()[1:] == (True, 'monitor_not_watching')
    assert node.reset().message == 'the monitor is not active'
    assert node.change(Transition.TRANSITION_CLEANUP)
    node.activate()


def test_a_second_monitor_of_the_same_robot_is_refused(arm, node, context, tmp_path):
    node.activate()
    (tmp_path / 'second').mkdir()
    other = (tmp_path / 'second' / 'monitor.log').open('w+')
    command = ('-m', 'perl_safety.monitor_node', '--ros-args', '-r', '__node:=second')
    with other, process(*command, '-p', f'robot_ip:={ADDRESS}', stderr=other, stdout=other):
        client = node._node.create_client(ChangeState, '/second/change_state')
        request = ChangeState.Request()
        request.transition.id = Transition.TRANSITION_CONFIGURE
        assert not node._call(client, request).success
        node.wait_until(lambda: other.seek(0) == 0 and 'one monitor a robot' in other.read())
    assert not node.heartbeat.read().stop, 'the first goes on'


@pytest.mark.parametrize(('parameters', 'sentence'), [
    ((), 'RTDE port 30004'),
    (('limits_file:=/nowhere.yaml',), 'cannot read the safety limits /nowhere.yaml'),
    (('kinematics_params_file:=/nowhere.yaml',), '/nowhere.yaml'),
    (('rate_hz:=3.0',), 'rate_hz must be a number from 10 to 500'),
    (('robot_ip:=""',), 'robot_ip must be the address'),
])
def test_what_cannot_be_configured_says_so_in_a_sentence(context, tmp_path, parameters, sentence):
    with monitor(context, tmp_path, *parameters) as made:
        assert not made.change(Transition.TRANSITION_CONFIGURE)
        made.wait_until(lambda: sentence in made.log())
        assert 'Traceback' not in made.log()


def test_files_of_limits_and_calibration_are_used(arm, context, tmp_path):
    limits = tmp_path / 'limits.yaml'
    text = DEFAULT_LIMITS_FILE.read_text()
    limits.write_text(text.replace('max_joint_speed_rad_s: 2.64', 'max_joint_speed_rad_s: 0.3'))
    files = (f'limits_file:={limits}', f'kinematics_params_file:={ROBOTS_FOLDER / NOMINAL}')
    with monitor(context, tmp_path, *files) as made:
        made.activate()
        with driver([0, 0, 0, 0, 0, 0.5]):
            made.wait_until(lambda: 'at most 0.3' in made.log())
            made.wait_until(lambda: stands(arm))


def test_a_robot_in_local_mode_is_refused(context, tmp_path, start_emulator):
    start_emulator(ADDRESS, '--local-mode')
    with monitor(context, tmp_path) as made:
        assert not made.change(Transition.TRANSITION_CONFIGURE)
        made.wait_until(lambda: 'in local mode' in made.log())
