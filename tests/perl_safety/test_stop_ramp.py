"""The stop ramp keeps velocity, acceleration and jerk from every state, and ends at rest."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
from perl_core.kinematics import Kinematics
from perl_safety.rules.tool_speed import _SHARE_LEFT, _WAY_DONE, ToolSpeed
from perl_safety.stop_ramp import Braking, MotionState, ramp_positions, span, stop_ramp

BRAKING = Braking(12.0, 1500.0, 0.002)
ROUNDING = 1e-6

unit = st.tuples(*[st.floats(-1.0, 1.0)] * 6).map(np.array)
scales = st.sampled_from((1.0, 0.1, 1e-3, 0.0))


@st.composite
def states(draw):
    velocity = 2.0 * draw(scales) * draw(unit)
    acceleration = BRAKING.acceleration_rad_s2 * draw(scales) * draw(unit)
    return MotionState(np.pi * draw(unit), velocity, acceleration)


@settings(deadline=None)
@given(states())
def test_the_commands_of_a_ramp_keep_acceleration_and_jerk_and_end_at_rest(start):
    ramp = stop_ramp(start, BRAKING)
    positions = ramp_positions(ramp, BRAKING)
    dt = BRAKING.period_s
    velocity = np.diff(np.vstack((start.position_rad, positions)), axis=0) / dt
    acceleration = np.diff(np.vstack((start.velocity_rad_s, velocity)), axis=0) / dt
    jerk = np.diff(np.vstack((start.acceleration_rad_s2, acceleration)), axis=0) / dt
    fastest = np.maximum(np.abs(start.velocity_rad_s), np.abs(ramp.coast_rad_s))
    assert (np.abs(velocity) <= fastest + 1e-9).all()
    assert np.abs(acceleration).max() <= BRAKING.acceleration_rad_s2 * (1 + ROUNDING)
    assert np.abs(jerk).max() <= BRAKING.jerk_rad_s3 * (1 + ROUNDING)
    assert not velocity[-1].any(), 'at rest'
    assert len(positions) <= ramp.duration_s / dt + 2


@settings(deadline=None)
@given(states())
def test_all_commands_of_a_ramp_lie_in_its_span(start):
    ramp = stop_ramp(start, BRAKING)
    positions, bounds = ramp_positions(ramp, BRAKING), span(ramp, BRAKING)
    assert (positions <= bounds.highest_rad + 1e-12).all()
    assert (positions >= bounds.lowest_rad - 1e-12).all()
    way = ramp.rest_rad - start.position_rad
    length = float(way @ way)
    done = positions - start.position_rad
    share = np.clip(done @ way / length, 0.0, 1.0) if length > 0.0 else np.zeros(len(done))
    aside = np.abs(done - share[:, None] * way)
    assert (aside <= bounds.aside_rad + 1e-9).all()


@settings(deadline=None)
@given(states())
def test_the_tool_is_nowhere_faster_than_its_bound(start):
    kinematics, ramp = Kinematics(), stop_ramp(start, BRAKING)
    rows = np.vstack((start.position_rad, ramp_positions(ramp, BRAKING)))
    speeds = [np.linalg.norm(
        kinematics.tool_pose_and_jacobian(there)[1][:3] @ ((there - here) / BRAKING.period_s)
    ) for here, there in itertools.pairwise(rows)]  # fmt: skip
    highest = max(speeds)
    assert not ToolSpeed(kinematics, 0.98 * highest - 1e-6).holds(ramp)


@given(st.floats(0.0, 1.0))
def test_no_ramp_has_more_velocity_left_at_the_same_place_than_the_table_says(held):
    """What the bound on the tool's speed rests on."""
    time = np.linspace(0.0, 1.0, 4001)
    rise = 1.0 / (2.0 + 10.0 * held)
    slope = np.minimum(np.minimum(time, 1.0 - time) / rise, 1.0)
    left = 1.0 - np.cumsum(slope) / slope.sum()
    way = np.cumsum(left) / len(time)
    bound = np.array([_SHARE_LEFT[np.searchsorted(_WAY_DONE, at).clip(max=15)] for at in way])
    assert (left <= bound + 1e-3).all()
