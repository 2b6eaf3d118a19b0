"""Robot state and goal -> observation vector: the same function in simulation and on the robot."""

from typing import NamedTuple

import numpy as np
from perl_core.contract import OBSERVATION, OBSERVATION_SIZE, Contract, slice_bounds
from perl_core.kinematics import Kinematics, Pose
from perl_core.rotation import vector_from_rotation

_AT = slice_bounds(OBSERVATION)


class ReachErrors(NamedTuple):
    """Distance of the tool from the goal."""

    position_m: float
    """Euclidean distance [m]."""
    rotation_rad: float
    """Angle of the rotation that is left [rad], in [0, pi]."""


def build_observation(
    joint_position_rad: np.ndarray,
    joint_velocity_rad_s: np.ndarray,
    goal: Pose,
    kinematics: Kinematics,
    contract: Contract,
) -> np.ndarray:
    """Return the observation of a measured state.

    Args:
        joint_position_rad: measured, shape (6,).
        joint_velocity_rad_s: measured, shape (6,).
        goal: wanted pose of ``tool0`` in ``base``.
        kinematics: of this arm.
        contract: gives the workspace centre.

    Returns:
        float32, shape (OBSERVATION_SIZE,), in the order and units of ``contract.observation``.
    """
    tool, jacobian = kinematics.tool_pose_and_jacobian(joint_position_rad)
    twist = jacobian @ joint_velocity_rad_s
    observation = np.empty(OBSERVATION_SIZE, dtype=np.float32)
    observation[_AT['tool_position_from_centre_base_m']] = (
        tool.position_m - contract.workspace_centre_base_m
    )
    observation[_AT['position_error_base_m']] = goal.position_m - tool.position_m
    observation[_AT['tool_velocity_base_m_s']] = twist[:3]
    observation[_AT['tool_angular_velocity_base_rad_s']] = twist[3:]
    observation[_AT['rotation_error_base_rad']] = vector_from_rotation(
        goal.rotation @ tool.rotation.T
    )
    observation[_AT['joint_sine']] = np.sin(joint_position_rad)
    observation[_AT['joint_cosine']] = np.cos(joint_position_rad)
    observation[_AT['joint_position_rad']] = joint_position_rad
    observation[_AT['joint_velocity_rad_s']] = joint_velocity_rad_s
    return observation


def reach_errors(observation: np.ndarray) -> ReachErrors:
    """Return how far the tool is from the goal, read from an observation of shape (..., 39)."""
    position = observation[..., _AT['position_error_base_m']]
    rotation = observation[..., _AT['rotation_error_base_rad']]
    return ReachErrors(np.linalg.norm(position, axis=-1), np.linalg.norm(rotation, axis=-1))
