"""A run becomes a bundle that the robot's runtime loads and that acts as the agent does."""

import dataclasses
import importlib.util
import json
from pathlib import Path

import numpy as np
from perl_core.agents.pe_sac import PESAC
from perl_core.bundle.runtime import Policy
from perl_core.checkpoint import BEST, load_agent, save_checkpoint
from perl_core.contract import Contract
from perl_core.errors import BundleError, CheckpointError
import pytest
import torch

SCRIPTS = Path(__file__).parents[2] / 'sim'


def script(name):
    specification = importlib.util.spec_from_file_location(f'sim_{name}', SCRIPTS / f'{name}.py')
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


train, export = script('train'), script('export')


@pytest.fixture
def run(tmp_path):
    """A run whose agent learned nothing, and that agent."""
    torch.set_num_threads(1)
    args = train.Args(run=tmp_path / 'run')
    environment = train.task(args.task, args.group)
    train.open_run(args.run, train.resolved(args, environment), args.run, resume=False)
    agent = PESAC(args.agent, environment.contract, seed=0)
    save_checkpoint(args.run / BEST, agent, None, {'step': 7})
    return args.run, agent


def test_a_run_becomes_a_bundle_that_acts_like_its_agent(run, tmp_path, capsys):
    folder, agent = run
    figures = tmp_path / 'evaluation.json'
    figures.write_text('{"success": 0.95}', encoding='utf-8')
    args = export.Args(run=folder, out=tmp_path / 'policy', evaluation=(figures,), episodes=1)
    export.main(args)
    policy = Policy.load(args.out, Contract())
    printed = json.loads(capsys.readouterr().out)
    assert printed['sha256'] == policy.sha256
    assert printed['steps'] == policy.manifest.training.steps == 7
    assert policy.manifest.evaluation == {'success': 0.95}
    real = policy.manifest.test_vectors.observation[16:]
    assert len(real) == 16
    for observation in real:
        expected = agent.act(torch.from_numpy(observation)[None], explore=False)[0].numpy()
        np.testing.assert_allclose(policy.act(observation).action, expected, atol=1e-5)


def change_config(folder, change):
    config = json.loads((folder / 'config.json').read_text(encoding='utf-8'))
    config['environment']['config'] |= change
    (folder / 'config.json').write_text(json.dumps(config), encoding='utf-8')


def test_a_run_is_exported_with_the_environment_that_it_was_trained_in(run, tmp_path):
    folder, _ = run
    change_config(folder, {'horizon_s': 0.4})
    loaded = load_agent(folder, 'best')
    assert export.environment_of(loaded).horizon_s == 0.4
    args = export.Args(run=folder, out=tmp_path / 'policy')
    seen = export.observed(loaded, args)
    assert len(seen) == args.episodes * 10


def test_a_run_of_an_environment_of_another_version_is_refused(run, tmp_path):
    folder, _ = run
    change_config(folder, {'hurry': 1.0})
    args = export.Args(run=folder, out=tmp_path / 'policy')
    with pytest.raises(CheckpointError, match=r"unknown: \['hurry'\]"):
        export.main(args)
    assert not args.out.exists()


@pytest.mark.parametrize('text', [None, 'no json', '[1]'])
def test_an_evaluation_that_cannot_be_read_is_named(run, tmp_path, text):
    figures = tmp_path / 'evaluation.json'
    if text is not None:
        figures.write_text(text, encoding='utf-8')
    args = export.Args(run=run[0], out=tmp_path / 'policy')
    with pytest.raises(BundleError, match=r'evaluation\.json'):
        export.main(dataclasses.replace(args, evaluation=(figures,)))


def test_figures_of_several_files_go_under_their_names(tmp_path):
    for name in ('goals', 'axes'):
        (tmp_path / f'{name}.json').write_text(json.dumps({'of': name}), encoding='utf-8')
    paths = tuple(tmp_path / f'{name}.json' for name in ('goals', 'axes'))
    assert export.evaluation_of(paths) == {'goals': {'of': 'goals'}, 'axes': {'of': 'axes'}}
    assert export.evaluation_of(paths[:1]) == {'of': 'goals'}
    assert export.evaluation_of(()) == {}
