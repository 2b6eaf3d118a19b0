"""How symmetric gate and policy are along the recorded path.

Each observation is turned by elements of the group, and gate and policy are asked again. An
invariant gate does not change; an equivariant policy turns its action with the vectors. Where the
gate is open, and only there, it need not.
"""

import dataclasses
from typing import NamedTuple

import numpy as np
from perl_core.bundle.runtime import GATE_THRESHOLD, Policy

from perl_replay.episodes import Episode
from perl_replay.turns import Turns


@dataclasses.dataclass(frozen=True, kw_only=True)
class SymmetryFigures:
    """Equivariance errors along the path; of actions as Euclidean norms. NaN: nothing asked."""

    group: str
    """Of the policy: SO3 or SO2."""
    observations: int
    """Turned observations."""
    gate_error_mean: float
    """|gate(g o) - gate(o)|."""
    gate_error_max: float
    """Likewise."""
    branch_flips: float
    """Share of turned observations for which the other branch acts."""
    policy_error_mean: float
    """|policy(g o) - g policy(o)|, whichever branch acts."""
    policy_error_max: float
    """Likewise."""
    equivariant_error_max: float
    """Of the equivariant branch alone: rounding, or the branch is not equivariant."""
    standard_error_mean: float
    """Of the standard branch alone: how far it has learned away from the symmetry."""


class TurnErrors(NamedTuple):
    """Of each observation at which the policy acted, turned by each element; shape (turns, m)."""

    rows: np.ndarray
    """At which policy state, shape (m,)."""
    flips: np.ndarray
    """The other branch acts."""
    gate: np.ndarray
    """|gate(g o) - gate(o)|."""
    policy: np.ndarray
    """|policy(g o) - g policy(o)|."""
    equivariant: np.ndarray
    """Likewise, of the equivariant branch."""
    standard: np.ndarray
    """Likewise, of the standard branch."""


class SymmetryScore:
    """Sums over episodes."""

    def __init__(self, policy: Policy) -> None:
        """Start without episodes.

        Args:
            policy: to ask.
        """
        self._policy = policy
        self._group = policy.contract.group
        self._turns = Turns(policy.contract)
        self._count = self._flips = 0
        self._sums, self._largest = np.zeros(4), np.zeros(4)

    def errors(self, episode: Episode) -> TurnErrors:
        """Return the errors at each observation of an episode."""
        rows = np.flatnonzero(~episode.policy.shadow)
        observation = episode.observation[rows]
        repeat = len(self._turns.elements)
        if not len(rows):
            return TurnErrors(rows, *np.empty((5, repeat, 0)))
        straight = self._policy.act_batch(observation)
        answer = self._policy.act_batch(self._turns.observations(observation))
        gate_error = np.abs(answer.gate.astype(float) - np.tile(straight.gate, repeat))
        flips = (answer.gate > GATE_THRESHOLD) != np.tile(straight.gate > GATE_THRESHOLD, repeat)
        errors = [flips, gate_error]
        for name in ('action', 'equivariant', 'standard'):
            expected = self._turns.actions(getattr(straight, name))
            errors.append(np.linalg.norm(getattr(answer, name) - expected, axis=1))
        return TurnErrors(rows, *(error.reshape(repeat, len(rows)) for error in errors))

    def add(self, errors: TurnErrors) -> SymmetryFigures:
        """Take the errors of an episode; return its own figures."""
        count, flips = errors.gate.size, int(errors.flips.sum())
        if not count:
            return self._figures(0, 0, np.full(4, np.nan), np.full(4, np.nan))
        sums = np.array([error.sum() for error in errors[2:]])
        largest = np.array([error.max() for error in errors[2:]])
        self._count += count
        self._flips += flips
        self._sums += sums
        self._largest = np.maximum(self._largest, largest)
        return self._figures(count, flips, sums, largest)

    def figures(self) -> SymmetryFigures:
        """Return the figures over all episodes."""
        largest = self._largest if self._count else self._largest * np.nan
        return self._figures(self._count, self._flips, self._sums, largest)

    def _figures(
        self, count: int, flips: int, sums: np.ndarray, largest: np.ndarray
    ) -> SymmetryFigures:
        mean = (sums / count if count else sums * np.nan).tolist()
        return SymmetryFigures(
            group=self._group,
            observations=count,
            gate_error_mean=mean[0],
            gate_error_max=float(largest[0]),
            branch_flips=flips / count if count else np.nan,
            policy_error_mean=mean[1],
            policy_error_max=float(largest[1]),
            equivariant_error_max=float(largest[2]),
            standard_error_mean=mean[3],
        )
