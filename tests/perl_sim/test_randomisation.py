"""What varies, varies within its range; and it has the effect that its name says."""

import dataclasses

import mujoco
import numpy as np
from perl_core.contract import Contract
from perl_core.errors import ConfigError
from perl_sim.randomisation import RandomisationConfig, apply_dynamics, friction_shift
from perl_sim.robots.ur5e import DRIVE_STIFFNESS_N_M_RAD, load_ur5e
import pytest

CONTRACT = Contract()
HOME = np.array(CONTRACT.home_rad)
NOMINAL = RandomisationConfig.nominal()


def resting_position(config, seed=0):
    """Return where the arm comes to rest while it is told to stand at home."""
    model = load_ur5e()
    data = mujoco.MjData(model)
    apply_dynamics(model, data, config.draw(np.random.default_rng(seed), CONTRACT))
    data.qpos[:] = data.ctrl[:] = HOME
    for _ in range(500):
        mujoco.mj_step(model, data)
    return data.qpos.copy()


def test_draws_stay_in_their_ranges():
    config, generator = RandomisationConfig(), np.random.default_rng(0)
    draws = [config.draw(generator, CONTRACT) for _ in range(300)]
    assert {draw.servo.delay_ticks for draw in draws} == {1, 2, 3, 4}
    scales = [draw.servo.lookahead_s / CONTRACT.servo_lookahead_s for draw in draws]
    assert 0.8 <= min(scales) < 0.85 < 1.25 < max(scales) <= 1.3
    assert min(draw.payload_kg for draw in draws) >= 0.0
    assert max(draw.payload_kg for draw in draws) <= 1.0
    assert max(draw.joint_friction_n_m.max() for draw in draws) <= 3.0
    assert all(draw.gravity_base_m_s2.tolist() == [0.0, 0.0, -9.80665] for draw in draws)


def test_nominal_stands_still():
    np.testing.assert_allclose(resting_position(NOMINAL), HOME, atol=1e-6)


def test_payload_sags_by_the_drive_s_compliance():
    config = dataclasses.replace(NOMINAL, payload_kg=(1.0, 1.0))
    sag = resting_position(config) - HOME
    # 9.81 N at about half a metre from the shoulder against 14400 N m/rad: a third of a mrad.
    assert sag[1] == pytest.approx(9.81 * 0.49 / 14400, rel=0.1)
    assert abs(sag[0]) < 1e-6


def test_tilt_pulls_sideways_and_not_down():
    config = dataclasses.replace(NOMINAL, base_tilt_rad=(0.1, 0.1))
    sag = resting_position(config) - HOME
    assert 1e-5 < np.abs(sag).max() < 5e-3


def test_friction_holds_back_with_its_torque():
    config = dataclasses.replace(NOMINAL, friction_share=(0.01, 0.01))
    dynamics = config.draw(np.random.default_rng(0), CONTRACT)
    velocity = np.array((0.5, -0.5, 0.0, 0.5, -0.5, 0.0))
    torque = DRIVE_STIFFNESS_N_M_RAD * friction_shift(dynamics, velocity)
    np.testing.assert_allclose(torque, (-1.5, 1.5, 0.0, -0.28, 0.28, 0.0), atol=1e-9)


def test_applying_the_nominal_again_undoes_everything():
    model, fresh = load_ur5e(), load_ur5e()
    data = mujoco.MjData(model)
    generator = np.random.default_rng(0)
    apply_dynamics(model, data, RandomisationConfig().draw(generator, CONTRACT))
    assert model.dof_damping.any()
    mujoco.mj_resetData(model, data)
    for each in (model, fresh):
        apply_dynamics(each, mujoco.MjData(each), NOMINAL.draw(generator, CONTRACT))
    for name in ('dof_damping', 'body_mass', 'body_inertia', 'dof_M0'):
        np.testing.assert_array_equal(getattr(model, name), getattr(fresh, name))


@pytest.mark.parametrize('change', [
    {'delay_ticks': (3, 1)}, {'payload_kg': (-1.0, 1.0)}, {'position_noise_rad': float('nan')},
])
def test_impossible_ranges_are_refused_by_name(change):
    with pytest.raises(ConfigError, match=next(iter(change))):
        RandomisationConfig(**change)
