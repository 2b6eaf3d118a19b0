"""Figures over several bags, differences between two, and the tables of both."""

import json
from pathlib import Path

import numpy as np
from perl_core.errors import BagError
from perl_replay.comparison import compare_bags
from perl_replay.evaluation import EvaluationOptions, evaluate_bag
from perl_replay.many import summarise_bags
from perl_replay.tables import write_csv
import pytest

BAGS = Path(__file__).parents[1] / 'bags'


@pytest.fixture(scope='module')
def reach():
    return evaluate_bag(BAGS / 'reach')


@pytest.fixture(scope='module')
def stop():
    return evaluate_bag(BAGS / 'stop')


def test_many_bags_have_intervals(reach, stop):
    many = summarise_bags([reach, stop])
    assert (many.success.count, many.success.mean) == (4, 0.75)
    assert many.figures['time_to_reach_s'].count == 3
    interval = many.figures['time_to_reach_s']
    assert interval.low < interval.mean < interval.high
    assert not many.ok
    assert all(problem.startswith(stop.bag) for problem in many.problems)
    json.dumps(many.to_dict(), allow_nan=False)


def test_a_bag_differs_in_nothing_from_itself(reach):
    same = compare_bags(reach, reach)
    assert (same.pairs, same.only_a, same.only_b) == (3, 0, 0)
    assert same.success_p_value == 1.0
    for figure in same.figures.values():
        assert figure.difference.mean == 0.0
        assert figure.p_value == 1.0


def test_slower_goals_are_found_pair_by_pair(start_run, goal_type):
    # Both bags ask for the same pose several times; the order tells which belongs to which.
    evaluations = []
    for name, slower in (('a', 0.0), ('b', 0.2)):
        run = start_run(name)
        run.controller(3)
        for turn in range(6):
            run.pursue(goal_type(approach_s=0.8 + 0.04 * turn + slower))
        evaluations.append(evaluate_bag(run.close()))
    compared = compare_bags(*evaluations)
    assert compared.pairs == 6
    time = compared.figures['time_to_reach_s']
    assert time.difference.mean == pytest.approx(0.2)
    assert time.p_value == pytest.approx(2 / 64)


def test_bags_without_a_common_goal_cannot_be_compared(reach, stop):
    with pytest.raises(BagError, match='no goal in common'):
        compare_bags(reach, stop)


def test_csv_has_one_row_a_goal(reach, tmp_path):
    import csv

    write_csv(tmp_path / 'goals.csv', [reach])
    with (tmp_path / 'goals.csv').open(encoding='utf-8', newline='') as stream:
        rows = list(csv.DictReader(stream))
    assert [row['name'] for row in rows[:2]] == ['goal 1', 'home after goal 1']
    assert len(rows) == 6
    assert float(rows[0]['prediction.joint_error_mean_m']) > 0.0


def test_another_bundle_is_compared_place_by_place(monkeypatch):
    from perl_core.bundle.runtime import Policy

    act_with = Policy.act_with

    def other(self, branch, seen):
        return act_with(self, branch, seen) * np.float32(0.5 if seen[3] > 0.1 else 1.0)

    monkeypatch.setattr(Policy, 'act_with', other)
    figures = evaluate_bag(BAGS / 'reach', EvaluationOptions()).policy_replay
    assert 0 < figures.exact < figures.states
    assert figures.linear_difference_max_m_s <= 0.25
    assert len(figures.worst) == 5
    differences = [place.action_difference for place in figures.worst]
    assert differences == sorted(differences, reverse=True)
    assert differences[0] == figures.action_difference_max


def test_a_policy_that_does_not_say_it_again_is_a_problem(monkeypatch):
    from perl_core.bundle.runtime import Policy

    gate_batch = Policy.gate_batch
    monkeypatch.setattr(Policy, 'gate_batch', lambda self, seen: 1.0 - gate_batch(self, seen))
    act = Policy.act
    monkeypatch.setattr(Policy, 'act', lambda self, seen: act(self, seen)._replace(branch=1))
    evaluation = evaluate_bag(BAGS / 'reach')
    assert any('does not say again what it said' in problem for problem in evaluation.problems)


def test_the_commands_end_with_json(tmp_path, run_here):
    result = run_here('compare', BAGS / 'reach', BAGS / 'reach', '--json', tmp_path / 'c.json')
    assert (result.returncode, result.stderr) == (0, '')
    last = json.loads(result.stdout.splitlines()[-1])
    assert last == json.loads((tmp_path / 'c.json').read_text())
    assert last['pairs'] == 3
    result = run_here('compare', BAGS / 'reach', BAGS / 'stop')
    assert (result.returncode, result.stdout) == (2, '')
    assert 'no goal in common' in result.stderr
    result = run_here('export', BAGS / 'reach', '--out', tmp_path / 'rows.safetensors')
    assert (result.returncode, json.loads(result.stdout)['goals']) == (0, 3)
    result = run_here('export', BAGS / 'none', '--out', tmp_path / 'rows.safetensors')
    assert (result.returncode, result.stdout) == (2, '')
