"""The real scripts with tiny sizes."""

import json
from pathlib import Path
import subprocess
import sys

import pytest

SIM = Path(__file__).parents[2] / 'sim'
TINY = (
    '--agent.width', '16', '--agent.predictor-width', '16', '--agent.gate.width', '16',
    '--agent.gate.warm-up-updates', '20', '--training.steps', '120',
    '--training.random-steps', '60', '--training.batch-size', '32',
    '--training.evaluate-every', '60', '--training.evaluation-episodes', '1',
    '--training.checkpoint-every', '60',
)  # fmt: skip


def run(script, *arguments):
    command = [sys.executable, str(SIM / script), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=100)


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp('runs') / 'tiny'
    done = run('train.py', '--run', folder, *TINY)
    assert done.returncode == 0, done.stderr
    return folder, done


def test_training_leaves_config_checkpoint_and_evaluations(trained):
    folder, done = trained
    config = json.loads((folder / 'config.json').read_text())
    assert config['agent']['width'] == 16
    assert config['contract']['group'] == 'SO3'
    assert config['environment']['id'] == 'perl/UR5eReach-v0'
    assert '--training.steps 120' in config['origin']['command']
    assert (folder / 'checkpoint-000000120' / 'agent.safetensors').exists()
    assert len((folder / 'evaluations.jsonl').read_text().splitlines()) == 2
    assert json.loads(done.stdout.splitlines()[-1])['episodes'] == 1


def test_a_run_is_not_overwritten_and_resumes_with_the_same_configuration_only(trained):
    folder, _ = trained
    again = run('train.py', '--run', folder, *TINY)
    assert again.returncode == 1
    assert 'already holds a run' in again.stderr
    other = run('train.py', '--run', folder, *TINY, '--agent.depth', '3', '--resume')
    assert other.returncode == 1
    assert 'agent.depth = 2, now it is 3' in other.stderr
    resumed = run('train.py', '--run', folder, *TINY, '--resume')
    assert resumed.returncode == 0, resumed.stderr


def test_evaluation_prints_a_table_and_json(trained, tmp_path):
    folder, _ = trained
    output = tmp_path / 'figures.json'
    done = run('evaluate.py', '--run', folder, '--goals', '2', '--output', output)
    assert done.returncode == 0, done.stderr
    assert 'time to reach, median [s]' in done.stdout
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures == json.loads(output.read_text())
    assert figures['results']['standard']['standard_share'] == 1.0
    assert figures['results']['equivariant']['standard_share'] == 0.0


def test_evaluating_nothing_is_one_clear_sentence(tmp_path):
    done = run('evaluate.py', '--run', tmp_path / 'nothing')
    assert done.returncode == 1
    assert done.stderr.startswith('error: cannot read')
    assert len(done.stderr.splitlines()) == 1
