"""The main figures of an evaluation, with units, what is good, and whether it is."""

import math
from typing import Any, NamedTuple

from perl_core.contract import Contract

from perl_replay.distribution import Tail
from perl_replay.evaluation import Evaluation
from perl_replay.page.markup import Markup, number, short, table, tag
from perl_replay.statistics import Interval

_DEGREES = math.degrees(1.0)


class Row(NamedTuple):
    """One figure."""

    name: str
    """What it is."""
    value: str
    """With its digits."""
    unit: str
    """Of value and interval."""
    good: str
    """What is good, in words."""
    verdict: bool | None = None
    """Good or bad; None where nobody can say from this alone."""
    interval: str = ''
    """95 % interval of the mean over goals."""


def main_table(
    evaluation: Evaluation, intervals: dict[str, Interval], tolerance_m: float,
    tolerance_rad: float,
) -> Markup:
    """Return the main figures.

    Args:
        evaluation: what to show.
        intervals: of the means over goals, by name.
        tolerance_m: the largest that was asked for; NaN if unknown.
        tolerance_rad: likewise.
    """
    rows = [
        *_goals(evaluation, intervals, tolerance_m, tolerance_rad),
        *_policy(evaluation, intervals), *_safety(evaluation), *_loop(evaluation, intervals),
    ]
    cells: list[list[Any]] = [
        [row.name, _value(row), row.unit, row.interval, tag('td', row.good, class_='words')]
        for row in rows
    ]
    headings = ['over all goals', 'value', 'unit', '95 % interval of the mean', 'what is good']
    return table('Main figures. ✓ as it should be, ✗ not so; without a sign, '
                 'compare with other recordings.', headings, cells, 'main')


def _value(row: Row) -> Markup:
    return tag('td', row.value, class_={True: 'good', False: 'bad', None: None}[row.verdict])


def _goals(
    evaluation: Evaluation, intervals: dict[str, Interval], tolerance_m: float,
    tolerance_rad: float,
) -> list[Row]:
    s = evaluation.summary
    judged = s.reached + s.failed
    return [
        Row('goals reached', f'{s.reached} of {judged}', '', 'all of them',
            s.reached == judged > 0, _interval(intervals.get('success'), 100.0, 1, ' %')),
        Row('returns home', f'{s.returns_reached} of {s.returns}', '', 'all of them',
            s.returns_reached == s.returns if s.returns else None),
        Row('final distance to the goal, mean / largest',
            _pair(s.position_error_mean_m, s.position_error_max_m, 2, 1e3), 'mm',
            f'within the tolerance, {number(tolerance_m, 2, 1e3)}',
            _within(s.position_error_max_m, tolerance_m),
            _interval(intervals.get('position_error_m'), 1e3)),
        Row('final angle to the goal, mean / largest',
            _pair(s.rotation_error_mean_rad, s.rotation_error_max_rad, 2, _DEGREES), '°',
            f'within the tolerance, {number(tolerance_rad, 2, _DEGREES)}',
            _within(s.rotation_error_max_rad, tolerance_rad),
            _interval(intervals.get('rotation_error_rad'), _DEGREES)),
        Row('largest distance while holding', number(s.hold_position_error_max_m, 2, 1e3), 'mm',
            'within the tolerance', _within(s.hold_position_error_max_m, tolerance_m)),
        Row('largest angle while holding', number(s.hold_rotation_error_max_rad, 2, _DEGREES),
            '°', 'within the tolerance', _within(s.hold_rotation_error_max_rad, tolerance_rad)),
        Row('time to reach, mean / largest',
            _pair(s.time_to_reach_mean_s, s.time_to_reach_max_s, 2), 's', 'shorter',
            None, _interval(intervals.get('time_to_reach_s'))),
        Row('path of the tool, mean', number(s.path_length_mean_m, 3), 'm', 'shorter', None,
            _interval(intervals.get('path_length_m'), 1.0, 3)),
        Row('jerk of the tool, root mean square', number(s.jerk_rms_mean_m_s3, 1), 'm/s³',
            'smaller', None, _interval(intervals.get('jerk_rms_m_s3'), 1.0, 1)),
        Row('smoothness: log dimensionless jerk', number(s.log_dimensionless_jerk_mean, 2), '',
            'closer to zero', None, _interval(intervals.get('log_dimensionless_jerk'))),
    ]


def _policy(evaluation: Evaluation, intervals: dict[str, Interval]) -> list[Row]:
    s, predicted, again = evaluation.summary, evaluation.prediction, evaluation.policy_replay
    rows = [
        Row('equivariant / standard branch', _pair(s.equivariant_share, s.standard_share, 1, 100),
            '%', 'standard only where the symmetry is broken'),
        Row('gate, mean / largest', _pair(s.gate_mean, s.gate_max, 3), '',
            'closed (0) where the symmetry holds', None,
            _interval(intervals.get('gate_mean'), 1.0, 3)),
        Row('predictors disagree by, mean / largest',
            _pair(predicted.disagreement_mean_m, predicted.disagreement_max_m, 2, 1e3), 'mm',
            'as in other recordings', None, _interval(intervals.get('disagreement_m'), 1e3)),
        Row('error of the predicted next position, mean / largest',
            _pair(predicted.joint_error_mean_m, predicted.joint_error_max_m, 2, 1e3), 'mm',
            'as in other recordings; a rise warns', None,
            _interval(intervals.get('prediction_error_m'), 1e3)),
    ]
    if again is None:
        rows.append(Row('policy run again', 'no', '', 'see what is missing'))
    else:
        rows.append(Row(
            'same answers of the recorded policy' if again.same_bundle
            else 'same answers of another policy',
            f'{again.exact} of {again.states}', '',
            'all, bit for bit' if again.same_bundle else 'this is another policy',
            again.reproduced if again.same_bundle else None,
        ))
        if again.exact < again.states:
            rows.append(Row(
                'actions differ by, mean / largest',
                f'{short(again.action_difference_mean)} / {short(again.action_difference_max)}',
                'largest speeds', 'none with the recorded policy'))
    turned = evaluation.symmetry
    if turned is not None:
        rows += [
            Row(f'gate turned by {turned.group}, error mean / largest',
                f'{short(turned.gate_error_mean)} / {short(turned.gate_error_max)}', '',
                'zero where the symmetry holds'),
            Row('policy turned, error mean / largest',
                f'{short(turned.policy_error_mean)} / {short(turned.policy_error_max)}', '',
                'zero where the gate is closed'),
            Row('equivariant branch alone, largest error', short(turned.equivariant_error_max),
                '', 'rounding, below 10⁻⁵', turned.equivariant_error_max < 1e-5),
        ]
    return rows


def _safety(evaluation: Evaluation) -> list[Row]:
    safety, again = evaluation.safety, evaluation.filter_replay
    watched = evaluation.monitor_replay
    trouble = sum(event.is_trouble for event in safety.events)
    return [
        _none('stops by the filter', safety.filter_stops),
        _none('stops by the monitor', safety.monitor_stops),
        _none('stops, faults and lost connections', trouble),
        Row('ticks limited by the filter', str(safety.filter_limited_ticks), '', 'few'),
        Row('commands that the filter would limit / stop today',
            f'{again.limited} / {again.stopped} of {again.commands}', '', 'none',
            not (again.limited or again.stopped) if again.commands else None),
        Row('states that the monitor would stop today',
            f'{watched.violating} of {watched.states}', '', 'none',
            not watched.violating if watched.states else None),
    ]


def _loop(evaluation: Evaluation, intervals: dict[str, Interval]) -> list[Row]:
    timing, period_us = evaluation.timing, Contract().control_period_s * 1e6
    within = f'99.9 % below {period_us:.0f}, the control period'

    def tail(name: str, values: Tail, bar_us: float | None) -> Row:
        good = bool(values.p99_9_us < bar_us) if values.count and bar_us is not None else None
        text = (
            f'{number(values.p50_us, 0)} / {number(values.p99_us, 0)} / '
            f'{number(values.p99_9_us, 0)} / {number(values.max_us, 0)}'
        )
        return Row(f'{name}: 50 % / 99 % / 99.9 % / largest', text, 'µs',
                   within if bar_us is not None else 'below the limits in the picture', good)

    return [
        Row('delay from command to motion', number(evaluation.latency.latency_s, 1, 1e3), 'ms',
            'as in training, the same for all goals', None,
            _interval(intervals.get('latency_s'), 1e3, 1)),
        tail('wake-up after the deadline', timing.lateness, period_us),
        tail('work of a tick', timing.work, period_us),
        tail('age of the robot state', timing.state_age, None),
        tail('observation, gate and branch', timing.inference, period_us),
        Row(f'overruns / deadlines skipped, of {timing.ticks} ticks',
            f'{timing.overruns} / {timing.skipped}', '', 'none'),
        _none('policy periods without an action', timing.policy_misses),
        _none('ticks that the recording lacks', timing.ticks_not_recorded),
    ]


def _none(name: str, count: int) -> Row:
    return Row(name, str(count), '', 'none', count == 0)


def _pair(first: float, second: float, digits: int, scale: float = 1.0) -> str:
    return f'{number(first, digits, scale)} / {number(second, digits, scale)}'


def _within(value: float, bar: float) -> bool | None:
    if not (math.isfinite(value) and math.isfinite(bar)):
        return None
    # Observations are float32; see goals.py.
    return value <= bar + 1e-6


def _interval(
    interval: Interval | None, scale: float = 1.0, digits: int = 2, unit: str = ''
) -> str:
    if interval is None or not math.isfinite(interval.low):
        return ''
    low, high = number(interval.low, digits, scale), number(interval.high, digits, scale)
    return f'{low} to {high}{unit}'
