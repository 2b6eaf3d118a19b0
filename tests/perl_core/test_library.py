"""The library for an environment of one's own: the page's code, in small, and what it refuses."""

import contextlib
from pathlib import Path
import re
import runpy
from unittest import mock

import gymnasium
import numpy as np
from perl_core.agents.pe_sac.config import RECIPES
from perl_core.bundle.runtime import Policy
from perl_core.contract import Contract
from perl_core.errors import CheckpointError, ConfigError, ContractError, PerlError, TrainingError
from perl_core.evaluation import Decision, agent_policy, steps_of
from perl_core.library import agent_for, describe, train
from perl_core.training import TrainingConfig
import pytest
import torch

PAGE = Path(__file__).parents[2] / 'docs' / 'library.md'
TINY = (
    'TrainingConfig(steps=40, random_steps=20, batch_size=8, evaluate_every=40, '
    'evaluation_episodes=1, checkpoint_every=20)'
)
# The page converts graphs and runs whole episodes of a swimmer.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope='module')
def page(tmp_path_factory):
    """Run the page's code in a folder of its own; return its names and the folder."""
    torch.set_num_threads(1)
    blocks = re.findall(r'^```python\n(.*?)^```', PAGE.read_text(), flags=re.S | re.M)
    code, count = re.subn(r'TrainingConfig\(steps=.*?\)', TINY, '\n'.join(blocks))
    assert (len(blocks), count) == (4, 2)
    folder = tmp_path_factory.mktemp('page')
    script = folder / 'page.py'
    script.write_text(code)
    with contextlib.chdir(folder):
        return runpy.run_path(str(script)), folder


def test_code_of_the_page_trains_and_exports_a_bundle_that_says_what_it_was_made_for(page):
    names, folder = page
    policy = names['policy']
    manifest = policy.manifest
    assert manifest.contract == names['swimmer'].contract
    assert manifest.training.environment == 'Swimmer-v5'
    assert manifest.training.agent == 'pe'
    assert manifest.calibration is None
    assert manifest.representations['action'] == ['torques: "2 sign"']
    assert manifest.checks.equivariance_error < 1e-5
    mirror = np.array([-1, -1, -1, 1, -1, -1, -1, -1], dtype=np.float32)
    seen = np.linspace(-1, 1, 8, dtype=np.float32)
    left, right = (policy.act_with(0, rows) for rows in (seen, mirror * seen))
    np.testing.assert_allclose(right, -left, atol=1e-6)
    assert (folder / 'runs' / 'puck' / 'checkpoint-000000040').exists()


def test_the_bundle_of_an_environment_is_refused_by_the_robot_and_by_others(page):
    names, folder = page
    bundle = folder / 'policies' / 'swimmer'
    for robot in ((), (Contract(),)):
        with pytest.raises(ContractError, match="made for the environment 'Swimmer-v5', expected"):
            Policy.load(bundle, *robot)
    with pytest.raises(ContractError, match=r"environment is 'Swimmer-v5' there, expected 'Puck'"):
        Policy.load(bundle, names['puck'].contract)
    shipped = Path(__file__).parents[2] / 'policies' / 'ur5e_reach'
    with pytest.raises(ContractError, match="made for the robot 'ur5e', expected one for the env"):
        Policy.load(shipped, names['puck'].contract)


def test_a_run_goes_on_with_the_same_arguments_only(page):
    names, folder = page
    tiny = TrainingConfig(
        steps=40, random_steps=20, batch_size=8, evaluate_every=40, evaluation_episodes=1,
        checkpoint_every=20,
    )  # fmt: skip
    again = train(names['puck'], 'equivariant', tiny, folder / 'runs' / 'puck')
    observation = np.ones(5, dtype=np.float32)
    actions = [agent_policy(agent)(observation).action for agent in (again, names['agent'])]
    np.testing.assert_array_equal(*actions)
    with pytest.raises(CheckpointError, match=r"agent\.kind = 'equivariant', now it is 'sac'"):
        train(names['puck'], 'sac', tiny, folder / 'runs' / 'puck')


def test_the_page_names_every_agent():
    rows = re.findall(r"^\| `'(\w+)'` \|", PAGE.read_text(), flags=re.M)
    assert set(rows) == set(RECIPES)


class Aim(gymnasium.Env):
    """A push towards where it points is good, at once."""

    observation_space = gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32)
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.direction = self.np_random.uniform(-1, 1, 2).astype(np.float32)
        return self.direction, {}

    def step(self, push):
        reward = float(push @ self.direction)
        return self.reset()[0], reward, False, True, {}


def test_what_is_learned_in_one_direction_holds_in_all(tmp_path):
    aim = describe(
        Aim, group='O2', observation={'direction': 'vector'}, action={'push': 'vector'}
    )
    agent = agent_for('equivariant', aim, width=16, learning_rate=5e-3, discount=0.0)
    config = TrainingConfig(
        steps=200, random_steps=80, batch_size=32, evaluate_every=200, evaluation_episodes=1,
        checkpoint_every=200,
    )  # fmt: skip
    policy = agent_policy(train(aim, agent, config, tmp_path / 'run'))
    for angle in np.linspace(0, 6, 7):
        seen = np.array([np.cos(angle), np.sin(angle)], dtype=np.float32)
        assert policy(seen).action @ seen > 0.3


class Torque(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32)
    action_space = gymnasium.spaces.Box(-2.0, 2.0, (1,), np.float32)


class Choice(Torque):
    action_space = gymnasium.spaces.Discrete(3)


WORDS = {'group': 'Z2', 'observation': {'a': '2 sign'}, 'action': {'b': 'sign'}}


@pytest.mark.parametrize(
    ('environment', 'changes', 'sentence'),
    [
        ('Swimer-v5', {}, r"unknown environment 'Swimer-v5'.*Give the id"),
        (Torque, {}, r'within \[-1, 1\].*RescaleAction'),
        (Choice, {}, 'the action must be a flat Box; it is Discrete'),
        ('Swimmer-v5', {}, 'has 8 entries, its description 2'),
        ('Swimmer-v5', {'group': 'Z3'}, "unknown group 'Z3'"),
        ('Swimmer-v5', {'observation': {'a': '8 signs'}}, 'unknown representation'),
    ],
)
def test_a_task_that_does_not_fit_is_one_sentence(environment, changes, sentence):
    with pytest.raises(PerlError, match=sentence):
        describe(environment, **{**WORDS, **changes})


def test_an_episode_that_does_not_end_is_refused():
    class Endless(Aim):
        def step(self, push):
            return *super().step(push)[:3], False, {}

    with (
        mock.patch('perl_core.evaluation._LONGEST_EPISODE', 50),
        pytest.raises(TrainingError, match=r'did not end within 50 steps.*TimeLimit'),
    ):
        list(steps_of(Endless(), lambda _: Decision(np.zeros(2), 0.0, False), 0))


def test_unknown_agents_and_fields_are_named(page):
    task = page[0]['puck']
    with pytest.raises(ConfigError, match=r"agent\.kind must be one of .*'pe'\]; got 'ppo'"):
        agent_for('ppo', task)
    with pytest.raises(ConfigError, match=r"no field \['widht'\]; its fields are .*'width'"):
        agent_for('pe', task, widht=3)
