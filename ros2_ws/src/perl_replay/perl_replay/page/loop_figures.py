"""Pictures of the control loop and of the safety layers."""

from collections.abc import Sequence
import math
from typing import NamedTuple

from perl_core.contract import Contract
from perl_safety.limits import SafetyLimits

from perl_replay.distribution import Tail
from perl_replay.evaluation import Evaluation
from perl_replay.goals import GoalFigures
from perl_replay.page.axes import Axis, Plot
from perl_replay.page.markup import Markup, figure, joined, tag

_LOW_US = 0.5
"""Left end of the time axes; zero is drawn there."""
_MOST_BARS = 2000
_MOST_EVENTS = 400
"""Marks of a time line; all are counted."""
_ROWS = ('filter, today', 'monitor, today', 'controller', 'monitor', 'filter', 'marks', 'goals')
"""Of the time line, from below."""


class Happening(NamedTuple):
    """Something that a time line shows."""

    time_s: float
    """After the start of the bag."""
    source: str
    """Who did or would do it: a row of the time line."""
    event: str
    """What it is, in a word."""
    text: str
    """Reasons, or what was remarked."""
    trouble: bool
    """Something stopped, failed, or would stop."""


def timing_figure(evaluation: Evaluation, contract: Contract, limits: SafetyLimits) -> Markup:
    """Return the distributions of the loop's timing, with their tails and bars."""
    period_us = contract.control_period_s * 1e6
    timing, parts = evaluation.timing, []
    for name, tail, bars in (
        ('wake-up after the deadline', timing.lateness, (('next deadline', period_us),)),
        ('work of a tick', timing.work, (('control period', period_us),)),
        ('age of the robot state', timing.state_age,
         (('arm brakes', limits.state_hold_age_s * 1e6),
          ('arm stops', limits.state_stop_age_s * 1e6))),
        ('observation, gate and branch', timing.inference, (('control period', period_us),)),
    ):
        parts.append(_histogram(name, tail, bars))
    return figure(
        tag('div', *parts, class_='two'),
        'How punctual the control loop was: every recorded tick, on scales of powers of ten in '
        'both directions, so that rare and late ticks are seen. Dotted: half, 99 % and 99.9 % of '
        'all values lie to the left. Dashed: a limit. Values right of the dashed line are bad.',
        'timing',
    )


def _histogram(name: str, tail: Tail, bars: Sequence[tuple[str, float]]) -> Markup:
    most = max((entry.count for entry in tail.histogram), default=1)
    # What is infinitely late is drawn at the right end.
    finite = [value for value in (tail.max_us, *(bar for _, bar in bars)) if math.isfinite(value)]
    high = max(max(finite, default=1e3) * 1.5, 10.0)
    x = Axis(low=_LOW_US, high=high, label=f'{name} [µs]', log=True)
    y = Axis(low=0.7, high=max(2.0 * most, 10.0), label='how often', log=True)
    plot = Plot(x, y, width=470.0, height=250.0)
    for entry in tail.histogram:
        plot.box((max(entry.low_us, _LOW_US), y.low), (entry.high_us, float(entry.count)), 'bar',
                 f'{entry.low_us:.0f} to {entry.high_us:.0f} µs: {entry.count}')
    for row, (label, value) in enumerate((('50 %', tail.p50_us), ('99 %', tail.p99_us),
                                          ('99.9 %', tail.p99_9_us))):
        if math.isfinite(value):
            plot.upright(value, label, 'tail', row)
    for row, (label, value) in enumerate(bars, start=3):
        plot.upright(value, label, 'limit', row)
    return plot.svg(f'{name}: {tail.count} values, at most {tail.max_us:.0f} µs')


def timeline_figure(evaluation: Evaluation, goals: Sequence[tuple[str, GoalFigures]]) -> Markup:
    """Return goals and safety events over the time of the recording."""
    x = Axis(low=0.0, high=max(evaluation.duration_s, 0.1),
             label='time since the recording began [s]')
    plot = Plot(x, Axis(low=0.0, high=float(len(_ROWS)), label=''), height=270.0, left=100.0)
    for name, goal in goals[:_MOST_BARS]:
        _goal_bar(plot, name, goal, evaluation.duration_s)
    for stop in evaluation.stops:
        if math.isfinite(stop.time_to_rest_s):
            row = _row(stop.source)
            plot.box((stop.time_s, row + 0.35), (stop.time_s + stop.time_to_rest_s, row + 0.65),
                     'standard', f'{stop.time_to_rest_s:.3f} s until the arm was at rest')
    for event in happenings(evaluation)[:_MOST_EVENTS]:
        _mark(plot, event)
    return figure(
        joined(plot.svg('goals and safety events over time', _ROWS)),
        'Goals (green: reached, red and taller: failed, grey: return home) and what the safety '
        'layers did. A cross is a stop, a fault or a lost connection while the arm might move; an '
        'open circle is harmless: a reset, a limit, or a layer that was not on duty. Filled '
        'points are marks that somebody set. An orange bar lasts until the arm was at rest. The '
        'two lowest rows are what filter and monitor would do with the same commands and states '
        'under the limits given today.',
        'timeline',
    )


def happenings(evaluation: Evaluation) -> list[Happening]:
    """Return safety events, marks and would-be stops in their order."""
    found = [
        Happening(event.time_s, event.source, event.event, ', '.join(event.reasons),
                  event.is_trouble)
        for event in evaluation.safety.events
    ]
    found += [Happening(mark.time_s, 'marks', 'mark', mark.text, False)
              for mark in evaluation.marks]
    for source, events in (('filter, today', evaluation.filter_replay.events),
                           ('monitor, today', evaluation.monitor_replay.events)):
        found += [
            Happening(event.time_s, source, event.severity, ', '.join(event.reasons),
                      event.severity == 'STOP')
            for event in events
        ]
    return sorted(found, key=lambda entry: entry.time_s)


def _row(source: str) -> int:
    """Return the row of a source; the controller's for one that is not known."""
    return _ROWS.index(source if source in _ROWS else 'controller')


def _goal_bar(plot: Plot, name: str, goal: GoalFigures, last_s: float) -> None:
    if not math.isfinite(goal.started_s):
        return
    row = _row('goals')
    end_s = goal.ended_s if math.isfinite(goal.ended_s) else last_s
    failed = goal.failure is not None
    kind = 'goal failed' if failed else 'home' if goal.to_home else 'goal'
    top = 0.95 if failed else 0.8
    plot.box((goal.started_s, row + 0.2), (end_s, row + top), kind, f'{name}: {goal.outcome}')


def _mark(plot: Plot, event: Happening) -> None:
    """Draw an event: its shape says the same as its colour."""
    row, title = _row(event.source), f'{event.time_s:.2f} s: {event.event} {event.text}'
    if not event.trouble:
        kind = 'first' if event.source == 'marks' else 'second'
        plot.dot(event.time_s, row + 0.5, kind, title)
        return
    x, y = plot.place(event.time_s, row + 0.5)
    cross = f'M{x - 5:.1f},{y - 5:.1f}l10,10m0,-10l-10,10'
    plot.add(tag('path', tag('title', title), d=cross, class_='dot failed'))
