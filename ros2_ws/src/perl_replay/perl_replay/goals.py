"""Figures of single goals, and over all goals (pure numpy)."""

from collections.abc import Sequence
import dataclasses
import math

import numpy as np
from perl_core.contract import Contract

from perl_replay.episodes import Episode, Outcome
from perl_replay.goal_loop import GoalLoopFigures
from perl_replay.latency import LatencyFigures
from perl_replay.prediction import PredictionFigures
from perl_replay.safety_events import SafetyEvent
from perl_replay.smoothness import smoothness
from perl_replay.symmetry_score import SymmetryFigures

_BY_REQUEST = (Outcome.CANCELED, Outcome.PREEMPTED)
"""Somebody asked for these ends: neither a success nor a failure."""
_ROUNDING = 1e-6
"""Observations are float32: errors below 1 m or 4 rad are exact to 1e-6."""
_SLACK_NS = 100_000_000
"""Start and policy states are stamped in different processes; half of the usual settling time."""
_TOLD_AFTER_S = 0.15
"""States of the safety layers are published ten times a second."""
UNFINISHED = 'UNFINISHED'
"""Outcome of a goal that the bag does not see the end of."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class GoalFigures:
    """What became of one goal. NaN: not recorded."""

    goal_id: str
    """UUID, hexadecimal."""
    to_home: bool
    """A return to the home position; the summary counts these apart."""
    outcome: str
    """As reported by the controller, or 'UNFINISHED'."""
    reached: bool
    """Reported as reached, and confirmed from the recorded errors."""
    failure: str | None
    """Why it counts as failed; None if it was reached, or ended by request."""
    position_error_m: float
    """At the end."""
    rotation_error_rad: float
    """At the end."""
    time_to_reach_s: float
    """Until tolerance was first kept; NaN if it was not."""
    path_length_m: float
    """Length of the tool's path."""
    policy_periods: int
    """Recorded actions."""
    equivariant_share: float
    """Share of the policy periods in which the equivariant branch acted."""
    standard_share: float
    """Share of the policy periods in which the standard branch acted."""
    gate_mean: float
    """Mean of the gate."""
    gate_max: float
    """Largest gate."""
    started_s: float
    """When the goal was asked for, after the start of the bag."""
    ended_s: float
    """When it ended, after the start of the bag."""
    target: tuple[float, ...]
    """Position [m] and quaternion (x, y, z, w) of the goal in ``base``; empty if not recorded."""
    hold_position_error_m: float
    """Largest, from when tolerance was first kept until the end."""
    hold_rotation_error_rad: float
    """Likewise."""
    jerk_rms_m_s3: float
    """Of the tool, see smoothness.py."""
    log_dimensionless_jerk: float
    """Of the tool; closer to zero is smoother."""
    prediction: PredictionFigures | None = None
    """One-step prediction; None if not evaluated."""
    symmetry: SymmetryFigures | None = None
    """Equivariance errors; None without a bundle."""
    latency: LatencyFigures | None = None
    """From command to motion; None if not evaluated."""
    loop: GoalLoopFigures | None = None
    """The control loop meanwhile; None if not evaluated."""
    safety_events: int = 0
    """Stops, faults and lost connections meanwhile."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class GoalSummary:
    """Over all goals but returns home. Errors and times are of those reached."""

    goals: int
    """How many were asked for."""
    reached: int
    """How many were reached."""
    failed: int
    """How many failed; the rest was cancelled or pre-empted."""
    returns: int
    """How often the arm was sent home."""
    returns_reached: int
    """How often it came there."""
    position_error_mean_m: float
    """At the end."""
    position_error_max_m: float
    """At the end."""
    rotation_error_mean_rad: float
    """At the end."""
    rotation_error_max_rad: float
    """At the end."""
    time_to_reach_mean_s: float
    """Until tolerance was first kept."""
    time_to_reach_max_s: float
    """Until tolerance was first kept."""
    path_length_mean_m: float
    """Length of the tool's path."""
    equivariant_share: float
    """Share of the policy periods in which the equivariant branch acted."""
    standard_share: float
    """Share of the policy periods in which the standard branch acted."""
    gate_mean: float
    """Mean over all policy periods."""
    gate_max: float
    """Largest gate."""
    hold_position_error_max_m: float
    """From when tolerance was first kept until the end."""
    hold_rotation_error_max_rad: float
    """Likewise."""
    jerk_rms_mean_m_s3: float
    """Of the tool."""
    log_dimensionless_jerk_mean: float
    """Of the tool; closer to zero is smoother."""


def judge_goal(episode: Episode, start_ns: int = 0) -> GoalFigures:
    """Return the figures of one goal.

    Args:
        episode: what was recorded of it.
        start_ns: start of the bag, Unix time.
    """
    failure = _failure(episode)
    reached = episode.outcome == Outcome.REACHED and failure is None
    held = _held(episode)
    smooth = smoothness(episode.observation, episode.stamp_ns, Contract().policy_period_s)
    began_ns = episode.started_ns or episode.ended_ns
    steps = np.diff(episode.tool_position_m, axis=0)
    return GoalFigures(
        goal_id=episode.goal_id,
        to_home=episode.to_home,
        outcome=episode.outcome.name if episode.outcome is not None else UNFINISHED,
        reached=reached,
        failure=failure,
        position_error_m=episode.final_position_error_m,
        rotation_error_rad=episode.final_rotation_error_rad,
        time_to_reach_s=episode.duration_s if reached else math.nan,
        path_length_m=float(np.linalg.norm(steps, axis=1).sum()),
        policy_periods=len(episode.gate),
        equivariant_share=_mean(episode.branch == 0),
        standard_share=_mean(episode.branch == 1),
        gate_mean=_mean(episode.gate),
        gate_max=_largest(episode.gate),
        started_s=(began_ns - start_ns) / 1e9 if began_ns is not None else math.nan,
        ended_s=(episode.ended_ns - start_ns) / 1e9 if episode.ended_ns is not None else math.nan,
        target=episode.target,
        hold_position_error_m=_largest(episode.position_error_m[held]),
        hold_rotation_error_rad=_largest(episode.rotation_error_rad[held]),
        jerk_rms_m_s3=smooth.jerk_rms_m_s3,
        log_dimensionless_jerk=smooth.log_dimensionless_jerk,
    )


def summarise_goals(goals: Sequence[GoalFigures]) -> GoalSummary:
    """Return the figures over all goals."""
    returns = [goal for goal in goals if goal.to_home]
    goals = [goal for goal in goals if not goal.to_home]
    reached = [goal for goal in goals if goal.reached]
    acted = [goal for goal in goals if goal.policy_periods]
    weights = [goal.policy_periods for goal in acted]
    position = [goal.position_error_m for goal in reached]
    rotation = [goal.rotation_error_rad for goal in reached]
    time = [goal.time_to_reach_s for goal in reached]
    return GoalSummary(
        goals=len(goals),
        reached=len(reached),
        failed=sum(goal.failure is not None for goal in goals),
        returns=len(returns),
        returns_reached=sum(goal.reached for goal in returns),
        position_error_mean_m=_mean(position),
        position_error_max_m=_largest(position),
        rotation_error_mean_rad=_mean(rotation),
        rotation_error_max_rad=_largest(rotation),
        time_to_reach_mean_s=_mean(time),
        time_to_reach_max_s=_largest(time),
        path_length_mean_m=_mean([goal.path_length_m for goal in reached]),
        equivariant_share=_mean([goal.equivariant_share for goal in acted], weights),
        standard_share=_mean([goal.standard_share for goal in acted], weights),
        gate_mean=_mean([goal.gate_mean for goal in acted], weights),
        gate_max=_largest([goal.gate_max for goal in acted]),
        hold_position_error_max_m=_finite_max([goal.hold_position_error_m for goal in reached]),
        hold_rotation_error_max_rad=_finite_max(
            [goal.hold_rotation_error_rad for goal in reached]
        ),
        jerk_rms_mean_m_s3=_mean([goal.jerk_rms_m_s3 for goal in reached]),
        log_dimensionless_jerk_mean=_mean([goal.log_dimensionless_jerk for goal in reached]),
    )


def with_safety(
    goals: Sequence[GoalFigures], events: Sequence[SafetyEvent]
) -> list[GoalFigures]:
    """Return the goals with the number of safety events in the time of each."""
    times_s = np.array([event.time_s for event in events if event.is_trouble])
    counted = []
    for goal in goals:
        # A goal without an end was cut off by that of the bag; events are told after the goal.
        end_s = goal.ended_s + _TOLD_AFTER_S if math.isfinite(goal.ended_s) else math.inf
        during = (times_s >= goal.started_s) & (times_s <= end_s)
        counted.append(dataclasses.replace(goal, safety_events=int(during.sum())))
    return counted


def named_goals(goals: Sequence[GoalFigures]) -> list[tuple[str, GoalFigures]]:
    """Return each goal with what people call it: 'goal 1', 'home after goal 1', 'goal 2'..."""
    named, number = [], 0
    for goal in goals:
        number += not goal.to_home
        named.append((f'home after goal {number}' if goal.to_home else f'goal {number}', goal))
    return named


def _failure(episode: Episode) -> str | None:
    """Return why a goal counts as failed."""
    if episode.outcome is None:
        return 'the bag ends before the goal'
    if episode.outcome in _BY_REQUEST:
        return None
    if episode.outcome != Outcome.REACHED:
        return episode.message or 'no reason was given'
    return _contradiction(episode)


def _contradiction(episode: Episode) -> str | None:
    """Return what in the recorded errors speaks against a goal reported as reached.

    Tolerance must hold at the end, and from 0.1 s after it was first kept until the end.
    """
    held = _held(episode)
    for name, final, errors, tolerance, unit in (
        ('position', episode.final_position_error_m, episode.position_error_m,
         episode.position_tolerance_m, 'm'),
        ('rotation', episode.final_rotation_error_rad, episode.rotation_error_rad,
         episode.rotation_tolerance_rad, 'rad'),
    ):
        worst = float(np.max(errors[held], initial=final))
        # Written so that a NaN fails.
        if not worst <= tolerance + _ROUNDING:
            return (
                f'reported as reached, but the {name} error was {worst:.4g} {unit} after '
                f'tolerance was kept, allowed {tolerance:.4g} {unit}'
            )
    return None


def _held(episode: Episode) -> np.ndarray:
    """Return at which policy states tolerance had to be kept, bool, shape (n,)."""
    known = episode.started_ns is not None and episode.ended_ns is not None
    if not known or episode.outcome != Outcome.REACHED or not math.isfinite(episode.duration_s):
        return np.zeros(len(episode.stamp_ns), dtype=bool)
    first_kept_ns = (episode.started_ns or 0) + round(episode.duration_s * 1e9)
    held = episode.stamp_ns > first_kept_ns + _SLACK_NS
    return held & (episode.stamp_ns <= episode.ended_ns)


def _finite_max(values: Sequence[float]) -> float:
    """Return the largest value that is a number; NaN of nothing."""
    return _largest([value for value in values if math.isfinite(value)])


def _mean(values: Sequence[float] | np.ndarray, weights: Sequence[float] | None = None) -> float:
    """Return the mean; NaN of nothing."""
    return float(np.average(values, weights=weights)) if len(values) else math.nan


def _largest(values: Sequence[float] | np.ndarray) -> float:
    """Return the largest value; NaN of nothing."""
    return float(np.max(values)) if len(values) else math.nan
