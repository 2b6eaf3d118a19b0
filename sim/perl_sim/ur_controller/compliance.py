"""Force mode and freedrive: along some axes the tool gives way instead of following its motion.

Along a compliant axis the tool is a mass that the forces on it push and that loses a share of its
speed in every tick (UR script manual, force_mode_set_damping: 0 keeps the speed, 1 loses it at
once). Mass and gain are a model: UR does not publish its own.
"""

from collections.abc import Callable
import dataclasses

import numpy as np
from perl_sim.ur_controller.motions import TICK_S, Reference
from perl_sim.ur_controller.tool import Tool, joint_velocity

VIRTUAL_MASS = np.array((10.0, 10.0, 10.0, 0.1, 0.1, 0.1))
"""[kg] and [kg m^2] of a tool that gives way, at a gain of 1. Own choice."""
MAX_DAMPING = 1.0
MAX_GAIN = 2.0
"""Source of both: UR script manual, force_mode_set_damping and force_mode_set_gain_scaling."""
FREEDRIVE_DAMPING = 0.02
"""Share of the speed that a freely guided tool loses in a tick. Own choice: half in 70 ms."""
FREEDRIVE_LIMIT = np.array((1.5, 1.5, 1.5, 3.0, 3.0, 3.0))
"""[m/s] and [rad/s] beyond which a guided tool is not pushed. Own choice."""
MAX_JOINT_SPEED_SHARE = 0.95
"""Of the joint speed limit; a tool that gives way never asks for more. Own choice."""


@dataclasses.dataclass
class ForceGains:
    """What force_mode_set_damping and force_mode_set_gain_scaling set."""

    damping: float = 0.025
    """Share of the speed lost in a tick. Source: what ur_rtde's script begins with."""
    scaling: float = 0.5
    """How fast a force error speeds the tool up. Source: as of the damping."""


@dataclasses.dataclass(frozen=True)
class Task:
    """What a force mode wants."""

    frame: Callable[[Reference], np.ndarray]
    """Returns the rotation of the task frame in ``base``, shape (3, 3)."""
    axes: np.ndarray
    """Which axes of the task frame give way, shape (6,) of bool."""
    wrench: np.ndarray
    """What the tool presses with, in the task frame, shape (6,)."""
    limits: np.ndarray
    """Highest speed along each axis that gives way, shape (6,)."""


class Compliance:
    """Gives way along the axes of one task."""

    def __init__(self, tool: Tool, task: Task, gains: ForceGains) -> None:
        """Begin at rest.

        Args:
            tool: that gives way.
            task: how.
            gains: may change while it goes on.
        """
        self.task, self.gains = task, gains
        self._tool = tool
        self._speed = np.zeros(6)

    def step(
        self, reference: Reference, wanted_rad_s: np.ndarray, wrench: np.ndarray,
        max_joint_speed_rad_s: float,
    ) -> Reference:
        """Return the reference one tick later.

        Args:
            reference: the present one.
            wanted_rad_s: joint velocity of the motion that goes on, shape (6,).
            wrench: of the environment on the tool centre point, in ``base``, shape (6,).
            max_joint_speed_rad_s: of every joint.
        """
        task, gains = self.task, self.gains
        rotation = task.frame(reference)
        force = task.wrench + np.concatenate((rotation.T @ wrench[:3], rotation.T @ wrench[3:]))
        push = gains.scaling * TICK_S / VIRTUAL_MASS * force
        self._speed = (1.0 - gains.damping) * self._speed + push
        self._speed = np.clip(self._speed, -task.limits, task.limits) * task.axes
        _, jacobian = self._tool.pose_and_jacobian(reference.position_rad)
        twist = jacobian @ wanted_rad_s
        along = np.concatenate((rotation.T @ twist[:3], rotation.T @ twist[3:]))
        along = np.where(task.axes, self._speed, along)
        twist = np.concatenate((rotation @ along[:3], rotation @ along[3:]))
        velocity_rad_s = joint_velocity(jacobian, twist)
        highest = MAX_JOINT_SPEED_SHARE * max_joint_speed_rad_s
        fastest = float(np.abs(velocity_rad_s).max())
        if fastest > highest:
            velocity_rad_s = velocity_rad_s * (highest / fastest)
            self._speed = self._speed * (highest / fastest)
        return Reference(reference.position_rad + TICK_S * velocity_rad_s, velocity_rad_s)
