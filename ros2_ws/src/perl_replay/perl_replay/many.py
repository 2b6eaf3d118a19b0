"""Many bags -> figures with intervals, over all goals but returns home."""

from collections.abc import Sequence
import dataclasses
from typing import Any

from perl_replay.evaluation import Evaluation, plain
from perl_replay.goal_values import GOAL_VALUES, values_of
from perl_replay.statistics import Interval, mean_interval, share_interval


@dataclasses.dataclass(frozen=True, kw_only=True)
class ManyFigures:
    """Figures over many bags."""

    bags: tuple[str, ...]
    """Where they are."""
    duration_s: float
    """Of all together."""
    policies: tuple[str, ...]
    """Hashes of the recorded bundles."""
    success: Interval
    """Share of the goals that were reached, of those that were reached or failed."""
    figures: dict[str, Interval]
    """Means over the goals that were reached, by the name of the figure (goal_values.py)."""
    filter_stops: int
    """In all bags."""
    monitor_stops: int
    """In all bags."""
    problems: tuple[str, ...]
    """Of each bag, with its path."""

    @property
    def ok(self) -> bool:
        """No bag has a problem."""
        return not self.problems

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types; figures that are not finite become None."""
        return {'ok': self.ok, **plain(dataclasses.asdict(self))}


def summarise_bags(evaluations: Sequence[Evaluation]) -> ManyFigures:
    """Return the figures over several bags."""
    goals = [goal for bag in evaluations for goal in bag.goals if not goal.to_home]
    judged = [goal for goal in goals if goal.reached or goal.failure is not None]
    return ManyFigures(
        bags=tuple(bag.bag for bag in evaluations),
        duration_s=sum(bag.duration_s for bag in evaluations),
        policies=tuple(dict.fromkeys(bag.bundle_sha256 for bag in evaluations)),
        success=share_interval(sum(goal.reached for goal in judged), len(judged)),
        figures={name: mean_interval(values_of(name, goals)) for name in GOAL_VALUES},
        filter_stops=sum(bag.safety.filter_stops for bag in evaluations),
        monitor_stops=sum(bag.safety.monitor_stops for bag in evaluations),
        problems=tuple(f'{bag.bag}: {text}' for bag in evaluations for text in bag.problems),
    )
