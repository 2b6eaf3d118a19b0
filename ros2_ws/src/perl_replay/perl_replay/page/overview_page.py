"""Many evaluated bags -> one page: figures with intervals, and a row for each bag."""

from collections.abc import Sequence
from pathlib import Path

from perl_replay.evaluation import Evaluation
from perl_replay.many import ManyFigures
from perl_replay.page.document import document, section, write_document
from perl_replay.page.figure_names import FIGURE_NAMES
from perl_replay.page.markup import Markup, number, short, table, tag


def write_overview(
    page: Path, many: ManyFigures, evaluations: Sequence[Evaluation],
    pages: Sequence[Path | None],
) -> None:
    """Write the page.

    Args:
        page: file to write.
        many: figures over all bags.
        evaluations: of each bag.
        pages: of each bag, linked by name: they lie beside this one.
    """
    text = document(
        f'{len(evaluations)} bags',
        tag('h1', f'Evaluation of {len(evaluations)} bags, {many.duration_s:.0f} s'),
        _problems(many),
        section('figures', 'Over all goals', _intervals(many)),
        section('bags', 'Bag by bag', _bags(evaluations, pages)),
    )
    write_document(page, text)


def _problems(many: ManyFigures) -> Markup:
    if many.ok:
        return tag('div', tag('strong', 'All goals were reached and nothing stopped.'),
                   class_='verdict')
    listed = tag('ul', *(tag('li', problem) for problem in many.problems))
    return tag('div', tag('strong', f'{len(many.problems)} problems'), listed,
               class_='verdict bad')


def _intervals(many: ManyFigures) -> Markup:
    success = many.success
    rows = [[
        'goals reached [%]', str(success.count), number(success.mean, 1, 100.0),
        f'{number(success.low, 1, 100.0)} to {number(success.high, 1, 100.0)}',
    ]]
    for name, interval in many.figures.items():
        shown = FIGURE_NAMES[name]
        ends = f'{short(interval.low, shown.scale)} to {short(interval.high, shown.scale)}'
        rows.append([shown.text, str(interval.count), short(interval.mean, shown.scale), ends])
    return table('Means over the goals that were reached, returns home excepted.',
                 ['figure', 'goals', 'mean', '95 % interval'], rows)


def _bags(evaluations: Sequence[Evaluation], pages: Sequence[Path | None]) -> Markup:
    rows = []
    for evaluation, page in zip(evaluations, pages, strict=True):
        name, summary = Path(evaluation.bag).name, evaluation.summary
        title = tag('a', name, href=page.name) if page is not None else name
        rows.append([
            title, tag('td', f'{summary.reached} of {summary.goals}',
                       class_='good' if evaluation.ok else 'bad'),
            number(summary.position_error_mean_m, 2, 1e3), number(summary.time_to_reach_mean_s),
            number(summary.standard_share, 1, 100.0), str(evaluation.safety.filter_stops),
            str(evaluation.safety.monitor_stops), str(len(evaluation.problems)),
            evaluation.bundle_sha256[:16],
        ])
    return table('Each bag, with its own page.', [
        'bag', 'reached', 'distance [mm]', 'time [s]', 'standard [%]', 'filter stops',
        'monitor stops', 'problems', 'policy',
    ], rows)
