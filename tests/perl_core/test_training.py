import dataclasses
import json

import numpy as np
from perl_core.agents.pe_sac import PESAC, PESACConfig
from perl_core.checkpoint import (
    agent_config_from_dict,
    latest_checkpoint,
    learning_state,
    load_agent,
    require_same_config,
    restore,
    save_checkpoint,
)
from perl_core.detectors import DetectorConfig
from perl_core.errors import CheckpointError, ConfigError
from perl_core.evaluation import Decision, Episode, Tolerance, agent_policy, evaluate, summarise
from perl_core.learned_gate import GateConfig
from perl_core.predictors import PredictorConfig
from perl_core.replay import Replay
from perl_core.training import Environments, Trainer, TrainingConfig
import pytest
import torch

SMALL = PESACConfig(
    width=16, predictors=PredictorConfig(width=16), detector=DetectorConfig(width=16),
    symmetry_every=1, gate=GateConfig(width=16, warm_up_updates=3),
)  # fmt: skip
SHORT = TrainingConfig(
    steps=60, random_steps=30, batch_size=32, evaluate_every=60, evaluation_episodes=2,
    checkpoint_every=60, log_every=20,
)  # fmt: skip


def make_trainer(make_env, folder, contract, config=SHORT, agent=SMALL):
    environments = Environments(make_env(), make_env())
    return Trainer(PESAC(agent, contract, seed=0), environments, config, folder)


def test_replay_keeps_the_newest_and_tells_ends_from_the_clock():
    replay = Replay(4, 2, 1)
    for index in range(6):
        seen = torch.full((2,), float(index))
        replay.add(seen, torch.tensor([0.5]), float(index), seen + 1, index == 5)
    batch = replay.sample(200, torch.Generator().manual_seed(0))
    assert set(batch.reward.tolist()) == {2.0, 3.0, 4.0, 5.0}
    assert torch.equal(batch.terminated, (batch.reward == 5.0).float())
    assert torch.equal(batch.next_observation, batch.observation + 1)
    assert 0.1 < batch.held_out.float().mean() < 0.4


def test_replay_refuses_another_capacity():
    small, large = Replay(4, 2, 1), Replay(8, 2, 1)
    for _ in range(6):
        large.add(torch.zeros(2), torch.zeros(1), 0.0, torch.zeros(2), False)
    with pytest.raises(CheckpointError, match='capacity 4'):
        small.load_state_dict(large.state_dict())


def test_resumed_agent_makes_the_identical_next_update(contract, make_batch, tmp_path):
    agent = PESAC(SMALL, contract, seed=0)
    for _ in range(6):
        agent.update(make_batch())
    save_checkpoint(tmp_path, agent, None, {'step': 6})
    again = PESAC(SMALL, contract, seed=99)
    restore(latest_checkpoint(tmp_path), again)
    batch = make_batch()
    assert agent.update(batch) == again.update(batch)
    first, second = learning_state(agent), learning_state(again)
    assert set(first) == set(second)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_checkpoint_of_another_agent_or_a_damaged_one_is_refused(contract, tmp_path):
    save_checkpoint(tmp_path, PESAC(SMALL, contract, seed=0), None, {'step': 1})
    folder = latest_checkpoint(tmp_path)
    other = PESAC(dataclasses.replace(SMALL, width=8), contract, seed=0)
    with pytest.raises(CheckpointError, match='another agent'):
        restore(folder, other)
    (folder / 'agent.safetensors').write_bytes(b'nonsense')
    with pytest.raises(CheckpointError, match='cannot read'):
        restore(folder, PESAC(SMALL, contract, seed=0))
    with pytest.raises(CheckpointError, match='holds no checkpoint'):
        latest_checkpoint(tmp_path / 'nowhere')


def test_configurations_are_compared_by_name():
    saved = {'agent': {'width': 8, 'gate': {'prior': 0.05}}}
    require_same_config(saved, json.loads(json.dumps(saved)))
    with pytest.raises(CheckpointError, match=r'agent\.gate\.prior = 0\.05, now it is 0\.1'):
        require_same_config(saved, {'agent': {'width': 8, 'gate': {'prior': 0.1}}})
    with pytest.raises(CheckpointError, match=r'agent\.gate is in the saved'):
        require_same_config(saved, {'agent': {'width': 8}})


@pytest.mark.parametrize('part', ['', 'gate', 'detector', 'predictors'])
def test_configuration_of_another_version_is_refused_by_name(part):
    saved = dataclasses.asdict(SMALL)
    inner = saved[part] if part else saved
    inner['old_field'] = 1
    path = f'agent.{part}' if part else 'agent'
    with pytest.raises(ConfigError, match=rf"{path} has the fields .*unknown: \['old_field'\]"):
        agent_config_from_dict(saved)
    del inner['old_field']
    assert agent_config_from_dict(json.loads(json.dumps(saved))) == SMALL


def test_run_leaves_one_checkpoint_an_evaluation_and_a_log(contract, make_env, tmp_path):
    summary = make_trainer(make_env, tmp_path, contract).run()
    assert summary['episodes'] == 2
    assert [path.name for path in tmp_path.glob('checkpoint-*')] == ['checkpoint-000000060']
    line = json.loads((tmp_path / 'evaluations.jsonl').read_text().splitlines()[0])
    assert line['step'] == 60
    assert list((tmp_path / 'tensorboard').iterdir())
    config = {'agent': dataclasses.asdict(SMALL), 'contract': contract.to_dict()}
    (tmp_path / 'config.json').write_text(json.dumps(config))
    loaded = load_agent(tmp_path)
    assert loaded.meta['step'] == 60
    assert loaded.agent.config == SMALL


def test_resumed_run_goes_on_where_it_stopped(contract, make_env, tmp_path):
    first = make_trainer(make_env, tmp_path, contract)
    first.run()
    second = make_trainer(make_env, tmp_path, contract)
    second.resume()
    assert (second.step, len(second.replay)) == (60, 60)
    assert second.agent.updates == first.agent.updates
    assert second.evaluation == first.evaluation


def test_training_config_refuses_nonsense():
    with pytest.raises(ConfigError, match=r'training\.steps must be at least 1; got 0'):
        TrainingConfig(steps=0)


def test_it_learns_the_stand_in(contract, make_env, tmp_path):
    config = dataclasses.replace(
        SHORT, steps=700, random_steps=200, batch_size=64, evaluate_every=700,
        checkpoint_every=700, evaluation_episodes=10,
    )  # fmt: skip
    agent = dataclasses.replace(
        SMALL, kind='equivariant', width=32, discount=0.8,
        initial_temperature=0.002,
    )
    trainer = make_trainer(make_env, tmp_path, contract, config, agent)
    seeds = range(10)
    before = summarise(evaluate(make_env(), agent_policy(trainer.agent), seeds), Tolerance(), 0.04)
    after = trainer.run()
    assert after['reward_mean'] > 0.75 * before['reward_mean']


def episode(position, rotation, terminated=False):
    return Episode(0, np.array(position), np.array(rotation), 0.0, 0.0, 0.0, terminated)


def test_success_means_to_stay_there():
    tolerance = Tolerance(position_m=0.01, rotation_rad=0.1)
    assert episode([0.02, 0.005, 0.005], [0.0] * 3).settled_after(tolerance) == 2
    assert episode([0.005] * 3, [0.0] * 3).settled_after(tolerance) == 1
    assert episode([0.005, 0.02, 0.005], [0.0] * 3).settled_after(tolerance) == 3
    assert episode([0.005, 0.005, 0.02], [0.0] * 3).settled_after(tolerance) is None
    assert episode([0.005] * 3, [0.0, 0.0, 0.2]).settled_after(tolerance) is None
    assert episode([0.005] * 3, [0.0] * 3, terminated=True).settled_after(tolerance) is None


def test_evaluation_repeats_itself_and_counts_the_branches(make_env):
    def policy(observation):
        action = np.clip(observation[[3, 4, 5, 12, 13, 14]] * 4, -0.5, 0.5)
        return Decision(action, 0.75, True)

    first, second = (evaluate(make_env(), policy, range(3)) for _ in range(2))
    summary = summarise(first, Tolerance(position_m=1.0, rotation_rad=3.0), 0.04)
    assert summary == summarise(second, Tolerance(position_m=1.0, rotation_rad=3.0), 0.04)
    assert summary['standard_share'] == 1.0
    assert summary['gate_mean'] == 0.75
    assert summary['success'] == 1.0


def test_a_branch_can_decide_alone(contract, make_env):
    agent = PESAC(SMALL, contract, seed=0)
    for branch, share in (('standard', 1.0), ('equivariant', 0.0), (None, 0.0)):
        episodes = evaluate(make_env(), agent_policy(agent, branch), [0])
        assert summarise(episodes, Tolerance(), 0.04)['standard_share'] == share
