"""What was run again, as a table: policy, observation, filter, symmetry, prediction, delay."""

from rich.table import Table

from perl_replay.evaluation import Evaluation
from perl_replay.terminal import short, text


def replay_table(evaluation: Evaluation) -> Table:
    """Return what policy and filter say to the recording, and what the arm made of it."""
    table = Table(show_header=False)
    rows = [
        *_policy(evaluation), *_symmetry(evaluation), *_filter(evaluation), *_motion(evaluation)
    ]
    for label, value in rows:
        table.add_row(label, text(value))
    return table


def _policy(evaluation: Evaluation) -> list[tuple[str, str]]:
    figures = evaluation.policy_replay
    if figures is None:
        return [('policy run again', 'no, see the note below')]
    rows = [(
        'policy run again',
        f'{figures.exact} of {figures.states} the same bit for bit '
        f'({"the recorded" if figures.same_bundle else "another"} bundle, '
        f'{figures.bundle_sha256[:16]})',
    )]
    if figures.exact < figures.states:
        rows.append((
            'differences (mean, max)',
            f'action {figures.action_difference_mean:.3g}, {figures.action_difference_max:.3g}, '
            f'by up to {figures.linear_difference_max_m_s:.3g} m/s and '
            f'{figures.angular_difference_max_rad_s:.3g} rad/s; gate up to '
            f'{figures.gate_difference_max:.3g}; other branch {figures.other_branch}',
        ))
    rows += [(
        f'differs most, {number}',
        f'{place.action_difference:.3g} in goal {place.goal_id[:8]} after {place.time_s:.2f} s, '
        f'{", ".join(f"{at:.2f}" for at in place.tool_position_m)} m from the centre',
    ) for number, place in enumerate(figures.worst[:3], start=1)]
    return rows


def _symmetry(evaluation: Evaluation) -> list[tuple[str, str]]:
    figures = evaluation.symmetry
    if figures is None:
        return []
    return [
        (f'gate turned by {figures.group} (mean, max)',
         f'{short(figures.gate_error_mean)}, {short(figures.gate_error_max)}; other branch '
         f'{short(100 * figures.branch_flips)} %'),
        ('policy turned (mean, max)',
         f'{short(figures.policy_error_mean)}, {short(figures.policy_error_max)}; equivariant '
         f'branch max {short(figures.equivariant_error_max)}, standard branch mean '
         f'{short(figures.standard_error_mean)}'),
    ]


def _filter(evaluation: Evaluation) -> list[tuple[str, str]]:
    figures = evaluation.filter_replay
    reasons = ', '.join(f'{name} ({count})' for name, count in figures.reasons.items())
    rows = [(
        'filter run again',
        f'{figures.commands} commands: {figures.passed} pass, {figures.limited} limited, '
        f'{figures.stopped} stopped{": " + reasons if reasons else ""}',
    )]
    rows += [(
        f'filter at {event.time_s:.2f} s',
        f'{event.severity} {", ".join(event.reasons)}',
    ) for event in figures.events[:5]]
    watched = evaluation.monitor_replay
    reasons = ', '.join(f'{name} ({count})' for name, count in watched.reasons.items())
    rows.append((
        'monitor run again',
        f'{watched.states} states: {watched.event_count} stops{": " + reasons if reasons else ""}',
    ))
    rows += [(
        f'monitor at {event.time_s:.2f} s', f'STOP {", ".join(event.reasons)}'
    ) for event in watched.events[:5]]
    rows += [(
        f'stop at {stop.time_s:.2f} s',
        f'{stop.source} {", ".join(stop.reasons)}: at rest after {short(stop.time_to_rest_s)} s, '
        f'then moved {short(stop.drift_rad)} rad',
    ) for stop in evaluation.stops[:5]]
    return rows


def _motion(evaluation: Evaluation) -> list[tuple[str, str]]:
    prediction, latency = evaluation.prediction, evaluation.latency
    summary = evaluation.summary
    return [
        ('next state predicted (error mean, max)',
         f'{short(1e3 * prediction.joint_error_mean_m)}, '
         f'{short(1e3 * prediction.joint_error_max_m)} mm; predictors disagree by '
         f'{short(1e3 * prediction.disagreement_mean_m)} mm'),
        ('from command to motion',
         f'{short(1e3 * latency.latency_s)} ms (correlation {short(latency.correlation)})'),
        ('smoothness (jerk, dimensionless)',
         f'{short(summary.jerk_rms_mean_m_s3)} m/s3, '
         f'{short(summary.log_dimensionless_jerk_mean)}'),
    ]

