"""Pictures of what warns: prediction, symmetry, delay."""

from collections.abc import Sequence
import math

from perl_replay.evaluation import Evaluation
from perl_replay.goals import GoalFigures
from perl_replay.page.axes import Axis, Plot, axis_of
from perl_replay.page.goal_figures import key
from perl_replay.page.markup import Markup, figure, joined, number
from perl_replay.page.traces import Traces

_LEAST_MM = 1e-2
_LEAST_ERROR = 1e-7
"""Below it is rounding of 32-bit floats."""


def prediction_figure(traces: Traces, goals: Sequence[tuple[str, GoalFigures]]) -> Markup:
    """Return how well the next state was predicted, over the whole recording and by goal."""
    named = (('first', 'prediction_error_m'), ('second', 'disagreement_m'))
    over_time = _over_time(traces, named, 1e3, 'largest in each moment [mm]', _LEAST_MM)
    goals = _sought(goals)
    predicted = [goal.prediction for _, goal in goals]
    by_goal = _by_goal(
        [
            ('first', [p.joint_error_mean_m * 1e3 if p else math.nan for p in predicted],
             [p.joint_error_max_m * 1e3 if p else math.nan for p in predicted]),
            ('second', [p.disagreement_mean_m * 1e3 if p else math.nan for p in predicted],
             [p.disagreement_max_m * 1e3 if p else math.nan for p in predicted]),
        ],
        goals, 'mean and largest [mm]', _LEAST_MM,
    )
    return figure(
        joined(key(('first', 'error of the prediction'), ('second', 'predictors disagree by')),
               over_time, by_goal),
        'Is the arm as it was in training? One policy period ahead, where will the tool be? '
        'Above: the error of the prediction and the distance between two predictors over the '
        'whole recording. Below: mean (point) and largest value (end of the line) of each goal. A '
        'level like that of other recordings is good; a rise is the sign of an arm, a load or a '
        'contact that training did not know.',
        'prediction',
    )


def symmetry_figure(traces: Traces, evaluation: Evaluation,
                    goals: Sequence[tuple[str, GoalFigures]]) -> Markup | None:
    """Return how symmetric gate and policy are, or None if no policy was at hand."""
    if evaluation.symmetry is None:
        return None
    named = (('first', 'gate_symmetry_error'), ('second', 'policy_symmetry_error'))
    over_time = _over_time(traces, named, 1.0, 'mean over four turns', _LEAST_ERROR)
    goals = _sought(goals)
    turned = [goal.symmetry for _, goal in goals]
    by_goal = _by_goal(
        [
            ('first', [s.gate_error_mean if s else math.nan for s in turned],
             [s.gate_error_max if s else math.nan for s in turned]),
            ('second', [s.policy_error_mean if s else math.nan for s in turned],
             [s.policy_error_max if s else math.nan for s in turned]),
        ],
        goals, 'mean and largest', _LEAST_ERROR,
    )
    return figure(
        joined(key(('first', 'gate'), ('second', 'policy')), over_time, by_goal),
        f'The symmetry score: what was seen is turned by elements of {evaluation.symmetry.group}; '
        'a symmetric gate stays the same, a symmetric policy turns its action along. The error '
        'has no unit: actions have length 1 at the largest speeds. Below 10⁻⁵ is '
        'rounding. Large values are expected where the gate is open, and only there.',
        'symmetry',
    )


def latency_figure(evaluation: Evaluation, goals: Sequence[tuple[str, GoalFigures]]) -> Markup:
    """Return the delay from command to motion: correlation, and by goal."""
    total = evaluation.latency
    delays_ms = [delay * 1e3 for delay, _ in evaluation.latency_curve]
    x = Axis(low=0.0, high=max(delays_ms, default=200.0), label='delay that is tried [ms]')
    curve = [correlation for _, correlation in evaluation.latency_curve]
    y = Axis(low=math.floor(20.0 * min(curve, default=0.0)) / 20.0, high=1.0, label='correlation')
    plot = Plot(x, y)
    plot.line(delays_ms, curve, 'first')
    if math.isfinite(total.latency_s):
        plot.upright(total.latency_s * 1e3, f'{number(total.latency_s, 1, 1e3)} ms', 'tail')
    goals = _sought(goals)
    delays = [goal.latency.latency_s * 1e3 if goal.latency else math.nan for _, goal in goals]
    by_goal = _by_goal([('first', delays, delays)], goals, 'delay [ms]', 0.0)
    return figure(
        joined(plot.svg('correlation of commanded and measured speeds'), by_goal),
        'From command to motion: measured joint speeds follow commanded ones best after this '
        'delay (the peak of the curve; 1 would be a perfect copy). Below: the delay of each goal. '
        'It should be the same for all goals, and that of the arm in training.',
        'latency',
    )


def _sought(goals: Sequence[tuple[str, GoalFigures]]) -> list[tuple[str, GoalFigures]]:
    """Return the goals without the returns home."""
    return [(name, goal) for name, goal in goals if not goal.to_home]


def _over_time(traces: Traces, named: Sequence[tuple[str, str]], scale: float, label: str,
               least: float) -> Markup:
    """Return signals over the whole recording."""
    series = [(kind, name, *traces.signals.series(name)) for kind, name in named]
    last_s = max((float(time_s[-1]) for _, _, time_s, _ in series if len(time_s)), default=1.0)
    x = Axis(low=0.0, high=last_s, label='time since the recording began [s]')
    values = [float(v) * scale for *_, row in series for v in row]
    plot = Plot(x, axis_of(values, label, log=True, floor=least))
    for kind, _, time_s, row in series:
        plot.line(time_s.tolist(), (row * scale).tolist(), kind)
    return plot.svg(f'{", ".join(name for _, name in named)} over the recording')


def _by_goal(
    series: Sequence[tuple[str, Sequence[float], Sequence[float]]],
    goals: Sequence[tuple[str, GoalFigures]], label: str, least: float,
) -> Markup:
    """Return a point and a line up to the largest value for each goal.

    Args:
        series: kind of the marks, values, and largest values.
        goals: with their names.
        label: of the values.
        least: smallest value of a logarithmic axis; 0 for a linear one.
    """
    everything = [value for _, means, tops in series for value in (*means, *tops)]
    y = axis_of(everything, label, log=least > 0.0, floor=least)
    x = Axis(low=0.0, high=len(goals) + 1.0, label='number of the goal', whole=True)
    plot = Plot(x, y, height=210.0)
    for turn, (kind, means, tops) in enumerate(series):
        for at, (mean, top, (name, _)) in enumerate(zip(means, tops, goals, strict=True), start=1):
            place = at + 0.2 * (turn - 0.5 * (len(series) - 1))
            plot.line([place, place], [mean, top], kind)
            plot.dot(place, mean, kind, f'{name}: {mean:.3g}, at most {top:.3g}')
    return plot.svg(f'{label}, by goal')
