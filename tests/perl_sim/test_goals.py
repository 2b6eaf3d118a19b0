"""Goals can be reached, and a file of them can be read back."""

import json
from pathlib import Path
import subprocess
import sys

import numpy as np
from perl_core.contract import Contract
from perl_core.errors import ConfigError
from perl_core.kinematics import Kinematics
from perl_sim.collision import CollisionChecker
from perl_sim.goals import (
    HELD_OUT_SEED,
    GoalSampler,
    SamplingConfig,
    goals_to_json,
    read_goals,
)
import pytest

CONTRACT = Contract()
SCRIPT = Path(__file__).parents[2] / 'sim' / 'make_goals.py'


@pytest.fixture(scope='module')
def goals():
    sampler, generator = GoalSampler(), np.random.default_rng(1)
    return [sampler.sample(generator) for _ in range(200)]


def test_goals_are_poses_of_free_configurations_in_the_sphere(goals):
    kinematics, checker = Kinematics(), CollisionChecker()
    for goal in goals:
        assert checker.is_free(goal.joint_position_rad)
        pose = kinematics.tool_pose(goal.joint_position_rad)
        np.testing.assert_array_equal(pose.position_m, goal.pose.position_m)
        np.testing.assert_array_equal(pose.rotation, goal.pose.rotation)
        way_m = pose.position_m - CONTRACT.workspace_centre_base_m
        assert np.linalg.norm(way_m) <= CONTRACT.workspace_radius_m
        assert pose.position_m[2] >= 0.05


def test_goals_lie_on_one_branch_within_the_task_s_limits(goals):
    kinematics = Kinematics()
    home_sign = np.sign(np.linalg.det(
        kinematics.tool_pose_and_jacobian(np.array(CONTRACT.home_rad))[1]))
    for goal in goals:
        joints = goal.joint_position_rad
        assert (joints >= CONTRACT.joint_lower_rad).all()
        assert (joints <= CONTRACT.joint_upper_rad).all()
        _, jacobian = kinematics.tool_pose_and_jacobian(joints)
        assert np.sign(np.linalg.det(jacobian)) == home_sign


def test_goals_fill_the_sphere(goals):
    ways = np.array([goal.pose.position_m for goal in goals]) - CONTRACT.workspace_centre_base_m
    # A ball filled evenly has a standard deviation of radius / sqrt(5) along each axis.
    assert (ways.std(axis=0) > 0.6 * CONTRACT.workspace_radius_m / np.sqrt(5)).all()
    octants = {tuple(way > 0) for way in ways}
    assert len(octants) == 8


def test_a_checker_with_clearance_is_stricter():
    low = np.array((0.0, -0.62, 1.57, -2.52, -1.57, 0.0))
    lowering = np.array((0.0, 1.0, 0.0, -1.0, 0.0, 0.0))
    heights = low + np.linspace(-1, 0.6, 200)[:, None] * lowering
    strict, plain = CollisionChecker(0.02), CollisionChecker()
    free = np.array([(strict.is_free(joints), plain.is_free(joints)) for joints in heights])
    assert (free[:, 0] <= free[:, 1]).all()
    assert (free[:, 0] < free[:, 1]).any()


def test_impossible_ranges_end_with_a_sentence():
    behind = SamplingConfig(
        lower_rad=(3.0, -1.0, 1.0, -1.0, -1.0, 0.0), upper_rad=(3.2, -0.9, 1.1, -0.9, -0.9, 0.1),
        max_attempts=50)
    with pytest.raises(ConfigError, match='no goal within'):
        GoalSampler(config=behind).sample(np.random.default_rng(0))
    with pytest.raises(ConfigError, match='at most upper_rad'):
        SamplingConfig(lower_rad=(9.0,) * 6)
    with pytest.raises(ConfigError, match='6 entries'):
        SamplingConfig(lower_rad=(0.0,))


def test_a_file_reads_back(goals, tmp_path):
    path = tmp_path / 'goals.json'
    path.write_text(json.dumps(goals_to_json(goals, 1, CONTRACT)))
    for ours, read in zip(goals, read_goals(path, CONTRACT), strict=True):
        np.testing.assert_array_equal(read.pose.position_m, ours.pose.position_m)
        np.testing.assert_allclose(read.pose.rotation, ours.pose.rotation, atol=1e-12)
        np.testing.assert_array_equal(read.joint_position_rad, ours.joint_position_rad)


@pytest.mark.parametrize(('change', 'message'), [
    ({'schema': 9}, 'schema 9'),
    ({'contract_fingerprint': 'x'}, 'made for contract'),
    ({'goals': [{'position_base_m': [0.0]}]}, 'is not a file of goals'),
    ({'goals': None}, 'is not a file of goals'),
])
def test_a_damaged_file_is_refused(goals, tmp_path, change, message):
    path = tmp_path / 'goals.json'
    path.write_text(json.dumps(goals_to_json(goals, 1, CONTRACT) | change))
    with pytest.raises(ConfigError, match=message):
        read_goals(path, CONTRACT)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match='cannot read goals'):
        read_goals(tmp_path / 'none.json', CONTRACT)


def test_the_script_writes_the_same_goals_each_time(tmp_path):
    path = tmp_path / 'goals.json'
    command = [sys.executable, str(SCRIPT), '--count', '3']
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    subprocess.run([*command, '--output', str(path)], check=True)
    assert path.read_text() == printed
    assert json.loads(printed)['seed'] == HELD_OUT_SEED
    assert len(read_goals(path, CONTRACT)) == 3
