"""What the nodes said to a recorded run, given back to them, beside what they had said.

The nodes evaluate the policy at other instants than before, so each new answer is compared with
the straight line between the two recorded ones next to it: next in what the policy saw, since the
clocks of the two runs are not the same. How far a straight line may be wrong, the recording tells
itself: as far as each of its own answers lies from the line between its neighbours. Where the
policy saw what it had seen, and its answers are the recorded policy's own, the nodes agree.
"""

from collections.abc import Sequence
import dataclasses
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from perl_core.errors import BagError

from perl_replay.episodes import Episode
from perl_replay.evaluation import EvaluationOptions, evaluate_bag, plain
from perl_replay.goals import UNFINISHED, GoalFigures

_SEARCH_S = 0.5
"""How far two runs may be apart in time. Own choice: several times what a goal takes to the
control loop on a busy machine."""
_FLOOR = 1e-3
"""Differences below this are none, in the units of observation, action and gate. Own choice: of
the order of a joint's motion within one control tick."""
_LEAST_SHARE = 0.95
"""So many of the new states must lie on the recorded path; a late one here and there may not."""


class _Said(NamedTuple):
    """What a policy saw and said in one goal, row by row."""

    time_s: np.ndarray
    """From the first row."""
    observation: np.ndarray
    action: np.ndarray
    gate: np.ndarray
    branch: np.ndarray


@dataclasses.dataclass(frozen=True, kw_only=True)
class GoalComparison:
    """One goal in both runs."""

    recorded_outcome: str
    """As the controller reported it."""
    repeated_outcome: str
    """Likewise, in shadow mode."""
    states: int
    """Evaluations of the policy in the repetition, up to where the recorded goal ended."""
    on_path: int
    """Of them, at a state that the recorded run passed, too."""
    late_s: float
    """How much later than recorded the goal was pursued, in recorded time: median over states."""
    observation_difference_max: float
    """Of what the policy saw, where on the path."""
    action_difference_max: float
    """Of what it said there."""
    gate_difference_max: float
    """Likewise."""
    other_branch: int
    """States on the path where the branch is that of neither recorded neighbour."""
    unlike: int
    """States on the path with another action, gate or branch than the line between neighbours
    explains: the policy turns sharply there, or answers otherwise now; ``exact`` tells which."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class LiveComparison:
    """Both runs."""

    recorded: str
    """The bag that was given back."""
    repeated: str
    """The bag of the repetition."""
    rate: float
    """How many times as fast it was given back."""
    goals: tuple[GoalComparison, ...]
    """In order."""
    exact: int
    """New answers that are, bit for bit, those of the recorded policy to what was seen now."""
    states: int
    """New answers."""
    problems: tuple[str, ...]
    """One sentence for everything that differs, with its likely cause."""

    @property
    def ok(self) -> bool:
        """The nodes said what they had said."""
        return not self.problems

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return {'ok': self.ok, **plain(dataclasses.asdict(self))}


def compare_live(
    recorded: Path, repeated: Path, rate: float, bundle: Path | None = None
) -> LiveComparison:
    """Compare the bag of a repetition with the bag that was given back.

    Args:
        recorded: what was given back.
        repeated: what was recorded meanwhile, in shadow mode.
        rate: how many times as fast.
        bundle: the recorded policy; None: it is sought by its hash.

    Raises:
        BagError: a bag cannot be read.
    """
    before, _ = _goals_of(recorded, bundle)
    after, again = _goals_of(repeated, bundle)
    goals = [_compare(*pair, rate) for pair in zip(before, after, strict=False)]
    replay = again.policy_replay
    problems = [*_problems(goals)]
    if len(before) != len(after):
        problems.append(
            f'{len(before)} goals were recorded and {len(after)} repeated; a goal that the node '
            'refused or never heard of is missing: see its log'
        )
    if replay is None:
        problems.extend(again.notes)
    elif not replay.reproduced:
        problems.append(
            f'{replay.states - replay.exact} of {replay.states} new answers are not those of the '
            'recorded policy to what was seen: another policy runs now, or the node is wrong'
        )
    return LiveComparison(
        recorded=str(recorded), repeated=str(repeated), rate=rate, goals=tuple(goals),
        exact=replay.exact if replay else 0, states=replay.states if replay else 0,
        problems=tuple(problems),
    )


def _goals_of(bag: Path, bundle: Path | None) -> tuple[list[tuple[Episode, GoalFigures]], Any]:
    goals: list[tuple[Episode, GoalFigures]] = []
    options = EvaluationOptions(partial=True, bundle=bundle)
    evaluation = evaluate_bag(bag, options, lambda *shown: goals.append(shown[:2]))
    if evaluation.damage:
        raise BagError(evaluation.damage)
    return sorted(goals, key=lambda goal: goal[1].started_s), evaluation


def _compare(
    before: tuple[Episode, GoalFigures], after: tuple[Episode, GoalFigures], rate: float
) -> GoalComparison:
    recorded, repeated = _said(before[0], 1.0), _said(after[0], rate)
    outcomes = {
        'recorded_outcome': before[1].outcome, 'repeated_outcome': after[1].outcome,
    }
    if len(recorded.time_s) < 3 or not len(repeated.time_s):
        return GoalComparison(
            **outcomes, states=0, on_path=0, late_s=np.nan,
            observation_difference_max=np.nan, action_difference_max=np.nan,
            gate_difference_max=np.nan, other_branch=0, unlike=0,
        )
    rows = np.array([_nearest(recorded, repeated, row) for row in range(len(repeated.time_s))])
    # A goal that is pursued later ends later; what follows the recorded end has no counterpart.
    rows = rows[rows[:, 0] + repeated.time_s < recorded.time_s[-1]]
    late_s, apart, other = rows[:, 0], rows[:, 1:4], rows[:, 4] > 0
    tolerance = _tolerances(recorded)[rows[:, 5].astype(int)]
    on_path = apart[:, 0] <= tolerance[:, 0]
    other &= on_path
    unlike = on_path & ((apart[:, 1:] > tolerance[:, 1:]).any(axis=1) | other)
    largest = apart[on_path].max(axis=0) if on_path.any() else np.full(3, np.nan)
    return GoalComparison(
        **outcomes,
        states=len(rows),
        on_path=int(on_path.sum()),
        late_s=float(np.median(late_s[on_path])) if on_path.any() else np.nan,
        observation_difference_max=float(largest[0]),
        action_difference_max=float(largest[1]),
        gate_difference_max=float(largest[2]),
        other_branch=int(other.sum()),
        unlike=int(unlike.sum()),
    )


def _said(episode: Episode, rate: float) -> _Said:
    """Return the answers of an episode, with times as in the recording."""
    policy = episode.policy
    from_start = episode.stamp_ns - (episode.stamp_ns[:1] if len(episode.stamp_ns) else 0)
    return _Said(
        from_start / 1e9 * rate, episode.observation.astype(float),
        policy.action.astype(float), policy.gate.astype(float), policy.branch,
    )


def _tolerances(said: _Said) -> np.ndarray:
    """Return by how much a straight line may be wrong between each row and the next.

    Returns:
        Of observation, action and gate, shape (n - 1, 3).
    """
    columns = []
    for values in (said.observation, said.action, said.gate[:, None]):
        apart = np.abs(values[1:-1] - (values[:-2] + values[2:]) / 2.0).max(axis=1)
        # At the ends there is no neighbour on the other side.
        apart = np.concatenate((apart[:1], apart, apart[-1:]))
        around = np.concatenate((apart[:1], apart, apart[-1:]))
        windows = np.lib.stride_tricks.sliding_window_view(around, 4)
        columns.append(windows.max(axis=1) + _FLOOR)
    return np.stack(columns, axis=1)


def _nearest(recorded: _Said, repeated: _Said, row: int) -> tuple[float, ...]:
    """Return how one new answer compares with the recorded line that is nearest.

    Returns:
        How late it is; the differences of observation, action and gate; 1 if its branch is that of
        neither end of the line; the row at which the line begins.
    """
    seen, at_s = repeated.observation[row], repeated.time_s[row]
    near = np.abs(recorded.time_s - at_s) <= _SEARCH_S
    begins = np.flatnonzero(near[:-1] & near[1:])
    if not len(begins):
        return np.nan, np.inf, np.inf, np.inf, 1.0, 0.0
    steps = recorded.observation[begins + 1] - recorded.observation[begins]
    lengths = np.maximum((steps**2).sum(axis=1), np.finfo(float).tiny)
    shares = np.clip(((seen - recorded.observation[begins]) * steps).sum(axis=1) / lengths, 0, 1)
    on_line = recorded.observation[begins] + shares[:, None] * steps
    best = int(((on_line - seen) ** 2).sum(axis=1).argmin())
    begin, share = int(begins[best]), shares[best]

    def between(values: np.ndarray) -> np.ndarray:
        return values[begin] + share * (values[begin + 1] - values[begin])

    return (
        float(between(recorded.time_s)) - at_s,
        float(np.abs(on_line[best] - seen).max()),
        float(np.abs(between(recorded.action) - repeated.action[row]).max()),
        float(np.abs(between(recorded.gate) - repeated.gate[row])),
        float(repeated.branch[row] not in recorded.branch[begin : begin + 2]),
        float(begin),
    )


def _problems(goals: Sequence[GoalComparison]) -> list[str]:
    problems = []
    for number, goal in enumerate(goals, start=1):
        # A goal that the recording breaks off may end in any way.
        if goal.recorded_outcome not in (UNFINISHED, goal.repeated_outcome):
            problems.append(
                f'goal {number}: {goal.recorded_outcome} was recorded, now it is '
                f'{goal.repeated_outcome}'
            )
        if goal.on_path < _LEAST_SHARE * goal.states:
            problems.append(
                f'goal {number}: at {goal.states - goal.on_path} of {goal.states} evaluations '
                'the policy saw a state that was not recorded near that time: states or goals '
                'came late, or the observation is built otherwise now'
            )
    return problems
