"""What a network with an exactly invariant head converges to, where the gate is closed.

Corollary 1 of arXiv 2512.00915 speaks of Q*_H, the fixed point of T_H. With the gate open wherever
the dynamics or the reward are broken, Q*_H = Q*_N. But Q*_H itself is not invariant where the gate
is closed: an obstacle ahead lowers the value of cells far from it. A network whose equivariant
head has one value for the whole orbit cannot hold such values; regression gives it their mean.
Its fixed point is that of M T_N, with M the mean over those members of a pair's orbit at which the
gate is closed, each weighing the same. M is linear and enlarges no largest difference, so M T_N is
a gamma-contraction, and with M Q*_N beside it

    max |Q_tied - Q*_N| <= max |M Q*_N - Q*_N| / (1 - gamma).

This is derived here; the paper does not speak of it.
"""

import numpy as np
from perl_core.errors import TabularError
from perl_core.tabular.group_action import GroupAction
from perl_core.tabular.mdp import FiniteMDP, bellman, checked_array, optimal_q, value_limit

_TOLERANCE = 1e-10
"""Of the fixed point, as a share of R_max / (1 - gamma)."""


def tie(q: np.ndarray, action: GroupAction, is_open: np.ndarray) -> np.ndarray:
    """Return the values with each closed pair at the mean over its orbit's closed members.

    Args:
        q: action values, shape (S, A).
        action: the group.
        is_open: where the gate is open, bool, shape (S, A); these values stay.

    Raises:
        TabularError: the shapes do not fit, or a value is not finite.
    """
    q = checked_array('q', q, action.shape)
    if np.shape(is_open) != action.shape or np.asarray(is_open).dtype != bool:
        raise TabularError(
            f'is_open must be boolean of shape {action.shape}, got '
            f'{np.asarray(is_open).dtype} of shape {np.shape(is_open)}'
        )
    pairs, closed = action.pair_permutations, ~np.asarray(is_open).reshape(-1)
    total = (q.reshape(-1) * closed)[pairs].sum(axis=0)
    count = closed[pairs].sum(axis=0)
    mean = total / np.maximum(count, 1)
    return np.where(closed, mean, q.reshape(-1)).reshape(q.shape)


def tied_q(mdp: FiniteMDP, action: GroupAction, is_open: np.ndarray) -> np.ndarray:
    """Return the fixed point of ``tie`` after ``bellman``, shape (S, A).

    Args:
        mdp: M_N.
        action: the group.
        is_open: where the gate is open, bool, shape (S, A).

    Raises:
        TabularError: the shapes do not fit.
    """
    q = tie(optimal_q(mdp), action, is_open)
    limit = max(1.0, value_limit(mdp)) * _TOLERANCE * (1.0 - mdp.discount)
    change = np.inf
    while change > limit:
        following = tie(bellman(mdp, q), action, is_open)
        change = float(np.abs(following - q).max())
        q = following
    return q


def tied_error_bound(
    q_true: np.ndarray, action: GroupAction, is_open: np.ndarray, discount: float
) -> float:
    """Return max |M Q*_N - Q*_N| / (1 - gamma), above max |Q_tied - Q*_N|.

    Args:
        q_true: Q*_N, shape (S, A).
        action: the group.
        is_open: where the gate is open, bool, shape (S, A).
        discount: gamma, in [0, 1).

    Raises:
        TabularError: the shapes do not fit, or the discount is outside [0, 1).
    """
    if not 0.0 <= discount < 1.0:
        raise TabularError(f'discount must be in [0, 1), got {discount}')
    return float(np.abs(tie(q_true, action, is_open) - q_true).max() / (1.0 - discount))
