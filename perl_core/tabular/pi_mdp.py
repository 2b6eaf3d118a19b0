"""The partially group-invariant MDP (PI-MDP) of arXiv 2512.00915 on finite MDPs.

M_N is the true MDP and M_E its group average, with operators T_N and T_E: ``bellman`` of each. A
gate lambda(s, a) in [0, 1] says where the symmetry is not to be trusted.
"""

import numpy as np
from perl_core.errors import TabularError
from perl_core.tabular.mdp import FiniteMDP, bellman, checked_array


def check_pair(true: FiniteMDP, averaged: FiniteMDP) -> None:
    """Check that two MDPs have the same states, actions and discount.

    Raises:
        TabularError: they do not.
    """
    first, second = (true.shape, true.discount), (averaged.shape, averaged.discount)
    if first != second:
        raise TabularError(
            'both MDPs must have the same (states, actions) and discount, got '
            f'{first} and {second}'
        )


def checked_gate(gate: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return the gate as float64, shape (S, A).

    Raises:
        TabularError: it has another shape or leaves [0, 1].
    """
    gate = checked_array('gate', gate, shape)
    if gate.min() < 0.0 or gate.max() > 1.0:
        raise TabularError(f'gate must be in [0, 1], got [{gate.min()}, {gate.max()}]')
    return gate


def blend(true: FiniteMDP, averaged: FiniteMDP, gate: np.ndarray) -> FiniteMDP:
    """Return M_H: R_H = (1 - lambda) R_E + lambda R_N, and P_H likewise (arXiv 2512.00915).

    Args:
        true: M_N.
        averaged: M_E.
        gate: lambda(s, a), shape (S, A); 0 trusts the symmetry, 1 does not.

    Raises:
        TabularError: the MDPs do not fit each other, or the gate does not fit them.
    """
    check_pair(true, averaged)
    gate = checked_gate(gate, true.shape)
    weight = gate[:, :, None]
    return FiniteMDP(
        transition=(1.0 - weight) * averaged.transition + weight * true.transition,
        reward=(1.0 - gate) * averaged.reward + gate * true.reward,
        discount=true.discount,
    )


def gated_bellman(
    true: FiniteMDP, averaged: FiniteMDP, gate: np.ndarray, q: np.ndarray
) -> np.ndarray:
    """Apply T_H as a mixture: (T_H Q) = (1 - lambda) (T_E Q) + lambda (T_N Q).

    Theorem 1 of arXiv 2512.00915: this is ``bellman`` of ``blend``, and it is a gamma-contraction
    in the largest absolute difference, so M_H has one fixed point Q*_H.

    Args:
        true: M_N.
        averaged: M_E.
        gate: lambda(s, a), shape (S, A).
        q: action values, shape (S, A).

    Returns:
        T_H Q, shape (S, A).

    Raises:
        TabularError: the MDPs, the gate or the values do not fit.
    """
    check_pair(true, averaged)
    gate = checked_gate(gate, true.shape)
    return (1.0 - gate) * bellman(averaged, q) + gate * bellman(true, q)
