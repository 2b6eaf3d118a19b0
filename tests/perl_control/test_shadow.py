"""Shadow mode: the policy runs and is recorded, and nothing reaches the arm."""

import socket

import numpy as np
from perl_control.control_loop import ControlLoop, Parts
from perl_control.mailbox import Mode
from perl_control.robots.shadow import ShadowRobot
from perl_control.states import State
from perl_core.contract import Contract
from perl_core.kinematics import Kinematics
import pytest

ADDRESS = '127.0.2.60'


class WatchedArm:
    """Moves by somebody else's command, whatever is asked of it."""

    def __init__(self, robot):
        self.robot, self.velocity_rad_s = robot, np.zeros(6)

    def read_state(self, now_ns):
        state = self.robot.read_state(now_ns)
        target_rad = state.joint_position_rad + 0.002 * self.velocity_rad_s
        self.robot.send(target_rad + 0.03 * self.velocity_rad_s)
        return state._replace(runtime_state=1)


@pytest.fixture
def shadow_rig(rig):
    rig.arm_watched = WatchedArm(rig.robot)
    parts = Parts(*rig.loop._parts)._replace(link=ShadowRobot(rig.arm_watched))
    rig.loop = ControlLoop(parts, rig.now_ns, shadow=True)
    return rig


def test_what_would_have_been_sent_begins_each_period_at_the_measured_position(shadow_rig):
    rig = shadow_rig
    rig.arm_watched.velocity_rad_s = np.array((0.0, 0.0, -0.1, 0.2, 0.0, 0.3))
    records = np.concatenate([rig.arm(), rig.run(0.1)])
    assert records['state'][-1] == State.ARMED, records['reasons'][-1]
    rig.goal((0.1, -0.1, 0.05))
    records = rig.run(1.0)
    assert set(records['state']) == {State.MOVING}, records['reasons'][-1]
    ran = records[records['policy_ran']]
    assert len(ran) == Contract().policy_rate_hz
    assert ran['shadow'].all()
    apart_rad = np.abs(ran['sent_rad'] - ran['measured_rad']).max(axis=1)
    assert apart_rad.max() < 0.005
    # Within a period the command goes the policy's way, not the arm's.
    ends = records[np.flatnonzero(records['policy_ran'])[1:] - 1]
    assert np.abs(ends['sent_rad'] - ends['measured_rad']).max() > 0.005


def test_the_emulated_arm_gets_no_script_and_no_command(start_loop, start_emulator):
    start_emulator(ADDRESS)
    child = start_loop(ADDRESS, shadow=True).ready()
    child.order(mode=Mode.ARMED)
    records = child.run(5.0, until=lambda record: record['state'] == State.ARMED)
    assert records['state'][-1] == State.ARMED, records['reasons'][-1]
    tool = Kinematics().tool_pose(records['measured_rad'][-1])
    child.order(
        goal_sequence=1, goal_active=True, goal_rotation=tuple(tool.rotation.ravel()),
        goal_position_m=tuple(tool.position_m + np.array((0.05, -0.05, 0.0))),
    )
    records = child.run(0.6)
    records = records[records['goal_sequence'] == 1]
    assert set(records['state']) == {State.MOVING}, records['reasons'][-1]
    assert np.abs(records['sent_rad'] - records['measured_rad']).max() > 1e-3
    assert np.ptp(records['measured_rad'], axis=0).max() < 1e-6
    assert (records['runtime_state'] == 1).all()
    with socket.create_connection((ADDRESS, 29999), 2.0) as dashboard:
        dashboard.recv(100)
        dashboard.sendall(b'programState\n')
        assert dashboard.recv(100).startswith(b'STOPPED')
