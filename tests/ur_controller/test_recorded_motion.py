"""A recording given back: the arm is where it says, at its rate, and stays where it ends."""

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
from perl_core.contract import Contract
from perl_core.errors import ConfigError
from perl_sim.ur_controller.arm import Arm
from perl_sim.ur_controller.motions import TICK_S
from perl_sim.ur_controller.recorded_motion import RecordedMotion
import pytest

HOME = np.array(Contract().home_rad)


def cubic(time_s, seed):
    """Positions and velocities of a cubic polynomial a joint."""
    factors = np.random.default_rng(seed).uniform(-0.2, 0.2, (3, 6))
    t = time_s[:, None]
    position = HOME + factors[0] * t + factors[1] * t**2 + factors[2] * t**3
    return position, factors[0] + 2.0 * factors[1] * t + 3.0 * factors[2] * t**2


def all_of(motion):
    joints = []
    while (state := motion.step()) is not None:
        joints.append(state)
    return joints


@given(st.integers(2, 30), st.floats(0.1, 10.0), st.integers(0, 2**16))
def test_positions_between_states_are_those_of_a_smooth_motion(count, rate, seed):
    time_s = np.cumsum(np.random.default_rng(seed).uniform(0.002, 0.02, count)) + 5.0
    joints = all_of(RecordedMotion(time_s, *cubic(time_s, seed), rate))
    asked_s = time_s[0] + np.arange(len(joints)) * rate * TICK_S
    np.testing.assert_allclose([j.position_rad for j in joints], cubic(asked_s, seed)[0],
                               atol=1e-9)
    assert len(joints) == int((time_s[-1] - time_s[0]) / (rate * TICK_S)) + 1


def test_recorded_states_come_back_bit_for_bit():
    time_s = np.arange(0, 40) * TICK_S
    position, velocity = cubic(time_s, 1)
    joints = all_of(RecordedMotion(time_s, position, velocity, 1.0))
    exact = [np.array_equal(j.position_rad, p) and np.array_equal(j.velocity_rad_s, v)
             for j, p, v in zip(joints, position, velocity, strict=False)]
    # Sums of ticks may fall a rounding error beside a time.
    assert np.mean(exact) > 0.5
    np.testing.assert_allclose([j.position_rad for j in joints], position[: len(joints)],
                               atol=1e-12)


def test_the_arm_is_where_the_recording_says_and_then_stays():
    time_s = np.arange(0, 60) * TICK_S
    position, velocity = cubic(time_s, 2)
    arm = Arm(HOME)
    arm.replay(RecordedMotion(time_s, position, velocity, 1.0))
    arm.servo_j(HOME + 1.0, 0.1, 300.0)
    for expected, speed in zip(position[:-1], velocity[:-1], strict=True):
        assert arm.step() is None
        np.testing.assert_allclose(arm.position_rad, expected, atol=1e-12)
        np.testing.assert_allclose(arm.velocity_rad_s, speed, atol=1e-6)
    for _ in range(100):
        assert arm.step() is None
    np.testing.assert_allclose(arm.position_rad, position[-1], atol=1e-3)
    assert np.abs(arm.velocity_rad_s).max() < 1e-3


@pytest.mark.parametrize(('change', 'text'), [
    ({'rate': 0.0}, 'at a rate up to 10'),
    ({'rate': float('nan')}, 'at a rate up to 10'),
    ({'time_s': np.zeros(3)}, 'its times increase'),
    ({'position_rad': np.zeros((3, 5))}, r'positions \(n, 6\)'),
    ({'velocity_rad_s': np.full((3, 6), np.nan)}, 'is finite'),
])
def test_what_is_no_recording_is_refused(change, text):
    good = {'time_s': np.arange(3.0), 'position_rad': np.zeros((3, 6)),
            'velocity_rad_s': np.zeros((3, 6)), 'rate': 1.0}
    with pytest.raises(ConfigError, match=text):
        RecordedMotion(**{**good, **change})


def test_a_file_that_is_none_is_refused(tmp_path):
    (tmp_path / 'text.npz').write_text('hello')
    np.savez(tmp_path / 'other.npz', a=np.zeros(3))
    for name in ('text.npz', 'other.npz', 'nothing.npz'):
        with pytest.raises(ConfigError, match='cannot read the recording'):
            RecordedMotion.load(tmp_path / name, 1.0)
