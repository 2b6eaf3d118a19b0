import math

import numpy as np
from perl_core.contract import Contract
from perl_core.kinematics import Kinematics
from perl_core.robot_state import RobotState
from perl_safety.limits import load_limits
from perl_safety.monitor import Monitor
from perl_safety.severity import Severity
import pytest

HOME = np.array(Contract().home_rad)
LIMITS = load_limits().monitor
NOW = 10**12


def state(**changes):
    values = {
        'controller_time_s': 1.0, 'fresh_ns': NOW, 'joint_position_rad': HOME,
        'joint_velocity_rad_s': np.zeros(6), 'robot_mode': 7, 'safety_mode': 1,
        'safety_status_bits': 1, 'runtime_state': 2, 'speed_scaling': 1.0,
    }
    return RobotState(**{**values, **changes})


@pytest.fixture
def monitor():
    return Monitor(LIMITS, Kinematics())


def joint(index, value, base=HOME):
    changed = np.array(base, dtype=float)
    changed[index] = value
    return changed


@pytest.mark.parametrize('runtime_state', range(6))
def test_a_standing_arm_is_fine_whether_or_not_a_program_runs(monitor, runtime_state):
    assert monitor.check(state(runtime_state=runtime_state), NOW) == ()
    assert monitor.severity is Severity.PASS


@pytest.mark.parametrize(('changes', 'reason'), [
    ({'joint_position_rad': joint(5, 6.25)}, 'joint_position:wrist_3_joint'),
    ({'joint_position_rad': joint(5, -6.25)}, 'joint_position:wrist_3_joint'),
    ({'joint_velocity_rad_s': joint(5, -2.7, np.zeros(6))}, 'joint_speed:wrist_3_joint'),
    ({'joint_velocity_rad_s': joint(0, 2.5, np.zeros(6))}, 'tool_speed'),
    ({'joint_position_rad': joint(0, math.pi)}, 'workspace:sphere'),
    ({'joint_position_rad': joint(1, -0.5)}, 'workspace:table'),
    ({'joint_position_rad': joint(1, 0.2)}, 'elbow:height'),
    ({'fresh_ns': NOW - int(0.25e9)}, 'stale_state'),
    ({'safety_status_bits': 4, 'safety_mode': 3}, 'safety_bits:protective_stop'),
    ({'safety_mode': 5}, 'safety_mode:5'),
    ({'robot_mode': 3}, 'robot_mode:3'),
    ({'joint_velocity_rad_s': np.full(6, math.nan)}, 'finite'),
])
def test_each_violation_is_named_latched_and_counted_once(monitor, changes, reason):
    assert monitor.check(state(), NOW) == ()
    assert reason in monitor.check(state(**changes), NOW)
    latched = monitor.latched
    for _ in range(3):
        assert monitor.check(state(), NOW) == latched
    assert monitor.severity is Severity.STOP and monitor.stops == 1
    assert all(monitor.details[name] for name in latched)


def test_reset_clears_what_is_gone_and_keeps_what_is_not(monitor):
    monitor.check(state(safety_status_bits=4, safety_mode=3), NOW)
    assert monitor.reset() == ('safety_bits:protective_stop',)
    assert monitor.severity is Severity.STOP
    monitor.check(state(), NOW)
    assert monitor.latched == ('safety_bits:protective_stop',)
    assert monitor.reset() == ()
    assert monitor.severity is Severity.PASS and monitor.stops == 1
    monitor.check(state(robot_mode=3), NOW)
    assert monitor.stops == 2


def test_nothing_that_the_filter_allows_stops_the_arm(monitor):
    limits = load_limits()
    for speed in (limits.max_joint_speed_rad_s, -limits.max_joint_speed_rad_s):
        assert monitor.check(state(joint_velocity_rad_s=joint(5, speed, np.zeros(6))), NOW) == ()
    for position in (limits.joint_upper_rad[5], limits.joint_lower_rad[5]):
        assert monitor.check(state(joint_position_rad=joint(5, position)), NOW) == ()
    aged = state(fresh_ns=NOW - int(limits.state_stop_age_s * 1e9))
    assert monitor.check(aged, NOW) == ()
