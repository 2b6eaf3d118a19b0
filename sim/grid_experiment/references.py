"""What exact solutions would reach: the lines that learned agents are measured against."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple

from grid_experiment.measures import truth_of
import numpy as np
from perl_core.tabular import policy_value, quarter_turns, tied_q
from perl_sim.envs.grid_world import GridWorldConfig

Worlds = Mapping[str, Sequence[GridWorldConfig]]
"""The world of each seed, for each variant."""


class References(NamedTuple):
    """Exact figures of one variant, each of shape (seeds,)."""

    broken_share: np.ndarray
    """Share of the pairs of free cells where eps is not zero."""
    equivariant_regret: np.ndarray
    """Regret of the greedy policy of Q*_E, the exact solution of the group-averaged MDP."""
    tied_regret: np.ndarray
    """Regret of the greedy policy of what PE-DQN converges to with the exact gate: one value for
    all members of an orbit at which the gate is closed (``perl_core.tabular.tied_q``)."""


@cache
def _of(config: GridWorldConfig) -> tuple[float, ...]:
    truth = truth_of(config.world())
    mdp, free = truth.world.mdp(), truth.free
    tied = tied_q(mdp, quarter_turns(config.size), truth.broken)
    best = truth.q.max(axis=1)[free].mean()
    values = [
        policy_value(mdp, q.argmax(axis=1))[free].mean() for q in (truth.equivariant_q, tied)
    ]
    return float(truth.broken[free].mean()), *(float(best - value) for value in values)


def references(worlds: Sequence[GridWorldConfig]) -> References:
    """Return the exact figures of a variant, from the world of each seed."""
    return References(*np.array([_of(config) for config in worlds]).T)
