"""Pictures of single goals: errors over time, gate along the path, branch shares."""

from collections.abc import Sequence
import math

import numpy as np

from perl_replay.goals import GoalFigures, GoalSummary
from perl_replay.page.axes import Axis, Plot, axis_of
from perl_replay.page.markup import Markup, figure, joined, number, tag
from perl_replay.page.traces import GRID_CELLS, GoalTrace, Traces

_MOST_SMALL = 24
"""Goals that get a small picture of their own."""
_MOST_BARS = 60
"""Rows of a picture with one row a goal."""
_NAMES = 70.0
"""Room for the names of goals, in pixels."""
_STRIP_CELLS = 100
"""Parts of the time of the longest goal."""
_LEAST_ERROR = 1e-2
"""Of a tolerance; below it nobody looks."""
_TIME = 'time since the goal was asked for [s]'


def errors_figure(traces: Sequence[GoalTrace], tolerance_m: float, tolerance_rad: float) -> Markup:
    """Return both errors of all goals over time."""
    span = axis_of([float(trace.time_s[-1]) for trace in traces if len(trace.time_s)], _TIME)
    parts = []
    for name, unit, scale, bar, values in (
        ('distance to the goal', 'mm', 1e3, tolerance_m, [t.position_error_m for t in traces]),
        ('angle to the goal', '°', math.degrees(1.0), tolerance_rad,
         [t.rotation_error_rad for t in traces]),
    ):
        scaled = [value * scale for value in values]
        ends = [float(np.max(value)) for value in scaled if len(value)]
        low = bar * scale * 0.05 if math.isfinite(bar) else 0.1
        y = axis_of([*ends, low], f'{name} [{unit}]', log=True, floor=low)
        plot = Plot(span, y)
        for trace, value in zip(traces, scaled, strict=True):
            kind = 'failed' if trace.figures.failure is not None else 'spread'
            plot.line(trace.time_s.tolist(), value.tolist(), kind)
        if math.isfinite(bar):
            plot.across(bar * scale, f'tolerance {number(bar, 2, scale)} {unit}')
        parts.append(plot.svg(f'{name} over time, {len(traces)} goals'))
    return figure(
        joined(*parts),
        'How the errors shrink: one line a goal, on a scale of powers of ten. A goal is reached '
        'when both stay below the dashed tolerance. Red lines belong to goals that failed.',
        'errors',
    )


def small_figure(traces: Sequence[GoalTrace], names: Sequence[str], left_out: int) -> Markup:
    """Return one small picture a goal: errors in tolerances, and which branch acted."""
    shown = list(zip(traces, names, strict=True))
    if len(shown) > _MOST_SMALL:
        failed = [entry for entry in shown if entry[0].figures.failure is not None][:_MOST_SMALL]
        others = [entry for entry in shown if entry[0].figures.failure is None]
        room = _MOST_SMALL - len(failed)
        step = len(others) / room if room else 1.0
        chosen = [*failed, *(others[int(k * step)] for k in range(room))]
        shown = sorted(chosen, key=lambda entry: entry[0].number)
    ends = [float(trace.time_s[-1]) for trace, _ in shown if len(trace.time_s)]
    parts = [_small(trace, name, max(ends, default=1.0)) for trace, name in shown]
    rest = left_out + len(traces) - len(shown)
    more = f' {rest} more goals are in the tables only.' if rest else ''
    return figure(
        joined(
            key(('equivariant', 'distance, equivariant branch acts'),
                ('standard', 'distance, standard branch acts'), ('tail', 'angle'),
                ('limit', 'tolerance')),
            tag('div', *parts, class_='small'),
        ),
        'Goal by goal: distance and angle to the goal as multiples of their tolerances (1 is the '
        'dashed bar, below it is good), over the time since the goal was asked for, in seconds; '
        f'all on the same scales.{more}',
        'goals',
    )


def _small(trace: GoalTrace, name: str, last_s: float) -> Markup:
    x = Axis(low=0.0, high=max(last_s, 0.1), label=f'{name}, time [s]')
    y = Axis(low=_LEAST_ERROR * 10.0, high=100.0, label='', log=True)
    plot = Plot(x, y, width=240.0, height=170.0)
    plot.across(1.0, '')
    time_s = trace.time_s.tolist()
    angle = trace.rotation_error_rad / trace.rotation_tolerance_rad
    plot.line(time_s, angle.tolist(), 'tail')
    distance = trace.position_error_m / trace.position_tolerance_m
    for kind, mine in (('equivariant', ~trace.standard), ('standard', trace.standard)):
        # A line of one branch goes on to the first point of the other.
        mine = mine | np.concatenate(((False,), mine[:-1]))
        plot.line(time_s, np.where(mine, distance, np.nan).tolist(), kind)
    failed = trace.figures.failure is not None
    return plot.svg(f'{name}: {"failed" if failed else "errors over time"}')


def gate_figure(traces: Sequence[GoalTrace], names: Sequence[str]) -> Markup:
    """Return the gate along the path of each goal, one row a goal."""
    shown = list(zip(traces, names, strict=True))[:_MOST_BARS]
    ends = [float(trace.time_s[-1]) for trace, _ in shown if len(trace.time_s)]
    x = Axis(low=0.0, high=max(ends, default=1.0) or 1.0, label=_TIME)
    y = Axis(low=0.0, high=float(max(len(shown), 1)), label='')
    plot = Plot(x, y, height=60.0 + 18.0 * len(shown), left=_NAMES)
    for row, (trace, _) in enumerate(reversed(shown)):
        _gate_row(plot, trace, row)
    rows = [name for _, name in reversed(shown)]
    return figure(
        joined(_gate_key(), plot.svg('gate along the path of each goal', rows)),
        'The gate along each path. The gate is what the policy makes of its detector of broken '
        'symmetry, from 0 (empty: the equivariant branch acts) to 1 (full colour); above 0.5 the '
        'standard branch acts, which is framed. The largest value in each part of the time is '
        'shown, so that short openings are seen.',
        'gate-path',
    )


def _gate_row(plot: Plot, trace: GoalTrace, row: int) -> None:
    """Draw the gate of a goal: neighbours of the same value in one piece."""
    width_s = plot.x.high / _STRIP_CELLS
    cells = np.full(_STRIP_CELLS, np.nan)
    known = np.isfinite(trace.gate)
    places = np.clip((trace.time_s[known] / width_s).astype(int), 0, _STRIP_CELLS - 1)
    np.fmax.at(cells, places, trace.gate[known])
    if known.any():
        last_s = float(trace.time_s[known][-1])
        plot.box((0.0, row + 0.15), (last_s, row + 0.85), 'seen')
    for cell in np.flatnonzero(np.nan_to_num(cells) >= 0.005):
        value = float(cells[cell])
        kind = 'gate standard' if value > 0.5 else 'gate'
        plot.box((cell * width_s, row + 0.15), ((cell + 1) * width_s, row + 0.85), kind,
                 f'gate {value:.3f} at {cell * width_s:.2f} s', fill_opacity=f'{value:.2f}')


def workspace_figure(traces: Traces) -> Markup:
    """Return the largest gate over the workspace, from above and from the side."""
    centre, reach = traces.contract.workspace_centre_base_m, traces.gate_grid.reach_m
    parts = []
    for (first, second), grid in traces.gate_grid.largest.items():
        x, y = (
            Axis(low=centre[axis] - reach, high=centre[axis] + reach,
                 label=f'{"xyz"[axis]} in base [m]')
            for axis in (first, second)
        )
        plot = Plot(x, y, width=460.0, height=440.0)
        size = 2.0 * reach / GRID_CELLS
        for i, j in np.argwhere(np.isfinite(grid)).tolist():
            low = (x.low + i * size, y.low + j * size)
            high = (low[0] + size, low[1] + size)
            value = float(grid[i, j])
            plot.box(low, high, 'seen')
            if value >= 0.005:
                plot.box(low, high, 'gate', f'gate up to {value:.3f}', fill_opacity=f'{value:.2f}')
        parts.append(plot.svg('gate over the workspace, ' + ('above' if second == 1 else 'side')))
    return figure(
        joined(_gate_key(), tag('div', *parts, class_='two')),
        'Where the gate opens: the largest gate seen in each cell of the workspace, from above '
        '(left) and from the side (right). Framed cells without colour were visited with the gate '
        'closed; cells without a frame were not visited.',
        'gate-space',
    )


def shares_figure(
    goals: Sequence[tuple[str, GoalFigures]], summary: GoalSummary
) -> Markup:
    """Return which branch acted, in total and for each goal."""
    shown = [(name, goal) for name, goal in goals if goal.policy_periods][:_MOST_BARS]
    shares = [('all goals', summary.standard_share)]
    shares += [(name, goal.standard_share) for name, goal in shown]
    x = Axis(low=0.0, high=100.0, label='share of the policy periods [%]')
    y = Axis(low=0.0, high=float(len(shares)), label='')
    plot = Plot(x, y, height=60.0 + 18.0 * len(shares), left=_NAMES)
    for row, (name, share) in enumerate(reversed(shares)):
        if math.isfinite(share):
            equal = 100.0 * (1.0 - share)
            plot.box((0.0, row + 0.15), (equal, row + 0.85), 'equivariant',
                     f'{name}: equivariant {equal:.1f} %')
            if share > 0.0:
                plot.box((equal, row + 0.15), (100.0, row + 0.85), 'standard',
                         f'{name}: standard {100.0 - equal:.1f} %')
    label = 'branch shares: ' + ', '.join(f'{n} {number(1 - s, 1, 100)} %' for n, s in shares[:1])
    return figure(
        joined(key(('equivariant', 'equivariant branch'), ('standard', 'standard branch')),
               plot.svg(label, [name for name, _ in reversed(shares)])),
        'Which branch acted. The equivariant branch knows the symmetry and needs less data; the '
        'standard branch takes over where the gate says that the symmetry is broken.',
        'shares',
    )


def key(*entries: tuple[str, str]) -> Markup:
    """Return what the kinds of lines mean."""
    spans = []
    for kind, text in entries:
        line = tag('polyline', points='0,5 26,5', class_=f'line {kind}')
        swatch = tag('svg', line, viewBox='0 0 26 10', width=26, height=10, aria_hidden='true')
        spans.append(tag('span', swatch, text))
    return tag('p', *spans, class_='key')


def _gate_key() -> Markup:
    """Return the colours of the gate."""
    spans = []
    for value in (0.0, 0.25, 0.5, 0.75, 1.0):
        boxes = [
            tag('rect', width=26, height=10, class_='seen'),
            tag('rect', width=26, height=10, class_='gate', fill_opacity=f'{value:.2f}'),
        ]
        swatch = tag('svg', *boxes, viewBox='0 0 26 10', width=26, height=10, aria_hidden='true')
        spans.append(tag('span', swatch, f'{value:g}'))
    return tag('p', tag('span', 'gate:'), *spans, class_='key')
