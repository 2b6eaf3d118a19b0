"""What a run is judged by: all of it exact, from the tables of the world."""

from typing import NamedTuple

import numpy as np
from perl_core.tabular import (
    GridWorld,
    broken_pairs,
    group_average,
    optimal_q,
    policy_value,
    quarter_turns,
)


class Truth(NamedTuple):
    """The exact solution of one world; S states, F of them free (starts), A actions."""

    world: GridWorld
    """The world."""
    q: np.ndarray
    """Q* of the true MDP, shape (S, A)."""
    broken: np.ndarray
    """Where eps_R or eps_P is not zero, bool, shape (S, A): what the gate should find."""
    free: np.ndarray
    """Free cells but the goal, shape (F,). Nobody is ever elsewhere with a choice to make."""
    equivariant_q: np.ndarray
    """Q* of the group-averaged MDP, shape (S, A): the best that strict equivariance may expect."""


def truth_of(world: GridWorld) -> Truth:
    """Solve a world."""
    mdp, turns = world.mdp(), quarter_turns(world.size)
    averaged = group_average(mdp, turns)
    return Truth(
        world, optimal_q(mdp), broken_pairs(mdp, averaged), world.start_states(),
        optimal_q(averaged),
    )  # fmt: skip


def measure(truth: Truth, q: np.ndarray, gate: np.ndarray | None) -> dict[str, float]:
    """Return the figures of one agent in one world; each mean is over free cells.

    ``regret`` is mean V* - mean V of the greedy policy, ``score`` mean V / mean V*;
    ``q_error_mean`` and ``q_error_max`` are of |Q - Q*|. The gate counts as open from 1/2 on:
    ``gate_open`` is its share of the pairs, ``gate_precision`` the share of the open pairs that
    are broken, ``gate_recall`` the share of the broken pairs that are open; NaN if there are none.

    Args:
        truth: of the world.
        q: learned action values, shape (S, A).
        gate: weight of the free critic, shape (S, A); None for an agent without one.
    """
    free = truth.free
    value = policy_value(truth.world.mdp(), q.argmax(axis=1))[free].mean()
    best = truth.q.max(axis=1)[free].mean()
    error = np.abs(q - truth.q)[free]
    return {
        'regret': best - value,
        'score': value / best,
        'q_error_mean': error.mean(),
        'q_error_max': error.max(),
        **_gate_figures(truth.broken[free], None if gate is None else gate[free] >= 0.5),
    }


def _gate_figures(broken: np.ndarray, opened: np.ndarray | None) -> dict[str, float]:
    if opened is None:
        return dict.fromkeys(('gate_open', 'gate_precision', 'gate_recall'), np.nan)
    right = (broken & opened).sum()
    return {
        'gate_open': opened.mean(),
        'gate_precision': right / opened.sum() if opened.any() else np.nan,
        'gate_recall': right / broken.sum() if broken.any() else np.nan,
    }
