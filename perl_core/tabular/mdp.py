"""Finite Markov decision processes and their exact solutions."""

from dataclasses import dataclass

import numpy as np
from perl_core.errors import TabularError

_PROBABILITY_TOLERANCE = 1e-9
"""How far a row of probabilities may be from summing to one, or below zero, by round-off."""


def checked_array(name: str, values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return the values as a read-only float64 copy.

    Args:
        name: what the values are, for the message.
        values: the values.
        shape: the shape they must have.

    Raises:
        TabularError: they are no numbers, have another shape, or are not finite.
    """
    array = _as_numbers(name, values)
    if array.shape != shape:
        raise TabularError(f'{name} must have shape {shape}, got {array.shape}')
    if not np.isfinite(array).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise TabularError(f'{name} must be finite, got {array[where]} at {where}')
    array.flags.writeable = False
    return array


def _as_numbers(name: str, values: np.ndarray) -> np.ndarray:
    try:
        return np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TabularError(f'{name} must be an array of numbers, got {error}') from error


@dataclass(frozen=True, kw_only=True, eq=False)
class FiniteMDP:
    """A Markov decision process with S states and A actions.

    Raises:
        TabularError: a shape does not fit, a number is not finite, a row of probabilities does
            not sum to one, or the discount is outside [0, 1).
    """

    transition: np.ndarray
    """P(s' | s, a), shape (S, A, S)."""
    reward: np.ndarray
    """Expected reward R(s, a), shape (S, A)."""
    discount: float
    """Discount factor gamma per step, in [0, 1)."""

    def __post_init__(self) -> None:
        """Check and freeze the arrays."""
        shape = _as_numbers('transition', self.transition).shape
        if len(shape) != 3 or shape[0] != shape[2] or 0 in shape:
            raise TabularError(
                f'transition must have shape (S, A, S) with S, A > 0, got {shape}'
            )  # fmt: skip
        if not 0.0 <= self.discount < 1.0:
            raise TabularError(f'discount must be in [0, 1), got {self.discount}')
        transition = checked_array('transition', self.transition, shape)
        _check_distributions(transition)
        object.__setattr__(self, 'transition', transition)
        object.__setattr__(self, 'reward', checked_array('reward', self.reward, shape[:2]))

    @property
    def shape(self) -> tuple[int, int]:
        """Number of states and of actions, (S, A)."""
        states, actions = self.reward.shape
        return states, actions


def _check_distributions(transition: np.ndarray) -> None:
    if transition.min() < -_PROBABILITY_TOLERANCE:
        s, a, successor = np.unravel_index(transition.argmin(), transition.shape)
        raise TabularError(
            f'probabilities must not be negative, got {transition.min()} for state {s}, '
            f'action {a}, next state {successor}'
        )
    sums = transition.sum(axis=2)
    s, a = np.unravel_index(np.abs(sums - 1.0).argmax(), sums.shape)
    if abs(sums[s, a] - 1.0) > _PROBABILITY_TOLERANCE:
        raise TabularError(
            f'probabilities of the next states must sum to 1, got {sums[s, a]} for state {s}, '
            f'action {a}'
        )


def bellman(mdp: FiniteMDP, q: np.ndarray) -> np.ndarray:
    """Apply the optimality operator: (T Q)(s, a) = R(s, a) + gamma E[max_a' Q(s', a')].

    Args:
        mdp: the process, S states and A actions.
        q: action values, shape (S, A).

    Returns:
        T Q, shape (S, A).

    Raises:
        TabularError: the values have another shape or are not finite.
    """
    value = checked_array('q', q, mdp.shape).max(axis=1)
    return mdp.reward + mdp.discount * (mdp.transition @ value)


def optimal_q(mdp: FiniteMDP) -> np.ndarray:
    """Return Q* by policy iteration, each policy evaluated by a linear solve, shape (S, A).

    Exact up to the round-off of the solve: the policy only changes where another action is
    better by more than that, so the iteration cannot cycle among ties.

    Raises:
        TabularError: round-off kept the policy from settling (a discount too close to 1).
    """
    states, actions = mdp.shape
    rows = np.arange(states)
    policy = mdp.reward.argmax(axis=1)
    for _ in range(states * actions + 10):
        value = policy_value(mdp, policy)
        q = mdp.reward + mdp.discount * (mdp.transition @ value)
        margin = 64 * np.finfo(float).eps * (1.0 + np.abs(q).max()) / (1.0 - mdp.discount)
        better = q.max(axis=1) > q[rows, policy] + margin
        if not better.any():
            return q
        policy = np.where(better, q.argmax(axis=1), policy)
    raise TabularError(
        f'policy iteration did not settle for {states} states, {actions} actions and discount '
        f'{mdp.discount}; use a discount further below 1'
    )


def policy_value(mdp: FiniteMDP, policy: np.ndarray) -> np.ndarray:
    """Return the value of a deterministic policy by a linear solve, shape (S,).

    Args:
        mdp: the process, S states and A actions.
        policy: the action in each state, integers of shape (S,).

    Raises:
        TabularError: the policy does not name one action for each state.
    """
    states, actions = mdp.shape
    policy = np.asarray(policy)
    if policy.shape != (states,) or policy.dtype.kind not in 'iu':
        raise TabularError(
            f'a policy must hold one integer action for each of {states} states, got shape '
            f'{policy.shape} of {policy.dtype}'
        )
    if policy.min() < 0 or policy.max() >= actions:
        raise TabularError(
            f'actions must be in [0, {actions - 1}], got {policy.min()} to {policy.max()}'
        )
    rows = np.arange(states)
    system = np.eye(states) - mdp.discount * mdp.transition[rows, policy]
    return np.linalg.solve(system, mdp.reward[rows, policy])


def value_iteration(mdp: FiniteMDP, tolerance: float = 1e-10) -> np.ndarray:
    """Return Q* by repeated Bellman backups, shape (S, A): the cross-check of ``optimal_q``.

    Args:
        mdp: the process.
        tolerance: largest error of any action value; below the round-off of the values it is
            never met, hence the error.

    Raises:
        TabularError: the tolerance is not positive, or too small for float64.
    """
    scale = value_limit(mdp)
    smallest = 64 * np.finfo(float).eps * (1.0 + scale) / (1.0 - mdp.discount)
    if not tolerance > smallest:
        raise TabularError(
            f'tolerance must exceed the round-off {smallest:.1e} of these values, got {tolerance}'
        )
    q = np.zeros(mdp.shape)
    while True:
        backed_up = bellman(mdp, q)
        change = np.abs(backed_up - q).max()
        q = backed_up
        # ||T Q - Q*|| <= gamma / (1 - gamma) ||T Q - Q||: T is a gamma-contraction.
        if mdp.discount * change <= tolerance * (1.0 - mdp.discount):
            return q


def value_limit(mdp: FiniteMDP) -> float:
    """Return R_max / (1 - gamma), which no value of any policy exceeds in magnitude."""
    return float(np.abs(mdp.reward).max() / (1.0 - mdp.discount))
