"""Figures -> tables for people, and one line of JSON for programs."""

from collections.abc import Mapping
import json
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.table import Table

from perl_replay.comparison import Comparison
from perl_replay.evaluation import Evaluation
from perl_replay.goal_report import warns_table, went_table
from perl_replay.headline import headline
from perl_replay.many import ManyFigures
from perl_replay.replay_tables import replay_table
from perl_replay.summary_report import loop_line, summary_table, timing_table
from perl_replay.terminal import console_for, short, text

Files = Mapping[str, Path | None]
"""What was written, by kind: 'html', 'json', 'csv'."""


def print_report(
    evaluation: Evaluation, stream: TextIO | None = None, files: Files | None = None
) -> None:
    """Write all tables, the problems, and last one line of JSON with the main figures.

    Args:
        evaluation: what to write.
        stream: where to; standard output by default.
        files: what else was written; None for nothing.
    """
    console, output = console_for(stream)
    console.print(text(f'Goals of {evaluation.bag}'))
    console.print(went_table(evaluation.goals))
    console.print(warns_table(evaluation.goals))
    console.print(summary_table(evaluation))
    console.print(text(loop_line(evaluation)))
    console.print(timing_table(evaluation))
    console.print(replay_table(evaluation))
    for event in evaluation.safety.events:
        reasons = ', '.join(event.reasons)
        console.print(text(f'{event.time_s:8.2f} s  {event.source}: {event.event} {reasons}'))
    for mark in evaluation.marks:
        console.print(text(f'{mark.time_s:8.2f} s  mark: {mark.text}'))
    _end(console, output, evaluation, files or {})


def print_summary(
    evaluation: Evaluation, stream: TextIO | None = None, files: Files | None = None
) -> None:
    """Write the figures over all goals, the problems, and last the same line of JSON.

    Args:
        evaluation: what to write.
        stream: where to; standard output by default.
        files: what else was written; None for nothing.
    """
    console, output = console_for(stream)
    console.print(summary_table(evaluation))
    console.print(text(loop_line(evaluation)))
    _end(console, output, evaluation, files or {})


def _end(console: Console, output: TextIO, evaluation: Evaluation, files: Files) -> None:
    """Write what a person must know last, and the line for programs."""
    for note in evaluation.notes:
        console.print(text(f'Note: {note}'))
    for problem in evaluation.problems:
        console.print(text(f'PROBLEM: {problem}', style='bold red'))
    for name, kind in (('Report', 'html'), ('All figures', 'json'), ('By goal', 'csv')):
        if files.get(kind) is not None:
            console.print(text(f'{name}: {files[kind]}'), soft_wrap=True)
    output.write(json.dumps(headline(evaluation, files)) + '\n')
    output.flush()


def print_many(many: ManyFigures, stream: TextIO | None = None) -> None:
    """Write the figures over many bags, and last one line of JSON."""
    console, output = console_for(stream)
    table = Table(title=f'{len(many.bags)} bags, {many.duration_s:.0f} s')
    for heading in ('figure', 'goals', 'mean', '95 % interval'):
        table.add_column(heading, justify='left' if heading == 'figure' else 'right')
    for name, interval in (('success', many.success), *many.figures.items()):
        ends = f'{short(interval.low)} to {short(interval.high)}'
        table.add_row(name, str(interval.count), short(interval.mean), ends)
    console.print(table)
    for problem in many.problems:
        console.print(text(f'PROBLEM: {problem}', style='bold red'))
    output.write(json.dumps(many.to_dict()) + '\n')
    output.flush()


def print_comparison(comparison: Comparison, stream: TextIO | None = None) -> None:
    """Write how B differs from A, and last one line of JSON."""
    console, output = console_for(stream)
    console.print(text(f'A: {comparison.bag_a}\nB: {comparison.bag_b}'))
    console.print(text(
        f'{comparison.pairs} goals in both, {comparison.only_a} in A only, '
        f'{comparison.only_b} in B only'
    ))
    table = Table()
    for heading in ('figure', 'pairs', 'A', 'B', 'B - A', '95 % interval', 'p'):
        table.add_column(heading, justify='left' if heading == 'figure' else 'right')
    a, b = comparison.success_a.mean, comparison.success_b.mean
    table.add_row('success', str(comparison.pairs), short(a), short(b), short(b - a), '',
                  short(comparison.success_p_value))
    for name, figure in comparison.figures.items():
        apart = figure.difference
        table.add_row(
            name, str(figure.pairs), short(figure.mean_a), short(figure.mean_b),
            short(apart.mean), f'{short(apart.low)} to {short(apart.high)}',
            short(figure.p_value),
        )
    console.print(table)
    output.write(json.dumps(comparison.to_dict()) + '\n')
    output.flush()
