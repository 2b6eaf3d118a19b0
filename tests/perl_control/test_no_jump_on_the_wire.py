"""The emulated arm itself, tick by tick, through pause, stop and restart of its program."""

import socket
import time

import numpy as np
from perl_control.mailbox import Mode
from perl_control.states import State
from perl_core.kinematics import Kinematics
from perl_sim.ur_controller.trace import TraceReader
import pytest

pytestmark = pytest.mark.alone

ADDRESS = '127.0.2.64'
NO_JUMP_RAD = 0.001
FASTEST_STEP_RAD = 3.14 * 0.002
"""Of the robot itself; a jump of its reference makes it go that fast."""


def dashboard(command):
    with socket.create_connection((ADDRESS, 29999), 2.0) as connection:
        connection.recv(100)
        connection.sendall(command + b'\n')
        return connection.recv(100)


def pursue(child, offset_m):
    tool = Kinematics().tool_pose(child.records['measured_rad'][-1])
    child.order(
        goal_sequence=child.orders.goal_sequence + 1, goal_active=True,
        goal_position_m=tuple(tool.position_m + np.array(offset_m)),
        goal_rotation=tuple(tool.rotation.ravel()),
    )
    records = child.run(0.4)
    assert np.abs(records['measured_rad_s'][-1]).max() > 0.05, 'it does not move'


def reset_to_armed(child):
    child.order(reset_sequence=child.orders.reset_sequence + 1, goal_active=False)
    records = child.run(10.0, until=lambda record: record['state'] == State.ARMED)
    assert records['state'][-1] == State.ARMED, (records['note'][-1], records['reasons'][-1])
    return child.run(0.5)


@pytest.mark.parametrize('commands', [(b'pause', b'play'), (b'stop',)])
def test_the_arm_stays_where_it_stopped_until_the_next_goal(
    start_loop, start_emulator, tmp_path, commands
):
    start_emulator(ADDRESS, '--trace', str(tmp_path / 'trace'))
    child = start_loop(ADDRESS).ready()
    child.order(mode=Mode.ARMED)
    child.run(5.0, until=lambda record: record['state'] == State.ARMED)
    pursue(child, (0.08, -0.08, 0.0))
    for command in commands:
        dashboard(command)
        child.run(1.0)
    assert child.records['state'][-1] == State.FAULT
    assert b'runtime_state' in child.records['reasons'][-1]
    stood_ns = time.monotonic_ns()
    reset_to_armed(child)
    resumed_ns = time.monotonic_ns()
    pursue(child, (-0.05, 0.05, 0.0))
    records = TraceReader(tmp_path / 'trace').since(0)
    steps_rad = np.abs(np.diff(records['position_rad'], axis=0)).max()
    assert steps_rad < 0.8 * FASTEST_STEP_RAD
    between = records[(records['time_ns'] > stood_ns) & (records['time_ns'] < resumed_ns)]
    assert np.ptp(between['position_rad'], axis=0).max() < NO_JUMP_RAD
