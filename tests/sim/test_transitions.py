"""From a bag to the replay buffer of a training run, and back to the same numbers."""

import importlib.util
from pathlib import Path
import sys

import numpy as np
from perl_core.contract import Contract
from perl_core.errors import BagError, ContractError
from perl_core.observation import reach_errors
from perl_core.replay import Replay
from perl_core.transitions import Transitions, read_transitions, write_transitions
from perl_replay.export import export_transitions
from perl_sim.envs.reach_config import task
import pytest
from safetensors.numpy import save_file
import torch
import tyro

ROOT = Path(__file__).parents[2]
BAGS = ROOT / 'tests' / 'bags'
CONTRACT = Contract()


@pytest.fixture(scope='module')
def train():
    spec = importlib.util.spec_from_file_location('sim_train_again', ROOT / 'sim' / 'train.py')
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope='module')
def exported(tmp_path_factory):
    file = tmp_path_factory.mktemp('export') / 'reach.safetensors'
    figures = export_transitions([BAGS / 'reach', BAGS / 'stop'], file, CONTRACT)
    return file, figures


def test_what_was_exported_is_what_was_recorded(exported):
    file, figures = exported
    rows = read_transitions(file, CONTRACT)
    assert (figures.goals, figures.transitions, figures.limited) == (4, 121, 0)
    assert rows.observation.shape == (121, 39)
    assert rows.observation.dtype == rows.action.dtype == np.float32
    assert not rows.terminated.any()
    # Within a goal the next observation of a row is the observation of the next row.
    same = rows.episode[1:] == rows.episode[:-1]
    assert same.sum() == 121 - 4
    np.testing.assert_array_equal(rows.next_observation[:-1][same], rows.observation[1:][same])
    assert reach_errors(rows.next_observation[same.nonzero()[0].max()]).position_m < 0.3


def test_a_round_trip_keeps_every_bit(tmp_path):
    rng = np.random.default_rng(0)
    rows = Transitions(
        rng.normal(size=(7, 39)).astype(np.float32), rng.normal(size=(7, 6)).astype(np.float32),
        rng.normal(size=(7, 39)).astype(np.float32), rng.random(7) > 0.5, np.arange(7),
    )
    write_transitions(tmp_path / 'a', rows, CONTRACT)
    for came, expected in zip(read_transitions(tmp_path / 'a', CONTRACT), rows, strict=True):
        np.testing.assert_array_equal(came, expected)
    read_transitions(tmp_path / 'a', Contract(group='SO2'))


def test_the_replay_buffer_holds_what_the_bag_held(exported, train):
    rows = read_transitions(exported[0], CONTRACT)
    environment = task('open', 'SO3')
    replay = Replay(500, 39, 6)
    batch = train.recorded(exported[0], environment)
    replay.add_many(batch)
    assert len(replay) == 121
    drawn = replay.sample(300, torch.Generator().manual_seed(0))
    seen = {row.tobytes(): index for index, row in enumerate(rows.observation)}
    for observation, action, reward, following in zip(
        *(values.numpy() for values in drawn[:4]), strict=True
    ):
        index = seen[observation.tobytes()]
        np.testing.assert_array_equal(action, rows.action[index])
        np.testing.assert_array_equal(following, rows.next_observation[index])
        errors = reach_errors(following.astype(float))
        paid = environment.reward(errors, rows.action[index], collision=False)
        assert reward == pytest.approx(paid, rel=1e-5)


def test_a_run_starts_from_a_bag(exported, train, tmp_path):
    arguments = ('--run', tmp_path / 'run', '--transitions', exported[0],
                 '--agent.width', '16', '--agent.predictors.width', '16',
                 '--agent.gate.width', '16', '--training.steps', '200',
                 '--training.random-steps', '60', '--training.batch-size', '32',
                 '--training.evaluate-every', '100', '--training.evaluation-episodes', '1',
                 '--training.checkpoint-every', '100')
    train.main(tyro.cli(train.Args, args=[str(argument) for argument in arguments]))
    assert (tmp_path / 'run' / 'checkpoint-000000200' / 'replay.safetensors').exists()


@pytest.mark.parametrize('change', [{'max_tool_speed_m_s': 0.6}, {'policy_rate_hz': 50}])
def test_another_contract_is_refused_by_field(exported, change):
    with pytest.raises(ContractError, match=next(iter(change))):
        read_transitions(exported[0], Contract(**change))


def test_what_is_no_such_file_is_refused(tmp_path):
    with pytest.raises(ContractError, match='cannot read transitions'):
        read_transitions(tmp_path / 'none', CONTRACT)
    (tmp_path / 'text').write_text('hello')
    with pytest.raises(ContractError, match='cannot read transitions'):
        read_transitions(tmp_path / 'text', CONTRACT)
    save_file({'x': np.zeros(1)}, tmp_path / 'other')
    with pytest.raises(ContractError, match='holds no transitions'):
        read_transitions(tmp_path / 'other', CONTRACT)
    rows = Transitions(*(np.zeros((2, size), dtype=np.float32) for size in (39, 6, 39)),
                       np.zeros(2, dtype=bool), np.zeros(3, dtype=np.int64))
    write_transitions(tmp_path / 'uneven', rows, CONTRACT)
    with pytest.raises(ContractError, match='finite arrays of the shapes'):
        read_transitions(tmp_path / 'uneven', CONTRACT)


def test_a_bag_in_which_no_policy_acted_has_nothing_to_export(tmp_path):
    from perl_replay.bag_copy import Cut, copy_bag

    copy_bag(BAGS / 'stop', tmp_path / 'idle', Cut(end_s=1.0))
    with pytest.raises(BagError, match='no transition was recorded'):
        export_transitions([tmp_path / 'idle'], tmp_path / 'file', CONTRACT)


def test_what_the_filter_changed_is_left_out():
    from types import SimpleNamespace

    from perl_replay.episodes import PolicyAnswers
    from perl_replay.followed import followed

    count = 8
    policy = PolicyAnswers(
        np.zeros((count, 6), np.float32), np.zeros(count), np.zeros(count),
        np.zeros(count, dtype=bool), 5 + 20 * np.arange(count),
    )
    episode = SimpleNamespace(policy=policy, observation=np.zeros((count, 39), np.float32))
    # The period that ends at tick 60 overlaps those that the policy began at 25 and 45.
    goal = followed(episode, np.array([60]), CONTRACT)
    assert (goal.rows.tolist(), goal.limited) == ([0, 3, 4, 5, 6], 2)
