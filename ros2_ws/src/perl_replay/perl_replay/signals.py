"""What each policy period says of how well the world is as it was trained."""

from typing import NamedTuple

import numpy as np

from perl_replay.prediction import StepErrors
from perl_replay.symmetry_score import TurnErrors


class StepSignals(NamedTuple):
    """One entry per policy period of an episode; NaN where nothing was judged."""

    prediction_error_m: np.ndarray
    """Of the prediction in joint space, shape (n,)."""
    disagreement_m: np.ndarray
    """Between the two predictions, shape (n,)."""
    gate_symmetry_error: np.ndarray
    """Mean over the turns, shape (n,)."""
    policy_symmetry_error: np.ndarray
    """Mean over the turns, shape (n,)."""


def step_signals(count: int, predicted: StepErrors, turned: TurnErrors | None) -> StepSignals:
    """Return the signals of an episode with so many policy periods."""
    signals = StepSignals(*np.full((4, count), np.nan))
    signals.prediction_error_m[predicted.rows] = predicted.joint_m
    signals.disagreement_m[predicted.rows] = predicted.disagreement_m
    if turned is not None:
        signals.gate_symmetry_error[turned.rows] = turned.gate.mean(axis=0)
        signals.policy_symmetry_error[turned.rows] = turned.policy.mean(axis=0)
    return signals
