"""The lifecycle node and its action server, with the emulated controller."""

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import time

import numpy as np
from perl_core.contract import JOINT_NAMES
from perl_core.kinematics import Kinematics, Pose
from perl_core.rotation import quaternion_from_rotation, rotation_from_vector
import pytest

pytestmark = pytest.mark.alone

HOST = '127.0.2.'
DOMAIN = {'ROS_DOMAIN_ID': '121', 'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST'}
CONFIGURE, CLEANUP, ACTIVATE, DEACTIVATE = 1, 2, 3, 4
"""Transitions of lifecycle_msgs/msg/Transition."""
OUTCOMES = {'REACHED': 0, 'TIMED_OUT': 1, 'CANCELED': 2, 'PREEMPTED': 3, 'STOPPED': 4,
            'REFUSED': 5, 'STARTED': 255}
SUCCEEDED, CANCELED, ABORTED = 4, 5, 6


class Client:
    """Speaks to the controller node."""

    def __init__(self):
        from diagnostic_msgs.msg import DiagnosticArray
        from lifecycle_msgs.srv import ChangeState
        from perl_msgs.action import Reach
        from perl_msgs.msg import (
            ControllerState,
            JointCommand,
            LoopTiming,
            PolicyState,
            ReachEvent,
            SafetyState,
        )
        from rcl_interfaces.srv import SetParameters
        import rclpy
        from rclpy.action import ActionClient
        from rclpy.executors import SingleThreadedExecutor
        from rclpy.parameter import Parameter
        from rclpy.qos import DurabilityPolicy, QoSProfile
        from sensor_msgs.msg import JointState
        from std_srvs.srv import Trigger

        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=int(DOMAIN['ROS_DOMAIN_ID']))
        self.node = rclpy.create_node('test_client', context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.Reach, self.ChangeState, self.Trigger = Reach, ChangeState, Trigger
        self.change = self.node.create_client(ChangeState, '/perl_controller/change_state')
        self.reset = self.node.create_client(Trigger, '/perl_controller/reset')
        self.recover = self.node.create_client(Trigger, '/perl_controller/recover')
        self.parameters = self.node.create_client(
            SetParameters, '/perl_controller/set_parameters'
        )
        self.SetParameters, self.Parameter = SetParameters, Parameter
        self.reach = ActionClient(self.node, Reach, '/perl_controller/reach')
        self.got = {}
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        for topic, kind, qos in (
            ('/joint_states', JointState, 1),
            ('/diagnostics', DiagnosticArray, 10),
            ('/perl_controller/state', ControllerState, latched),
            ('/perl_controller/safety', SafetyState, latched),
            ('/perl_controller/command', JointCommand, 100),
            ('/perl_controller/policy_state', PolicyState, 100),
            ('/perl_controller/loop_timing', LoopTiming, 100),
            ('/perl_controller/reach_events', ReachEvent, 100),
        ):
            self.got[topic] = []
            self.node.create_subscription(kind, topic, self.got[topic].append, qos)

    def close(self):
        import rclpy

        self.executor.shutdown()
        rclpy.shutdown(context=self.context)

    def spin(self, duration_s, until=lambda: False):
        end_s = time.monotonic() + duration_s
        while not until() and time.monotonic() < end_s:
            self.executor.spin_once(timeout_sec=0.05)
        return until()

    def call(self, client, request, timeout_s=15.0):
        assert self.spin(timeout_s, client.service_is_ready), 'no service'
        future = client.call_async(request)
        assert self.spin(timeout_s, future.done), 'no answer'
        return future.result()

    def set(self, name, value):
        parameter = self.Parameter(name, value=value).to_parameter_msg()
        request = self.SetParameters.Request(parameters=[parameter])
        return self.call(self.parameters, request).results[0].successful

    def transition(self, number):
        request = self.ChangeState.Request()
        request.transition.id = number
        return self.call(self.change, request).success

    @property
    def state(self):
        states = self.got['/perl_controller/state']
        return states[-1].state if states else None

    @property
    def joints_rad(self):
        return np.array(self.got['/joint_states'][-1].position)

    def send(self, pose, frame='base', **options):
        """Return the handle of an accepted goal, the future of its result, and its feedback."""
        assert self.spin(10.0, self.reach.server_is_ready)
        goal = self.Reach.Goal(**options)
        goal.target.header.frame_id = frame
        position, orientation = goal.target.pose.position, goal.target.pose.orientation
        position.x, position.y, position.z = map(float, pose.position_m)
        q = quaternion_from_rotation(pose.rotation)
        orientation.x, orientation.y, orientation.z, orientation.w = map(float, q)
        feedback = []
        future = self.reach.send_goal_async(
            goal, feedback_callback=lambda message: feedback.append(message.feedback)
        )
        assert self.spin(10.0, future.done)
        handle = future.result()
        assert handle.accepted
        return handle, handle.get_result_async(), feedback

    def result(self, future, timeout_s=10.0):
        assert self.spin(timeout_s, future.done), 'no result'
        return future.result().status, future.result().result

    def events(self, handle):
        goal_id = bytes(handle.goal_id.uuid)
        self.spin(0.2)
        events = self.got['/perl_controller/reach_events']
        return [event.event for event in events if bytes(event.goal_id) == goal_id]


def near(joints_rad, offset_m=(0.0, 0.0, 0.0), turn_rad=(0.0, 0.0, 0.0)):
    tool = Kinematics().tool_pose(joints_rad)
    return Pose(
        tool.position_m + offset_m, rotation_from_vector(np.array(turn_rad)) @ tool.rotation
    )


@contextlib.contextmanager
def controller(address, bundle, **parameters):
    """Run the node's process."""
    arguments = {'robot_ip': address, 'bundle': str(bundle), **parameters}
    command = [sys.executable, '-m', 'perl_control.controller_node', '--ros-args']
    for name, value in arguments.items():
        command += ['-p', f'{name}:={value}']
    process = subprocess.Popen(
        command, env={**os.environ, **DOMAIN}, stderr=subprocess.PIPE, start_new_session=True
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def client(on_time):
    client = Client()
    yield client
    client.close()


@pytest.fixture
def armed(client, start_emulator, toy_bundle):
    """A client, the node's process and the emulator, with the arm armed."""
    address = f'{HOST}20'
    emulator = start_emulator(address)
    with controller(address, toy_bundle, require_monitor='false') as process:
        assert client.transition(CONFIGURE)
        assert client.transition(ACTIVATE)
        assert client.spin(5.0, lambda: client.state == 2 and client.got['/joint_states'])
        yield client, process, emulator


def test_goals_end_as_the_action_says_and_every_topic_speaks(armed):
    """One long test, since starting a stack is what takes the time."""
    client, process, _ = armed
    reaches_and_tells(client)
    understands_base_link(client)
    refuses_with_a_sentence(client)
    preempts_and_cancels(client)
    times_out(client)
    takes_its_speed_from_parameter_and_goal(client)
    follows_its_lifecycle(client)
    process.terminate()
    assert process.wait(3.0) == 0


def reaches_and_tells(client):
    goal = near(client.joints_rad, (0.05, -0.05, 0.03), (0.0, 0.2, 0.0))
    handle, future, feedback = client.send(goal)
    status, result = client.result(future)
    assert (status, result.outcome) == (SUCCEEDED, OUTCOMES['REACHED']), result.message
    assert result.position_error_m < 0.01
    assert result.rotation_error_rad < 0.0873
    assert 0.0 < result.duration_s < 5.0
    assert feedback[-1].position_error_m < feedback[0].position_error_m
    assert client.events(handle) == [OUTCOMES['STARTED'], OUTCOMES['REACHED']]
    policy = client.got['/perl_controller/policy_state'][-1]
    assert bytes(policy.goal_id) == bytes(handle.goal_id.uuid)
    assert len(policy.observation) == 39
    assert abs(policy.gate - 0.25) < 1e-6
    assert list(client.got['/joint_states'][-1].name) == list(JOINT_NAMES)
    command = client.got['/perl_controller/command'][-1]
    np.testing.assert_array_equal(command.asked_rad, command.sent_rad)
    timing = client.got['/perl_controller/loop_timing']
    for before, after in itertools.pairwise(timing):
        assert after.first_tick == before.first_tick + len(before.lateness_us)
    assert client.got['/diagnostics'][-1].status[0].values
    assert client.got['/perl_controller/safety'][-1].source == 'filter'


def understands_base_link(client):
    turned = np.diag((-1.0, -1.0, 1.0))
    pose = near(client.joints_rad, (0.0, 0.04, 0.0))
    _, future, _ = client.send(
        Pose(turned @ pose.position_m, turned @ pose.rotation), frame='base_link'
    )
    assert client.result(future)[1].outcome == OUTCOMES['REACHED']


def refuses_with_a_sentence(client):
    client.spin(0.5)
    before_rad = client.joints_rad
    outside = near(before_rad, (0.0, 0.9, 0.0))
    for pose, options, text in (
        (near(before_rad), {'frame': 'world'}, "unknown frame 'world'; known: ['base', 'base_l"),
        (Pose(np.array((np.nan, 0, 0)), np.eye(3)), {}, 'must be finite'),
        (outside, {}, 'outside its radius of 0.350 m'),
        (near(before_rad), {'timeout_s': -1.0}, 'negative'),
    ):
        handle, future, _ = client.send(pose, **options)
        status, result = client.result(future)
        assert (status, result.outcome) == (ABORTED, OUTCOMES['REFUSED'])
        assert text in result.message
        assert client.events(handle) == [OUTCOMES['STARTED'], OUTCOMES['REFUSED']]
    assert np.abs(client.joints_rad - before_rad).max() < 1e-3


def preempts_and_cancels(client):
    before_rad = client.joints_rad
    old, old_future, _ = client.send(near(before_rad, (0.15, 0.0, 0.0)))
    client.spin(0.3)
    handle, future, _ = client.send(near(before_rad, (0.0, 0.15, 0.0)))
    status, result = client.result(old_future)
    assert (status, result.outcome) == (ABORTED, OUTCOMES['PREEMPTED'])
    assert client.events(old)[-1] == OUTCOMES['PREEMPTED']
    client.spin(0.2)
    handle.cancel_goal_async()
    status, result = client.result(future)
    assert (status, result.outcome) == (CANCELED, OUTCOMES['CANCELED'])
    assert client.spin(
        3.0, lambda: np.abs(client.got['/joint_states'][-1].velocity).max() < 0.01
    )
    assert client.spin(3.0, lambda: client.state == 2)


def times_out(client):
    _, future, _ = client.send(
        near(client.joints_rad, (0.1, 0.0, 0.0)), position_tolerance_m=1e-7, timeout_s=0.6
    )
    status, result = client.result(future)
    assert (status, result.outcome) == (ABORTED, OUTCOMES['TIMED_OUT'])
    assert 'timeout of 0.6 s' in result.message


def takes_its_speed_from_parameter_and_goal(client):
    assert not client.set('speed_scale', 1.5)
    assert not client.set('priority', 0), 'only the speed may be changed live'
    assert client.set('speed_scale', 0.0)
    assert client.spin(1.0, lambda: client.got['/perl_controller/state'][-1].speed_scale == 0.0)
    client.spin(1.0)  # The arm comes to rest from the goal before.
    before_rad = client.joints_rad
    _, future, _ = client.send(near(before_rad, (0.0, -0.05, 0.0)), speed_scale=0.5)
    client.spin(0.5)
    assert np.abs(client.joints_rad - before_rad).max() < 1e-3
    assert client.set('speed_scale', 0.8)
    assert client.result(future)[1].outcome == OUTCOMES['REACHED']
    assert abs(client.got['/perl_controller/state'][-1].speed_scale - 0.4) < 1e-9
    assert client.set('speed_scale', 1.0)


def follows_its_lifecycle(client):
    assert client.transition(DEACTIVATE)
    _, future, _ = client.send(near(client.joints_rad))
    assert 'expected an armed controller, it is STANDBY' in client.result(future)[1].message
    assert client.transition(ACTIVATE)
    assert client.transition(DEACTIVATE)
    assert client.transition(CLEANUP)
    assert client.state == 0


def test_a_stop_ends_the_goal_and_the_death_of_the_loop_ends_the_node(armed):
    client, process, emulator = armed
    _, future, _ = client.send(near(client.joints_rad, (0.15, 0.0, 0.0)))
    client.spin(0.4)
    emulator.send_signal(signal.SIGUSR1)
    status, result = client.result(future)
    assert (status, result.outcome) == (ABORTED, OUTCOMES['STOPPED'])
    assert 'protective_stop' in result.message
    assert client.spin(3.0, lambda: client.state == 5)
    _, future, _ = client.send(near(client.joints_rad))
    assert client.result(future)[1].outcome == OUTCOMES['REFUSED']
    answer = client.call(client.reset, client.Trigger.Request())
    assert not answer.success
    assert 'PROTECTIVE_STOP' in answer.message
    answer = client.call(client.recover, client.Trigger.Request(), 20.0)
    assert answer.success, answer.message
    assert 'the protective stop is unlocked; the controller is ARMED' in answer.message
    assert client.spin(3.0, lambda: client.state == 2)
    answer = client.call(client.recover, client.Trigger.Request())
    assert 'there is nothing to recover from' in answer.message
    os.kill(loop_pid(process), signal.SIGKILL)
    assert process.wait(5.0) == 1
    assert b'ended with status -9' in process.stderr.read()


def loop_pid(process):
    """Return the pid of the control loop, a child of the node."""
    listing = subprocess.run(
        ['ps', '-o', 'pid=', '--ppid', str(process.pid)], capture_output=True, check=True
    )
    (pid,) = listing.stdout.split()
    return int(pid)


@pytest.mark.parametrize('victim', ['loop', 'node'])
def test_a_killed_process_leaves_the_arm_stopped(armed, victim):
    from rtde_receive import RTDEReceiveInterface

    client, process, _ = armed
    receive = RTDEReceiveInterface(f'{HOST}20')
    _, _, _ = client.send(near(client.joints_rad, (0.2, 0.1, 0.0)))
    assert client.spin(3.0, lambda: np.abs(receive.getActualQd()).max() > 0.1)
    loop = loop_pid(process)
    os.kill(loop if victim == 'loop' else process.pid, signal.SIGKILL)
    end_s = time.monotonic() + 5.0
    while np.abs(receive.getActualQd()).max() > 0.005 or receive.getRuntimeState() != 1:
        assert time.monotonic() < end_s, 'the arm or its program still runs'
        time.sleep(0.02)
    resting_rad = np.array(receive.getActualQ())
    time.sleep(0.5)
    assert np.abs(np.array(receive.getActualQ()) - resting_rad).max() < 1e-3
    receive.disconnect()
    with pytest.raises(ProcessLookupError):
        for _ in range(100):
            os.kill(loop, 0)
            time.sleep(0.02)


@pytest.mark.parametrize(
    ('options', 'sentence'),
    [
        (None, 'does not answer'),
        (('--local-mode',), 'in local control'),
        (('--protective-stop',), 'it is PROTECTIVE_STOP'),
    ],
)
def test_configuring_fails_with_one_sentence(
    client, start_emulator, toy_bundle, options, sentence
):
    address = f'{HOST}21'
    if options is not None:
        start_emulator(address, *options)
    with controller(address, toy_bundle, require_monitor='false') as process:
        assert not client.transition(CONFIGURE)
        process.terminate()
        process.wait(3.0)
        assert sentence in process.stderr.read().decode()


def test_arming_fails_with_a_sentence_without_a_monitor(client, toy_bundle):
    with controller(f'{HOST}22', toy_bundle, backend='loopback') as process:
        assert client.transition(CONFIGURE)
        assert not client.transition(ACTIVATE)
        process.terminate()
        process.wait(3.0)
        assert 'it is STANDBY: monitor_heartbeat' in process.stderr.read().decode()
