"""Figures -> tables for people, and one line of JSON for programs."""

import json
import math
import sys
from typing import TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from perl_replay.comparison import Comparison
from perl_replay.distribution import Tail
from perl_replay.evaluation import Evaluation
from perl_replay.goals import GoalFigures, named_goals
from perl_replay.many import ManyFigures
from perl_replay.replay_tables import replay_table

_WIDTH = 110
"""Columns where there is no terminal to ask."""


def print_report(evaluation: Evaluation, stream: TextIO | None = None) -> None:
    """Write the tables, the problems, and last one line of JSON with the same figures.

    Args:
        evaluation: what to write.
        stream: where to; standard output by default.
    """
    output: TextIO = sys.stdout if stream is None else stream
    console = Console(file=output, width=None if output.isatty() else _WIDTH, highlight=False)
    console.print(Text(f'Goals of {evaluation.bag}'))
    console.print(_goal_table(evaluation))
    console.print(_summary_table(evaluation))
    console.print(Text(_loop_line(evaluation)))
    console.print(_timing_table(evaluation))
    console.print(replay_table(evaluation))
    for event in evaluation.safety.events:
        reasons = ', '.join(event.reasons)
        console.print(Text(f'{event.time_s:8.2f} s  {event.source}: {event.event} {reasons}'))
    for mark in evaluation.marks:
        console.print(Text(f'{mark.time_s:8.2f} s  mark: {_shown(mark.text)}'))
    for note in evaluation.notes:
        console.print(Text(f'Note: {note}'))
    for problem in evaluation.problems:
        console.print(Text(f'PROBLEM: {problem}', style='bold red'))
    output.write(json.dumps(evaluation.to_dict()) + '\n')
    output.flush()


def _shown(text: str) -> str:
    """Return a text without what a terminal would obey."""
    return ''.join(character if character.isprintable() else '?' for character in text)


def print_many(many: ManyFigures, stream: TextIO | None = None) -> None:
    """Write the figures over many bags, and last one line of JSON."""
    output: TextIO = sys.stdout if stream is None else stream
    console = Console(file=output, width=None if output.isatty() else _WIDTH, highlight=False)
    table = Table(title=f'{len(many.bags)} bags, {many.duration_s:.0f} s')
    for heading in ('figure', 'goals', 'mean', '95 % interval'):
        table.add_column(heading, justify='left' if heading == 'figure' else 'right')
    for name, interval in (('success', many.success), *many.figures.items()):
        ends = f'{_short(interval.low)} to {_short(interval.high)}'
        table.add_row(name, str(interval.count), _short(interval.mean), ends)
    console.print(table)
    for problem in many.problems:
        console.print(Text(f'PROBLEM: {problem}', style='bold red'))
    output.write(json.dumps(many.to_dict()) + '\n')
    output.flush()


def print_comparison(comparison: Comparison, stream: TextIO | None = None) -> None:
    """Write how B differs from A, and last one line of JSON."""
    output: TextIO = sys.stdout if stream is None else stream
    console = Console(file=output, width=None if output.isatty() else _WIDTH, highlight=False)
    console.print(Text(f'A: {comparison.bag_a}\nB: {comparison.bag_b}'))
    console.print(Text(
        f'{comparison.pairs} goals in both, {comparison.only_a} in A only, '
        f'{comparison.only_b} in B only'
    ))
    table = Table()
    for heading in ('figure', 'pairs', 'A', 'B', 'B - A', '95 % interval', 'p'):
        table.add_column(heading, justify='left' if heading == 'figure' else 'right')
    a, b = comparison.success_a.mean, comparison.success_b.mean
    table.add_row('success', str(comparison.pairs), _short(a), _short(b), _short(b - a), '',
                  _short(comparison.success_p_value))
    for name, figure in comparison.figures.items():
        apart = figure.difference
        table.add_row(
            name, str(figure.pairs), _short(figure.mean_a), _short(figure.mean_b),
            _short(apart.mean), f'{_short(apart.low)} to {_short(apart.high)}',
            _short(figure.p_value),
        )
    console.print(table)
    output.write(json.dumps(comparison.to_dict()) + '\n')
    output.flush()


def _short(value: float) -> str:
    """Return a number with four digits, or a dash."""
    return f'{value:.4g}' if math.isfinite(value) else '-'


def _goal_table(evaluation: Evaluation) -> Table:
    """Return one row a goal."""
    table = Table()
    for heading in ('goal', 'outcome', 'position mm', 'rotation deg', 'time s', 'path m',
                    'equiv. %', 'stand. %', 'gate mean', 'gate max'):
        table.add_column(heading, justify='left' if heading == 'outcome' else 'right')
    for name, goal in named_goals(evaluation.goals):
        table.add_row(name.removeprefix('goal '), _outcome(goal), *_goal_cells(goal))
    return table


def _outcome(goal: GoalFigures) -> Text:
    """Return the outcome, red if it counts as failed."""
    if goal.failure is not None:
        name = goal.outcome if goal.outcome != 'REACHED' else 'REACHED (not confirmed)'
        return Text(name, style='bold red')
    return Text(goal.outcome, style='green' if goal.reached else '')


def _goal_cells(goal: GoalFigures) -> list[str]:
    """Return the figures of a goal."""
    return [
        _number(1e3 * goal.position_error_m, 2),
        _number(math.degrees(goal.rotation_error_rad), 2),
        _number(goal.time_to_reach_s, 2),
        _number(goal.path_length_m, 3),
        _number(100 * goal.equivariant_share, 0),
        _number(100 * goal.standard_share, 0),
        _number(goal.gate_mean, 3),
        _number(goal.gate_max, 3),
    ]


def _summary_table(evaluation: Evaluation) -> Table:
    """Return the figures over all goals, and what the safety layers did."""
    summary, safety = evaluation.summary, evaluation.safety
    table = Table(show_header=False)
    rows = (
        ('goals reached', f'{summary.reached} of {summary.goals}, {summary.failed} failed'),
        ('returns home', f'{summary.returns_reached} of {summary.returns}'),
        ('final position error (mean, max)',
         f'{_number(1e3 * summary.position_error_mean_m, 2)}, '
         f'{_number(1e3 * summary.position_error_max_m, 2)} mm'),
        ('final orientation error (mean, max)',
         f'{_number(math.degrees(summary.rotation_error_mean_rad), 2)}, '
         f'{_number(math.degrees(summary.rotation_error_max_rad), 2)} deg'),
        ('time to reach (mean, max)',
         f'{_number(summary.time_to_reach_mean_s, 2)}, '
         f'{_number(summary.time_to_reach_max_s, 2)} s'),
        ('branch equivariant, standard',
         f'{_number(100 * summary.equivariant_share, 1)}, '
         f'{_number(100 * summary.standard_share, 1)} %'),
        ('gate (mean, max)', f'{_number(summary.gate_mean, 3)}, {_number(summary.gate_max, 3)}'),
        ('stops by filter, monitor', f'{safety.filter_stops}, {safety.monitor_stops}'),
        ('ticks limited by the filter', str(safety.filter_limited_ticks)),
        ('limits in force', ', '.join(f'{k} ({n})' for k, n in safety.limits.items()) or 'none'),
        ('robot, policy', f'{evaluation.robot_ip or "unknown"}, '
                          f'{evaluation.bundle_sha256[:16] or "unknown"}'),
        ('bag', f'{evaluation.duration_s:.1f} s, {evaluation.messages} messages'),
    )
    for label, value in rows:
        table.add_row(label, Text(value))
    return table


def _loop_line(evaluation: Evaluation) -> str:
    """Return the loop's counters."""
    timing = evaluation.timing
    return (
        f'Control loop: {timing.ticks} ticks ({timing.ticks_not_recorded} not recorded), '
        f'{timing.overruns} overruns, {timing.skipped} skipped, '
        f'{timing.policy_misses} policy misses'
    )


def _timing_table(evaluation: Evaluation) -> Table:
    """Return the loop's timing."""
    timing = evaluation.timing
    table = Table()
    table.add_column('us')
    for heading in ('mean', 'p50', 'p99', 'p99.9', 'max'):
        table.add_column(heading, justify='right')
    tails = (('lateness', timing.lateness), ('work', timing.work),
             ('age of state', timing.state_age), ('inference', timing.inference))
    for name, tail in tails:
        table.add_row(name, *_tail_cells(tail))
    return table


def _tail_cells(tail: Tail) -> list[str]:
    """Return the figures of a tail."""
    values = (tail.mean_us, tail.p50_us, tail.p99_us, tail.p99_9_us, tail.max_us)
    return [_number(value, 0) for value in values]


def _number(value: float, digits: int) -> str:
    """Return a number, or a dash for what was not recorded."""
    return f'{value:.{digits}f}' if math.isfinite(value) else '-'
