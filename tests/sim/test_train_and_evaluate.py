"""The real scripts with tiny sizes, called as from the command line."""

import importlib.util
import json
from pathlib import Path
import subprocess
import sys

from perl_core.errors import CheckpointError, ConfigError
import pytest
import tyro

SIM = Path(__file__).parents[2] / 'sim'
TINY = (
    '--agent.width', '16', '--agent.predictors.width', '16', '--agent.gate.width', '16',
    '--agent.gate.warm-up-updates', '20', '--training.steps', '120',
    '--training.random-steps', '60', '--training.batch-size', '32',
    '--training.evaluate-every', '60', '--training.evaluation-episodes', '1',
    '--training.checkpoint-every', '60',
)  # fmt: skip


def load(name):
    spec = importlib.util.spec_from_file_location(f'sim_{name}', SIM / f'{name}.py')
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


TRAIN, EVALUATE = load('train'), load('evaluate')


def run(script, *arguments):
    script.main(tyro.cli(script.Args, args=[str(argument) for argument in arguments]))


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp('runs') / 'tiny'
    run(TRAIN, '--run', folder, *TINY)
    return folder


def test_training_leaves_config_checkpoint_and_evaluations(trained):
    config = json.loads((trained / 'config.json').read_text())
    assert config['agent']['width'] == 16
    assert config['contract']['group'] == 'SO3'
    assert config['environment']['id'] == 'perl/UR5eReach-v0'
    assert set(config['origin']) == {'git', 'command'}
    assert (trained / 'checkpoint-000000120' / 'agent.safetensors').exists()
    lines = (trained / 'evaluations.jsonl').read_text().splitlines()
    scores = {e['step']: (e['success'], e['reward_mean']) for e in map(json.loads, lines)}
    assert len(scores) == 2
    (best,) = (trained / 'best').glob('checkpoint-*')
    step = json.loads((best / 'checkpoint.json').read_text())['step']
    assert scores[step] == max(scores.values())
    assert not (best / 'replay.safetensors').exists()


def test_a_run_is_not_overwritten(trained):
    with pytest.raises(ConfigError, match='already holds a run'):
        run(TRAIN, '--run', trained, *TINY)


def test_a_run_resumes_with_the_same_configuration_only(trained):
    with pytest.raises(CheckpointError, match=r'agent\.depth = 2, now it is 3'):
        run(TRAIN, '--run', trained, *TINY, '--agent.depth', '3', '--resume')
    run(TRAIN, '--run', trained, *TINY, '--resume')
    assert [path.name for path in trained.glob('checkpoint-*')] == ['checkpoint-000000120']


def test_evaluation_prints_a_table_and_json(trained, tmp_path, capsys):
    output = tmp_path / 'figures.json'
    run(EVALUATE, '--run', trained, '--goals', '1', '--horizon-s', '1', '--output', output)
    printed = capsys.readouterr().out
    assert 'time to reach, median [s]' in printed
    figures = json.loads(printed.splitlines()[-1])
    assert figures == json.loads(output.read_text())
    assert figures['results']['standard']['standard_share'] == 1.0
    assert figures['results']['equivariant']['standard_share'] == 0.0


@pytest.mark.timeout(300)
def test_evaluating_nothing_is_one_clear_sentence(tmp_path):
    command = [sys.executable, str(SIM / 'evaluate.py'), '--run', str(tmp_path / 'nothing')]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert done.returncode == 1
    assert done.stderr.startswith('error: cannot read')
    assert len(done.stderr.splitlines()) == 1


def test_every_axis_of_the_randomisation_is_evaluated_alone(trained, tmp_path, capsys):
    output = tmp_path / 'axes.json'
    run(EVALUATE, '--run', trained, '--goals', '1', '--axes', '--horizon-s', '0.2',
        '--output', output)  # fmt: skip
    assert 'payload_kg=1' in capsys.readouterr().out
    figures = json.loads(output.read_text())
    assert (figures['position_tolerance_m'], figures['horizon_s']) == (0.005, 0.2)
    assert set(figures['axes']) == {
        'nominal', 'all', 'delay_ticks=1', 'delay_ticks=4', 'lookahead_scale=0.8',
        'lookahead_scale=1.3', 'friction_share=0.02', 'damping_share_s_rad=0.02', 'payload_kg=1',
        'position_noise_rad=0.0001', 'velocity_noise_rad_s=0.001',
    }  # fmt: skip
    assert all(result['episodes'] == 1 for result in figures['axes'].values())


def test_a_run_of_another_contract_or_with_an_unknown_field_is_one_sentence(trained, capsys):
    with pytest.raises(CheckpointError, match=r"contract\.group = 'SO3', now it is 'SO2'"):
        run(TRAIN, '--run', trained, *TINY, '--resume', '--group', 'SO2')
    for wrong in (('--agent.kind', 'ppo'), ('--agent.widht', '3'), ('--task', 'moon')):
        with pytest.raises(SystemExit):
            run(TRAIN, '--run', trained, *wrong)
        assert wrong[1] in capsys.readouterr().err or wrong[0] == '--agent.widht'


ABLATIONS = {
    'soft gate': ('--agent.gate.kind', 'soft'),
    'drawn gate': ('--agent.gate.kind', 'draw'),
    'shared critic trunk': ('--agent.share-critic-trunk',),
    'shared actor trunk': ('--agent.share-actor-trunk',),
    'no reward head': ('--agent.predictors.no-reward-head',),
    'sampled maximum of 4': ('--agent.gate.state', 'sampled_max',
                             '--agent.gate.sampled-actions', '4'),
    'sampled maximum of 8': ('--agent.gate.state', 'sampled_max',
                             '--agent.gate.sampled-actions', '8'),
    'kappa': ('--agent.detector.kappa', '2'),
    'z-score': ('--agent.detector.kind', 'welford'),
    'bound of the mean': ('--agent.detector.bound', 'mean', '--agent.detector.members', '4'),
    'square distance': ('--agent.predictors.distance', 'square'),
}  # fmt: skip


def test_every_ablation_of_pe_sac_is_a_field_of_the_command_line():
    def agent(*words):
        return tyro.cli(TRAIN.Args, args=['--run', 'x', *words]).agent

    found = [agent(*words) for words in ABLATIONS.values()]
    assert len({repr(config) for config in (agent(), *found)}) == len(ABLATIONS) + 1
    assert all(config.kind == 'pe' for config in found)
