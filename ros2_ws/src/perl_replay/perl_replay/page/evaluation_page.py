"""One evaluation -> one page: verdict and figures first, then pictures, then provenance."""

from collections.abc import Sequence
import dataclasses
import math
from pathlib import Path
from typing import Any

from perl_safety.limits import DEFAULT_LIMITS_FILE, load_limits

from perl_replay.evaluation import Evaluation
from perl_replay.goals import GoalFigures, named_goals
from perl_replay.many import summarise_bags
from perl_replay.page.document import contents, document, section
from perl_replay.page.goal_figures import (
    errors_figure,
    gate_figure,
    key,
    shares_figure,
    small_figure,
    workspace_figure,
)
from perl_replay.page.goal_tables import goal_tables
from perl_replay.page.loop_figures import happenings, timeline_figure, timing_figure
from perl_replay.page.main_table import main_table
from perl_replay.page.markup import Markup, joined, number, short, table, tag
from perl_replay.page.signal_figures import latency_figure, prediction_figure, symmetry_figure
from perl_replay.page.space import space_figure
from perl_replay.page.traces import Traces
from perl_replay.provenance import describe_software

_MOST_LISTED = 100
_PARTS = {
    'figures': 'Main figures', 'goals': 'Goals', 'space': 'Goals and paths in space',
    'errors': 'Errors over time', 'gate': 'Gate and branches', 'signals': 'Prediction',
    'symmetry': 'Symmetry', 'latency': 'Delay', 'timing': 'Timing', 'safety': 'Safety',
    'provenance': 'Where this comes from',
}


def evaluation_page(
    evaluation: Evaluation, traces: Traces, limits: Path = DEFAULT_LIMITS_FILE
) -> str:
    """Return the page of an evaluation.

    Args:
        evaluation: its figures.
        traces: that looked on while they were computed.
        limits: file of the limits that it was made with.
    """
    goals = named_goals(evaluation.goals)
    name = Path(evaluation.bag).name
    many = summarise_bags([evaluation])
    intervals = {'success': many.success, **many.figures}
    symmetry = symmetry_figure(traces, evaluation, goals)
    parts = {
        'figures': joined(main_table(
            evaluation, intervals, traces.position_tolerance_m, traces.rotation_tolerance_rad
        )),
        'goals': goal_tables(goals),
        **_goal_parts(evaluation, traces, goals),
        'signals': prediction_figure(traces, goals),
        'symmetry': symmetry,
        'latency': latency_figure(evaluation, goals),
        'timing': timing_figure(evaluation, traces.contract, load_limits(limits)),
        'safety': joined(timeline_figure(evaluation, goals), _events(evaluation)),
        'provenance': _provenance(evaluation, limits),
    }
    shown = {part: _PARTS[part] for part, made in parts.items() if made is not None}
    return document(
        f'Evaluation of {name}',
        tag('h1', f'Evaluation of {name}'),
        tag('p', _subtitle(evaluation), class_='soft'),
        _verdict(evaluation), contents(shown),
        *(section(part, heading, parts[part]) for part, heading in shown.items()),
    )


def _goal_parts(
    evaluation: Evaluation, traces: Traces, goals: Sequence[tuple[str, GoalFigures]]
) -> dict[str, Markup]:
    by_id = {goal.goal_id: name for name, goal in goals}
    shown = traces.goals
    names = [by_id.get(trace.figures.goal_id, '?') for trace in shown]
    left_out = evaluation.summary.goals - len(shown)
    more = f' Of {evaluation.summary.goals} goals, {len(shown)} are drawn.' if left_out else ''
    return {
        'space': joined(
            key(('equivariant', 'equivariant branch acts'), ('standard', 'standard branch acts'),
                ('return', 'return home'), ('reached', 'goal reached'), ('failed', 'goal failed')),
            space_figure(
                traces.contract, [('', shown, names)], traces.returns,
                'Goals (points, with their numbers; the short line is the direction in which the '
                'tool shall point) and the paths that the tool took. The circles bound the '
                'workspace, the square is the table. Turn it with the mouse, a finger or the '
                f'arrow keys.{more}',
            ),
        ),
        'errors': joined(
            errors_figure(shown, traces.position_tolerance_m, traces.rotation_tolerance_rad),
            small_figure(shown, names, left_out),
        ),
        'gate': joined(gate_figure(shown, names), workspace_figure(traces),
                       shares_figure([(n, g) for n, g in goals if not g.to_home],
                                     evaluation.summary)),
    }


def _subtitle(evaluation: Evaluation) -> str:
    return (
        f'{number(evaluation.duration_s, 1)} s, {evaluation.messages} messages, robot '
        f'{evaluation.robot_ip or "unknown"}, policy {evaluation.bundle_sha256[:16] or "unknown"}'
    )


def _verdict(evaluation: Evaluation) -> Markup:
    """Return what a person must know first."""
    boxes = []
    summary = evaluation.summary
    missing = [text for text in (evaluation.damage, *evaluation.objections) if text]
    if missing:
        boxes.append(_box(
            'Only a part of this recording was evaluated. What follows is true of that part.',
            missing, 'verdict partial',
        ))
    said = [text for text in evaluation.problems if text not in missing]
    if said:
        boxes.append(_box(f'{len(said)} problem{"s" * (len(said) != 1)}', said, 'verdict bad'))
    elif not missing:
        boxes.append(_box(
            f'All {summary.goals} goals were reached and nothing stopped.', [], 'verdict'
        ))
    if evaluation.notes:
        boxes.append(_box('What was not evaluated', evaluation.notes, 'verdict partial'))
    return joined(*boxes)


def _box(heading: str, sentences: Sequence[str], kind: str) -> Markup:
    listed = [tag('li', text) for text in sentences[:_MOST_LISTED]]
    if len(sentences) > _MOST_LISTED:
        listed.append(tag('li', f'and {len(sentences) - _MOST_LISTED} more'))
    return tag('div', tag('strong', heading), tag('ul', *listed) if listed else None, class_=kind)


def _events(evaluation: Evaluation) -> Markup:
    """Return what happened, and how the arm came to rest, as tables."""
    rows = [
        [number(entry.time_s, 2), entry.source, entry.event, entry.text,
         'yes' if entry.trouble else 'no']
        for entry in happenings(evaluation)
    ]
    if not rows:
        return tag('p', 'No safety event and no mark was recorded.')
    more = f' The first {_MOST_LISTED} of {len(rows)}.' if len(rows) > _MOST_LISTED else ''
    events = table(
        f'Safety events and marks in their order.{more}',
        ['time [s]', 'source', 'event', 'reasons', 'trouble'], rows[:_MOST_LISTED], 'words',
    )
    stops = [
        [number(stop.time_s, 2), stop.source, ', '.join(stop.reasons),
         number(stop.time_to_rest_s, 3), number(stop.drift_rad, 5)]
        for stop in evaluation.stops[:_MOST_LISTED]
    ]
    headings = ['time [s]', 'source', 'reasons', 'until at rest [s]', 'moved afterwards [rad]']
    caption = 'How the arm came to rest after each stop.'
    return joined(events, table(caption, headings, stops, 'words') if stops else None)


def _provenance(evaluation: Evaluation, limits: Path) -> Markup:
    """Return everything that the recorder noted, and with what it was evaluated."""
    rows = [
        ['bag', evaluation.bag], ['robot', evaluation.robot_ip],
        ['policy (sha256 of its manifest)', evaluation.bundle_sha256],
    ]
    again = evaluation.policy_replay
    if again is not None:
        rows.append(['policy that was run again', again.bundle_sha256])
    rows += [
        ['limits that filter and monitor were run with', limits.name],
        ['evaluated by the source tree', describe_software()['git_hash']],
    ]
    rows += [[key_, value] for key_, value in evaluation.software.items()]
    for record, entries in evaluation.metadata.items():
        rows += [[f'{record}: {key_}', _long(value)] for key_, value in entries.items()]
    observed = dataclasses.asdict(evaluation.observation_replay)
    rows += [[f'observation built again: {key_}', _plain(value)]
             for key_, value in observed.items()]
    caption = 'As the recorder noted it when the recording began, and what it was evaluated with.'
    return table(caption, ['what', 'value'], rows[:_MOST_LISTED], 'words')


def _long(value: str) -> Markup | str:
    """Return a text of several lines so that it can be opened."""
    if '\n' not in value:
        return value
    return tag('details', tag('summary', f'{len(value.splitlines())} lines'), tag('pre', value))


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return short(value) if math.isfinite(value) else '–'
    return str(value)
