"""Figures of each goal as tables for a terminal: how it went, and what warns."""

from collections.abc import Sequence
import math

from rich.table import Table
from rich.text import Text

from perl_replay.goals import GoalFigures, named_goals
from perl_replay.terminal import number, short, text


def went_table(goals: Sequence[GoalFigures]) -> Table:
    """Return outcome, errors, time, path and branches of each goal."""
    headings = ('position mm', 'rotation deg', 'time s', 'path m', 'equiv. %', 'stand. %',
                'gate mean', 'gate max')
    return _table(('outcome', *headings), [
        (name, _outcome(goal), *_went(goal)) for name, goal in named_goals(goals)
    ])


def warns_table(goals: Sequence[GoalFigures]) -> Table:
    """Return smoothness, prediction, symmetry, delay, loop and safety of each goal."""
    headings = ('jerk m/s3', 'pred. mm', 'disagree mm', 'gate turned', 'policy turned',
                'delay ms', 'late us', 'over- runs', 'limited', 'safety')
    return _table(headings, [(name, *_warns(goal)) for name, goal in named_goals(goals)])


def _table(headings: Sequence[str], rows: Sequence[tuple[str | Text, ...]]) -> Table:
    table = Table()
    for heading in ('goal', *headings):
        table.add_column(heading, justify='left' if heading == 'outcome' else 'right')
    for name, *cells in rows:
        table.add_row(str(name).removeprefix('goal '), *cells)
    return table


def _outcome(goal: GoalFigures) -> Text:
    """Return the outcome, red if it counts as failed."""
    if goal.failure is not None:
        name = goal.outcome if goal.outcome != 'REACHED' else 'REACHED (not confirmed)'
        return text(name, style='bold red')
    return text(goal.outcome, style='green' if goal.reached else '')


def _went(goal: GoalFigures) -> list[str]:
    return [
        number(1e3 * goal.position_error_m, 2),
        number(math.degrees(goal.rotation_error_rad), 2),
        number(goal.time_to_reach_s, 2),
        number(goal.path_length_m, 3),
        number(100 * goal.equivariant_share, 0),
        number(100 * goal.standard_share, 0),
        number(goal.gate_mean, 3),
        number(goal.gate_max, 3),
    ]


def _warns(goal: GoalFigures) -> list[str]:
    predicted, turned, delay, loop = goal.prediction, goal.symmetry, goal.latency, goal.loop
    return [
        number(goal.jerk_rms_m_s3, 1),
        number(1e3 * predicted.joint_error_mean_m, 2) if predicted else '-',
        number(1e3 * predicted.disagreement_mean_m, 2) if predicted else '-',
        short(turned.gate_error_mean, 2) if turned else '-',
        short(turned.policy_error_mean, 2) if turned else '-',
        number(1e3 * delay.latency_s, 1) if delay else '-',
        number(loop.lateness_max_us, 0) if loop else '-',
        str(loop.overruns) if loop else '-',
        str(loop.limited_periods) if loop else '-',
        str(goal.safety_events),
    ]
