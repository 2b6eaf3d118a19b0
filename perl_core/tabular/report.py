"""Each bound beside the error that it bounds, for one MDP and several gates."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from perl_core.tabular.bounds import (
    broken_pairs,
    equivariant_error_bound,
    gated_error_bound,
    half_span,
    largest_value,
    one_step_bound,
)
from perl_core.tabular.group_action import GroupAction, group_average
from perl_core.tabular.mdp import FiniteMDP, bellman, optimal_q, value_limit
from perl_core.tabular.pi_mdp import blend
from perl_core.tabular.tied import tied_error_bound, tied_q

_ROUND_OFF = 1e-9
"""A bound counts as broken where the error exceeds it by this fraction of R_max / (1 - gamma)."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One statement on one MDP, V_max in three ways that all suffice."""

    statement: str
    """For example 'Proposition 1'."""
    gate: str
    """Which gate, or '-' where the statement has none."""
    error: float
    """The true error, in units of reward."""
    bound_limit: float
    """Bound with V_max = R_max / (1 - gamma)."""
    bound_value: float
    """Bound with V_max = max |V*_N|."""
    bound_span: float
    """Bound with V_max = (max V*_N - min V*_N) / 2."""
    excess: float
    """Largest error minus bound over pairs and over the three bounds; positive: violated."""
    slack: float
    """What excess round-off may cause."""

    @property
    def holds(self) -> bool:
        """Whether none of the three bounds is violated."""
        return self.excess <= self.slack


def gates_for(
    true: FiniteMDP, averaged: FiniteMDP, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Return the gates to compare by name, each of shape (S, A)."""
    oracle = broken_pairs(true, averaged).astype(np.float64)
    return {
        'closed': np.zeros(true.shape),
        'open': np.ones(true.shape),
        'oracle': oracle,
        'oracle, 20 % missed': oracle * (rng.random(true.shape) >= 0.2),
        'half': np.full(true.shape, 0.5),
    }


def compare(true: FiniteMDP, action: GroupAction, rng: np.random.Generator) -> list[Comparison]:
    """Return Lemma 1, Proposition 1 and Corollary 1 of arXiv 2512.00915 with their true errors.

    And, from ``perl_core.tabular.tied``, the error that stays if the equivariant head cannot hold
    values that are not invariant, with the gate closed and with the oracle gate.

    Args:
        true: M_N, (S, A).
        action: the group whose average is M_E.
        rng: for the gate that misses some broken pairs.

    Raises:
        TabularError: the group acts on other states or actions.
    """
    averaged = group_average(true, action)
    q_true = optimal_q(true)
    maxima = (value_limit(true), largest_value(q_true), half_span(q_true))
    deltas = [one_step_bound(true, averaged, value_max) for value_max in maxima]
    slack = _ROUND_OFF * max(1.0, value_limit(true))
    return [_lemma_1(true, averaged, q_true, deltas, slack),
            *_fixed_points(true, averaged, q_true, deltas, slack, rng),
            *_tied(true, averaged, action, q_true, slack)]  # fmt: skip


def _lemma_1(
    true: FiniteMDP,
    averaged: FiniteMDP,
    q: np.ndarray,
    deltas: list[np.ndarray],
    slack: float,
) -> Comparison:
    error = np.abs(bellman(true, q) - bellman(averaged, q))
    excess = max(float((error - delta).max()) for delta in deltas)
    bounds = [float(delta.max()) for delta in deltas]
    return _comparison('Lemma 1', '-', float(error.max()), bounds, excess, slack)


def _fixed_points(
    true: FiniteMDP,
    averaged: FiniteMDP,
    q_true: np.ndarray,
    deltas: list[np.ndarray],
    slack: float,
    rng: np.random.Generator,
) -> Iterator[Comparison]:
    discount = true.discount
    error = float(np.abs(q_true - optimal_q(averaged)).max())
    bounds = [equivariant_error_bound(delta, discount) for delta in deltas]
    yield _comparison('Proposition 1', '-', error, bounds, error - min(bounds), slack)
    for name, gate in gates_for(true, averaged, rng).items():
        error = float(np.abs(q_true - optimal_q(blend(true, averaged, gate))).max())
        bounds = [gated_error_bound(delta, gate, discount) for delta in deltas]
        yield _comparison('Corollary 1', name, error, bounds, error - min(bounds), slack)


def _tied(
    true: FiniteMDP, averaged: FiniteMDP, action: GroupAction, q_true: np.ndarray, slack: float
) -> Iterator[Comparison]:
    gates = {'closed': np.zeros(true.shape, bool), 'oracle': broken_pairs(true, averaged)}
    for name, is_open in gates.items():
        error = float(np.abs(q_true - tied_q(true, action, is_open)).max())
        bound = tied_error_bound(q_true, action, is_open, true.discount)
        yield _comparison('Tied head', name, error, [bound] * 3, error - bound, slack)


def _comparison(
    statement: str, gate: str, error: float, bounds: list[float], excess: float, slack: float
) -> Comparison:
    limit, value, span = bounds
    return Comparison(
        statement=statement, gate=gate, error=error, bound_limit=limit, bound_value=value,
        bound_span=span, excess=excess, slack=slack,
    )  # fmt: skip
