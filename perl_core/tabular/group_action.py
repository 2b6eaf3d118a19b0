"""Finite groups that act on the states and actions of a finite MDP, and averages over them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from perl_core.errors import TabularError
from perl_core.tabular.mdp import FiniteMDP

LARGEST_ORDER = 1024
"""Generators that make a larger group are refused: averages cost its order."""


@dataclass(frozen=True, kw_only=True, eq=False)
class GroupAction:
    """A finite group of G elements as permutations of S states and of A actions.

    Element g moves the pair (s, a) to (state_permutations[g, s], action_permutations[g, s, a]).

    Raises:
        TabularError: a row is no permutation, the shapes do not fit, the composition of two
            elements is missing, or some elements are listed more often than others (averages
            would then not be over the group).
    """

    state_permutations: np.ndarray
    """Where each element takes each state, integers, shape (G, S)."""
    action_permutations: np.ndarray
    """Where each element takes each action, integers, shape (G, S, A); (G, A) if the same in every
    state."""

    def __post_init__(self) -> None:
        """Check that this is a group action."""
        states, actions = _broadcast(self.state_permutations, self.action_permutations)
        object.__setattr__(self, 'state_permutations', states)
        object.__setattr__(self, 'action_permutations', actions)
        _check_group(self.pair_permutations)

    @classmethod
    def generated_by(
        cls, state_generators: np.ndarray, action_generators: np.ndarray
    ) -> 'GroupAction':
        """Return the smallest group that contains the generators.

        Args:
            state_generators: shape (K, S).
            action_generators: shape (K, S, A) or (K, A).

        Raises:
            TabularError: a generator is no permutation, or the group has more than
                ``LARGEST_ORDER`` elements.
        """
        states, actions = _broadcast(state_generators, action_generators)
        generators = _pairs(states, actions)
        identity = tuple(range(generators.shape[1]))
        elements, frontier = {identity}, [identity]
        while frontier:
            reached = {
                tuple(g[list(element)].tolist()) for element in frontier for g in generators
            }
            frontier = list(reached - elements)
            elements |= reached
            if len(elements) > LARGEST_ORDER:
                raise TabularError(
                    f'the generators make a group of more than {LARGEST_ORDER} elements; '
                    'average over a smaller one'
                )
        count, width = actions.shape[1:]
        pairs = np.array(sorted(elements)).reshape(-1, count, width)
        return cls(state_permutations=pairs[:, :, 0] // width, action_permutations=pairs % width)

    @property
    def order(self) -> int:
        """Number of elements G."""
        return len(self.state_permutations)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of states and of actions, (S, A)."""
        _, states, actions = self.action_permutations.shape
        return states, actions

    @cached_property
    def pair_permutations(self) -> np.ndarray:
        """Where each element takes each pair s * A + a, shape (G, S * A)."""
        return _pairs(self.state_permutations, self.action_permutations)

    @property
    def state_orbits(self) -> np.ndarray:
        """The smallest state in the orbit of each state, shape (S,)."""
        return self.state_permutations.min(axis=0)

    @property
    def pair_orbits(self) -> np.ndarray:
        """The smallest pair s * A + a in the orbit of each pair, shape (S, A)."""
        return self.pair_permutations.min(axis=0).reshape(self.shape)


def _pairs(states: np.ndarray, actions: np.ndarray) -> np.ndarray:
    pairs = states[:, :, None] * actions.shape[2] + actions
    return pairs.reshape(len(states), -1)


def _broadcast(states: np.ndarray, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return checked permutations of shapes (G, S) and (G, S, A)."""
    states, actions = np.array(states), np.array(actions)
    if states.ndim != 2 or 0 in states.shape:
        raise TabularError(f'state permutations must have shape (G, S), got {states.shape}')
    if actions.ndim == 2:
        actions = np.repeat(actions[:, None], states.shape[1], axis=1)
    if actions.ndim != 3 or actions.shape[:2] != states.shape or 0 in actions.shape:
        raise TabularError(
            f'action permutations must have shape (G, S, A) or (G, A) with G, S = {states.shape}, '
            f'got {actions.shape}'
        )
    for name, rows in (('states', states), ('actions', actions)):
        wrong = (np.sort(rows, axis=-1) != np.arange(rows.shape[-1])).any(axis=-1)
        if wrong.any():
            where = tuple(int(i) for i in np.argwhere(wrong)[0])
            raise TabularError(
                f'each row must be a permutation of the {rows.shape[-1]} {name}, got '
                f'{rows[where].tolist()} for element {where[0]}'
            )
    for rows in (states, actions):
        if rows.dtype.kind not in 'iu':
            raise TabularError(f'permutations must be integers, got {rows.dtype}')
        rows.flags.writeable = False
    return states, actions


def _check_group(pairs: np.ndarray) -> None:
    # Permutations of pairs carry the action's dependence on the state: closed as permutations of
    # pairs is closed as an action. A finite set closed under composition is a group.
    elements, counts = np.unique(pairs, axis=0, return_counts=True)
    if len(set(counts.tolist())) > 1:
        raise TabularError(
            f'each group element must be listed equally often, got counts {counts.tolist()}'
        )
    known = {element.tobytes() for element in elements}
    for first in elements:
        missing = [g for g, second in enumerate(pairs) if second[first].tobytes() not in known]
        if missing:
            raise TabularError(
                f'{len(elements)} elements are not closed under composition: the product of '
                f'element {missing[0]} with another is missing; see GroupAction.generated_by'
            )


def _check_fit(mdp: FiniteMDP, action: GroupAction) -> None:
    if mdp.shape != action.shape:
        raise TabularError(
            f'the group acts on (states, actions) = {action.shape}, the MDP has {mdp.shape}'
        )


def group_average(mdp: FiniteMDP, action: GroupAction) -> FiniteMDP:
    """Return M_E, the group-averaged MDP of arXiv 2512.00915.

    R_E(s, a) = mean_g R(g s, g a), shape (S, A); P_E(s' | s, a) = mean_g P(g s' | g s, g a), shape
    (S, A, S). It is invariant, and an invariant MDP is its own average.

    Raises:
        TabularError: the group acts on other states or actions.
    """
    _check_fit(mdp, action)
    moved = [_moved(mdp, action, g) for g in range(action.order)]
    return FiniteMDP(
        transition=np.mean([transition for transition, _ in moved], axis=0),
        reward=np.mean([reward for _, reward in moved], axis=0),
        discount=mdp.discount,
    )


def invariance_error(mdp: FiniteMDP, action: GroupAction) -> float:
    """Return the largest |R(g s, g a) - R(s, a)| or |P(g s' | g s, g a) - P(s' | s, a)|.

    Raises:
        TabularError: the group acts on other states or actions.
    """
    _check_fit(mdp, action)
    largest = 0.0
    for g in range(action.order):
        transition, reward = _moved(mdp, action, g)
        errors = np.abs(transition - mdp.transition).max(), np.abs(reward - mdp.reward).max()
        largest = max(largest, *map(float, errors))
    return largest


def _moved(mdp: FiniteMDP, action: GroupAction, g: int) -> tuple[np.ndarray, np.ndarray]:
    states, pairs = action.state_permutations[g], action.pair_permutations[g]
    transition = mdp.transition.reshape(len(pairs), -1)[pairs][:, states]
    reward = mdp.reward.reshape(-1)[pairs]
    return transition.reshape(mdp.transition.shape), reward.reshape(mdp.shape)
