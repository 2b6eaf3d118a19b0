"""How the reference of the arm moves: hold, servoJ, speedJ, stopJ; ways.py has what has an end.

A motion begins at the present reference and gives, tick by tick, position and velocity of the
reference that the drives follow. All arrays are of shape (6,), in UR's joint order.
"""

from typing import NamedTuple, Protocol

import numpy as np
from perl_sim.servo import ServoModel, ServoTraits

TICK_S = 0.002
"""Source: RTDE guide (500 Hz, e-Series)."""
MIN_ACCELERATION_RAD_S2 = 0.01
"""Own choice: a smaller one asked for is taken as this, so that every stop ends."""


class Reference(NamedTuple):
    """What the drives follow."""

    position_rad: np.ndarray
    """Shape (6,)."""
    velocity_rad_s: np.ndarray
    """Shape (6,)."""


class Motion(Protocol):
    """A way of the reference."""

    done: bool
    """Whether the reference has come to rest where it should."""
    scalable: bool
    """Whether it goes the same way at any speed_fraction, so that it can be slowed down."""

    def step(self, reference: Reference, speed_fraction: float) -> Reference:
        """Return the reference one tick later; speed_fraction (0 to 1) is the speed slider."""
        ...


class Hold:
    """Stay."""

    done = True
    scalable = False

    def step(self, reference: Reference, speed_fraction: float) -> Reference:
        """Return the same position, at rest."""
        return Reference(reference.position_rad, np.zeros(6))


class Servo:
    """servoJ: follow a target that is renewed at any time; hold the last one."""

    done = False
    scalable = False

    def __init__(
        self, reference: Reference, lookahead_s: float, gain: float,
        traits: ServoTraits = ServoTraits(),  # noqa: B008
    ) -> None:
        """Begin at the reference.

        Args:
            reference: the present one.
            lookahead_s: servoJ's lookahead_time.
            gain: servoJ's gain.
            traits: the robot's own.
        """
        self.arguments = (lookahead_s, gain)
        self.target_rad = reference.position_rad
        self._slider_slows = traits.slider_slows
        self._model = ServoModel(
            traits.parameters(lookahead_s, gain), reference.position_rad)

    def step(self, reference: Reference, speed_fraction: float) -> Reference:
        """Return the model's next reference."""
        target_rad = self.target_rad
        if self._slider_slows:
            way_rad = target_rad - reference.position_rad
            target_rad = reference.position_rad + speed_fraction * way_rad
        return Reference(*self._model.step(target_rad))


class Speed:
    """speedJ: reach a joint velocity and keep it until another motion begins."""

    done = False
    scalable = False

    def __init__(self, target_rad_s: np.ndarray, acceleration_rad_s2: float) -> None:
        """Aim at a velocity.

        Args:
            target_rad_s: joint velocity, shape (6,).
            acceleration_rad_s2: of the joint whose velocity changes most.
        """
        self.target_rad_s = target_rad_s
        self.acceleration_rad_s2 = acceleration_rad_s2

    def step(self, reference: Reference, speed_fraction: float) -> Reference:
        """Return the reference one tick nearer to the velocity, as far as the slider lets it."""
        target_rad_s = speed_fraction * self.target_rad_s
        return approach(reference, target_rad_s, self.acceleration_rad_s2)


class Stop:
    """stopJ: slow down to rest, all joints in the same time."""

    scalable = False

    def __init__(self, deceleration_rad_s2: float) -> None:
        """Aim at rest.

        Args:
            deceleration_rad_s2: of the fastest joint.
        """
        self.done = False
        self._deceleration_rad_s2 = deceleration_rad_s2

    def step(self, reference: Reference, speed_fraction: float) -> Reference:
        """Return the reference one tick nearer to rest."""
        following = approach(reference, np.zeros(6), self._deceleration_rad_s2)
        self.done = not following.velocity_rad_s.any()
        return following


def approach(
    reference: Reference, velocity_rad_s: np.ndarray, acceleration_rad_s2: float
) -> Reference:
    """Return the reference one tick later, its velocity nearer to this one."""
    change = velocity_rad_s - reference.velocity_rad_s
    largest = float(np.abs(change).max())
    step = max(acceleration_rad_s2, MIN_ACCELERATION_RAD_S2) * TICK_S
    if largest > step:
        velocity_rad_s = reference.velocity_rad_s + change * (step / largest)
    return Reference(reference.position_rad + TICK_S * velocity_rad_s, velocity_rad_s)
