"""What an invariant head can hold, and what that costs."""

from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
from perl_core.errors import TabularError
from perl_core.tabular import (
    GridWorld,
    bellman,
    broken_pairs,
    group_average,
    optimal_q,
    policy_value,
    quarter_turns,
    scattered_obstacles,
    tie,
    tied_error_bound,
    tied_q,
)
import pytest


def closed(shape):
    return np.zeros(shape, bool)


def test_two_cells_that_a_reflection_swaps_share_the_mean_of_their_values(swap, make_swapped):
    mdp = make_swapped([0, 1, 2, 3], [1.0, 3.0, 0.0, 0.0], 0.5)
    np.testing.assert_allclose(tied_q(mdp, swap, closed((4, 1)))[:2], 4.0)
    is_open = np.array([[True], [False], [False], [False]])
    np.testing.assert_allclose(tied_q(mdp, swap, is_open)[:2, 0], [2.0, 6.0])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000))
def test_the_fixed_point_is_one_and_within_its_bound(make_case, seed):
    case = make_case(seed)
    is_open = case.gate > 0.5
    q_true = optimal_q(case.true)
    q = tied_q(case.true, case.action, is_open)
    scale = max(1.0, np.abs(q_true).max())
    np.testing.assert_allclose(
        tie(bellman(case.true, q), case.action, is_open), q, atol=1e-8 * scale
    )
    bound = tied_error_bound(q_true, case.action, is_open, case.true.discount)
    assert np.abs(q - q_true).max() <= bound + 1e-8 * scale


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000))
def test_tying_twice_is_tying_once_and_enlarges_no_difference(make_case, seed):
    case = make_case(seed)
    is_open = case.gate > 0.5
    first, second = case.rng.normal(size=(2, *case.true.shape))
    tied = tie(first, case.action, is_open)
    np.testing.assert_allclose(tie(tied, case.action, is_open), tied, atol=1e-12)
    apart = np.abs(tied - tie(second, case.action, is_open)).max()
    assert apart <= np.abs(first - second).max() + 1e-12


def test_an_open_gate_ties_nothing_and_a_symmetric_world_loses_nothing():
    world, turns = GridWorld(size=5), quarter_turns(5)
    q = optimal_q(world.mdp())
    np.testing.assert_allclose(tied_q(world.mdp(), turns, closed(q.shape)), q, atol=1e-8)
    rng = np.random.default_rng(0)
    broken = GridWorld(size=5, obstacles=scattered_obstacles(5, 5, rng)).mdp()
    np.testing.assert_allclose(
        tied_q(broken, turns, ~closed(q.shape)), optimal_q(broken), atol=1e-8
    )


def test_the_oracle_gate_leaves_a_regret_that_corollary_1_does_not_show():
    """The gate is open wherever the dynamics are broken, and yet the values are not free."""
    rng, turns = np.random.default_rng(0), quarter_turns(11)
    mdp = GridWorld(size=11, obstacles=scattered_obstacles(11, 40, rng)).mdp()
    best = optimal_q(mdp)
    gate = broken_pairs(mdp, group_average(mdp, turns))

    def regret(is_open):
        policy = tied_q(mdp, turns, is_open).argmax(axis=1)
        return float((best.max(axis=1) - policy_value(mdp, policy)).mean())

    strict, oracle = regret(closed(gate.shape)), regret(gate)
    of_state = regret(np.repeat(gate.any(axis=1, keepdims=True), 4, axis=1))
    assert 0.0 < of_state < oracle < strict


@pytest.mark.parametrize('is_open', [np.zeros((25, 3), bool), np.zeros((25, 4))])
def test_a_gate_that_does_not_fit_is_refused(is_open):
    mdp = GridWorld(size=5).mdp()
    with pytest.raises(TabularError, match=r'is_open must be boolean of shape \(25, 4\)'):
        tied_q(mdp, quarter_turns(5), is_open)
