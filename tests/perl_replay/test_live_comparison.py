"""A repetition is compared by what was seen, not by the clock; what differs is named."""

import dataclasses
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
from perl_core.errors import BagError
from perl_replay import live_comparison
from perl_replay.evaluation import evaluate_bag
from perl_replay.live_comparison import compare_live
from perl_replay.recorded_run import read_run
import pytest

BAGS = Path(__file__).parents[1] / 'bags'


@pytest.fixture(scope='module')
def goals():
    shown = []
    evaluate_bag(BAGS / 'reach', observe=lambda *goal: shown.append(goal[:2]))
    return shown


def between_samples(goal, share, late_s, rate):
    """The goal as seen by a node that looks at other instants, later, in a faster time."""
    episode, figures = goal
    policy = episode.policy

    def moved(values):
        return (1.0 - share) * values[:-1] + share * values[1:]

    stamps = (moved(episode.stamp_ns.astype(float)) / rate + late_s * 1e9).astype(np.int64)
    again = dataclasses.replace(
        episode, stamp_ns=stamps, observation=moved(episode.observation),
        policy=policy._replace(
            action=moved(policy.action), gate=moved(policy.gate), branch=policy.branch[:-1]
        ),
    )
    return again, figures


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 5), st.floats(0.0, 1.0), st.floats(0.0, 5.0), st.floats(0.5, 4.0))
def test_the_same_motion_is_recognised_at_other_instants(goals, number, share, late_s, rate):
    goal = goals[number]
    figures = live_comparison._compare(goal, between_samples(goal, share, late_s, rate), rate)
    assert figures.states >= len(goal[0].stamp_ns) - 3
    assert (figures.on_path, figures.unlike, figures.other_branch) == (figures.states, 0, 0)
    assert figures.observation_difference_max < 1e-3
    assert abs(figures.late_s) <= 0.05


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 5), st.integers(0, 38), st.sampled_from((-0.3, 0.3)))
def test_another_observation_is_not_on_the_path(goals, number, at, by):
    episode, figures = goals[number]
    observation = episode.observation.copy()
    observation[:, at] += by
    other = (dataclasses.replace(episode, observation=observation), figures)
    compared = live_comparison._compare(goals[number], other, 1.0)
    assert compared.on_path < 0.5 * max(compared.states, 1)
    assert any('late, or the observation' in p for p in live_comparison._problems([compared]))


@pytest.mark.parametrize('change', [
    {'action': 0.5}, {'gate': 0.5}, {'branch': 1},
])
def test_another_answer_is_counted(goals, change):
    episode, figures = goals[0]
    policy = episode.policy
    changed = {name: getattr(policy, name) + by for name, by in change.items()}
    if 'branch' in change:
        changed['branch'] = 2 + policy.branch
    other = (dataclasses.replace(episode, policy=policy._replace(**changed)), figures)
    compared = live_comparison._compare(goals[0], other, 1.0)
    assert compared.on_path == compared.states
    assert compared.unlike > 0.5 * compared.states


def test_a_bag_agrees_with_itself_and_not_with_another():
    same = compare_live(BAGS / 'reach', BAGS / 'reach', 1.0)
    assert same.ok
    assert same.exact == same.states > 200
    assert same.to_dict()['goals'][0]['late_s'] == 0.0
    other = compare_live(BAGS / 'reach', BAGS / 'stop', 1.0)
    assert not other.ok
    assert any('goals were recorded and' in problem for problem in other.problems)


def test_a_run_is_read_with_goals_at_their_times(tmp_path, make_bag):
    run = read_run(BAGS / 'reach')
    assert [goal.home for goal in run.goals] == [False, True] * 3
    assert all(goal.after_end for goal in run.goals)
    assert np.all(np.diff(run.time_s) > 0.0)
    assert run.position_rad.shape == run.velocity_rad_s.shape == (len(run.time_s), 6)
    assert 0.0 < run.goals[0].at_s < run.goals[-1].at_s < run.duration_s
    assert run.bundle is not None
    with pytest.raises(BagError, match='cannot be repeated: it holds 0 goals and 0 joint states'):
        read_run(make_bag())
    with pytest.raises(BagError, match='there is no bag'):
        read_run(tmp_path / 'nothing')
