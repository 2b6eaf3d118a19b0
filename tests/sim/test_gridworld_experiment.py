"""The grid-world experiment with tiny sizes: exact measures, resume after SIGKILL, results."""

import csv
import dataclasses
from functools import partial
import json
import os
from pathlib import Path
import signal
import subprocess
import sys
import time

from experiment import estimates
from experiment.backends import RayCluster
from experiment.estimates import Interval, interval, intervals
from experiment.runs import Origin
from grid_experiment.curves import METRICS, Curve, read_curves
from grid_experiment.files import COLUMNS, GridRunFiles
from grid_experiment.measures import measure, truth_of
from grid_experiment.plan import AGENTS, VARIANTS, Plan, planned_runs
from grid_experiment.running import (
    ACTION,
    Runner,
    do_run,
    drawn,
    observation_representation,
)
from grid_experiment.tables import TABLE_COLUMNS
from grid_experiment.verdicts import best_agents, side, verdicts
import numpy as np
from perl_core.errors import CheckpointError, ConfigError
from perl_core.tabular import GridWorld, quarter_turns
from perl_sim.envs.grid_world import GridWorldConfig
import pytest
import torch

ROOT = Path(__file__).parents[2]
ORIGIN = Origin('abc', 'python sim/gridworld.py')
TINY = (
    '--plan.seeds', '2', '--plan.steps', '480', '--plan.copies', '4', '--plan.evaluations', '6',
    '--plan.learning.width', '16', '--plan.learning.batch-size', '16',
    '--plan.learning.learning-starts', '40', '--plan.learning.gate.warm-up-updates', '10',
    '--checkpoint-every-s', '0',
)  # fmt: skip


def tiny_plan():
    plan = Plan(seeds=2, steps=480, copies=4, evaluations=6)
    learning = dataclasses.replace(plan.learning, width=16, batch_size=16, learning_starts=40)
    gate = dataclasses.replace(learning.gate, warm_up_updates=10)
    return dataclasses.replace(plan, learning=dataclasses.replace(learning, gate=gate))


def tiny_run(variant='obstacles-10', agent='pe'):
    (run,) = planned_runs(tiny_plan(), [variant], [agent])
    return run


def work_in(folder):
    return partial(do_run, folder=folder, origin=ORIGIN, checkpoint_every_s=0.0)


def rows_of(path):
    with path.open(encoding='utf-8', newline='') as file:
        return list(csv.DictReader(file))


def command(script, *arguments):
    return [sys.executable, str(ROOT / 'sim' / script), *map(str, arguments)]


def environment():
    return os.environ | {'OMP_NUM_THREADS': '1'}


class Interrupted(Exception):
    pass


class Failing(Runner):
    """A runner that is cut off in the middle of a run."""

    def _round(self):
        if self._done == 73:
            raise Interrupted
        super()._round()


@pytest.mark.parametrize('observed', ['position', 'position_and_cell'])
def test_what_agents_see_turns_as_the_table_does(observed):
    world = GridWorldConfig(observed=observed)
    turns, seen = quarter_turns(11), torch.from_numpy(world.observations())
    representation = observation_representation(world)
    found = set()
    for element in representation.group.elements():
        turned = representation.transform(element, seen)
        states = (turned[:, None] - seen).abs().sum(dim=-1).argmin(dim=1)
        assert torch.allclose(turned, seen[states], atol=1e-6)
        g = next(g for g, row in enumerate(turns.state_permutations)
                 if (row == states.numpy()).all())  # fmt: skip
        moved = ACTION.transform(element, torch.eye(4)).argmax(dim=1)
        assert (moved.numpy() == turns.action_permutations[g, 0]).all()
        found.add(g)
    assert found == set(range(4))


@pytest.mark.parametrize('variant', ['obstacles-0', 'obstacles-40', 'slip-40', 'penalties-40'])
def test_exact_values_and_the_oracle_gate_are_measured_as_perfect(variant):
    (run,) = planned_runs(Plan(seeds=1), [variant], ['dqn'])
    truth = truth_of(run.worlds[0].world())
    found = measure(truth, truth.q, truth.broken.astype(float))
    assert found['regret'] == pytest.approx(0.0, abs=1e-12)
    assert found['score'] == pytest.approx(1.0)
    assert found['q_error_max'] == 0.0
    broken = variant != 'obstacles-0'
    assert np.isnan(found['gate_recall']) != broken
    if broken:
        assert (found['gate_precision'], found['gate_recall']) == (1.0, 1.0)


def test_bad_values_and_a_closed_gate_are_measured_as_such():
    world = GridWorldConfig(obstacle_count=10).world()
    truth = truth_of(world)
    found = measure(truth, -truth.q, np.zeros((121, 4)))
    assert found['regret'] > 0.3
    best = truth.q[truth.free].max(axis=1).mean()
    assert found['score'] == pytest.approx(1.0 - found['regret'] / best)
    assert found['q_error_mean'] == pytest.approx(2.0 * np.abs(truth.q[truth.free]).mean())
    assert (found['gate_open'], found['gate_recall']) == (0.0, 0.0)
    assert np.isnan(found['gate_precision'])
    found = measure(truth, truth.q, np.ones((121, 4)))
    assert found['gate_precision'] == pytest.approx(truth.broken[truth.free].mean())


@pytest.mark.parametrize('agent', ['pe', 'pe-oracle-gate'])
def test_an_interrupted_run_goes_on_to_the_same_figures(tmp_path, agent):
    run = tiny_run(agent=agent)
    whole, broken = tmp_path / 'whole', tmp_path / 'broken'
    for folder in (whole, broken):
        folder.mkdir()
    do_run(run, whole, ORIGIN, 0.0)
    with pytest.raises(Interrupted):
        Failing(run, broken, ORIGIN).go(0.0)
    files = GridRunFiles(broken, run)
    assert not files.is_finished()
    assert files.steps_done() == 240
    # What a process leaves that is killed while it writes.
    with files.curve.open('a') as file:
        file.write('obstacles-10,pe,0,24')
    do_run(run, broken, ORIGIN, 0.0)
    assert files.is_finished()
    assert not list(broken.glob('*.checkpoint'))
    for name in (f'{run.name}.csv', f'{run.name}.gate.csv'):
        assert (whole / name).read_text() == (broken / name).read_text()
    before = files.curve.stat().st_mtime_ns
    do_run(run, broken, ORIGIN, 0.0)
    assert files.curve.stat().st_mtime_ns == before


def test_two_processes_do_not_compute_one_run(tmp_path):
    run = tiny_run(agent='dqn')
    files = GridRunFiles(tmp_path, run)
    with files.locked(), pytest.raises(ConfigError, match='another process is computing obst'):
        do_run(run, tmp_path, ORIGIN, 0.0)
    assert list(tmp_path.iterdir()) == []


def test_a_run_says_what_made_it(tmp_path):
    run = tiny_run(agent='dqn')
    do_run(run, tmp_path, ORIGIN, 1e9)
    described = json.loads((tmp_path / f'{run.name}.json').read_text())
    assert (described['git'], described['command']) == ORIGIN
    assert described['config']['plan']['learning']['agent'] == 'dqn'
    assert described['layouts'] == [drawn(config.world()) for config in run.worlds]
    rows = rows_of(tmp_path / f'{run.name}.csv')
    assert len(rows) == 7 * 2
    assert tuple(rows[0]) == COLUMNS
    assert {(row['git'], row['config']) for row in rows} == {('abc', run.digest)}
    assert [int(row['step']) for row in rows[::2]] == [80 * i for i in range(7)]
    other = dataclasses.replace(run, plan=dataclasses.replace(run.plan, steps=960))
    with pytest.raises(ConfigError, match=r'plan\.steps was 480, now it is 960.*another --output'):
        do_run(other, tmp_path, ORIGIN, 1e9)


def test_a_map_is_drawn_from_the_top():
    world = GridWorld(size=3, obstacles={(-1, 1)}, penalties={(1, 0)})
    assert drawn(world) == ['#..', '.G-', '...']


@pytest.mark.parametrize('content', [b'nonsense', b''])
def test_a_damaged_checkpoint_is_refused_by_name(tmp_path, content):
    run = tiny_run(agent='dqn')
    (tmp_path / f'{run.name}.checkpoint').write_bytes(content)
    with pytest.raises(CheckpointError, match=r'cannot read .*remove it to start the run again'):
        do_run(run, tmp_path, ORIGIN, 0.0)


@pytest.mark.parametrize(('change', 'message'), [
    ({'seeds': 0}, 'seeds must be at least 1, got 0'),
    ({'steps': 1001}, 'multiple of copies x evaluations = 400, got 1001'),
    ({'world': GridWorldConfig(discount=0.9)}, 'same discount, got 0.95 and 0.9'),
])
def test_bad_plans_are_refused(change, message):
    with pytest.raises(ConfigError, match=message):
        Plan(**change)


def test_unknown_names_are_refused_with_what_is_known():
    with pytest.raises(ConfigError, match=r"unknown variant \['maze'\]; known: \['obstacles-0'"):
        planned_runs(Plan(), ['maze'], ['dqn'])
    with pytest.raises(ConfigError, match=r"unknown agent \['sac'\]; known: \['dqn'"):
        planned_runs(Plan(), ['obstacles-0'], ['sac'])


def test_every_run_of_the_experiment_differs():
    runs = planned_runs(Plan(), tuple(VARIANTS), tuple(AGENTS))
    plans = {json.dumps(run.described()['plan'], sort_keys=True) for run in runs}
    assert len(plans) == len(runs) == len(VARIANTS) * len(AGENTS)


def test_ray_is_asked_for_by_name_where_it_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'ray', None)
    with pytest.raises(ConfigError, match="optional extra 'cluster'"):
        RayCluster([tiny_run()], work_in(tmp_path), None)


@pytest.mark.timeout(300)
def test_a_run_on_ray_is_the_same_as_here(tmp_path):
    pytest.importorskip('ray', reason="needs the optional extra 'cluster'")
    here, there = tmp_path / 'here', tmp_path / 'there'
    here.mkdir()
    there.mkdir()
    run = tiny_run(agent='dqn')
    cluster = RayCluster([run], work_in(there), None)
    try:
        ended, deadline = [], time.monotonic() + 200.0
        while not ended and time.monotonic() < deadline:
            ended = cluster.poll()
    finally:
        cluster.close()
    assert ended == [(run.name, None)]
    do_run(run, here, ORIGIN, 0.0)
    name = f'{run.name}.csv'
    assert (here / name).read_text() == (there / name).read_text()


@pytest.mark.timeout(300)
def test_the_scripts_from_scratch_killed_resumed_and_shown(tmp_path):
    raw = tmp_path / 'raw'
    start = command(
        'gridworld.py', '--output', raw, '--variants', 'obstacles-10',
        '--agents', 'equivariant', 'pe', *TINY,
    )  # fmt: skip
    process = subprocess.Popen(
        start, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment(),
        start_new_session=True,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 120.0
        while not list(raw.glob('*.checkpoint')) and time.monotonic() < deadline:
            time.sleep(0.01)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert list(raw.glob('*.csv'))
    assert len(list(raw.glob('*.json'))) < 2 or list(raw.glob('*.checkpoint'))
    done = subprocess.run(start, capture_output=True, text=True, timeout=150, env=environment())
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('480/480') == 2
    results = [tmp_path / 'first', tmp_path / 'second']
    for output in results:
        shown = subprocess.run(
            command('gridworld_results.py', '--raw', raw, '--output', output),
            capture_output=True, text=True, timeout=150, env=environment(),
        )  # fmt: skip
        assert shown.returncode == 0, shown.stderr
        assert 'Claim "PE-DQN is best at each obstacle count", obstacles-10' in shown.stdout
    made = {path.name: path.read_bytes() for path in results[0].iterdir()}
    expected = {'table.csv', 'results.md', 'learning_curves.png', 'gates_obstacles-10.png'}
    assert expected <= set(made)
    assert made == {path.name: path.read_bytes() for path in results[1].iterdir()}
    assert tuple(rows_of(results[0] / 'table.csv')[0]) == TABLE_COLUMNS


def curve(variant, agent, regrets):
    """A run whose seeds keep their regret from start to end."""
    values = {name: np.full((len(regrets), 6), np.nan) for name in METRICS}
    values['regret'] = np.repeat(np.array(regrets, dtype=float)[:, None], 6, axis=1)
    return Curve(variant, agent, np.arange(6), values, 'd', 'g', 1.0)


def all_curves(*curves):
    return {(one.variant, one.agent): one for one in curves}


@pytest.fixture(autouse=True)
def few_repetitions(monkeypatch):
    monkeypatch.setattr(estimates, 'REPETITIONS', 100)


SEEDS = np.linspace(0.0, 0.1, 10)


def test_the_winner_and_those_not_told_from_it():
    found = all_curves(
        curve('obstacles-10', 'dqn', 0.5 + SEEDS), curve('obstacles-10', 'pe', SEEDS),
        curve('obstacles-10', 'relaxed', SEEDS + 0.01 * np.tile([1.0, -0.9], 5)),
    )  # fmt: skip
    assert best_agents(found, 'obstacles-10') == ['pe', 'relaxed']
    said = verdicts(found)
    assert said[0] == 'obstacles-10: least regret with pe; not told apart from it: relaxed.'
    assert 'does not hold; pe is better than dqn; not told apart from relaxed.' in said[1]


def test_pairing_by_seed_tells_what_marginal_intervals_would_not():
    first, second = curve('obstacles-10', 'pe', SEEDS), curve('obstacles-10', 'dqn', SEEDS + 0.01)
    assert interval(SEEDS).high > interval(SEEDS + 0.01).low
    assert best_agents(all_curves(first, second), 'obstacles-10') == ['pe']


def test_the_claims_are_judged_from_the_intervals():
    gaps = {'obstacles-0': 0.0, 'obstacles-10': 0.1, 'obstacles-20': 0.3}
    noise = 0.001 * np.tile([1.0, -1.0], 5)
    found = all_curves(*(
        curve(variant, agent, SEEDS + gap * (agent != 'pe') + noise * (agent != 'pe'))
        for variant, gap in gaps.items() for agent in ('equivariant', 'pe')
    ))  # fmt: skip
    said = '\n'.join(verdicts(found))
    assert 'obstacles-0: does not hold; pe is not told apart from equivariant.' in said
    assert 'obstacles-20: holds; pe is better than equivariant.' in said
    assert 'without obstacles": holds' in said
    assert 'it grows; regret of equivariant minus pe: 0.000, 0.100, 0.300.' in said
    shrinking = {key: curve(one.variant, one.agent, -one.values['regret'][:, 0])
                 for key, one in found.items()}  # fmt: skip
    said = '\n'.join(verdicts(shrinking))
    assert 'obstacles-20: does not hold; pe is worse than equivariant.' in said
    assert 'it does not grow' in said


@pytest.mark.parametrize(('gap', 'word'), [
    (Interval(1.0, 0.5, 2.0), 'worse'), (Interval(-1.0, -2.0, -0.5), 'better'),
    (Interval(0.0, -1.0, 1.0), 'even'), (Interval(0.0, 0.0, 0.0), 'even'),
])  # fmt: skip
def test_the_side_of_a_difference(gap, word):
    assert side(gap) == word


def test_intervals_are_interquartile_means_and_the_same_each_time():
    values = np.array([0.0] * 2 + [1.0] * 6 + [100.0] * 2)
    found = interval(values)
    assert found.mean == 1.0
    assert found.low <= 1.0 <= found.high
    assert found == interval(values)
    apart = intervals([values, 2.0 * values, np.full(10, np.nan)])
    assert [one.mean for one in apart[:2]] == [1.0, 2.0]
    assert apart[0].low <= 1.0 <= apart[0].high
    assert np.isnan(apart[2].mean)
    assert interval(np.stack([values, values + 1.0], axis=1)).mean == 1.5


def test_raw_figures_that_do_not_fit_are_refused(tmp_path):
    with pytest.raises(ConfigError, match='holds no finished run'):
        read_curves(tmp_path)
    run = tiny_run(agent='dqn')
    do_run(run, tmp_path, ORIGIN, 1e9)
    path = tmp_path / f'{run.name}.csv'
    path.write_text('\n'.join(path.read_text().splitlines()[:-1]) + '\n')
    with pytest.raises(ConfigError, match=r'must hold 7 evaluations of 2 seeds.*it holds 13 rows'):
        read_curves(tmp_path)


def test_the_table_in_the_repository_is_of_the_raw_figures_beside_it():
    folder = ROOT / 'results' / 'gridworld'
    found = [(one.variant, one.agent, one.digest, one.git)
             for one in read_curves(folder / 'raw').values()]  # fmt: skip
    shown = rows_of(folder / 'table.csv')
    assert [(r['variant'], r['agent'], r['config'], r['git']) for r in shown] == found
    assert not any(git.endswith('+changes') for *_, git in found)
