"""What people call the figures that are averaged over goals, and in which unit they read them."""

import math
from typing import NamedTuple


class FigureName(NamedTuple):
    """How a figure of goal_values.py is shown."""

    text: str
    """Its name, with the unit."""
    scale: float = 1.0
    """From the unit that it is kept in."""


FIGURE_NAMES = {
    'time_to_reach_s': FigureName('time to reach [s]'),
    'position_error_m': FigureName('final distance to the goal [mm]', 1e3),
    'rotation_error_rad': FigureName('final angle to the goal [°]', math.degrees(1.0)),
    'path_length_m': FigureName('path of the tool [m]'),
    'jerk_rms_m_s3': FigureName('jerk of the tool [m/s³]'),
    'log_dimensionless_jerk': FigureName('smoothness (log dimensionless jerk)'),
    'standard_share': FigureName('standard branch [%]', 100.0),
    'gate_mean': FigureName('gate'),
    'latency_s': FigureName('delay from command to motion [ms]', 1e3),
    'prediction_error_m': FigureName('error of the predicted next position [mm]', 1e3),
    'disagreement_m': FigureName('predictors disagree by [mm]', 1e3),
    'gate_symmetry_error': FigureName('gate turned, error'),
    'policy_symmetry_error': FigureName('policy turned, error'),
}
"""By the names of goal_values.py; a test compares them."""
