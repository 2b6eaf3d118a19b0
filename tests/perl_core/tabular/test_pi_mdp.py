from hypothesis import given
from hypothesis import strategies as st
import numpy as np
from perl_core.errors import TabularError
from perl_core.tabular import (
    bellman,
    blend,
    gated_bellman,
    optimal_q,
    random_mdp,
)
import pytest

SEEDS = st.integers(0, 2**31)


@given(seed=SEEDS)
def test_the_operator_of_the_blend_is_the_blend_of_the_operators(make_case, seed):
    case = make_case(seed)
    q = case.rng.normal(0.0, 10.0, case.true.shape)
    mixture = gated_bellman(case.true, case.averaged, case.gate, q)
    assert np.allclose(bellman(blend(*case[:2], case.gate), q), mixture, rtol=0.0, atol=1e-11)


@given(seed=SEEDS)
def test_the_gated_operator_is_a_contraction(make_case, seed):
    case = make_case(seed)
    first, second = case.rng.normal(0.0, 10.0, (2, *case.true.shape))
    apart = np.abs(first - second).max()
    images = [gated_bellman(*case[:2], case.gate, q) for q in (first, second)]
    assert np.abs(images[0] - images[1]).max() <= case.true.discount * apart + 1e-11


@given(seed=SEEDS)
def test_no_smaller_factor_contracts(make_case, seed):
    # Values that differ by a constant differ by gamma times it afterwards.
    case = make_case(seed)
    q = case.rng.normal(size=case.true.shape)
    shifted = gated_bellman(*case[:2], case.gate, q + 5.0)
    difference = shifted - gated_bellman(*case[:2], case.gate, q)
    assert np.allclose(difference, 5.0 * case.true.discount)


@given(seed=SEEDS)
def test_the_exact_solution_of_the_blend_is_the_fixed_point(make_case, seed):
    case = make_case(seed)
    q = optimal_q(blend(*case[:2], case.gate))
    again = gated_bellman(*case[:2], case.gate, q)
    assert np.abs(again - q).max() < 1e-11 * (1.0 + np.abs(q).max())


@given(seed=SEEDS)
def test_a_closed_gate_is_the_average_and_an_open_one_the_truth(make_case, seed):
    case = make_case(seed)
    for gate, same in ((0.0, case.averaged), (1.0, case.true)):
        blended = blend(*case[:2], np.full(case.true.shape, gate))
        assert (blended.transition == same.transition).all()
        assert (blended.reward == same.reward).all()


def test_gates_and_mdps_that_do_not_fit_are_refused():
    rng = np.random.default_rng(0)
    mdp, other = random_mdp(3, 2, 0.9, rng), random_mdp(3, 2, 0.8, rng)
    with pytest.raises(TabularError, match=r'\(\(3, 2\), 0.9\) and \(\(3, 2\), 0.8\)'):
        blend(mdp, other, np.zeros((3, 2)))
    with pytest.raises(TabularError, match=r'gate must have shape \(3, 2\), got \(3,\)'):
        blend(mdp, mdp, np.zeros(3))
    with pytest.raises(TabularError, match=r'gate must be in \[0, 1\], got \[0.0, 1.5\]'):
        gated_bellman(mdp, mdp, np.array([[0.0, 1.5]] * 3), np.zeros((3, 2)))
    with pytest.raises(TabularError, match='gate must be finite'):
        blend(mdp, mdp, np.full((3, 2), np.nan))
