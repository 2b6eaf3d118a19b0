"""Training that is killed, meets NaN, a full disk or too little memory."""

import dataclasses
import json
import os
import resource
from unittest import mock

import numpy as np
from perl_core import memory, training_black_box
from perl_core.agents.pe_sac import PESAC, PESACConfig
from perl_core.checkpoint import latest_checkpoint, learning_state, restore, save_checkpoint
from perl_core.detectors import DetectorConfig
from perl_core.errors import CheckpointError, ConfigError, TrainingError
from perl_core.learned_gate import GateConfig
from perl_core.replay import Replay
from perl_core.run_folder import git_hash
from perl_core.training import Environments, Trainer, TrainingConfig, episode_seed
import pytest
import torch

SMALL = PESACConfig(
    width=16, detector=DetectorConfig(width=16), symmetry_every=1,
    gate=GateConfig(width=16, warm_up_updates=3), practice_share=0.3, practice_every=1,
)  # fmt: skip
# No multiple of the horizon of 20, so that checkpoints cut episodes.
CONFIG = TrainingConfig(
    steps=75, random_steps=15, batch_size=16, evaluate_every=15, evaluation_episodes=1,
    checkpoint_every=25, log_every=20,
)  # fmt: skip


def trainer_in(folder, make_env, contract, seed=0, **changes):
    environments = Environments(make_env(), make_env())
    config = dataclasses.replace(CONFIG, seed=seed, **changes)
    return Trainer(PESAC(SMALL, contract, seed=seed), environments, config, folder)


def curve(folder):
    lines = (folder / 'evaluations.jsonl').read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k != 'seconds'} for line in lines]


class Killed(BaseException):
    """Nobody catches it, as nobody catches SIGKILL."""


def run_until(trainer, step):
    """Run as if the process died at a step: nothing is written after it."""
    advance = trainer.advance

    def advance_or_die():
        if trainer.step == step:
            raise Killed
        advance()

    with mock.patch.object(trainer, 'advance', advance_or_die), pytest.raises(Killed):
        trainer.run()


KEPT = {}


@pytest.fixture
def undisturbed(make_env, contract, tmp_path_factory):
    """Return a run that nobody disturbed, made once, and its curve."""
    if not KEPT:
        folder = tmp_path_factory.mktemp('undisturbed')
        trainer = trainer_in(folder, make_env, contract)
        trainer.run()
        KEPT['run'] = trainer, curve(folder)
    return KEPT['run']


def test_two_runs_of_one_seed_are_the_same_bit_for_bit(make_env, contract, tmp_path, undisturbed):
    trainer = trainer_in(tmp_path, make_env, contract)
    trainer.run()
    assert curve(tmp_path) == undisturbed[1]
    first, second = learning_state(trainer.agent), learning_state(undisturbed[0].agent)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert torch.equal(trainer.replay._rows, undisturbed[0].replay._rows)


def test_two_seeds_are_not(make_env, contract, tmp_path, undisturbed):
    trainer_in(tmp_path, make_env, contract, seed=1).run()
    assert curve(tmp_path) != undisturbed[1]


@pytest.mark.parametrize('step', [20, 50, 74])
def test_a_killed_run_goes_on_with_the_same_curve(make_env, contract, tmp_path, undisturbed, step):
    run_until(trainer_in(tmp_path, make_env, contract), step)
    with (tmp_path / 'evaluations.jsonl').open('a') as file:
        file.write('{"step": 7')  # Cut off in the middle of a line.
    again = trainer_in(tmp_path, make_env, contract)
    again.resume()
    assert again.step == 25 * (step // 25)
    again.run()
    assert curve(tmp_path) == undisturbed[1]
    first, second = learning_state(again.agent), learning_state(undisturbed[0].agent)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_checkpoint_of_another_version_or_agent_is_one_sentence(make_env, contract, tmp_path):
    run_until(trainer_in(tmp_path, make_env, contract), 25)
    meta = latest_checkpoint(tmp_path) / 'checkpoint.json'
    text = meta.read_text()
    meta.write_text(text.replace('"episodes"', '"rounds"'))
    with pytest.raises(CheckpointError, match=r"of another version: KeyError.*'episodes'"):
        trainer_in(tmp_path, make_env, contract).resume()
    meta.write_text(text)
    agent = PESAC(dataclasses.replace(SMALL, width=8), contract, seed=0)
    with pytest.raises(CheckpointError, match='of another agent or version') as caught:
        restore(latest_checkpoint(tmp_path), agent)
    assert '\n' not in str(caught.value)


def test_seeds_of_episodes_are_those_of_no_evaluation():
    seeds = [episode_seed(run, episode) for run in range(3) for episode in range(200)]
    assert len(set(seeds)) == len(seeds)
    assert all(2**30 <= seed < 2**31 for seed in seeds)


def test_a_nan_ends_the_run_with_a_black_box_and_leaves_the_checkpoint(
    make_env, contract, tmp_path, capsys
):
    trainer = trainer_in(tmp_path, make_env, contract)
    run_until(trainer, 35)
    before = (latest_checkpoint(tmp_path) / 'agent.safetensors').read_bytes()
    with torch.no_grad():
        next(trainer.agent.critic.parameters()).view(-1)[0] = float('nan')
    with pytest.raises(TrainingError, match=r'at step 35 .*critic/loss.* became NaN') as caught:
        trainer.run()
    assert latest_checkpoint(tmp_path).name == 'checkpoint-000000025'
    assert (latest_checkpoint(tmp_path) / 'agent.safetensors').read_bytes() == before
    folder = tmp_path / 'black-box-000000035'
    assert f'perl_core.training_black_box {folder}' in str(caught.value)
    training_black_box.main([str(folder)])
    printed = capsys.readouterr().out
    assert 'step 35: ' in printed
    assert 'agent/critic.' in printed
    assert 'batch: 5 tensors, 0 with NaN' in printed
    assert 'critic/loss: ' in printed
    assert ', nan' in printed


def test_an_environment_that_gives_nan_is_named(make_env, contract, tmp_path):
    class Broken(make_env):
        def step(self, action):
            observation, reward, *rest = super().step(action)
            observation[4] = np.nan
            return observation, reward, *rest

    with pytest.raises(TrainingError, match=r'at step 0 .*entries \[4\] are not finite'):
        trainer_in(tmp_path, Broken, contract).run()
    assert (tmp_path / 'black-box-000000000' / 'black_box.json').exists()


def test_looking_at_no_black_box_is_one_sentence(tmp_path):
    with pytest.raises(SystemExit, match='error: cannot read'):
        training_black_box.main([str(tmp_path)])


def full_disk(contract, folder, limit):
    """Save a checkpoint in a process whose files may not become larger than ``limit`` bytes."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    status = 3
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        save_checkpoint(folder, PESAC(SMALL, contract, seed=1), Replay(9, 39, 6), {'step': 2})
        status = 0
    except CheckpointError as error:
        (folder / 'said').write_text(str(error))
        status = 1
    finally:
        os._exit(status)


def test_a_full_disk_is_one_sentence_and_the_old_checkpoint_stands(contract, tmp_path):
    agent = PESAC(SMALL, contract, seed=0)
    save_checkpoint(tmp_path, agent, Replay(9, 39, 6), {'step': 1})
    assert full_disk(contract, tmp_path, 20_000) == 1
    said = (tmp_path / 'said').read_text()
    assert said.startswith('cannot write ')
    assert 'make room, then go on with --resume' in said
    assert len(said.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ['checkpoint-000000001']
    again = PESAC(SMALL, contract, seed=5)
    assert restore(latest_checkpoint(tmp_path), again)['step'] == 1
    first, second = learning_state(agent), learning_state(again)
    assert all(torch.equal(first[name], second[name]) for name in first)


def note(folder):
    return json.loads((latest_checkpoint(folder) / 'checkpoint.json').read_text())['note']


def test_a_checkpoint_is_replaced_only_by_a_whole_one(contract, tmp_path):
    agent = PESAC(SMALL, contract, seed=0)
    save_checkpoint(tmp_path, agent, None, {'step': 1, 'note': 'old'})
    with (
        mock.patch('perl_core.durable.save_file', side_effect=OSError(28, 'No space left')),
        pytest.raises(CheckpointError, match='No space left'),
    ):
        save_checkpoint(tmp_path, agent, None, {'step': 1, 'note': 'new'})
    assert note(tmp_path) == 'old'
    save_checkpoint(tmp_path, agent, None, {'step': 1, 'note': 'new'})
    assert note(tmp_path) == 'new'
    assert [path.name for path in tmp_path.iterdir()] == ['checkpoint-000000001']


def test_a_full_disk_during_a_run_is_one_sentence(make_env, contract, tmp_path):
    trainer = trainer_in(tmp_path, make_env, contract)
    with (
        mock.patch('perl_core.run_log.RunLog.evaluation', side_effect=OSError(28, 'No space')),
        pytest.raises(TrainingError, match=r'cannot write .*No space.*make room'),
    ):
        trainer.run()


def test_a_buffer_that_no_memory_holds_is_refused_before_it_is_made(make_env, contract, tmp_path):
    with pytest.raises(ConfigError, match=r'takes 344000\.00 GB.*training\.capacity'):
        Replay(10**12, 39, 6)
    with pytest.raises(ConfigError, match=r'choose a smaller training\.capacity'):
        trainer_in(tmp_path, make_env, contract, steps=10**12, capacity=10**12)


def test_memory_is_what_the_control_group_leaves(tmp_path):
    for name, value in (('memory.max', '1000'), ('memory.current', '400')):
        (tmp_path / name).write_text(f'{value}\n')
    with mock.patch.object(memory, '_CGROUP', tmp_path):
        assert memory.available_bytes() == 600
        with pytest.raises(ConfigError, match='x takes'):
            memory.require_memory(601, 'x', 'y')
        (tmp_path / 'memory.max').write_text('max\n')
        assert memory.available_bytes() > 1000
    with mock.patch.object(memory, '_MEMINFO', tmp_path / 'no'):
        memory.require_memory(10**18, 'x', 'y')


def test_a_run_without_git_says_so(tmp_path):
    with mock.patch.dict(os.environ, {'PATH': ''}):
        assert git_hash(tmp_path / 'train.py') == 'unknown'
