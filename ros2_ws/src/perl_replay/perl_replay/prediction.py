"""How well the next state follows from this one: the sign of a robot that is not as trained.

A bundle carries no learned predictors. Two that need none stand in for them. The one in tool
space knows vectors only: tool0 moves at the mean of its velocity and of that which the policy asks
for. It turns with the group, so it is wrong where the symmetry is broken. The one in joint space
knows the arm: its speed limits, joint limits and singularities. Where they disagree the symmetry
is broken by the arm; where both are wrong, the arm does what neither contract nor kinematics say.
"""

import dataclasses
from typing import NamedTuple

import numpy as np
from perl_core.action import Command, approach, stoppable_velocity
from perl_core.contract import OBSERVATION, Contract, slice_bounds
from perl_core.kinematics import Kinematics

from perl_replay.arm_arrays import rotation_vectors, tool_arrays
from perl_replay.episodes import Episode

_AT = slice_bounds(OBSERVATION)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PredictionFigures:
    """One-step prediction of tool0's motion over a policy period. NaN: no step to judge."""

    steps: int
    """Policy periods that were followed by another."""
    disagreement_mean_m: float
    """Between the two predictions of the position."""
    disagreement_max_m: float
    """Likewise."""
    disagreement_mean_rad: float
    """Between the two predictions of the orientation."""
    tool_error_mean_m: float
    """Of the prediction in tool space, in position."""
    tool_error_mean_rad: float
    """Likewise, in orientation."""
    joint_error_mean_m: float
    """Of the prediction in joint space, in position."""
    joint_error_max_m: float
    """Likewise."""
    joint_error_mean_rad: float
    """Likewise, in orientation."""


class StepErrors(NamedTuple):
    """Of each judged step of an episode."""

    rows: np.ndarray
    """From which policy state the step starts, shape (m,)."""
    disagreement_m: np.ndarray
    """Between the two predictions, shape (m,)."""
    disagreement_rad: np.ndarray
    """Likewise."""
    tool_m: np.ndarray
    """Error of the prediction in tool space, shape (m,)."""
    tool_rad: np.ndarray
    """Likewise."""
    joint_m: np.ndarray
    """Error of the prediction in joint space, shape (m,)."""
    joint_rad: np.ndarray
    """Likewise."""


class Predictions:
    """Sums over episodes."""

    def __init__(self, kinematics: Kinematics, contract: Contract) -> None:
        """Start without episodes.

        Args:
            kinematics: of this arm.
            contract: gives scales, limits and rates.
        """
        self._kinematics, self._contract = kinematics, contract
        self._steps = 0
        self._sums, self._largest = np.zeros(6), np.zeros(6)

    def errors(self, episode: Episode) -> StepErrors:
        """Return how far the predictions of each step were off."""
        policy = episode.policy
        follows = (np.diff(policy.tick) == self._contract.substeps) & ~policy.shadow[:-1]
        rows = np.flatnonzero(follows)
        if not len(rows):
            return StepErrors(rows, *np.empty((6, 0)))
        return StepErrors(rows, *self._errors(episode.observation, policy.action, rows).T)

    def add(self, errors: StepErrors) -> PredictionFigures:
        """Take the errors of an episode; return its own figures."""
        steps = len(errors.rows)
        if not steps:
            return _figures(0, self._sums * np.nan, self._largest * np.nan)
        columns = np.array(errors[1:])
        sums, largest = columns.sum(axis=1), columns.max(axis=1)
        self._steps += steps
        self._sums += sums
        self._largest = np.maximum(self._largest, largest)
        return _figures(steps, sums, largest)

    def figures(self) -> PredictionFigures:
        """Return the figures over all episodes."""
        largest = self._largest if self._steps else self._largest * np.nan
        return _figures(self._steps, self._sums, largest)

    def _errors(
        self, observation: np.ndarray, action: np.ndarray, rows: np.ndarray
    ) -> np.ndarray:
        """Return disagreement and errors, each in m and rad; shape (rows, 6)."""
        now, following = observation[rows].astype(float), observation[rows + 1].astype(float)
        period_s = self._contract.policy_period_s
        joints = now[:, _AT['joint_position_rad']]
        here = tool_arrays(self._kinematics, joints)
        there = tool_arrays(self._kinematics, following[:, _AT['joint_position_rad']])
        wanted = _clip(action[rows].astype(float)) * self._contract.action_scale
        rates = now[:, _AT['joint_velocity_rad_s']]
        twist = np.einsum('nij,nj->ni', here.jacobian, rates)
        in_tool = 0.5 * period_s * (twist + wanted)
        reached = joints + period_s * self._mean_rates(joints, rates, here.jacobian, wanted)
        in_joints = _motion(here, tool_arrays(self._kinematics, reached))
        happened = _motion(here, there)
        apart = (in_tool - in_joints, in_tool - happened, in_joints - happened)
        return np.concatenate([_norms(difference) for difference in apart], axis=1)

    def _mean_rates(
        self, joints: np.ndarray, rates: np.ndarray, jacobian: np.ndarray, wanted: np.ndarray
    ) -> np.ndarray:
        """Return the mean joint rates of the period, as perl_core.action plans it."""
        contract = self._contract
        regular = jacobian @ jacobian.transpose(0, 2, 1) + contract.damping**2 * np.eye(6)
        solved = np.linalg.solve(regular, wanted[..., None])
        target = (jacobian.transpose(0, 2, 1) @ solved)[..., 0]
        fastest = np.abs(target).max(axis=1, keepdims=True) / contract.max_joint_speed_rad_s
        target = target / np.maximum(fastest, 1.0)
        target = stoppable_velocity(target, Command(joints, rates), contract)
        # The acceleration at the start is not recorded.
        moved = approach(rates, np.zeros(6), target, contract.policy_period_s, contract)
        return moved.travel_rad / contract.policy_period_s


def _clip(action: np.ndarray) -> np.ndarray:
    """Return actions with each of their two vectors at most 1 long."""
    vectors = action.reshape(-1, 2, 3)
    norms = np.linalg.norm(vectors, axis=2, keepdims=True)
    return (vectors / np.maximum(norms, 1.0)).reshape(-1, 6)


def _motion(here: tuple, there: tuple) -> np.ndarray:
    """Return translation [m] and rotation vector [rad] between poses, shape (n, 6)."""
    turned = there[1] @ here[1].transpose(0, 2, 1)
    return np.concatenate((there[0] - here[0], rotation_vectors(turned)), axis=1)


def _norms(difference: np.ndarray) -> np.ndarray:
    """Return the norms of both vectors, shape (n, 2)."""
    return np.linalg.norm(difference.reshape(-1, 2, 3), axis=2)


def _figures(steps: int, sums: np.ndarray, largest: np.ndarray) -> PredictionFigures:
    mean = (sums / steps if steps else sums * np.nan).tolist()
    return PredictionFigures(
        steps=steps,
        disagreement_mean_m=mean[0],
        disagreement_max_m=float(largest[0]),
        disagreement_mean_rad=mean[1],
        tool_error_mean_m=mean[2],
        tool_error_mean_rad=mean[3],
        joint_error_mean_m=mean[4],
        joint_error_max_m=float(largest[4]),
        joint_error_mean_rad=mean[5],
    )
