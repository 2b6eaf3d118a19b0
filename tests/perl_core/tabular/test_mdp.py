from hypothesis import given
from hypothesis import strategies as st
import numpy as np
from perl_core.errors import TabularError
from perl_core.tabular import (
    FiniteMDP,
    bellman,
    optimal_q,
    policy_value,
    value_iteration,
    value_limit,
)
import pytest

SEEDS = st.integers(0, 2**31)


def chain(discount=0.5):
    """State 0 pays 1 to stay; action 1 moves to state 1, which pays 3 for ever."""
    transition = np.zeros((2, 2, 2))
    transition[0, 0, 0] = transition[0, 1, 1] = transition[1, :, 1] = 1.0
    return FiniteMDP(transition=transition, reward=[[1.0, 0.0], [3.0, 3.0]], discount=discount)


def test_optimal_values_are_those_computed_by_hand():
    # V(1) = 3 / (1 - 0.5) = 6, so leaving state 0 is worth 0 + 0.5 * 6 = 3.
    assert np.allclose(optimal_q(chain()), [[1.0 + 0.5 * 3.0, 3.0], [6.0, 6.0]])


def test_the_myopic_stay():
    assert np.allclose(optimal_q(chain(discount=0.0)), [[1.0, 0.0], [3.0, 3.0]])


@given(seed=SEEDS)
def test_policy_iteration_agrees_with_value_iteration_and_is_a_fixed_point(make_case, seed):
    mdp = make_case(seed).true
    q = optimal_q(mdp)
    assert np.abs(q - bellman(mdp, q)).max() < 1e-11 * (1.0 + value_limit(mdp))
    assert np.abs(q - value_iteration(mdp, tolerance=1e-8)).max() <= 1.1e-8
    assert np.abs(q).max() <= value_limit(mdp) + 1e-9


def test_the_value_of_a_policy_is_that_computed_by_hand():
    assert np.allclose(policy_value(chain(), np.array([0, 0])), [2.0, 6.0])
    assert np.allclose(policy_value(chain(), np.array([1, 1])), [3.0, 6.0])


@given(seed=SEEDS)
def test_no_policy_is_worth_more_than_the_optimal_one(make_case, seed):
    case = make_case(seed)
    q = optimal_q(case.true)
    policy = case.rng.integers(case.true.shape[1], size=len(q))
    slack = 1e-10 * (1.0 + value_limit(case.true))
    assert (policy_value(case.true, policy) <= q.max(axis=1) + slack).all()
    assert np.abs(policy_value(case.true, q.argmax(axis=1)) - q.max(axis=1)).max() <= slack


@pytest.mark.parametrize(
    ('policy', 'message'),
    [([0], r'shape \(1,\)'), ([0.0, 1.0], 'float64'), ([0, 2], r'\[0, 1\], got 0 to 2'),
     ([-1, 0], 'got -1 to 0')],
)  # fmt: skip
def test_a_policy_that_does_not_fit_is_refused(policy, message):
    with pytest.raises(TabularError, match=message):
        policy_value(chain(), np.array(policy))


def test_policy_iteration_ends_where_all_actions_are_tied():
    mdp = FiniteMDP(transition=np.full((6, 3, 6), 1 / 6), reward=np.ones((6, 3)), discount=0.999)
    assert np.allclose(optimal_q(mdp), 1000.0)


def test_arrays_are_copied_and_frozen():
    reward = np.zeros((1, 1))
    mdp = FiniteMDP(transition=np.ones((1, 1, 1)), reward=reward, discount=0.5)
    reward[0, 0] = 7.0
    assert mdp.reward[0, 0] == 0.0
    with pytest.raises(ValueError, match='read-only'):
        mdp.reward[0, 0] = 1.0


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'transition': np.ones((2, 3))}, r'shape \(S, A, S\).*got \(2, 3\)'),
        ({'transition': np.ones((0, 1, 0))}, r'got \(0, 1, 0\)'),
        ({'transition': [[1.0], [1.0, 2.0]]}, 'transition must be an array of numbers'),
        ({'reward': np.zeros((2, 1))}, r'reward must have shape \(1, 1\), got \(2, 1\)'),
        ({'reward': [[np.nan]]}, r'reward must be finite, got nan at \(0, 0\)'),
        ({'transition': [[[0.9]]]}, 'sum to 1, got 0.9 for state 0, action 0'),
        ({'transition': [[[np.inf]]]}, 'transition must be finite, got inf'),
        ({'discount': 1.0}, r'\[0, 1\), got 1.0'),
        ({'discount': float('nan')}, 'got nan'),
    ],
)
def test_malformed_mdps_are_refused(changes, message):
    good = {'transition': np.ones((1, 1, 1)), 'reward': np.zeros((1, 1)), 'discount': 0.5}
    with pytest.raises(TabularError, match=message):
        FiniteMDP(**(good | changes))


def test_negative_probabilities_are_refused_even_if_they_sum_to_one():
    with pytest.raises(TabularError, match=r'must not be negative, got -0.5 for state 1'):
        FiniteMDP(
            transition=[[[1.0, 0.0]], [[1.5, -0.5]]], reward=np.zeros((2, 1)), discount=0.5
        )  # fmt: skip


def test_values_of_another_shape_and_tolerances_beyond_float64_are_refused():
    with pytest.raises(TabularError, match=r'q must have shape \(2, 2\), got \(2,\)'):
        bellman(chain(), np.zeros(2))
    with pytest.raises(TabularError, match='tolerance must exceed the round-off'):
        value_iteration(chain(), tolerance=0.0)
