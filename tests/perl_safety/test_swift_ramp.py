"""Plain floats say, bit for bit, what the formulas in numpy say."""

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
from perl_core.contract import Contract
from perl_core.kinematics import Kinematics
from perl_core.robot_state import RobotState
from perl_safety.clearance import Clearances
from perl_safety.envelope import Envelope
from perl_safety.filter import SafetyFilter
from perl_safety.limits import load_limits
from perl_safety.rules import BORDERS
from perl_safety.rules.step import ROUNDING, is_within_reach
from perl_safety.stop_ramp import Braking, MotionState, following, span, stop_ramp
from perl_safety.swift_ramp import SwiftRamps

LIMITS = load_limits()
DT = Contract().control_period_s
HOME = np.array(Contract().home_rad)
LOWER, UPPER = np.array(LIMITS.joint_lower_rad), np.array(LIMITS.joint_upper_rad)
BRAKING = Braking(LIMITS.max_joint_acceleration_rad_s2, LIMITS.max_joint_jerk_rad_s3, DT)
SWIFT = SwiftRamps(
    LIMITS.joint_lower_rad, LIMITS.joint_upper_rad, LIMITS.max_joint_speed_rad_s, BRAKING
)
ROWS = [row for rule in BORDERS for row in rule(LIMITS)]

unit = st.tuples(*[st.floats(-1.0, 1.0)] * 6).map(np.array)


def joints_hold(ramp, reach, last, scale):
    speeds = np.maximum(np.abs(ramp.start.velocity_rad_s), np.abs(ramp.coast_rad_s))
    return (
        speeds.max() <= scale * LIMITS.max_joint_speed_rad_s * (1.0 + ROUNDING)
        and (reach.lowest_rad >= np.minimum(LOWER, last.position_rad)).all()
        and (reach.highest_rad <= np.maximum(UPPER, last.position_rad)).all()
    )


@given(unit, unit, unit, unit, st.sampled_from((1.0, 0.5, 0.0)), st.sampled_from((1.0, 1.05)))
def test_a_ramp_in_plain_floats_is_the_same(place, speed, sharp, change, scale, beyond):
    middle, half = 0.5 * (LOWER + UPPER), 0.5 * (UPPER - LOWER)
    last = MotionState(middle + half * place, 2.2 * speed, 12.0 * sharp)
    acceleration = last.acceleration_rad_s2 + beyond * change * BRAKING.jerk_rad_s3 * DT
    asked = last.position_rad + DT * (last.velocity_rad_s + DT * acceleration)
    came = SWIFT.following(asked, last, scale)
    candidate = following(asked, last, DT)
    ramp = stop_ramp(candidate, BRAKING)
    reach = span(ramp, BRAKING)
    if not (is_within_reach(candidate, last, BRAKING) and joints_hold(ramp, reach, last, scale)):
        assert came is None
        return
    assert came is not None
    for mine, theirs in zip((*came.ramp.start, *came.ramp[1:]), (*candidate, *ramp[1:]),
                            strict=True):
        np.testing.assert_array_equal(mine, theirs)
    np.testing.assert_array_equal(came.start_rad, asked)
    np.testing.assert_array_equal(came.rest_rad, ramp.rest_rad)
    np.testing.assert_array_equal(came.aside_rad, reach.aside_rad)


@given(st.lists(unit, min_size=1, max_size=40))
def test_what_holds_as_before_surely_holds(changes):
    known, fresh = (Envelope(Clearances(Kinematics(), ROWS)) for _ in range(2))
    position, velocity = HOME.copy(), np.zeros(6)
    known.seed(position)
    fresh.seed(position)
    near = 0
    for change in changes:
        velocity = velocity + 0.02 * change
        position = position + DT * velocity
        ramp = stop_ramp(MotionState(position, velocity, 10.0 * change), BRAKING)
        reach = span(ramp, BRAKING)
        surely = fresh.surely_holds(ramp, reach)
        if known.holds_as_before(position.tolist(), ramp.rest_rad.tolist(),
                                 reach.aside_rad.tolist()):
            near += 1
            assert surely
        else:
            known.surely_holds(ramp, reach)
    assert near or len(changes) < 3


@given(st.lists(st.tuples(unit, unit), min_size=1, max_size=40))
def test_a_rehearsal_leaves_no_trace(wishes):
    plain, rehearsed = (SafetyFilter(LIMITS, Kinematics(), DT) for _ in range(2))
    for each in (plain, rehearsed):
        each.seed(HOME)
    position = HOME
    for change, other in wishes:
        state = RobotState(0.0, 0, position, np.zeros(6), 7, 1, 1, 2, 1.0)
        asked = position + DT * change
        rehearsed.rehearse(position + DT * other, state._replace(safety_status_bits=4), 0)
        came, expected = rehearsed.step(asked, state, 0), plain.step(asked, state, 0)
        assert [np.asarray(part).tolist() for part in came] == [
            np.asarray(part).tolist() for part in expected
        ]
        position = came.position_rad
    assert not rehearsed.latched
