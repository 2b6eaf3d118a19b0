"""The whole stack on the emulated arm: demo, second start, a SIGKILL for each process."""

import json
import os
from pathlib import Path
import signal
import time

import numpy as np
from perl_bringup import paths
import pytest
from rtde_receive import RTDEReceiveInterface

pytestmark = pytest.mark.alone

HERE = Path(__file__).parent
WORKER = int(os.environ.get('PYTEST_XDIST_WORKER', 'gw0')[2:])
DOMAIN = str(154 + WORKER % 3)
MOVING_RAD_S = 0.2
AT_REST_RAD_S = 0.01
STOP_LIMIT_S = 3.0
"""Generous, for a machine that others use too; the heartbeats that matter here are 0.2 s."""


@pytest.fixture
def policy():
    return paths.shipped_bundle()


def children(pid):
    try:
        tasks = list(Path(f'/proc/{pid}/task').iterdir())
        return [int(c) for t in tasks for c in (t / 'children').read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def descendants(pid):
    found = children(pid)
    return found + [d for child in found for d in descendants(child)]


def command(pid):
    try:
        return Path(f'/proc/{pid}/cmdline').read_bytes().decode().replace('\0', ' ')
    except (FileNotFoundError, ProcessLookupError):
        return ''


def alive(pid):
    try:
        return Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] != 'Z'
    except (FileNotFoundError, ProcessLookupError):
        return False


class Stack:
    """A stack started by ``python -m perl_bringup``, and an eye of its own on the arm."""

    def __init__(self, spawn, address, bundle, bag):
        self.spawn, self.address = spawn, address
        self.words = (f'robot_ip:={address}', f'bundle:={bundle}')
        self.process = spawn(
            '-m', 'perl_bringup', *self.words, 'record:=true', f'bag:={bag}', ROS_DOMAIN_ID=DOMAIN
        )
        self.eye = RTDEReceiveInterface(address)

    def speed_rad_s(self):
        return float(np.abs(self.eye.getActualQd()).max())

    def has_nodes(self):
        return any('__node:=' in command(pid) for pid in descendants(self.process.pid))

    def pid_of(self, name):
        if name == 'runner':
            return self.process.pid
        if name == 'control loop':
            return children(self.pid_of('perl_controller'))[0]
        found = [p for p in descendants(self.process.pid) if f'__node:={name} ' in command(p)]
        return found[0]


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ('number', 'victim'),
    list(enumerate([
        'control loop', 'perl_controller', 'perl_safety_monitor', 'perl_recorder',
        'perl_lifecycle_manager', 'runner',
    ])),
)
def test_killing_any_process_during_a_motion_leaves_the_arm_at_rest(
    number, victim, start_emulator, spawn, policy, tmp_path, wait_until
):
    address = f'127.0.4.{30 + number}'
    start_emulator(address)
    stack = Stack(spawn, address, policy, tmp_path / 'bag')
    client = spawn(str(HERE / 'send_goal.py'), ROS_DOMAIN_ID=DOMAIN)
    assert client.stdout.readline() == 'sent\n', client.stderr.read()
    assert wait_until(lambda: stack.speed_rad_s() > MOVING_RAD_S)
    everyone = descendants(stack.process.pid)
    assert len(everyone) >= 5
    os.kill(stack.pid_of(victim), signal.SIGKILL)
    assert wait_until(lambda: stack.speed_rad_s() < AT_REST_RAD_S, STOP_LIMIT_S)
    _, errors = stack.process.communicate(timeout=30)
    assert wait_until(lambda: not any(map(alive, everyone))), [
        command(pid) for pid in everyone if alive(pid)
    ]
    position_rad = np.array(stack.eye.getActualQ())
    time.sleep(0.3)
    assert np.abs(stack.eye.getActualQ() - position_rad).max() < 1e-3
    stack.eye.disconnect()
    if victim == 'runner':
        return
    assert stack.process.returncode == 1
    last = errors.strip().splitlines()[-1]
    assert last.startswith('perl_bringup: perl_')
    if victim != 'control loop':
        assert f'{victim} was ended by SIGKILL' in last


@pytest.mark.timeout(120)
def test_a_second_start_is_refused_and_the_first_stays(
    start_emulator, spawn, policy, tmp_path, wait_until
):
    address = '127.0.4.40'
    start_emulator(address)
    stack = Stack(spawn, address, policy, tmp_path / 'bag')
    # The one that comes second to the address is refused, whichever was started first.
    assert wait_until(stack.has_nodes)
    second = spawn('-m', 'perl_bringup', *stack.words, ROS_DOMAIN_ID=DOMAIN)
    _, errors = second.communicate(timeout=30)
    assert second.returncode == 1
    assert errors.strip() == (
        f'perl_bringup: a stack for the robot at {address} is already running on this machine; '
        'stop it first, or give another robot_ip'
    )
    client = spawn(str(HERE / 'send_goal.py'), ROS_DOMAIN_ID=DOMAIN)
    assert client.stdout.readline() == 'sent\n', client.stderr.read()
    assert wait_until(lambda: stack.speed_rad_s() > MOVING_RAD_S)
    stack.eye.disconnect()
    stack.process.send_signal(signal.SIGINT)
    _, errors = stack.process.communicate(timeout=30)
    assert stack.process.returncode == 0, errors
    assert 'stopped by SIGINT' in errors.strip().splitlines()[-1]


@pytest.mark.timeout(120)
def test_the_demo_reaches_and_ends_with_a_report(spawn, policy, tmp_path):
    process = spawn(
        '-m', 'perl_bringup.demo', '--goals', '2', '--address', '127.0.4.41',
        '--bag', str(tmp_path / 'bag'), '--bundle', str(policy), ROS_DOMAIN_ID=DOMAIN,
    )
    output, errors = process.communicate(timeout=100)
    assert process.returncode == 0, errors + output
    last = output.strip().splitlines()[-1]
    main = json.loads(last)
    assert (main['ok'], main['goals'], main['returns']) == (True, 2, 1)
    assert (main['robot_ip'], len(last) < 2000) == ('127.0.4.41', True)
    figures = json.loads((tmp_path / 'bag.json').read_text())
    assert (figures['summary']['reached'], len(figures['goals'])) == (2, 3)
    assert (main['html'], main['json']) == (str(tmp_path / 'bag.html'), str(tmp_path / 'bag.json'))
    page = (tmp_path / 'bag.html').read_text()
    assert 'All 2 goals were reached and nothing stopped.' in page
    assert f'Report: {tmp_path}/bag.html' in output
    assert 'goal  2 of 2: reached' in errors


@pytest.mark.timeout(120)
def test_goals_from_the_command_line(start_emulator, spawn, policy, tmp_path):
    address = '127.0.4.42'
    start_emulator(address)
    Stack(spawn, address, policy, tmp_path / 'bag')

    def reach(*words):
        process = spawn('-m', 'perl_bringup.reach', *words, ROS_DOMAIN_ID=DOMAIN)
        output, errors = process.communicate(timeout=60)
        return process.returncode, output + errors

    pose = ('--pose', '-0.45', '-0.2', '0.45', '2.2214', '2.2214', '0')
    code, said = reach(*pose)
    for _ in range(5):
        if 'DISCONNECTED' not in said and 'nothing was heard' not in said:
            break
        code, said = reach(*pose)
    assert (code, said.split(':')[0]) == (0, 'REACHED'), said
    code, said = reach('--home')
    assert (code, said.split(':')[0]) == (0, 'REACHED'), said
    code, said = reach('--pose', '1', '1', '1', '0', '0', '0')
    assert code == 1
    assert said.startswith('REFUSED: the goal is ')
