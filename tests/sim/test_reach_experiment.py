"""The learning experiment on the arm with tiny sizes: plan, symmetry, resume, results."""

import csv
import dataclasses
import importlib.util
import json
import math
import os
from pathlib import Path
import signal
import subprocess
import sys
import time

from experiment import estimates
from experiment.runs import Origin
import numpy as np
from perl_core.contract import Contract
from perl_core.errors import ConfigError
from perl_core.evaluation import Tolerance
from perl_core.training import TrainingConfig
from perl_sim.envs.reach_config import task
import pytest
from reach_experiment.agents import MAIN, REMEDIES, TRIALS, changed
from reach_experiment.baseline import Baseline, Ending, Judge, resolved_rate_rows
from reach_experiment.curves import Curve, middle_steps_to, read_curves, steps_to
from reach_experiment.files import COLUMNS, MEASURES, ReachRunFiles
from reach_experiment.plan import Plan, planned_run, planned_runs
from reach_experiment.running import do_run
from reach_experiment.states import drawn_states
from reach_experiment.symmetry_map import SymmetryProbe, Turn, map_file, write_map
from reach_experiment.verdicts import judged, verdicts

ROOT = Path(__file__).parents[2]
ORIGIN = Origin('abc', 'python sim/reach_learning.py')
TINY = (
    '--plan.width', '8', '--plan.training.steps', '120', '--plan.training.random-steps', '40',
    '--plan.training.batch-size', '8', '--plan.training.evaluate-every', '40',
    '--plan.training.evaluation-episodes', '1', '--plan.training.checkpoint-every', '40',
)  # fmt: skip


def tiny_plan():
    training = TrainingConfig(
        steps=120, random_steps=40, batch_size=8, evaluate_every=40, evaluation_episodes=1,
        checkpoint_every=40,
    )  # fmt: skip
    return Plan(width=8, training=training)


def command(script, *arguments):
    return [sys.executable, str(ROOT / 'sim' / script), *map(str, arguments)]


def environment():
    return os.environ | {'OMP_NUM_THREADS': '1'}


@pytest.fixture(autouse=True)
def few_repetitions(monkeypatch):
    monkeypatch.setattr(estimates, 'REPETITIONS', 100)


def test_every_trial_can_be_planned_and_differs_from_all_others():
    runs = [planned_run(Plan(), 'bins', name, 0) for name in TRIALS]
    described = []
    for run in runs:
        config = run.described()
        del config['trial']
        described.append(json.dumps(config, sort_keys=True))
        assert run.evaluation.horizon_s == task('bins', 'SO3').horizon_s
    assert len(set(described)) == len(runs)


def test_what_matters_most_comes_first():
    runs = planned_runs(Plan())
    names = [run.name for run in runs]
    assert len(set(names)) == len(names)
    first = runs[: len(MAIN) + len(REMEDIES)]
    assert [run.trial for run in first] == [*MAIN, *REMEDIES]
    assert {(run.task, run.seed) for run in first} == {('bins', 0)}
    assert {run.task for run in runs[: 5 * len(MAIN)]} == {'bins'}
    assert names.index('open--pe--seed-0') < names.index('bins--pe-kappa-2--seed-0')


def test_runs_can_be_chosen_beyond_those_of_the_experiment():
    runs = planned_runs(Plan(), only=['pe', 'sac'], tasks=['open'], seeds=[7])
    assert [run.name for run in runs] == ['open--pe--seed-7', 'open--sac--seed-7']
    assert runs[0].training.seed == 7
    with pytest.raises(ConfigError, match=r"unknown trials \['ppo'\]; known: \['pe', 'sac'"):
        planned_runs(Plan(), only=['ppo'])
    with pytest.raises(ConfigError, match='no run of the experiment has one of the seeds'):
        planned_runs(Plan(), seeds=[99])


def test_fields_of_parts_are_changed_and_unknown_ones_refused():
    agent = changed(Plan().agent, {'kind': 'pe', 'gate': {'kind': 'soft'}})
    assert (agent.gate.kind, agent.gate.expectile) == ('soft', Plan().agent.gate.expectile)
    with pytest.raises(ConfigError, match="PESACConfig has no field 'gait'"):
        changed(Plan().agent, {'gait': {}})


@pytest.mark.parametrize(('group', 'largest'), [('SO2', 1e-5), ('SO3', 0.3)])
def test_the_open_task_is_symmetric_where_the_arm_is(group, largest):
    # About the base axis exactly; about the workspace centre for small actions only, since each
    # joint speeds up by itself.
    config = task('open', group)
    probe, errors = SymmetryProbe(config), []
    for seed, state in enumerate(drawn_states(config, 12)):
        small = state._replace(action=0.1 * state.action)
        found = probe.compare(small, probe.draw(), seed)
        assert group == 'SO3' or found.has_counterpart
        errors += [found.error] if found.has_counterpart else []
    probe.close()
    assert len(errors) > 3
    assert np.median(errors) < largest


def test_the_wall_breaks_the_symmetry_about_the_base_axis():
    config = task('bins', 'SO2')
    probe, contract = SymmetryProbe(config), config.contract
    # Forearm and wrist over the wall at the height of its top, and then beside it.
    quarter = Turn(np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]), np.zeros(3))
    state = next(drawn_states(config, 1))
    tilted = probe.compare(state, Turn(np.eye(3), np.zeros(3)))
    assert tilted.has_counterpart
    assert tilted.error < 1e-9
    far = state._replace(joint_position_rad=np.array(contract.home_rad) + np.eye(6)[0])
    assert not probe.compare(far, quarter._replace(rotation=quarter.rotation.T)).has_counterpart
    probe.close()


def test_the_baseline_says_what_became_of_every_goal():
    rows = list(resolved_rate_rows(task('bins', 'SO3'), 8, Tolerance()))
    assert [row['seed'] for row in rows] == list(range(20_000_000, 20_000_008))
    for row in rows:
        assert (row['cause'] == 'reached') != math.isnan(row['seconds'])
        assert row['cause'] != 'reached' or row['position_error_m'] <= 0.01


def test_causes_of_failure():
    judge, home = Judge(task('bins', 'SO3')), np.array(Contract().home_rad)
    assert judge.cause(Ending(home, True, False)) == 'reached'
    assert judge.cause(Ending(home, False, False)) == 'other'
    assert judge.cause(Ending(home, False, True)) == 'itself'
    at_limit = home.copy()
    at_limit[0] = 1.29
    assert judge.cause(Ending(at_limit, False, False)) == 'joint limit'
    stretched = home.copy()
    stretched[2] = 0.16
    assert judge.cause(Ending(stretched, False, False)) == 'singularity'
    # The upper arm level and the forearm hanging down beside the wall: the wrist is in the wall.
    low = np.array([0.05, -0.9, 1.6, -2.2, -math.pi / 2, 0.0])
    assert judge.cause(Ending(low, False, True)) in ('wall', 'table')


def test_an_interrupted_run_goes_on(tmp_path, monkeypatch):
    run = planned_run(tiny_plan(), 'bins', 'pe', 0)
    files = ReachRunFiles(tmp_path / 'raw', tmp_path / 'runs', run)
    files.folder.mkdir()
    from perl_core import training

    evaluate, calls = training.Trainer._evaluate, []

    def interrupted(trainer):
        calls.append(trainer.step)
        if trainer.step == 120 and calls.count(120) == 1:
            raise KeyboardInterrupt
        return evaluate(trainer)

    monkeypatch.setattr(training.Trainer, '_evaluate', interrupted)
    with pytest.raises(KeyboardInterrupt):
        do_run(run, files.folder, tmp_path / 'runs', ORIGIN)
    assert not files.is_finished()
    assert files.steps_done() == 80
    do_run(run, files.folder, tmp_path / 'runs', ORIGIN)
    assert files.is_finished()
    described = json.loads(files.description.read_text())
    assert (described['git'], described['command']) == ORIGIN
    assert set(described['machine']) == {'processor', 'cores', 'torch'}
    assert [int(row['step']) for row in files.rows()] == [40, 80, 120]
    assert tuple(files.rows()[0]) == COLUMNS
    assert len(files.gate_map.read_text().splitlines()) > 100
    assert not list(files.working.glob('checkpoint-*'))
    assert list(files.working.glob('best/checkpoint-*'))


def shown(raw, output):
    """Call the script that makes tables and figures, here: a process would import all anew."""
    spec = importlib.util.spec_from_file_location(
        'sim_reach_results', ROOT / 'sim' / 'reach_results.py'
    )
    script = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = script
    spec.loader.exec_module(script)
    script.main(script.Args(raw=raw, output=output))


@pytest.mark.timeout(200)
def test_the_scripts_killed_resumed_and_shown(tmp_path):
    raw = tmp_path / 'raw'
    start = command(
        'reach_learning.py', '--output', raw, '--runs', tmp_path / 'runs', '--only', 'sac', 'pe',
        '--seeds', '0', '--tasks', 'bins', *TINY,
    )  # fmt: skip
    process = subprocess.Popen(
        start, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment(),
        start_new_session=True,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 100.0
        while not list(raw.glob('*.lock')) and time.monotonic() < deadline:
            time.sleep(0.01)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    done = subprocess.run(start, capture_output=True, text=True, timeout=150, env=environment())
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('120/120') == 2
    write_map(map_file(raw, 'bins', 'SO2'), 'bins', 'SO2', 5)
    results = [tmp_path / 'first', tmp_path / 'second']
    for output in results:
        shown(raw, output)
    made = {path.name: path.read_bytes() for path in results[0].iterdir()}
    expected = {'table.csv', 'results.md', 'learning_curves.png', 'symmetry.png', 'gates_bins.png'}
    assert expected <= set(made)
    assert made == {path.name: path.read_bytes() for path in results[1].iterdir()}


def curve(trial, success, name='bins'):
    """A run of five seeds; ``success`` is one number a seed, or rows of evaluations."""
    values = np.atleast_2d(np.array(success, dtype=float))
    values = np.repeat(values.T, 10, axis=1) if len(values) == 1 else values
    of_each = {measure: np.full(values.shape, 0.5) for measure in MEASURES} | {'success': values}
    steps = 1000 * np.arange(1, values.shape[1] + 1)
    return Curve(name, trial, tuple(range(len(values))), steps, of_each, 'g')


def by_name(*curves):
    return {(one.task, one.trial): one for one in curves}


NOISE = np.array([0.0, 0.01, 0.02, 0.01, 0.0])


def test_the_verdicts_follow_from_the_intervals():
    found = by_name(
        curve('pe', 0.95 + NOISE), curve('sac', 0.5 - NOISE), curve('rpp', 0.95 + NOISE[::-1])
    )
    said = verdicts(found, {'bins': Baseline(['reached', 'wall'], np.zeros(2), np.zeros(2))})
    assert said[0].startswith('bins: highest final success with')
    assert 'not told apart from it' in said[0]
    assert any('pe against sac at the end: better' in one for one in said)
    assert any('pe against the resolved rate (0.50): better' in one for one in said)
    assert any('sac needs more than 10.0 times as many' in one and 'is met' in one for one in said)


def test_no_verdict_on_too_few_seeds():
    two = np.array([0.9, 0.95])
    assert verdicts(by_name(curve('pe', two), curve('sac', two)), {}) == [
        'bins: pe against sac at the end: cannot be compared yet.'
    ]
    assert judged(None) == 'cannot be compared yet'


def test_steps_to_a_success():
    rising = np.array([[0.1, 0.6, 0.4, 0.95]] * 2 + [[0.0] * 4])
    found = curve('pe', rising)
    assert steps_to(found, 0.5).tolist() == [2000.0, 2000.0, math.inf]
    assert middle_steps_to(found, 0.9) == 4000.0
    assert math.isinf(middle_steps_to(curve('pe', rising[[0, 2, 2]]), 0.5))


def test_seeds_of_another_configuration_are_refused(tmp_path):
    plan = tiny_plan()
    other = dataclasses.replace(plan, width=16)
    for seed, one in ((0, plan), (1, other)):
        run = planned_run(one, 'bins', 'sac', seed)
        files = ReachRunFiles(tmp_path, tmp_path, run)
        files.describe(seconds=1.0, git='g')
        files.write_curve('g')
    with pytest.raises(ConfigError, match='another configuration than the other seeds of sac'):
        read_curves(tmp_path)


def test_the_table_in_the_repository_is_of_the_raw_figures_beside_it():
    folder = ROOT / 'results' / 'reach'
    found = [(one.task, one.trial, str(len(one.seeds)), one.git)
             for one in read_curves(folder / 'raw').values()]  # fmt: skip
    with (folder / 'table.csv').open(encoding='utf-8', newline='') as file:
        table = list(csv.DictReader(file))
    assert [(row['task'], row['trial'], row['seeds'], row['git']) for row in table] == found
    assert not any(row['git'].count('+changes') for row in table)
