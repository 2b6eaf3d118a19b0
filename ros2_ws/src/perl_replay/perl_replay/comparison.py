"""Two bags with the same goals -> how the second differs from the first, goal by goal."""

from collections.abc import Sequence
import dataclasses
from typing import Any

from perl_core.errors import BagError

from perl_replay.evaluation import Evaluation, plain
from perl_replay.goal_values import GOAL_VALUES, values_of
from perl_replay.goals import GoalFigures
from perl_replay.statistics import (
    Interval,
    PairedDifference,
    mcnemar,
    paired_difference,
    share_interval,
)

_DIGITS = 4
"""Goals are the same if their poses agree to a tenth of a millimetre."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """B against A, on the goals that both were asked for."""

    bag_a: str
    """Where A is."""
    bag_b: str
    """Where B is."""
    pairs: int
    """Goals in both."""
    only_a: int
    """Goals of A that B was not asked for."""
    only_b: int
    """Goals of B that A was not asked for."""
    success_a: Interval
    """Share of the pairs that A reached."""
    success_b: Interval
    """Share of the pairs that B reached."""
    success_p_value: float
    """McNemar's exact test."""
    figures: dict[str, PairedDifference]
    """Of pairs that both reached, by the name of the figure (goal_values.py)."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types; figures that are not finite become None."""
        return plain(dataclasses.asdict(self))


def compare_bags(first: Evaluation, second: Evaluation) -> Comparison:
    """Return how the second bag differs from the first.

    Raises:
        BagError: they have no goal in common.
    """
    ours, theirs = _asked(first), _asked(second)
    pairs = _common(ours, theirs)
    if not pairs:
        raise BagError(
            f'{first.bag} ({len(ours)} goals) and {second.bag} ({len(theirs)} goals) have no '
            f'goal in common; record both with the same goals, for example the same --seed'
        )
    a, b = [first for first, _ in pairs], [second for _, second in pairs]
    only_a = sum(x.reached and not y.reached for x, y in zip(a, b, strict=True))
    only_b = sum(y.reached and not x.reached for x, y in zip(a, b, strict=True))
    return Comparison(
        bag_a=first.bag,
        bag_b=second.bag,
        pairs=len(pairs),
        only_a=len(ours) - len(pairs),
        only_b=len(theirs) - len(pairs),
        success_a=share_interval(sum(goal.reached for goal in a), len(a)),
        success_b=share_interval(sum(goal.reached for goal in b), len(b)),
        success_p_value=mcnemar(only_a, only_b),
        figures={
            name: paired_difference(values_of(name, a), values_of(name, b))
            for name in GOAL_VALUES
        },
    )


def pairs_of(
    first: Evaluation, second: Evaluation
) -> list[tuple[GoalFigures, GoalFigures]]:
    """Return the goals that both were asked for, in the order of the first."""
    return _common(_asked(first), _asked(second))


def _common(
    ours: dict[tuple, GoalFigures], theirs: dict[tuple, GoalFigures]
) -> list[tuple[GoalFigures, GoalFigures]]:
    return [(goal, theirs[key]) for key, goal in ours.items() if key in theirs]


def _asked(evaluation: Evaluation) -> dict[tuple, GoalFigures]:
    """Return the goals by pose, and by how often the same pose was asked for before."""
    found: dict[tuple, GoalFigures] = {}
    for goal in evaluation.goals:
        if goal.to_home or not goal.target:
            continue
        pose, turn = _pose(goal.target), 0
        while (pose, turn) in found:
            turn += 1
        found[pose, turn] = goal
    return found


def _pose(target: Sequence[float]) -> tuple[float, ...]:
    """Return a pose as a key; a quaternion and its negative are the same rotation."""
    largest = max(target[3:], key=abs)
    sign = 1.0 if largest >= 0.0 else -1.0
    values = (*target[:3], *(sign * part for part in target[3:]))
    return tuple(round(value, _DIGITS) + 0.0 for value in values)
