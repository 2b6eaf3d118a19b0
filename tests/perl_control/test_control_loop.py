"""The control loop over the loopback robot, in simulated time."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
import numpy as np
from perl_control.mailbox import Mode
from perl_control.states import State
from perl_core.action import HOMING_SPEED_RAD_S
from perl_core.contract import Contract
from perl_core.errors import RobotError
import pytest

pytestmark = pytest.mark.alone
"""The policy has a thread of its own, and what it says late does not count."""

STEP_LIMIT_RAD = 0.0051
"""Fastest permitted command: 2.2 rad/s for 2 ms, and rounding."""
NO_JUMP_RAD = 0.001
HOME_RAD = np.array(Contract().home_rad)


def reasons(records):
    return records['reasons'][-1].decode()


def steps_rad(records):
    return np.abs(np.diff(records['sent_rad'], axis=0)).max()


def velocity_changes_rad_s(records):
    return np.abs(np.diff(records['sent_rad'], n=2, axis=0)).max() * 500


def test_it_stands_by_until_it_is_armed(rig):
    records = rig.run(0.2)
    assert set(records['state']) == {State.STANDBY}
    assert steps_rad(records) == 0.0
    assert set(rig.arm()['state'][-20:]) == {State.ARMED}


def test_it_reaches_a_goal_and_every_tick_is_in_the_telemetry(rig):
    rig.arm()
    goal = rig.goal((0.1, -0.1, 0.05), (0.0, 0.4, 0.2))
    records = rig.run(3.0)
    tool = rig.kinematics.tool_pose(records['measured_rad'][-1])
    assert np.linalg.norm(tool.position_m - goal.position_m) < 0.005
    assert (np.diff(records['tick']) == 1).all()
    ran = records[records['policy_ran']]
    assert len(ran) == 3.0 * Contract().policy_rate_hz
    assert (np.diff(ran['tick']) == Contract().substeps).all()
    assert ran['branch'][0] == 1
    assert ran['gate'][0] == np.float32(0.25)
    assert not ran['shadow'].any()
    np.testing.assert_array_equal(ran['goal_position_m'][0], goal.position_m)
    assert not records['limited'].any()
    assert velocity_changes_rad_s(records) <= Contract().max_joint_acceleration_rad_s2 / 500 + 1e-9


def test_it_goes_home_in_joint_space_whatever_the_policy_says(rig):
    rig.arm()
    rig.goal((0.1, -0.1, 0.05), (0.0, 0.4, 0.2))
    away_rad = rig.run(2.0)['measured_rad'][-1]
    assert np.abs(away_rad - HOME_RAD).max() > 0.1
    rig.goal((0.0, 0.0, 0.3))  # The policy would go there; it is only recorded.
    rig.order(goal_home=True)
    records = rig.run(3.0)
    assert np.abs(records['measured_rad'][-1] - HOME_RAD).max() < 0.002
    assert records['shadow'][records['policy_ran']].all()
    assert not records['limited'].any()
    assert steps_rad(records) <= HOMING_SPEED_RAD_S / 500 + 1e-9
    assert velocity_changes_rad_s(records) <= Contract().max_joint_acceleration_rad_s2 / 500 + 1e-9


def test_a_goal_before_arming_never_starts_the_arm(rig):
    rig.goal((0.1, 0.0, 0.0))
    records = np.concatenate([rig.run(0.2), rig.arm(), rig.run(0.2)])
    assert steps_rad(records) == 0.0
    assert records['state'][-1] == State.ARMED
    rig.goal((0.1, 0.0, 0.0))
    assert steps_rad(rig.run(0.2)) > 0.0


@pytest.mark.parametrize('monitor', ['dead', 'objects'])
def test_it_is_not_armed_without_a_watching_monitor(rig, monitor):
    rig.monitor.dead_ns = rig.now_ns - 10**9 if monitor == 'dead' else None
    rig.monitor.stop = monitor == 'objects'
    assert rig.arm()['state'][-1] == State.STANDBY


def lose_node(rig):
    rig.node_alive = False


def lose_monitor(rig):
    rig.monitor.dead_ns = rig.now_ns


def object_to_it(rig):
    rig.monitor.stop, rig.monitor.why = True, 'tool_speed'


def freeze(rig):
    rig.robot.frozen = True


def refuse(rig):
    rig.robot.refuses = True


def break_policy(rig):
    rig.policy.broken = True



def protect(rig):
    rig.robot.safety_status_bits = 1 << 2


FAULTS = {
    'node_heartbeat': lose_node,
    'monitor_heartbeat': lose_monitor,
    'monitor:tool_speed': object_to_it,
    'stale_state': freeze,
    'target_refused': refuse,
    'policy_not_finite': break_policy,
    'safety_bits:protective_stop': protect,
}


@pytest.mark.parametrize('reason', FAULTS)
def test_every_fault_ramps_down_latches_and_needs_a_reset(rig, reason):
    rig.arm()
    rig.goal((0.2, 0.2, 0.0))
    before = rig.run(0.3)
    assert before['state'][-1] == State.MOVING
    FAULTS[reason](rig)
    after = rig.run(0.8)
    records = np.concatenate([before, after])
    assert after['state'][-1] == State.FAULT
    assert reasons(after).split('; ')[0] == reason
    assert after['stops'][-1] == 1
    assert steps_rad(records) <= STEP_LIMIT_RAD
    assert velocity_changes_rad_s(records) <= 12.0 / 500 + 1e-9
    assert (after['sent_rad'][-100:] == after['sent_rad'][-1]).all()
    # The cause goes away: the fault stays.
    rig.node_alive, rig.monitor.dead_ns, rig.monitor.stop = True, None, False
    rig.robot.frozen = rig.robot.refuses = rig.policy.broken = False
    rig.robot.safety_status_bits = 1
    assert rig.run(0.3)['state'][-1] == State.FAULT
    # A reset re-arms, seeds from the measured position, and the old goal is dead.
    measured_rad = rig.run(0.01)['measured_rad'][-1]
    again = rig.reset()
    assert again['state'][-1] == State.ARMED
    assert again['note'][-1] == b''
    assert np.abs(again['sent_rad'][-1] - measured_rad).max() < NO_JUMP_RAD
    assert steps_rad(rig.run(0.2)) == 0.0


def test_a_lost_connection_is_named_and_ends_the_loop_without_another_target(rig, monkeypatch):
    rig.arm()
    rig.goal((0.2, 0.2, 0.0))
    rig.run(0.3)
    sent = []
    monkeypatch.setattr(rig.robot, 'send', sent.append)
    monkeypatch.setattr(type(rig.robot), 'connected', False)
    rig.order(reset_sequence=1)
    with pytest.raises(RobotError, match='the connection to the robot is lost'):
        rig.loop.run()
    assert reasons(rig.ring.drain().records).startswith('connection_lost')
    assert sent == []


def test_measured_nonsense_stops_the_arm_and_not_the_loop(rig):
    rig.arm()
    rig.goal((0.2, 0.2, 0.0))
    rig.run(0.3)
    rig.robot.frozen = True
    rig.robot.push(np.full(6, np.inf))
    records = rig.run(0.8)
    assert records['state'][-1] == State.FAULT
    assert np.isfinite(records['sent_rad']).all()


def test_a_reset_is_refused_with_a_sentence_while_the_cause_is_there(rig):
    rig.arm()
    object_to_it(rig)
    rig.run(0.2)
    records = rig.reset()
    assert records['state'][-1] == State.FAULT
    assert records['reset_sequence'][-1] == 1
    assert b'came: monitor:tool_speed' in records['note'][-1]
    protect(rig)
    rig.monitor.stop = False
    assert b'came: safety_bits:protective_stop' in rig.reset()['note'][-1]
    rig.robot.safety_status_bits = 1
    assert rig.reset()['state'][-1] == State.ARMED


def test_a_refusal_is_told_together_with_the_stop_that_is_reported_after_it(rig):
    rig.arm()
    rig.robot.refuses = True
    rig.run(0.01)
    protect(rig)
    assert reasons(rig.run(0.1)) == 'target_refused; safety_bits:protective_stop'


def test_refused_targets_are_offered_once_only_and_a_reset_restarts_the_program(rig):
    rig.arm()
    rig.robot.refuses = True
    rig.run(0.1)
    rig.robot.refuses = False
    rig.reset()
    assert rig.robot.restarts == 1


def test_a_goal_that_ends_brakes_smoothly_and_holds(rig):
    rig.arm()
    rig.goal((0.2, 0.2, 0.0))
    moving = rig.run(0.3)
    rig.order(goal_active=False)
    records = np.concatenate([moving, rig.run(0.5)])
    assert State.STOPPING in records['state']
    assert records['state'][-1] == State.ARMED
    assert velocity_changes_rad_s(records) <= 12.0 / 500 + 1e-9
    assert rig.safety.stops == 0


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_nothing_jumps_whatever_is_ordered_when(rig, data):
    """Orders in any sequence: the commands keep the speed and acceleration limits."""
    rig.arm()
    for _ in range(data.draw(st.integers(1, 6))):
        offset = data.draw(st.tuples(*[st.floats(-0.3, 0.3)] * 3))
        what = data.draw(st.sampled_from(['goal', 'cancel', 'standby', 'arm', 'scale']))
        if what == 'goal':
            rig.goal(offset)
        elif what == 'scale':
            rig.order(speed_scale=data.draw(st.floats(0.0, 1.0)))
        else:
            rig.order(
                goal_active=rig.orders.goal_active and what != 'cancel',
                mode={'standby': Mode.STANDBY, 'arm': Mode.ARMED}.get(what, rig.orders.mode),
            )
        records = rig.run(data.draw(st.floats(0.05, 0.3)))
        assert steps_rad(records) <= STEP_LIMIT_RAD
        assert velocity_changes_rad_s(records) <= 12.0 / 500 + 1e-9


def test_a_policy_that_is_late_brakes_the_arm_and_is_counted(rig):
    rig.arm()
    rig.goal((0.2, 0.0, 0.0))
    rig.run(0.3)
    rig.policy.delay_s = 0.03
    records = rig.run(0.3)
    assert records['policy_misses'][-1] >= 7
    assert (records['sent_rad'][-1] == records['sent_rad'][-10]).all()
    assert records['state'][-1] == State.MOVING


def test_half_speed_is_half_as_fast(rig):
    rig.arm()
    rig.goal((0.3, 0.0, 0.0))
    full = np.abs(rig.run(0.2)['measured_rad_s'][-1]).max()
    rig.order(speed_scale=0.5)
    half = np.abs(rig.run(0.3)['measured_rad_s'][-1]).max()
    assert half < 0.6 * full


def test_no_speed_at_all_holds_without_a_fault_and_more_does_not_jump(rig):
    rig.arm()
    rig.goal((0.2, 0.2, 0.0))
    moving = rig.run(0.3)
    rig.order(speed_scale=0.0)
    slowing = rig.run(0.5)
    held = rig.run(0.5)
    rig.order(speed_scale=1.0)
    records = np.concatenate([moving, slowing, held, rig.run(0.5)])
    assert steps_rad(held) == 0.0
    assert (held['speed_scale'] == 0.0).all()
    assert set(records['state']) == {State.MOVING}
    assert steps_rad(records[-10:]) > 0.0
    assert velocity_changes_rad_s(records) <= 12.0 / 500 + 1e-9


@pytest.mark.parametrize('how', ['end', 'mode', 'node gone'])
def test_it_ends_only_at_rest(rig, how):
    rig.arm()
    rig.goal((0.2, 0.2, 0.0))
    rig.run(0.3)
    if how == 'end':
        rig.loop.end()
    rig.order(mode=Mode.EXIT if how == 'mode' else rig.orders.mode)
    rig.node_alive = how != 'node gone'
    ticks = 0
    while not rig.loop.done and ticks < 3000:
        rig.run(0.002)
        ticks += 1
    assert 10 < ticks < 3000
    assert ticks < 200 or how == 'node gone'
