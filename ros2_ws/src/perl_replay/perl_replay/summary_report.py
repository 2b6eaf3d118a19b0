"""Figures over all goals as tables for a terminal."""

import math

from rich.table import Table

from perl_replay.distribution import Tail
from perl_replay.evaluation import Evaluation
from perl_replay.terminal import number, text


def summary_table(evaluation: Evaluation) -> Table:
    """Return the figures over all goals, and what the safety layers did."""
    summary, safety = evaluation.summary, evaluation.safety
    table = Table(show_header=False)
    rows = (
        ('goals reached', f'{summary.reached} of {summary.goals}, {summary.failed} failed'),
        ('returns home', f'{summary.returns_reached} of {summary.returns}'),
        ('final position error (mean, max)',
         f'{number(1e3 * summary.position_error_mean_m, 2)}, '
         f'{number(1e3 * summary.position_error_max_m, 2)} mm'),
        ('final orientation error (mean, max)',
         f'{number(math.degrees(summary.rotation_error_mean_rad), 2)}, '
         f'{number(math.degrees(summary.rotation_error_max_rad), 2)} deg'),
        ('time to reach (mean, max)',
         f'{number(summary.time_to_reach_mean_s, 2)}, '
         f'{number(summary.time_to_reach_max_s, 2)} s'),
        ('branch equivariant, standard',
         f'{number(100 * summary.equivariant_share, 1)}, '
         f'{number(100 * summary.standard_share, 1)} %'),
        ('gate (mean, max)', f'{number(summary.gate_mean, 3)}, {number(summary.gate_max, 3)}'),
        ('stops by filter, monitor', f'{safety.filter_stops}, {safety.monitor_stops}'),
        ('ticks limited by the filter', str(safety.filter_limited_ticks)),
        ('limits in force', ', '.join(f'{k} ({n})' for k, n in safety.limits.items()) or 'none'),
        ('robot, policy', f'{evaluation.robot_ip or "unknown"}, '
                          f'{evaluation.bundle_sha256[:16] or "unknown"}'),
        ('bag', f'{evaluation.duration_s:.1f} s, {evaluation.messages} messages'),
    )
    for label, value in rows:
        table.add_row(label, text(value))
    return table


def loop_line(evaluation: Evaluation) -> str:
    """Return the loop's counters."""
    timing = evaluation.timing
    return (
        f'Control loop: {timing.ticks} ticks ({timing.ticks_not_recorded} not recorded), '
        f'{timing.overruns} overruns, {timing.skipped} skipped, '
        f'{timing.policy_misses} policy misses'
    )


def timing_table(evaluation: Evaluation) -> Table:
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
    return [number(value, 0) for value in values]
