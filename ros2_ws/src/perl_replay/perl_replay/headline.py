"""The figures that decide, as one short line for programs; all figures are in the JSON file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from perl_replay.evaluation import Evaluation, plain

_FROM_SUMMARY = (
    'goals', 'reached', 'failed', 'returns', 'returns_reached', 'position_error_mean_m',
    'position_error_max_m', 'rotation_error_mean_rad', 'rotation_error_max_rad',
    'time_to_reach_mean_s', 'time_to_reach_max_s', 'path_length_mean_m', 'standard_share',
    'gate_mean', 'gate_max',
)


def headline(evaluation: Evaluation, files: Mapping[str, Path | None]) -> dict[str, Any]:
    """Return the main figures, flat, as plain JSON types.

    Args:
        evaluation: all figures.
        files: what was written, by kind ('html', 'json', 'csv'); None is left out.
    """
    again, timing = evaluation.policy_replay, evaluation.timing
    return plain({
        'ok': evaluation.ok,
        'bag': evaluation.bag,
        'duration_s': evaluation.duration_s,
        'robot_ip': evaluation.robot_ip,
        'bundle_sha256': evaluation.bundle_sha256,
        **{name: getattr(evaluation.summary, name) for name in _FROM_SUMMARY},
        'filter_stops': evaluation.safety.filter_stops,
        'monitor_stops': evaluation.safety.monitor_stops,
        'policy_states': again.states if again else 0,
        'policy_exact': again.exact if again else 0,
        'prediction_error_mean_m': evaluation.prediction.joint_error_mean_m,
        'latency_s': evaluation.latency.latency_s,
        'lateness_p99_9_us': timing.lateness.p99_9_us,
        'lateness_max_us': timing.lateness.max_us,
        'overruns': timing.overruns,
        'problems': len(evaluation.problems),
        **{kind: str(file) for kind, file in files.items() if file is not None},
    })
