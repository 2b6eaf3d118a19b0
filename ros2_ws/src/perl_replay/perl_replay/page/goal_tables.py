"""Figures of each goal, as two tables: how it went, and what warns."""

from collections.abc import Callable, Sequence
import math
from typing import NamedTuple

from perl_replay.goals import GoalFigures
from perl_replay.page.markup import Markup, joined, number, short, table, tag

_MOST_ROWS = 300
_DEGREES = math.degrees(1.0)


class Column(NamedTuple):
    """One figure of each goal."""

    heading: str
    """With its unit."""
    text: Callable[[GoalFigures], str]
    """The figure."""


_WENT = (
    Column('distance [mm]', lambda g: number(g.position_error_m, 2, 1e3)),
    Column('angle [°]', lambda g: number(g.rotation_error_rad, 2, _DEGREES)),
    Column('held within [mm]', lambda g: number(g.hold_position_error_m, 2, 1e3)),
    Column('held within [°]', lambda g: number(g.hold_rotation_error_rad, 2, _DEGREES)),
    Column('time [s]', lambda g: number(g.time_to_reach_s, 2)),
    Column('path [m]', lambda g: number(g.path_length_m, 3)),
    Column('jerk [m/s³]', lambda g: number(g.jerk_rms_m_s3, 1)),
    Column('smoothness', lambda g: number(g.log_dimensionless_jerk, 2)),
    Column('equiv. [%]', lambda g: number(g.equivariant_share, 0, 100.0)),
    Column('stand. [%]', lambda g: number(g.standard_share, 0, 100.0)),
    Column('gate mean', lambda g: number(g.gate_mean, 3)),
    Column('gate largest', lambda g: number(g.gate_max, 3)),
)
_WARNS = (
    Column('prediction error [mm]', lambda g: _of(g.prediction, 'joint_error_mean_m', 1e3)),
    Column('largest [mm]', lambda g: _of(g.prediction, 'joint_error_max_m', 1e3)),
    Column('predictors apart [mm]', lambda g: _of(g.prediction, 'disagreement_mean_m', 1e3)),
    Column('gate turned, error', lambda g: _of(g.symmetry, 'gate_error_mean')),
    Column('policy turned, error', lambda g: _of(g.symmetry, 'policy_error_mean')),
    Column('delay [ms]', lambda g: _of(g.latency, 'latency_s', 1e3)),
    Column('lateness 99 % [µs]', lambda g: _count(g.loop, 'lateness_p99_us')),
    Column('lateness largest [µs]', lambda g: _count(g.loop, 'lateness_max_us')),
    Column('longest tick [µs]', lambda g: _count(g.loop, 'work_max_us')),
    Column('overruns', lambda g: _count(g.loop, 'overruns')),
    Column('periods limited', lambda g: _count(g.loop, 'limited_periods')),
    Column('safety events', lambda g: str(g.safety_events)),
)


def goal_tables(goals: Sequence[tuple[str, GoalFigures]]) -> Markup:
    """Return both tables."""
    shown = goals[:_MOST_ROWS]
    rest = len(goals) - len(shown)
    more = f' The other {rest} are in JSON and CSV.' if rest else ''
    return joined(
        _table('How each goal went, returns home included. Distance and angle are those at the '
               f'end; a dash was not recorded or does not apply.{more}', _WENT, shown),
        _table(f'What warns, goal by goal.{more}', _WARNS, shown),
    )


def _table(
    caption: str, columns: Sequence[Column], goals: Sequence[tuple[str, GoalFigures]]
) -> Markup:
    rows = [
        [name, _outcome(goal), *(column.text(goal) for column in columns)] for name, goal in goals
    ]
    headings = ['goal', 'outcome', *(column.heading for column in columns)]
    return table(caption, headings, rows, 'dense')


def _outcome(goal: GoalFigures) -> Markup:
    kind = 'good' if goal.reached else 'bad' if goal.failure is not None else None
    return tag('td', goal.outcome.lower(), class_=kind, title=goal.failure)


def _of(figures: object, name: str, scale: float = 1.0) -> str:
    return short(getattr(figures, name, None), scale)


def _count(figures: object, name: str) -> str:
    return number(getattr(figures, name, None), 0)
