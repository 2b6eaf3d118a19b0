from hypothesis import given
from hypothesis import strategies as st
import numpy as np
from perl_core.errors import TabularError
from perl_core.tabular import (
    FiniteMDP,
    GroupAction,
    bellman,
    blend,
    broken_pairs,
    equivariant_error_bound,
    gated_error_bound,
    group_average,
    half_span,
    largest_value,
    one_step_bound,
    optimal_q,
    random_mdp,
    reward_deviation,
    transition_deviation,
    value_limit,
)
import pytest

SEEDS = st.integers(0, 2**31)
WAYS = pytest.mark.parametrize('value_max', [half_span, largest_value])


def slack(*mdps):
    """Round-off of solves and of means over orbits."""
    return 1e-11 * (1.0 + max(value_limit(mdp) for mdp in mdps))


def distance(first, second):
    return np.abs(optimal_q(first) - optimal_q(second)).max()


@WAYS
@given(seed=SEEDS)
def test_lemma_1_for_any_values(make_case, value_max, seed):
    true, averaged, _, _, rng = make_case(seed)
    for q in (rng.normal(rng.uniform(-9, 9), 9.0, true.shape), optimal_q(true)):
        error = np.abs(bellman(true, q) - bellman(averaged, q))
        assert (error <= one_step_bound(true, averaged, value_max(q)) + slack(true)).all()


@WAYS
@given(seed=SEEDS)
def test_proposition_1_with_either_value_function(make_case, value_max, seed):
    true, averaged = make_case(seed)[:2]
    for mdp in (true, averaged):
        delta = one_step_bound(true, averaged, value_max(optimal_q(mdp)))
        bound = equivariant_error_bound(delta, true.discount)
        assert distance(true, averaged) <= bound + slack(true)


@WAYS
@given(seed=SEEDS)
def test_corollary_1_with_the_true_or_the_blended_value_function(make_case, value_max, seed):
    true, averaged, _, gate, _ = make_case(seed)
    blended = blend(true, averaged, gate)
    for mdp in (true, blended):
        delta = one_step_bound(true, averaged, value_max(optimal_q(mdp)))
        bound = gated_error_bound(delta, gate, true.discount)
        assert distance(true, blended) <= bound + slack(true)


@given(seed=SEEDS)
def test_one_limit_from_the_rewards_serves_all_statements(make_case, seed):
    true, averaged, _, gate, _ = make_case(seed)
    for mdp in (true, averaged, blend(true, averaged, gate)):
        assert half_span(optimal_q(mdp)) <= largest_value(optimal_q(mdp)) + slack(true)
        assert largest_value(optimal_q(mdp)) <= value_limit(true) + slack(true)


@given(seed=SEEDS)
def test_an_oracle_gate_leaves_no_error(make_case, seed):
    true, averaged = make_case(seed)[:2]
    oracle = broken_pairs(true, averaged).astype(float)
    delta = one_step_bound(true, averaged, value_limit(true))
    assert gated_error_bound(delta, oracle, true.discount) <= slack(true)
    assert distance(true, blend(true, averaged, oracle)) <= slack(true)


@given(seed=SEEDS)
def test_deviations_are_distances(make_case, seed):
    true, averaged = make_case(seed)[:2]
    deviation = transition_deviation(true, averaged)
    assert deviation.min() >= 0.0
    assert deviation.max() <= 1.0 + 1e-12
    assert (deviation == transition_deviation(averaged, true)).all()
    assert (transition_deviation(true, true) == 0.0).all()
    # Total variation is the largest difference of any event's probability.
    difference = true.transition - averaged.transition
    assert np.allclose(deviation, np.maximum(difference, 0.0).sum(axis=2), atol=1e-12)


def certain_break(make_swapped, discount):
    """States 0 and 1, swapped by the group, both lead to state 2 and not to its image 3.

    States 2 and 3 pay 1 and -1 for ever: V* is largest at 2, smallest at 3, and 0 on average.
    """
    return make_swapped((2, 2, 2, 3), (0.0, 0.0, 1.0, -1.0), discount)


def test_lemma_1_is_met_with_equality_and_breaks_for_any_smaller_value_max(swap, make_swapped):
    true = certain_break(make_swapped, 0.5)
    averaged = group_average(true, swap)
    q = optimal_q(true)
    error = np.abs(bellman(true, q) - bellman(averaged, q))
    # TV 1/2, V(2) - V(3) = 4: 2 * 0.5 * 2 * 1/2 = 1; states 2 and 3: the reward alone.
    assert largest_value(q) == half_span(q) == pytest.approx(2.0)
    assert np.allclose(error, one_step_bound(true, averaged, 2.0))
    assert np.allclose(error, 1.0)
    assert (error > one_step_bound(true, averaged, 1.999))[:2].all()


def test_shifted_values_need_the_half_span_only(swap, make_swapped):
    true = certain_break(make_swapped, 0.5)
    averaged = group_average(true, swap)
    q = optimal_q(true) + 100.0
    error = np.abs(bellman(true, q) - bellman(averaged, q))
    assert (largest_value(q), half_span(q)) == (pytest.approx(102.0), pytest.approx(2.0))
    assert np.allclose(error, one_step_bound(true, averaged, half_span(q)))


@pytest.mark.parametrize('discount', [0.0, 0.5, 0.99])
def test_proposition_1_is_met_with_equality(swap, make_swapped, discount):
    true = make_swapped((0, 1, 2, 3), (1.0, -1.0, 0.0, 0.0), discount)
    averaged = group_average(true, swap)
    delta = one_step_bound(true, averaged, largest_value(optimal_q(true)))
    bound = equivariant_error_bound(delta, discount)
    assert bound == pytest.approx(1.0 / (1.0 - discount))
    assert distance(true, averaged) == pytest.approx(bound)


@pytest.mark.parametrize('closed_to', [0.0, 0.3, 0.9])
def test_corollary_1_is_met_with_equality(swap, make_swapped, closed_to):
    true = make_swapped((0, 1, 2, 3), (1.0, -1.0, 0.0, 0.0), 0.9)
    averaged = group_average(true, swap)
    gate = np.full(true.shape, closed_to)
    delta = one_step_bound(true, averaged, largest_value(optimal_q(true)))
    bound = gated_error_bound(delta, gate, 0.9)
    assert distance(true, blend(true, averaged, gate)) == pytest.approx(bound)


def test_corollary_1_does_not_hold_with_the_values_of_the_average(swap, make_swapped):
    true = certain_break(make_swapped, 0.9)
    averaged = group_average(true, swap)
    gate = np.array([[0.0], [0.0], [1.0], [1.0]])
    error = distance(true, blend(true, averaged, gate))
    assert error == pytest.approx(0.9 * 10.0)

    def bound(value_max):
        return gated_error_bound(one_step_bound(true, averaged, value_max), gate, 0.9)

    # The average pays nothing at all, so its V_max is 0: Proposition 1 may use it, this may not.
    assert largest_value(optimal_q(averaged)) == 0.0
    assert bound(0.0) == 0.0
    assert bound(largest_value(optimal_q(true))) == pytest.approx(90.0)


def test_a_local_break_becomes_a_global_error():
    # A ring of 12 cells, one of which (and not its image) pays; every state is in error.
    cells = 12
    right = np.roll(np.eye(cells), 1, axis=1)
    reward = np.zeros((cells, 1))
    reward[0] = 1.0
    ring = FiniteMDP(transition=right[:, None], reward=reward, discount=0.9)
    half_turn = GroupAction.generated_by(np.roll(np.arange(cells), 6)[None], np.array([[0]]))
    averaged = group_average(ring, half_turn)
    assert broken_pairs(ring, averaged).sum() == 2
    assert (np.abs(optimal_q(ring) - optimal_q(averaged)) > 0.1).all()


def test_bad_input_is_refused():
    rng = np.random.default_rng(0)
    mdp, other = random_mdp(3, 2, 0.9, rng), random_mdp(2, 2, 0.9, rng)
    for function in (reward_deviation, transition_deviation, broken_pairs):
        with pytest.raises(TabularError, match=r'\(\(3, 2\), 0.9\) and \(\(2, 2\), 0.9\)'):
            function(mdp, other)
    for value_max in (-1.0, np.inf, np.nan):
        with pytest.raises(TabularError, match=f'value_max must be .* got {value_max}'):
            one_step_bound(mdp, mdp, value_max)
    with pytest.raises(TabularError, match=r'discount must be in \[0, 1\), got 1.0'):
        equivariant_error_bound(np.zeros((3, 2)), 1.0)
    with pytest.raises(TabularError, match=r'delta must have shape \(S, A\), got \(3,\)'):
        equivariant_error_bound(np.zeros(3), 0.9)
    with pytest.raises(TabularError, match=r'gate must have shape \(3, 2\), got \(2, 2\)'):
        gated_error_bound(np.zeros((3, 2)), np.zeros((2, 2)), 0.9)
