"""The servo's two forms are one, and the arm behind it lags as a real one."""

from hypothesis import given
from hypothesis import strategies as st
import mujoco
import numpy as np
from perl_core.contract import Contract
from perl_core.errors import ConfigError
from perl_sim.robots.ur5e import drive_command, load_ur5e
from perl_sim.servo import ServoModel, ServoParameters
import pytest

HOME = np.array(Contract().home_rad)


@given(
    seed=st.integers(0, 2**32 - 1),
    delay=st.integers(0, 30),
    lookahead=st.floats(0.03, 0.2),
    gain=st.floats(100.0, 2000.0),
    size=st.sampled_from((0.001, 0.02, 0.5)),
)
def test_trajectory_equals_steps(seed, delay, lookahead, gain, size):
    parameters = ServoParameters(lookahead_s=lookahead, gain=gain, delay_ticks=delay)
    generator = np.random.default_rng(seed)
    one, other = ServoModel(parameters, HOME), ServoModel(parameters, HOME)
    target = HOME
    for ticks in (1, 20, 7, 20):
        targets = target + np.cumsum(generator.normal(scale=size, size=(ticks, 6)), axis=0)
        target = targets[-1]
        steps = [one.step(row) for row in targets]
        at_once = other.trajectory(targets)
        np.testing.assert_allclose(
            at_once.position_rad, [step.position_rad for step in steps], atol=1e-12)
        np.testing.assert_allclose(
            at_once.velocity_rad_s, [step.velocity_rad_s for step in steps], atol=1e-9)


@given(seed=st.integers(0, 2**32 - 1))
def test_reference_never_exceeds_the_rate_limit(seed):
    servo = ServoModel(ServoParameters(), HOME)
    targets = HOME + np.random.default_rng(seed).uniform(-3, 3, (40, 6))
    reference = servo.trajectory(targets)
    ways = np.diff(np.vstack((HOME, reference.position_rad)), axis=0)
    assert np.abs(ways).max() <= 3.14 / 500 + 1e-12
    assert np.abs(reference.velocity_rad_s).max() <= 3.14 + 1e-9


def test_delay_is_a_number_of_ticks():
    servo = ServoModel(ServoParameters(delay_ticks=3), HOME)
    moved = [servo.step(HOME + 0.01).velocity_rad_s.any() for _ in range(5)]
    assert moved == [False, False, False, True, True]


def test_seed_forgets_targets_on_their_way():
    servo = ServoModel(ServoParameters(), HOME)
    servo.trajectory(np.tile(HOME + 0.01, (5, 1)))
    servo.seed(HOME)
    assert np.abs(servo.trajectory(np.tile(HOME, (5, 1))).velocity_rad_s).max() < 1e-9


def test_what_is_returned_is_not_the_state():
    servo = ServoModel(ServoParameters(), HOME)
    target = HOME.copy()
    servo.step(target).position_rad[:] = 9.0
    target[:] = 9.0
    assert np.abs(servo.trajectory(np.tile(HOME, (5, 1))).velocity_rad_s).max() < 1e-9


@pytest.mark.parametrize('change', [
    {'gain': 0.0}, {'lookahead_s': float('nan')}, {'delay_ticks': -1},
])
def test_impossible_parameters_are_refused_by_name(change):
    with pytest.raises(ConfigError, match=next(iter(change))):
        ServoParameters(**change)


def ramp_lag_s(speed_rad_s=0.5, seconds=1.0):
    """Return how far each joint is behind a ramp of targets, in seconds."""
    model = load_ur5e()
    data = mujoco.MjData(model)
    data.qpos[:] = HOME
    servo = ServoModel(ServoParameters(), HOME)
    period_s = model.opt.timestep
    for tick in range(round(seconds / period_s)):
        target = HOME + speed_rad_s * period_s * (tick + 1)
        data.ctrl[:] = drive_command(*servo.step(target))
        mujoco.mj_step(model, data)
    return (target - data.qpos) / speed_rad_s


def test_arm_follows_a_ramp_about_32_ms_behind():
    lag_s = ramp_lag_s()
    assert (lag_s > 0.031).all()
    assert (lag_s < 0.034).all()
