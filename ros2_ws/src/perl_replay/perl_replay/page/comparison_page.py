"""Two bags with the same goals -> one page: how the second differs from the first."""

from collections.abc import Callable, Sequence
import math
from pathlib import Path

from perl_replay.comparison import Comparison, pairs_of
from perl_replay.goals import GoalFigures, named_goals
from perl_replay.page.axes import Axis, Plot, axis_of
from perl_replay.page.document import contents, document, section
from perl_replay.page.figure_names import FIGURE_NAMES
from perl_replay.page.goal_figures import key
from perl_replay.page.making import TracedRun
from perl_replay.page.markup import Markup, escaped, figure, joined, number, short, table, tag
from perl_replay.page.space import space_figure
from perl_replay.statistics import PairedDifference

_ALPHA = 0.05
_MOST_PERCENT = 300.0
"""A relative difference is drawn up to this; the table has the whole."""
_PARTS = {
    'figures': 'Differences', 'forest': 'Differences in a picture', 'pairs': 'Goal by goal',
    'space': 'Both in space', 'provenance': 'Where this comes from',
}


def comparison_page(comparison: Comparison, first: TracedRun, second: TracedRun) -> str:
    """Return the page.

    Args:
        comparison: the figures.
        first: run A.
        second: run B.
    """
    a, b = Path(comparison.bag_a).name, Path(comparison.bag_b).name
    parts = {
        'figures': _table(comparison),
        'forest': _forest(comparison),
        'pairs': _pairs(first, second),
        'space': _space(first, second),
        'provenance': _provenance(first, second),
    }
    return document(
        f'{b} against {a}',
        tag('h1', f'B, {b}, against A, {a}'),
        tag('p', f'{comparison.pairs} goals in both, {comparison.only_a} in A only, '
            f'{comparison.only_b} in B only. Differences are B − A, pair by pair, with 95 % '
            'intervals (bootstrap over goals) and the p-value of a test that flips signs. Looking '
            'at many figures, expect one in twenty to differ by chance.', class_='soft'),
        _damage(first, second), contents(_PARTS),
        *(section(name, heading, parts[name]) for name, heading in _PARTS.items()),
    )


def _damage(first: TracedRun, second: TracedRun) -> Markup | None:
    """Return what was passed over in either bag."""
    wrong = [
        tag('li', f'{name}: {sentence}')
        for name, run in (('A', first), ('B', second))
        for sentence in (run.evaluation.damage, *run.evaluation.objections)
        if sentence
    ]
    heading = tag('strong', 'Only parts of these recordings were compared.')
    return tag('div', heading, tag('ul', *wrong), class_='verdict partial') if wrong else None


def _table(comparison: Comparison) -> Markup:
    rows: list[list] = [[
        'goals reached [%]', str(comparison.pairs), number(comparison.success_a.mean, 1, 100.0),
        number(comparison.success_b.mean, 1, 100.0),
        number(comparison.success_b.mean - comparison.success_a.mean, 1, 100.0), '–',
        short(comparison.success_p_value), _sense(comparison.success_p_value, 0.0),
    ]]
    for name, entry in comparison.figures.items():
        shown = FIGURE_NAMES[name]
        apart = entry.difference
        rows.append([
            shown.text, str(entry.pairs), short(entry.mean_a, shown.scale),
            short(entry.mean_b, shown.scale), short(apart.mean, shown.scale),
            f'{short(apart.low, shown.scale)} to {short(apart.high, shown.scale)}',
            short(entry.p_value), _sense(entry.p_value, apart.mean),
        ])
    headings = ['figure', 'pairs', 'A', 'B', 'B − A', '95 % interval', 'p', 'in words']
    return table('Each figure of the goals that both reached; success of all pairs.', headings,
                 rows)


def _sense(p_value: float, difference: float) -> str:
    if not math.isfinite(p_value):
        return 'not known'
    if p_value >= _ALPHA:
        return 'no clear difference'
    return 'B is larger' if difference > 0.0 else 'B is smaller' if difference < 0.0 else 'differs'


def _forest(comparison: Comparison) -> Markup:
    """Return all differences relative to A, with their intervals."""
    shown = [
        (FIGURE_NAMES[name].text, entry) for name, entry in comparison.figures.items()
        if entry.pairs and abs(entry.mean_a) > 1e-12
    ]
    ends = [abs(_relative(entry, end)) for _, entry in shown
            for end in (entry.difference.low, entry.difference.high)]
    most = min(max([end for end in ends if math.isfinite(end)], default=10.0) * 1.1, _MOST_PERCENT)
    x = Axis(low=-max(most, 1.0), high=max(most, 1.0), label='B − A, in % of A')
    plot = Plot(x, Axis(low=0.0, high=float(max(len(shown), 1)), label=''),
                height=60.0 + 22.0 * len(shown), left=300.0)
    plot.upright(0.0, '', 'axis')
    for row, (name, entry) in enumerate(reversed(shown)):
        low, high = (_relative(entry, end) for end in (entry.difference.low,
                                                      entry.difference.high))
        plot.line([low, high], [row + 0.5, row + 0.5], 'first')
        plot.dot(_relative(entry, entry.difference.mean), row + 0.5, 'first', name)
    return figure(
        plot.svg('differences relative to A', [name for name, _ in reversed(shown)]),
        'Each figure of B relative to A: point and 95 % interval. An interval that holds zero '
        'means that these goals do not show a difference. Values beyond the picture are drawn at '
        'its edge.', 'forest',
    )


def _relative(entry: PairedDifference, value: float) -> float:
    return 100.0 * value / abs(entry.mean_a)


def _pairs(first: TracedRun, second: TracedRun) -> Markup:
    """Return time and errors of each pair."""
    pairs = pairs_of(first.evaluation, second.evaluation)
    drawings = [
        _pair_plot(pairs, label, of)
        for label, of in (
            ('time to reach [s]', lambda goal: goal.time_to_reach_s),
            ('final distance [mm]', lambda goal: goal.position_error_m * 1e3),
            ('final angle [°]', lambda goal: math.degrees(goal.rotation_error_rad)),
        )
    ]
    return figure(
        joined(key(('first', 'A (filled)'), ('second', 'B (open)')), *drawings),
        'Each goal that both were asked for: A filled, B open, a line between them. Lower is '
        'better in all three. A goal that was not reached has no time.', 'pairs',
    )


def _pair_plot(
    pairs: Sequence[tuple[GoalFigures, GoalFigures]], label: str,
    of: Callable[[GoalFigures], float],
) -> Markup:
    values = [(of(a), of(b)) for a, b in pairs]
    x = Axis(low=0.0, high=len(values) + 1.0, label='pair', whole=True)
    plot = Plot(x, axis_of([value for pair in values for value in pair], label), height=200.0)
    for at, (a, b) in enumerate(values, start=1):
        left, right = at - 0.1, at + 0.1
        plot.line([left, right], [a, b], 'spread')
        plot.dot(left, a, 'first', f'pair {at}: A {a:.3g}')
        plot.dot(right, b, 'second', f'pair {at}: B {b:.3g}')
    return plot.svg(f'{label} of {len(values)} pairs')


def _space(first: TracedRun, second: TracedRun) -> Markup:
    runs = []
    for kind, run in (('first', first), ('second', second)):
        names = {goal.goal_id: name for name, goal in named_goals(run.evaluation.goals)}
        goals = run.traces.goals
        runs.append((kind, goals, [names.get(goal.figures.goal_id, '?') for goal in goals]))
    picture = space_figure(
        first.traces.contract, runs, (),
        'The paths of both on the way to their goals. Turn it with the mouse, a finger or the '
        'arrow keys.',
    )
    return joined(key(('first', 'A'), ('second', 'B')), picture)


def _provenance(first: TracedRun, second: TracedRun) -> Markup:
    a, b = first.evaluation, second.evaluation
    rows = [
        ['bag', a.bag, b.bag], ['robot', a.robot_ip, b.robot_ip],
        ['policy', a.bundle_sha256, b.bundle_sha256],
    ]
    rows += [
        [name, a.software.get(name, '–'), b.software.get(name, '–')]
        for name in dict.fromkeys((*a.software, *b.software))
    ]
    return table('Recorded with.', ['what', 'A', 'B'],
                 [[escaped(value) for value in row] for row in rows], 'words')
