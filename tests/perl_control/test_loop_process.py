"""The control loop's process, over the loopback robot and over the emulated controller."""

import os
import signal
import time

import numpy as np
from perl_control.mailbox import Mode
from perl_control.states import State
from perl_core.errors import RobotError
from perl_core.kinematics import Kinematics
from perl_core.rotation import rotation_from_vector
import pytest

pytestmark = pytest.mark.alone

HOST = '127.0.2.'


def armed(record):
    return record['state'] == State.ARMED


def ask_for(child, offset_m, turn_rad=(0.0, 0.0, 0.0)):
    home = Kinematics().tool_pose(child.records['measured_rad'][-1])
    position_m = home.position_m + offset_m
    rotation = rotation_from_vector(np.array(turn_rad)) @ home.rotation
    child.order(
        goal_sequence=child.orders.goal_sequence + 1, goal_active=True,
        goal_position_m=tuple(position_m), goal_rotation=tuple(rotation.ravel()),
    )
    return position_m


@pytest.fixture(params=['loopback', 'ur'])
def child(request, start_loop, start_emulator):
    address = HOST + {'loopback': '1', 'ur': '2'}[request.param]
    if request.param == 'ur':
        start_emulator(address)
    # On one processor: it must not keep ur_rtde's threads from theirs.
    child = start_loop(address, backend=request.param, cpu=0).ready()
    child.order(mode=Mode.ARMED)
    records = child.run(5.0, until=armed)
    assert records['state'][-1] == State.ARMED, records['reasons'][-1]
    return child


def test_it_reaches_a_goal_without_a_jump(child):
    goal_m = ask_for(child, (0.05, -0.08, 0.05), (0.0, 0.2, 0.1))
    start_rad = child.records['sent_rad'][-1]
    records = child.run(4.0)
    assert records['state'][-1] == State.MOVING, records['reasons'][-1]
    tool_m = Kinematics().tool_pose(records['measured_rad'][-1]).position_m
    assert np.linalg.norm(tool_m - goal_m) < 0.01
    assert np.abs(records['sent_rad'][0] - start_rad).max() < 0.001
    assert np.abs(np.diff(records['sent_rad'], axis=0)).max() < 0.0051


def test_sigterm_ramps_down_and_exits_with_zero(child):
    ask_for(child, (0.1, -0.1, 0.05))
    child.run(0.4)
    child.process.terminate()
    begin_s = time.monotonic()
    while child.process.poll() is None and time.monotonic() - begin_s < 5.0:
        child.order()
        time.sleep(0.01)
    assert child.process.returncode == 0
    records = child.ring.drain().records
    assert records['at_rest'][-1]
    assert np.abs(np.diff(records['sent_rad'], n=2, axis=0)).max() * 500 <= 12.0 / 500 + 1e-9


def test_a_second_start_on_the_same_address_is_told_so(start_loop):
    first = start_loop(HOST + '3', backend='loopback').ready()
    second = start_loop(HOST + '3', backend='loopback')
    with pytest.raises(RobotError, match='another one is running on this machine'):
        second.ready()
    assert second.process.wait(5.0) == 1
    assert len(first.run(0.2)) > 10


@pytest.mark.parametrize(
    ('options', 'sentence'),
    [
        (None, 'does not answer: .* Check the address'),
        (('--local-mode',), 'it is in local control'),
        (('--protective-stop',), 'it is PROTECTIVE_STOP. Remove the cause'),
    ],
)
def test_a_robot_that_may_not_be_controlled_gets_one_sentence(
    start_loop, start_emulator, options, sentence
):
    if options is not None:
        start_emulator(HOST + '4', *options)
    child = start_loop(HOST + '4')
    with pytest.raises(RobotError, match=sentence):
        child.ready()
    assert child.process.wait(5.0) == 1


def test_a_bundle_that_is_not_there_is_named(start_loop, tmp_path):
    child = start_loop(HOST + '5', bundle=tmp_path / 'nothing')
    with pytest.raises(RobotError, match='nothing'):
        child.ready()


def test_the_loop_ends_by_name_when_the_controller_dies(start_loop, start_emulator):
    emulator = start_emulator(HOST + '6')
    child = start_loop(HOST + '6').ready()
    child.order(mode=Mode.ARMED)
    child.run(5.0, until=armed)
    ask_for(child, (0.1, -0.1, 0.05))
    child.run(0.3)
    os.kill(emulator.pid, signal.SIGKILL)
    records = child.run(3.0, until=lambda record: record['reasons'] == b'connection_lost')
    assert records['reasons'][-1] == b'connection_lost'
    assert child.process.wait(5.0) == 1
    assert 'the connection to the robot is lost' in child.process.stdout.read()


def test_a_protective_stop_faults_and_a_reset_resumes_without_a_jump(start_loop, start_emulator):
    import socket

    emulator = start_emulator(HOST + '7')
    child = start_loop(HOST + '7').ready()
    child.order(mode=Mode.ARMED)
    child.run(5.0, until=armed)
    ask_for(child, (0.1, -0.1, 0.05))
    child.run(0.4)
    emulator.send_signal(signal.SIGUSR1)
    records = child.run(3.0, until=lambda record: record['state'] == State.FAULT)
    assert b'protective_stop' in records['reasons'][-1]
    child.order(reset_sequence=1)
    records = child.run(5.0, until=lambda record: record['reset_sequence'] == 1)
    assert b'it is PROTECTIVE_STOP' in records['note'][-1]
    child.run(5.5)
    with socket.create_connection((HOST + '7', 29999), 2.0) as dashboard:
        dashboard.recv(100)
        dashboard.sendall(b'unlock protective stop\n')
        assert dashboard.recv(100) == b'Protective stop releasing\n'
    child.run(0.3)
    child.order(reset_sequence=2)
    records = child.run(5.0, until=armed)
    assert records['state'][-1] == State.ARMED, (records['note'][-1], records['reasons'][-1])
    resumed = records[records['reset_sequence'] == 2]
    apart_rad = np.abs(resumed['sent_rad'][0] - resumed['measured_rad'][0])
    assert apart_rad.max() < 0.001
    ask_for(child, (0.05, 0.0, 0.0))
    assert child.run(1.0)['state'][-1] == State.MOVING
