"""Tasks by name, and tasks from what a run wrote down."""

import json

import numpy as np
from perl_core.contract import Contract
from perl_core.errors import ConfigError
from perl_sim.envs.reach_config import PAN_LIMIT_RAD, UR5eReachConfig, task
from perl_sim.goals import GoalSampler
import pytest


@pytest.mark.parametrize('name', ['open', 'bins'])
@pytest.mark.parametrize('group', ['SO3', 'SO2'])
def test_a_task_survives_being_written_down(name, group):
    config = task(name, group)
    written = json.loads(json.dumps(config.to_dict()))
    assert UR5eReachConfig.from_dict(written, config.contract) == config
    assert config.contract.group == group


def test_the_open_task_is_the_default_one():
    assert task('open', 'SO3') == UR5eReachConfig()


def test_the_bins_lie_within_the_pan_limit_and_on_both_sides_of_the_wall():
    config = task('bins', 'SO3')
    sampler = GoalSampler(config.contract, config.sampling, boxes=config.boxes)
    generator = np.random.default_rng(0)
    goals = [sampler.sample(generator) for _ in range(50)]
    assert all(abs(goal.joint_position_rad[0]) <= PAN_LIMIT_RAD for goal in goals)
    (wall,) = config.boxes
    left = [goal.pose.position_m[1] > wall.centre_base_m[1] for goal in goals]
    assert 10 <= sum(left) <= 40
    assert all(goal.pose.position_m[2] <= wall.top_base_m for goal in goals)


@pytest.mark.parametrize('change', [
    {'horizon_s': None, 'hurry': 1.0},
    {'reward': {'joy': 1.0}},
    {'boxes': [{'name': 'half a box'}]},
    {'boxes': 3},
])
def test_what_another_version_wrote_is_refused(change):
    written = {**UR5eReachConfig().to_dict(), **change}
    with pytest.raises(ConfigError, match=r'has the fields|malformed'):
        UR5eReachConfig.from_dict(written, Contract())
