"""Random finite MDPs whose symmetry is broken in a known fraction of the state-action pairs."""

import numpy as np
from perl_core.errors import ConfigError
from perl_core.tabular.group_action import GroupAction, group_average
from perl_core.tabular.mdp import FiniteMDP


def random_mdp(
    states: int, actions: int, discount: float, rng: np.random.Generator
) -> FiniteMDP:
    """Return an MDP without symmetry: rewards uniform in [-1, 1], sparse Dirichlet transitions."""
    return FiniteMDP(
        transition=rng.dirichlet(np.full(states, 0.3), size=(states, actions)),
        reward=rng.uniform(-1.0, 1.0, (states, actions)),
        discount=discount,
    )


def random_cyclic_action(
    states: int, actions: int, order: int, rng: np.random.Generator
) -> GroupAction:
    """Return a cyclic group on randomly labelled states and actions.

    One generator turns consecutive blocks of ``order`` labels; labels that fill no block stay, so
    there are fixed states and actions unless ``order`` divides their numbers.

    Raises:
        ConfigError: the order is below 1.
    """
    if order < 1:
        raise ConfigError(f'order must be at least 1, got {order}')
    generators = [_turn_blocks(count, order, rng) for count in (states, actions)]
    return GroupAction.generated_by(generators[0][None], generators[1][None])


def _turn_blocks(count: int, order: int, rng: np.random.Generator) -> np.ndarray:
    labels = rng.permutation(count)
    turned = np.arange(count)
    for start in range(0, count - order + 1, order):
        block = labels[start : start + order]
        turned[block] = np.roll(block, -1)
    return turned


def broken_mdp(
    mdp: FiniteMDP, action: GroupAction, fraction: float, rng: np.random.Generator
) -> FiniteMDP:
    """Return the group average of an MDP with this fraction of its pairs taken from the MDP.

    Args:
        mdp: an MDP without the symmetry, (S, A).
        action: the symmetry.
        fraction: chance that a pair is as in ``mdp``, in [0, 1]; 0 gives an invariant MDP.
        rng: where the randomness comes from.

    Raises:
        ConfigError: the fraction is outside [0, 1].
        TabularError: the group acts on other states or actions.
    """
    if not 0.0 <= fraction <= 1.0:
        raise ConfigError(f'fraction must be in [0, 1], got {fraction}')
    averaged = group_average(mdp, action)
    broken = rng.random(mdp.shape) < fraction
    return FiniteMDP(
        transition=np.where(broken[:, :, None], mdp.transition, averaged.transition),
        reward=np.where(broken, mdp.reward, averaged.reward),
        discount=mdp.discount,
    )
