from typing import NamedTuple

import numpy as np
from perl_core.tabular import (
    FiniteMDP,
    GroupAction,
    broken_mdp,
    group_average,
    random_cyclic_action,
    random_mdp,
)
import pytest


class Case(NamedTuple):
    """A random MDP, its average, and a random soft gate with some exact zeros and ones."""

    true: FiniteMDP
    averaged: FiniteMDP
    action: GroupAction
    gate: np.ndarray
    rng: np.random.Generator


def random_case(seed):
    rng = np.random.default_rng(seed)
    states, actions, order = (int(n) for n in rng.integers((2, 1, 1), (9, 5, 5)))
    # Discounts from myopic to far-sighted, 0 among them.
    discount = float(rng.choice([0.0, 0.5, 0.9, 0.99]))
    action = random_cyclic_action(states, actions, order, rng)
    mdp = random_mdp(states, actions, discount, rng)
    true = broken_mdp(mdp, action, float(rng.choice([0.2, 1.0])), rng)
    gate = np.clip(rng.uniform(-0.5, 1.5, true.shape), 0.0, 1.0)
    return Case(true, group_average(true, action), action, gate, rng)


@pytest.fixture(scope='session')
def make_case():
    return random_case


@pytest.fixture(scope='session')
def swap():
    """Two pairs of states that a reflection swaps: 0 with 1, 2 with 3. One action."""
    return GroupAction.generated_by(np.array([[1, 0, 3, 2]]), np.array([[0]]))


@pytest.fixture(scope='session')
def make_swapped():
    def swapped(successors, reward, discount):
        """Four states with one action and a certain successor each."""
        transition = np.eye(4)[list(successors)][:, None]
        reward = np.array(reward, dtype=float)[:, None]
        return FiniteMDP(transition=transition, reward=reward, discount=discount)

    return swapped
