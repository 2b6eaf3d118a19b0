"""Recordings that tell when policy, observation or filter change: tests/bags/expected.yaml."""

from pathlib import Path

import numpy as np
from perl_core import observation
from perl_replay import observation_replay
from perl_replay.evaluation import EvaluationOptions, evaluate_bag
from perl_safety.limits import DEFAULT_LIMITS_FILE
import pytest
import yaml

ROOT = Path(__file__).parents[2]
BAGS = ROOT / 'tests' / 'bags'
EXPECTED = yaml.safe_load((BAGS / 'expected.yaml').read_text(encoding='utf-8'))
POLICY = ROOT / 'policies' / 'ur5e_reach'


def evaluate(case, folder):
    name, _, variant = case.partition(', ')
    limits = DEFAULT_LIMITS_FILE
    if variant == 'slower':
        text = limits.read_text(encoding='utf-8')
        filter_part, monitor_part = text.split('monitor:')
        filter_part = filter_part.replace('max_tool_speed_m_s: 1.0', 'max_tool_speed_m_s: 0.3')
        filter_part = filter_part.replace('joint_speed_rad_s: 2.2', 'joint_speed_rad_s: 1.0')
        limits = folder / 'limits.yaml'
        limits.write_text(f'{filter_part}monitor:{monitor_part}', encoding='utf-8')
    options = EvaluationOptions(bundle=POLICY, limits=limits)
    return evaluate_bag(BAGS / name, options).to_dict()


def figure(figures, name):
    for part in name.split('.'):
        figures = figures[int(part)] if isinstance(figures, list) else figures.get(part, 0)
    return figures


def moved(figures, expected):
    """Return a sentence for every figure that is not as expected."""
    return [
        f'{name} is {came}, expected {value} within {tolerance}'
        for name, (value, tolerance) in expected.items()
        if not abs((came := figure(figures, name)) - value) <= tolerance
    ]


@pytest.mark.parametrize('case', EXPECTED)
def test_no_figure_has_moved(case, tmp_path):
    assert moved(evaluate(case, tmp_path), EXPECTED[case]) == []


def test_the_bags_are_small():
    for file in BAGS.glob('*/*.mcap'):
        assert file.stat().st_size < 1_000_000, file


def test_a_changed_observation_is_named(tmp_path, monkeypatch):
    def changed(*arguments):
        built = observation.build_observation(*arguments)
        built[4] += 0.001
        return built

    monkeypatch.setattr(observation_replay, 'build_observation', changed)
    came = evaluate('reach', tmp_path)
    assert [text.split()[0] for text in moved(came, EXPECTED['reach'])] == [
        'observation_replay.difference_max'
    ]
    assert came['observation_replay']['slice'] == 'position_error_base_m'
    assert 'position_error_base_m' in came['notes'][0]


def test_a_changed_policy_is_named(tmp_path, monkeypatch):
    from perl_core.bundle.runtime import Policy

    act_with = Policy.act_with
    monkeypatch.setattr(
        Policy, 'act_with',
        lambda self, branch, seen: act_with(self, branch, seen) + np.float32(0.01),
    )
    came = moved(evaluate('reach', tmp_path), EXPECTED['reach'])
    assert [text.split()[0] for text in came] == ['policy_replay.action_difference_max']


def test_a_changed_filter_is_named(tmp_path, monkeypatch):
    from perl_replay import filter_replay

    def nervous(observed):
        measured = np.abs(observed.state.joint_position_rad - observed.position_rad)
        return 'nervous' if measured.max() > 0.01 else None

    monkeypatch.setattr(filter_replay, 'STOPPING', (nervous, *filter_replay.STOPPING))
    came = moved(evaluate('reach', tmp_path), EXPECTED['reach'])
    assert 'filter_replay.stopped' in [text.split()[0] for text in came]
