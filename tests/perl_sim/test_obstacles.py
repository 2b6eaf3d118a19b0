"""Boxes on the table: in the model, in the way, and out of the goals."""

import dataclasses

import mujoco
import numpy as np
from perl_core.contract import Contract
from perl_core.errors import ConfigError
from perl_sim.collision import CollisionChecker
from perl_sim.envs.reach_config import UR5eReachConfig
from perl_sim.envs.ur5e_reach import UR5eReachEnv
from perl_sim.goals import GoalSampler, SamplingConfig
from perl_sim.obstacles import DIVIDER, Box
from perl_sim.randomisation import RandomisationConfig
from perl_sim.robots.ur5e import load_ur5e
import pytest

HOME = np.array(Contract().home_rad)


def test_a_box_stands_where_it_is_said_to():
    model = load_ur5e((DIVIDER,))
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    geom = model.geom('divider')
    assert geom.type == mujoco.mjtGeom.mjGEOM_BOX
    np.testing.assert_allclose(geom.size, DIVIDER.half_size_m)
    np.testing.assert_allclose(data.geom('divider').xpos, DIVIDER.centre_base_m)


def test_home_is_clear_of_the_divider_and_a_box_around_the_tool_is_not():
    assert CollisionChecker(0.02, (DIVIDER,)).is_free(HOME)
    around = dataclasses.replace(DIVIDER, centre_base_m=(-0.49, -0.13, 0.49))
    assert not CollisionChecker(0.02, (around,)).is_free(HOME)


def test_no_goal_lies_in_a_box():
    sampler = GoalSampler(boxes=(DIVIDER,))
    near = CollisionChecker(SamplingConfig().clearance_m, (DIVIDER,))
    generator = np.random.default_rng(0)
    goals = [sampler.sample(generator) for _ in range(30)]
    assert all(near.is_free(goal.joint_position_rad) for goal in goals)
    sides = [goal.pose.position_m[1] > DIVIDER.centre_base_m[1] for goal in goals]
    assert 0 < sum(sides) < len(sides), 'goals lie on both sides'


def test_running_into_a_box_ends_the_episode():
    beside = dataclasses.replace(DIVIDER, centre_base_m=(-0.66, 0.02, 0.235))
    for boxes, expected in (((), False), ((beside,), True)):
        config = UR5eReachConfig(randomisation=RandomisationConfig.nominal(), boxes=boxes)
        env = UR5eReachEnv(config)
        env.reset(options={'joint_position_rad': HOME})
        action = np.array((-0.3, 1.0, -0.6, 0.0, 0.0, 0.0), np.float32)
        ends = [env.step(action)[2] for _ in range(20)]
        assert any(ends) is expected


@pytest.mark.parametrize('change', [
    {'half_size_m': (0.1, 0.0, 0.1)},
    {'half_size_m': (0.1, 0.1)},
    {'centre_base_m': (0.0, float('nan'), 0.0)},
])
def test_what_is_no_box_is_refused_by_name(change):
    values = {'name': 'bin', 'centre_base_m': (0.0, 0.0, 0.1), 'half_size_m': (0.1, 0.1, 0.1)}
    with pytest.raises(ConfigError, match='bin'):
        Box(**{**values, **change})
