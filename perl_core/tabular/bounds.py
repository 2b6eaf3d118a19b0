"""What a broken symmetry costs: the bounds of arXiv 2512.00915 on finite MDPs.

Which V_max makes them hold. The transition part of each comes from
|E_N[V(s')] - E_E[V(s')]| <= eps_P (max V - min V) <= 2 eps_P max |V| for one value function V(s) =
max_a Q(s, a), with eps_P the total variation (half the L1 distance):

- Lemma 1 at Q: V of that Q.
- Proposition 1: V*_N or V*_E; either will do.
- Corollary 1: V*_N or V*_H; V*_E will not do.

V_max may be max |V| (``largest_value``), or half of max V - min V (``half_span``), which is never
larger; anything smaller breaks Lemma 1. R_max / (1 - gamma) of M_N (``value_limit``) serves all of
them: averages and mixtures have no larger rewards.
"""

import numpy as np
from perl_core.errors import TabularError
from perl_core.tabular.mdp import FiniteMDP, checked_array
from perl_core.tabular.pi_mdp import check_pair, checked_gate


def largest_value(q: np.ndarray) -> float:
    """Return max_s |max_a Q(s, a)| of action values of shape (S, A)."""
    return float(np.abs(np.max(q, axis=1)).max())


def half_span(q: np.ndarray) -> float:
    """Return (max V - min V) / 2 with V(s) = max_a Q(s, a), of action values of shape (S, A)."""
    value = np.max(q, axis=1)
    return float(value.max() - value.min()) / 2.0


def reward_deviation(true: FiniteMDP, averaged: FiniteMDP) -> np.ndarray:
    """Return eps_R(s, a) = |R_N(s, a) - R_E(s, a)| of arXiv 2512.00915, shape (S, A).

    Raises:
        TabularError: the MDPs do not fit each other.
    """
    check_pair(true, averaged)
    return np.abs(true.reward - averaged.reward)


def transition_deviation(true: FiniteMDP, averaged: FiniteMDP) -> np.ndarray:
    """Return eps_P(s, a), the total variation of P_N and P_E, in [0, 1], shape (S, A).

    Of arXiv 2512.00915; total variation is half the L1 distance.

    Raises:
        TabularError: the MDPs do not fit each other.
    """
    check_pair(true, averaged)
    return 0.5 * np.abs(true.transition - averaged.transition).sum(axis=2)


def broken_pairs(true: FiniteMDP, averaged: FiniteMDP, tolerance: float = 1e-12) -> np.ndarray:
    """Return where eps_R or eps_P exceeds the tolerance, bool, shape (S, A): the oracle gate.

    Args:
        true: M_N.
        averaged: M_E.
        tolerance: what counts as zero; averaging leaves some round-off.

    Raises:
        TabularError: the MDPs do not fit each other.
    """
    rewards, transitions = reward_deviation(true, averaged), transition_deviation(true, averaged)
    return np.maximum(rewards, transitions) > tolerance


def one_step_bound(true: FiniteMDP, averaged: FiniteMDP, value_max: float) -> np.ndarray:
    """Return delta(s, a) = eps_R + 2 gamma V_max eps_P, shape (S, A).

    Lemma 1 of arXiv 2512.00915: |T_N Q - T_E Q|(s, a) <= delta(s, a) for each Q whose V fits
    ``value_max``.

    Args:
        true: M_N.
        averaged: M_E.
        value_max: V_max, in units of reward; see the module's docstring for which.

    Raises:
        TabularError: the MDPs do not fit each other, or V_max is negative or not finite.
    """
    if not (np.isfinite(value_max) and value_max >= 0.0):
        raise TabularError(f'value_max must be finite and not negative, got {value_max}')
    transitions = transition_deviation(true, averaged)
    return reward_deviation(true, averaged) + 2.0 * true.discount * value_max * transitions


def equivariant_error_bound(delta: np.ndarray, discount: float) -> float:
    """Return max delta / (1 - gamma) of a delta of shape (S, A).

    Proposition 1 of arXiv 2512.00915: max |Q*_N - Q*_E| is no larger if delta was made with a
    V_max that fits V*_N or V*_E. It is Corollary 1 with the gate closed.

    Raises:
        TabularError: the discount is outside [0, 1).
    """
    return gated_error_bound(delta, np.zeros(np.shape(delta)), discount)


def gated_error_bound(delta: np.ndarray, gate: np.ndarray, discount: float) -> float:
    """Return max ((1 - lambda) delta) / (1 - gamma) of delta and lambda of shape (S, A).

    Corollary 1 of arXiv 2512.00915: max |Q*_H - Q*_N| is no larger if delta was made with a V_max
    that fits V*_N or V*_H.

    Raises:
        TabularError: the gate does not fit delta, or the discount is outside [0, 1).
    """
    if not 0.0 <= discount < 1.0:
        raise TabularError(f'discount must be in [0, 1), got {discount}')
    delta = np.asarray(delta, dtype=np.float64)
    if delta.ndim != 2 or delta.size == 0:
        raise TabularError(f'delta must have shape (S, A), got {delta.shape}')
    states, actions = delta.shape
    delta = checked_array('delta', delta, (states, actions))
    return float(((1.0 - checked_gate(gate, (states, actions))) * delta).max() / (1.0 - discount))
