"""Figures of single goals that are averaged over many and compared between bags."""

from collections.abc import Callable
import math

from perl_replay.goals import GoalFigures

_Value = Callable[[GoalFigures], float]

GOAL_VALUES: dict[str, _Value] = {
    'time_to_reach_s': lambda goal: goal.time_to_reach_s,
    'position_error_m': lambda goal: goal.position_error_m,
    'rotation_error_rad': lambda goal: goal.rotation_error_rad,
    'path_length_m': lambda goal: goal.path_length_m,
    'jerk_rms_m_s3': lambda goal: goal.jerk_rms_m_s3,
    'log_dimensionless_jerk': lambda goal: goal.log_dimensionless_jerk,
    'standard_share': lambda goal: goal.standard_share,
    'gate_mean': lambda goal: goal.gate_mean,
    'latency_s': lambda goal: goal.latency.latency_s if goal.latency else math.nan,
    'prediction_error_m': lambda goal: (
        goal.prediction.joint_error_mean_m if goal.prediction else math.nan
    ),
    'disagreement_m': lambda goal: (
        goal.prediction.disagreement_mean_m if goal.prediction else math.nan
    ),
    'gate_symmetry_error': lambda goal: (
        goal.symmetry.gate_error_mean if goal.symmetry else math.nan
    ),
    'policy_symmetry_error': lambda goal: (
        goal.symmetry.policy_error_mean if goal.symmetry else math.nan
    ),
}
"""By name; see GoalFigures for what each means. NaN: the goal has no such figure."""


def values_of(name: str, goals: list[GoalFigures]) -> list[float]:
    """Return a figure of each goal, NaN where the goal was not reached."""
    value = GOAL_VALUES[name]
    return [value(goal) if goal.reached else math.nan for goal in goals]
