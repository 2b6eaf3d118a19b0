"""How the reference moves when the tool is what is steered: moveL and speedL."""

import numpy as np
from perl_core.errors import RobotError
from perl_core.rotation import rotation_from_vector, vector_from_rotation
from perl_sim.ur_controller.motions import TICK_S, Reference, Stop, trapezoid
from perl_sim.ur_controller.tool import (
    Tool,
    joint_velocity,
    pose_from_vector,
    vector_from_pose,
)

MIN_ACCELERATION_M_S2 = 0.01
"""Own choice: a smaller one asked for is taken as this, so that every motion ends."""
STOP_RAD_S2 = 4.0
"""How a motion that goes on slows down before moveL begins. Source: as of a program stop."""


class MoveL:
    """moveL: a trapezoid of speed along a straight line of the tool centre point."""

    def __init__(
        self, tool: Tool, target: np.ndarray, speed_m_s: float, acceleration_m_s2: float
    ) -> None:
        """Aim at a pose.

        Args:
            tool: that moves.
            target: pose, shape (6,).
            speed_m_s: highest speed; [rad/s] where the tool only turns.
            acceleration_m_s2: likewise.
        """
        self.done = False
        self._tool = tool
        self._target = pose_from_vector(target)
        self._speed = speed_m_s
        self._acceleration = max(acceleration_m_s2, MIN_ACCELERATION_M_S2)
        self._before = Stop(STOP_RAD_S2)
        self._begun = False
        self._time_s = 0.0

    def step(self, reference: Reference, speed_fraction: float) -> Reference:
        """Return the reference one tick further on its line; first, come to rest."""
        if not self._begun:
            if reference.velocity_rad_s.any():
                return self._before.step(reference, speed_fraction)
            self._begin(reference)
        self._time_s += TICK_S * speed_fraction
        travelled = trapezoid(self._time_s, self._length, self._speed, self._acceleration)
        self.done = travelled >= self._length
        share = 1.0 if self.done else travelled / self._length
        rotation = rotation_from_vector(share * self._turn_rad) @ self._start.rotation
        pose = self._start._replace(
            position_m=self._start.position_m + share * self._way_m, rotation=rotation)
        joints_rad = self._tool.joints_for(vector_from_pose(pose), reference.position_rad)
        if joints_rad is None:
            raise RobotError(f'moveL leads out of reach at {pose.position_m.round(4).tolist()}')
        velocity_rad_s = (joints_rad - reference.position_rad) / TICK_S
        return Reference(joints_rad, np.zeros(6) if self.done else velocity_rad_s)

    def _begin(self, reference: Reference) -> None:
        self._begun = True
        self._start = pose_from_vector(self._tool.pose(reference.position_rad))
        self._way_m = self._target.position_m - self._start.position_m
        self._turn_rad = vector_from_rotation(self._target.rotation @ self._start.rotation.T)
        way_m = float(np.linalg.norm(self._way_m))
        self._length = way_m if way_m > 0.0 else float(np.linalg.norm(self._turn_rad))


class SpeedL:
    """speedL: reach a tool velocity and keep it until another motion begins."""

    done = False

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
        """Return the reference one tick nearer to the velocity."""
        _, jacobian = self._tool.pose_and_jacobian(reference.position_rad)
        twist = jacobian @ reference.velocity_rad_s
        change = self.target - twist
        step = max(self.acceleration_m_s2, MIN_ACCELERATION_M_S2) * TICK_S
        twist = twist + change * min(1.0, step / max(float(np.linalg.norm(change)), 1e-12))
        velocity_rad_s = joint_velocity(jacobian, twist)
        return Reference(reference.position_rad + TICK_S * velocity_rad_s, velocity_rad_s)
