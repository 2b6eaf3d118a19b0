"""References: they begin where they are told, respect their bounds, and end."""

from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
from perl_sim.ur_controller.motions import (
    TICK_S,
    Hold,
    Reference,
    Speed,
    Stop,
)
from perl_sim.ur_controller.tool import Tool
from perl_sim.ur_controller.ways import STOP_RAD_S2, Pace, Trapezoid, Travel, joint_leg

ANGLES = st.lists(st.floats(-3.0, 3.0), min_size=6, max_size=6).map(np.array)
SPEEDS = st.lists(st.floats(-2.0, 2.0), min_size=6, max_size=6).map(np.array)


def move_j(target, speed, acceleration):
    return Travel(Tool(), [joint_leg(target, Pace(speed, acceleration))])


def run(motion, reference, ticks=20000):
    """Return the references of a motion up to its end."""
    passed = [reference]
    for _ in range(ticks):
        passed.append(motion.step(passed[-1], 1.0))
        if motion.done:
            return passed
    raise AssertionError(f'{type(motion).__name__} did not end in {ticks} ticks')


@given(position=ANGLES, velocity=SPEEDS, deceleration=st.floats(0.5, 40.0))
def test_a_stop_ends_at_rest_within_its_deceleration(position, velocity, deceleration):
    passed = run(Stop(deceleration), Reference(position, velocity))
    velocities = np.array([reference.velocity_rad_s for reference in passed])
    assert not velocities[-1].any()
    assert np.abs(np.diff(velocities, axis=0)).max() <= deceleration * TICK_S + 1e-9
    assert len(passed) <= np.abs(velocity).max() / (deceleration * TICK_S) + 3
    # It never turns back.
    assert (velocities * velocity >= -1e-12).all()


@settings(max_examples=25)
@given(start=ANGLES, target=ANGLES, velocity=SPEEDS,
       speed=st.floats(0.5, 3.0), acceleration=st.floats(0.5, 20.0))
def test_move_j_arrives_within_speed_and_acceleration(
    start, target, velocity, speed, acceleration
):
    passed = run(move_j(target, speed, acceleration), Reference(start, velocity))
    np.testing.assert_allclose(passed[-1].position_rad, target, atol=1e-12)
    assert not passed[-1].velocity_rad_s.any()
    positions = np.array([reference.position_rad for reference in passed])
    velocities = np.array([reference.velocity_rad_s for reference in passed])
    assert np.abs(np.diff(positions, axis=0)).max() <= max(speed, 2.0) * TICK_S + 1e-9
    assert np.abs(np.diff(velocities, axis=0)).max() <= (
        max(2 * acceleration, STOP_RAD_S2) * TICK_S + 1e-6)


@given(length=st.floats(1e-3, 6.0), speed=st.floats(0.01, 3.0), acceleration=st.floats(0.1, 20.0))
def test_a_trapezoid_grows_from_zero_to_its_length(length, speed, acceleration):
    times = np.linspace(0.0, length / speed + speed / acceleration + 1.0, 400)
    trapezoid = Trapezoid(length, Pace(speed, acceleration))
    way = np.array([trapezoid.travelled(time) for time in times])
    assert way[0] == 0.0
    assert way[-1] == length
    assert (np.diff(way) >= -1e-12).all()


def test_half_the_speed_slider_takes_twice_as_long():
    counts = []
    for fraction in (1.0, 0.5):
        motion, reference = move_j(np.ones(6), 1.0, 2.0), Reference(np.zeros(6), np.zeros(6))
        count = 0
        while not motion.done:
            reference = motion.step(reference, fraction)
            count += 1
        counts.append(count)
    assert abs(counts[1] - 2 * counts[0]) <= 2


def test_speed_is_reached_with_the_acceleration_and_kept():
    motion, reference = Speed(np.full(6, 0.5), 1.0), Reference(np.zeros(6), np.zeros(6))
    for _ in range(125):
        reference = motion.step(reference, 1.0)
    np.testing.assert_allclose(reference.velocity_rad_s, 0.25)
    for _ in range(500):
        reference = motion.step(reference, 1.0)
    np.testing.assert_allclose(reference.velocity_rad_s, 0.5)
    assert not Hold().step(reference, 1.0).velocity_rad_s.any()
