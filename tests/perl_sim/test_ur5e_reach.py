"""The environment: gymnasium's contract, determinism, and a task that can be done."""

import dataclasses
import math
import warnings

import gymnasium
from gymnasium.utils.env_checker import check_env
import numpy as np
from perl_core.contract import OBSERVATION_SIZE, Contract
from perl_core.errors import ConfigError
from perl_core.kinematics import Kinematics, Pose
from perl_core.observation import ReachErrors, build_observation, reach_errors
from perl_core.resolved_rate import resolved_rate_action
from perl_sim import REACH_ID
from perl_sim.envs.reach_config import UR5eReachConfig
from perl_sim.envs.reward import RewardConfig
from perl_sim.envs.ur5e_reach import UR5eReachEnv
from perl_sim.randomisation import RandomisationConfig
import pytest

CONTRACT = Contract()
HOME = np.array(CONTRACT.home_rad)
NOMINAL = UR5eReachConfig(randomisation=RandomisationConfig.nominal())


def resolved_rate(observation):
    return resolved_rate_action(observation, CONTRACT)


def roll_out(env, seed, policy, options=None):
    observation, info = env.reset(seed=seed, options=options)
    observations, rewards, ended = [observation], [], False
    while not ended:
        observation, reward, terminated, truncated, info = env.step(policy(observation))
        observations.append(observation)
        rewards.append(reward)
        ended = terminated or truncated
    return np.array(observations), np.array(rewards), info


def test_gymnasium_s_checker_has_nothing_to_say():
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        check_env(gymnasium.make(REACH_ID).unwrapped, skip_render_check=True)


def test_one_seed_is_one_episode_and_another_is_another():
    def play(env, seed):
        generator = np.random.default_rng(3)
        return roll_out(env, seed, lambda _: generator.uniform(-1, 1, 6).astype(np.float32))

    env = UR5eReachEnv()
    first = play(env, 7)
    play(env, 8)
    again, fresh, other = play(env, 7), play(UR5eReachEnv(), 7), play(env, 9)
    for same in (again, fresh):
        np.testing.assert_array_equal(first[0], same[0])
        np.testing.assert_array_equal(first[1], same[1])
    assert not np.array_equal(first[0][0], other[0][0])


def test_observation_is_perl_core_s_own():
    goal = Kinematics().tool_pose(HOME + 0.2)
    env = UR5eReachEnv(NOMINAL)
    observation, info = env.reset(options={'joint_position_rad': HOME, 'goal': goal})
    expected = build_observation(HOME, np.zeros(6), goal, Kinematics(), CONTRACT)
    assert observation.shape == (OBSERVATION_SIZE,)
    np.testing.assert_array_equal(observation, expected)
    errors = reach_errors(observation)
    assert info['position_error_m'] == pytest.approx(errors.position_m, rel=1e-6)
    assert info['rotation_error_rad'] == pytest.approx(errors.rotation_rad, rel=1e-6)


def test_observations_stay_within_the_space_and_rewards_within_bounds():
    env = UR5eReachEnv()
    generator = np.random.default_rng(0)
    for seed in range(4):
        observations, rewards, _ = roll_out(env, seed, lambda _: generator.uniform(-1, 1, 6))
        assert all(map(env.observation_space.contains, observations))
        assert rewards.min() >= -2.05
        assert rewards.max() <= 1.5


def test_standing_at_the_goal_is_success_and_ends_at_the_horizon_only():
    options = {'joint_position_rad': HOME, 'goal': Kinematics().tool_pose(HOME)}
    _, rewards, info = roll_out(UR5eReachEnv(NOMINAL), 0, lambda _: np.zeros(6), options)
    assert len(rewards) == NOMINAL.horizon_steps == 125
    assert info['success']
    np.testing.assert_allclose(rewards, 1.5, atol=1e-3)


def test_touching_the_table_terminates_and_costs():
    start = np.array((0.0, -1.0, 1.5, -2.0, -math.pi / 2, 0.0))
    down = np.array((0.0, 0.0, -1.0, 0.0, 0.0, 0.0))
    _, rewards, info = roll_out(
        UR5eReachEnv(NOMINAL), 0, lambda _: down, {'joint_position_rad': start})
    assert info['collision']
    assert len(rewards) < NOMINAL.horizon_steps
    assert rewards[-1] < -1.0 < rewards[:-1].min()


def test_a_constant_twist_moves_the_tool_that_way():
    env = UR5eReachEnv(NOMINAL)
    twist = np.array((0.0, 0.4, 0.0, 0.0, 0.0, 0.3))
    observations, *_ = roll_out(
        env, 0, lambda _: twist / CONTRACT.action_scale, {'joint_position_rad': HOME})
    np.testing.assert_allclose(observations[15, 6:12], twist, atol=0.02)


def test_an_action_beyond_the_unit_ball_is_shortened():
    def moved(action):
        env = UR5eReachEnv(NOMINAL)
        env.reset(seed=0, options={'joint_position_rad': HOME})
        return env.step(np.array(action))

    long, short = moved((0.0, 5.0, 0.0, 0.0, 0.0, 0.0)), moved((0.0, 1.0, 0.0, 0.0, 0.0, 0.0))
    np.testing.assert_array_equal(long[0], short[0])
    assert long[1] == short[1]


def test_resolved_rate_reaches_most_goals():
    env = UR5eReachEnv()
    infos = [roll_out(env, seed, resolved_rate)[2] for seed in range(25)]
    assert sum(info['success'] for info in infos) >= 22


def test_starts_are_collision_free_and_of_both_kinds():
    env = UR5eReachEnv()
    far = 0
    for seed in range(40):
        observation, info = env.reset(seed=seed)
        assert not info['collision']
        far += np.abs(observation[27:33] - HOME).max() > 0.6
    assert 8 < far < 32


@pytest.mark.parametrize(('options', 'message'), [
    ({'start': 1}, "'joint_position_rad' and 'goal'"),
    ({'joint_position_rad': np.zeros(5)}, '6 angles'),
    ({'joint_position_rad': np.full(6, np.nan)}, '6 angles'),
    ({'goal': Pose(np.array((9.0, 0.0, 0.0)), np.eye(3))}, 'position of a goal'),
    ({'goal': Pose(np.zeros(3), np.ones((3, 3)))}, 'rotation of a goal'),
])
def test_bad_options_are_refused_by_name(options, message):
    with pytest.raises(ConfigError, match=message):
        UR5eReachEnv().reset(options=options)


@pytest.mark.parametrize('change', [{'horizon_s': 0.0}, {'home_share': 1.5}])
def test_bad_configs_are_refused_by_name(change):
    with pytest.raises(ConfigError, match=next(iter(change))):
        dataclasses.replace(UR5eReachConfig(), **change)


def test_reward_grows_towards_the_goal_in_position_and_rotation():
    reward, still = RewardConfig(), np.zeros(6)
    away = np.geomspace(1e-3, 1.0, 20)
    for errors in ([ReachErrors(x, 0.5) for x in away], [ReachErrors(0.1, x) for x in 3 * away]):
        paid = [reward(error, still, collision=False) for error in errors]
        assert (np.diff(paid) < 0.0).all()
        assert min(paid) > 0.0
