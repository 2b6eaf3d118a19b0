"""How the reference moves when the tool is what is steered: speedL, jogging and servoC."""

import math

import numpy as np
from perl_core.rotation import vector_from_rotation
from perl_sim.ur_controller.motions import TICK_S, Reference
from perl_sim.ur_controller.tool import Tool, joint_velocity, pose_from_vector

MIN_ACCELERATION_M_S2 = 0.01
"""Own choice: a smaller one asked for is taken as this, so that every motion ends."""
BRAKING_SHARE = 0.9
"""servoC plans its braking with this share of its acceleration. Own choice: room for what a tick
is late."""

MAX_STRETCH = 10.0
"""Where the tool turns more than it travels, it turns with at most so many [rad/s] for each
[m/s] asked for. Own choice."""


class SpeedL:
    """speedL: reach a tool velocity and keep it until another motion begins."""

    done = False
    scalable = False

    def __init__(self, tool: Tool, target: np.ndarray, acceleration_m_s2: float) -> None:
        """Aim at a velocity.

        Args:
            tool: that moves.
            target: linear [m/s] and angular [rad/s] velocity in ``base``, shape (6,).
            acceleration_m_s2: of the tool.
        """
        self.target = target
        self.acceleration_m_s2 = acceleration_m_s2
        self._tool = tool

    def step(self, reference: Reference, speed_fraction: float) -> Reference:
        """Return the reference one tick nearer to the velocity, as far as the slider lets it."""
        _, jacobian = self._tool.pose_and_jacobian(reference.position_rad)
        return _steer(reference, jacobian, speed_fraction * self.target, self.acceleration_m_s2)


class ServoC:
    """servoC: go straight to a pose that may be renewed at any time, and rest there."""

    done = False
    scalable = False

    def __init__(self, tool: Tool, speed_m_s: float, acceleration_m_s2: float) -> None:
        """Stay until there is a target.

        Args:
            tool: that moves.
            speed_m_s: highest, of the tool.
            acceleration_m_s2: likewise.
        """
        self.target: np.ndarray | None = None
        self.speed_m_s = speed_m_s
        self.acceleration_m_s2 = max(acceleration_m_s2, MIN_ACCELERATION_M_S2)
        self._tool = tool

    def step(self, reference: Reference, speed_fraction: float) -> Reference:
        """Return the reference one tick nearer to the target."""
        pose, jacobian = self._tool.pose_and_jacobian(reference.position_rad)
        twist = np.zeros(6)
        if self.target is not None:
            goal = pose_from_vector(self.target)
            error = np.concatenate((
                goal.position_m - pose.position_m,
                vector_from_rotation(goal.rotation @ pose.rotation.T),
            ))
            # One distance for both, in which a metre counts as a radian.
            distance = float(np.linalg.norm(error))
            stretch = distance / max(float(np.linalg.norm(error[:3])), 1e-9)
            braking = math.sqrt(2.0 * BRAKING_SHARE * self.acceleration_m_s2 * distance)
            speed = min(speed_fraction * self.speed_m_s * min(stretch, MAX_STRETCH), braking)
            twist = error * min(speed / max(distance, 1e-9), 1.0 / TICK_S)
        return _steer(reference, jacobian, twist, self.acceleration_m_s2)


def _steer(
    reference: Reference, jacobian: np.ndarray, target: np.ndarray, acceleration_m_s2: float
) -> Reference:
    twist = jacobian @ reference.velocity_rad_s
    change = target - twist
    step = max(acceleration_m_s2, MIN_ACCELERATION_M_S2) * TICK_S
    twist = twist + change * min(1.0, step / max(float(np.linalg.norm(change)), 1e-12))
    velocity_rad_s = joint_velocity(jacobian, twist)
    return Reference(reference.position_rad + TICK_S * velocity_rad_s, velocity_rad_s)
