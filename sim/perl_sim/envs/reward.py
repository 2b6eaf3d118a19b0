"""What a policy that reaches is paid for."""

import dataclasses
import math

import numpy as np
from perl_core.observation import ReachErrors


@dataclasses.dataclass(frozen=True, kw_only=True)
class RewardConfig:
    """Weights and scales.

    A step pays at most 1.5; a collision costs 2 once, and all that the rest of the episode would
    have paid. Standing still pays more than nothing anywhere, so ending an episode never does.
    """

    position_weight: float = 0.5
    """Paid in full at the goal's position."""
    position_scale_m: float = 0.1
    """Position error at which half of it is left; 1 / (1 + error / scale) has a long tail."""
    rotation_weight: float = 0.5
    """Paid in full at the goal's orientation."""
    rotation_scale_rad: float = 0.3
    """Rotation error at which half of it is left."""
    precision_weight: float = 0.5
    """Paid only close to the goal in both."""
    precision_position_m: float = 0.02
    """Position error at which 1/e of it is left: twice the tolerance of the task."""
    precision_rotation_rad: float = 0.15
    """Rotation error at which 1/e of it is left: about twice the tolerance of the task."""
    action_weight: float = 0.02
    """Cost of the squared norm of the action, which is at most 2."""
    collision_penalty: float = 2.0
    """Cost of touching the table or itself."""

    def __call__(self, errors: ReachErrors, action: np.ndarray, collision: bool) -> float:
        """Return the reward of one step.

        Args:
            errors: after the step.
            action: shape (6,); each of its vectors costs as much as if it were clipped.
            collision: whether the arm touched anything during the step.
        """
        x, y, z, u, v, w = action.tolist()
        effort = min(x * x + y * y + z * z, 1.0) + min(u * u + v * v + w * w, 1.0)
        near = errors.position_m / self.precision_position_m
        near += errors.rotation_rad / self.precision_rotation_rad
        return float(
            self.position_weight / (1.0 + errors.position_m / self.position_scale_m)
            + self.rotation_weight / (1.0 + errors.rotation_rad / self.rotation_scale_rad)
            + self.precision_weight * math.exp(-near)
            - self.action_weight * effort
            - self.collision_penalty * collision
        )
