"""Bags -> transitions for training: what the policy saw, what it said, and what came of it."""

from collections.abc import Sequence
import dataclasses
from pathlib import Path

import numpy as np
from perl_core.contract import ACTION_SIZE, OBSERVATION_SIZE, Contract
from perl_core.transitions import Transitions, write_transitions

from perl_replay.followed import FollowedGoal, read_followed


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportFigures:
    """What was exported."""

    goals: int
    """With at least one transition."""
    transitions: int
    """Written."""
    limited: int
    """Left out because the safety filter changed what the policy asked for."""


def export_transitions(
    bags: Sequence[Path], file: Path, contract: Contract, partial: bool = False
) -> ExportFigures:
    """Write the steps of some bags that the arm followed (perl_replay.followed) to a file.

    Args:
        bags: folders, or MCAP files.
        file: to write, for perl_core.transitions.read_transitions.
        contract: of the policy that was recorded.
        partial: take what can be read of a damaged bag.

    Raises:
        BagError: a bag cannot be read, or holds no transition at all.
    """
    goals = read_followed(bags, contract, partial)
    kept = [goal for goal in goals if len(goal.rows)]
    parts = [_transitions(goal, number) for number, goal in enumerate(kept)]
    joined = Transitions(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
    write_transitions(file, joined, contract)
    return ExportFigures(
        goals=len(kept), transitions=len(joined.observation),
        limited=sum(goal.limited for goal in goals),
    )  # fmt: skip


def _transitions(goal: FollowedGoal, number: int) -> Transitions:
    """Return the transitions of a goal."""
    episode, rows = goal.episode, goal.rows
    return Transitions(
        observation=episode.observation[rows].reshape(-1, OBSERVATION_SIZE),
        action=episode.policy.action[rows].reshape(-1, ACTION_SIZE),
        next_observation=episode.observation[rows + 1].reshape(-1, OBSERVATION_SIZE),
        terminated=np.zeros(len(rows), dtype=bool),
        episode=np.full(len(rows), number, dtype=np.int64),
    )
