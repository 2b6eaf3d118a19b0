from hypothesis import given
from hypothesis import strategies as st
import numpy as np
from perl_core.errors import ConfigError, TabularError
from perl_core.tabular import (
    FiniteMDP,
    GroupAction,
    bellman,
    broken_mdp,
    group_average,
    invariance_error,
    optimal_q,
    quarter_turns,
    random_cyclic_action,
    random_mdp,
)
import pytest

SEEDS = st.integers(0, 2**31)


def dihedral(size):
    """All eight symmetries of a grid, made by a quarter turn and a reflection."""
    turn = quarter_turns(size)
    states = np.arange(size * size).reshape(size, size)
    return GroupAction.generated_by(
        np.array([turn.state_permutations[g] for g in range(4)] + [states[:, ::-1].ravel()]),
        np.array([turn.action_permutations[g][0] for g in range(4)] + [[2, 1, 0, 3]]),
    )


def with_relabelled_actions(action, rng):
    """The same group, its actions named anew in each state: g may then move a by where it is."""
    states, actions = action.shape
    names = rng.permuted(np.tile(np.arange(actions), (states, 1)), axis=1)
    moved = np.zeros_like(action.action_permutations)
    for g, s, a in np.ndindex(moved.shape):
        to = action.state_permutations[g, s]
        moved[g, s, names[s, a]] = names[to, action.action_permutations[g, s, a]]
    return GroupAction(state_permutations=action.state_permutations, action_permutations=moved)


def check_average(mdp, action):
    averaged = group_average(mdp, action)
    again = group_average(averaged, action)
    assert invariance_error(averaged, action) < 1e-14
    assert np.allclose(again.transition, averaged.transition, rtol=0.0, atol=1e-14)
    assert np.allclose(again.reward, averaged.reward, rtol=0.0, atol=1e-14)
    return averaged


@given(seed=SEEDS)
def test_the_average_is_invariant_and_averaging_is_idempotent(make_case, seed):
    case = make_case(seed)
    check_average(case.true, case.action)


@given(seed=SEEDS)
def test_a_group_that_does_not_commute_and_actions_that_depend_on_the_state(seed):
    rng = np.random.default_rng(seed)
    action = dihedral(3)
    assert action.order == 8
    mdp = random_mdp(9, 4, 0.9, rng)
    assert invariance_error(mdp, action) > 0.1
    check_average(mdp, action)
    check_average(mdp, with_relabelled_actions(action, rng))


@given(seed=SEEDS)
def test_the_average_is_the_mean_over_orbits(make_case, seed):
    case = make_case(seed)
    orbits = case.action.pair_orbits
    for orbit in np.unique(orbits):
        members = orbits == orbit
        mean = case.true.reward[members].mean()
        assert np.allclose(case.averaged.reward[members], mean)
    assert np.isclose(case.averaged.reward.sum(), case.true.reward.sum())


@given(seed=SEEDS)
def test_optimal_values_and_backups_of_an_invariant_mdp_are_invariant(make_case, seed):
    case = make_case(seed)
    values = optimal_q(case.averaged).ravel(), bellman(case.averaged, np.zeros(case.true.shape))
    for value in values:
        for pairs in case.action.pair_permutations:
            assert np.allclose(value.ravel()[pairs], value.ravel(), atol=1e-9)


def test_hand_computed_average(swap, make_swapped):
    mdp = make_swapped((2, 2, 2, 3), (0.0, 1.0, 4.0, -2.0), 0.9)
    averaged = group_average(mdp, swap)
    assert averaged.reward.ravel().tolist() == [0.5, 0.5, 1.0, 1.0]
    assert averaged.transition[:, 0].tolist() == [
        [0, 0, 0.5, 0.5], [0, 0, 0.5, 0.5], [0, 0, 1, 0], [0, 0, 0, 1],
    ]  # fmt: skip
    assert swap.state_orbits.tolist() == [0, 0, 2, 2]
    assert swap.pair_orbits.tolist() == [[0], [0], [2], [2]]


@given(seed=SEEDS, order=st.integers(1, 5))
def test_a_random_cyclic_group_has_its_order_and_breaking_nothing_keeps_it(seed, order):
    rng = np.random.default_rng(seed)
    action = random_cyclic_action(7, 3, order, rng)
    assert action.order == order
    mdp = broken_mdp(random_mdp(7, 3, 0.9, rng), action, 0.0, rng)
    assert invariance_error(mdp, action) < 1e-14


@pytest.mark.parametrize(
    ('states', 'actions', 'message'),
    [
        ([[0, 0]], [[0]], r'permutation of the 2 states, got \[0, 0\] for element 0'),
        ([[0, 1]], [[0, 2]], r'permutation of the 2 actions, got \[0, 2\]'),
        ([0, 1], [[0]], r'shape \(G, S\), got \(2,\)'),
        ([[0, 1]], [[0], [0]], r'G, S = \(1, 2\), got \(2, 2, 1\)'),
        ([[0.0, 1.0]], [[0]], 'must be integers, got float64'),
        ([[0, 1, 2], [1, 2, 0]], [[0], [0]], 'not closed under composition'),
        ([[1, 0]], [[0]], 'not closed under composition'),
        ([[0, 1], [0, 1], [1, 0]], [[0], [0], [0]], r'equally often, got counts \[2, 1\]'),
        ([[0, 1], [1, 0]], [[0, 1, 2], [1, 2, 0]], 'not closed under composition'),
    ],
)
def test_what_is_no_group_action_is_refused(states, actions, message):
    with pytest.raises(TabularError, match=message):
        GroupAction(state_permutations=np.array(states), action_permutations=np.array(actions))


def test_elements_that_act_alike_may_be_listed_if_all_are_equally_often():
    action = GroupAction(
        state_permutations=np.array([[0, 1], [1, 0], [0, 1], [1, 0]]),
        action_permutations=np.zeros((4, 1), dtype=int),
    )
    mdp = FiniteMDP(
        transition=np.eye(2)[:, None], reward=np.array([[1.0], [3.0]]), discount=0.5
    )  # fmt: skip
    assert group_average(mdp, action).reward.ravel().tolist() == [2.0, 2.0]


def test_groups_that_are_too_large_or_act_elsewhere_are_refused(swap):
    generators = np.array([[1, 0, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6, 0]])
    with pytest.raises(TabularError, match='more than 1024 elements'):
        GroupAction.generated_by(generators, np.array([[0], [0]]))
    with pytest.raises(TabularError, match=r'= \(4, 1\), the MDP has \(2, 1\)'):
        group_average(random_mdp(2, 1, 0.5, np.random.default_rng(0)), swap)
    with pytest.raises(ConfigError, match='order must be at least 1, got 0'):
        random_cyclic_action(2, 2, 0, np.random.default_rng(0))
    with pytest.raises(ConfigError, match=r'fraction must be in \[0, 1\], got 2.0'):
        broken_mdp(random_mdp(4, 1, 0.5, np.random.default_rng(0)), swap, 2.0, None)
