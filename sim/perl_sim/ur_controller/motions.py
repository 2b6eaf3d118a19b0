"""How the reference of the arm moves: hold, servoJ, speedJ, stopJ, moveJ.

A motion begins at the present reference and gives, tick by tick, position and velocity of the
reference that the drives follow. All arrays are of shape (6,), in UR's joint order.
"""

import math
from typing import NamedTuple, Protocol

import numpy as np
from perl_sim.servo import ServoModel, ServoParameters

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

    def step(self, reference: Reference, speed_fraction: float) -> Reference:
        """Return the reference one tick later; speed_fraction (0 to 1) is the speed slider."""
        ...


class Hold:
    """Stay."""

    done = True

    def step(self, reference: Reference, speed_fraction: float) -> Reference:
        """Return the same position, at rest."""
        return Reference(reference.position_rad, np.zeros(6))


class Servo:
    """servoJ: follow a target that is renewed at any time; hold the last one."""

    done = False

    def __init__(self, reference: Reference, lookahead_s: float, gain: float) -> None:
        """Begin at the reference.

        Args:
            reference: the present one.
            lookahead_s: servoJ's lookahead_time.
            gain: servoJ's gain.
        """
        self.arguments = (lookahead_s, gain)
        self.target_rad = reference.position_rad
        self._model = ServoModel(
            ServoParameters(lookahead_s=lookahead_s, gain=gain), reference.position_rad
        )

    def step(self, reference: Reference, speed_fraction: float) -> Reference:
        """Return the model's next reference; the speed slider does not slow servoJ."""
        return Reference(*self._model.step(self.target_rad))


class Speed:
    """speedJ: reach a joint velocity and keep it until another motion begins."""

    done = False

    def __init__(self, target_rad_s: np.ndarray, acceleration_rad_s2: float) -> None:
        """Aim at a velocity.

        Args:
            target_rad_s: joint velocity, shape (6,).
            acceleration_rad_s2: of the joint whose velocity changes most.
        """
        self.target_rad_s = target_rad_s
        self.acceleration_rad_s2 = acceleration_rad_s2

    def step(self, reference: Reference, speed_fraction: float) -> Reference:
        """Return the reference one tick nearer to the velocity."""
        return _approach(reference, self.target_rad_s, self.acceleration_rad_s2)


class Stop:
    """stopJ: slow down to rest, all joints in the same time."""

    def __init__(self, deceleration_rad_s2: float) -> None:
        """Aim at rest.

        Args:
            deceleration_rad_s2: of the fastest joint.
        """
        self.done = False
        self._deceleration_rad_s2 = deceleration_rad_s2

    def step(self, reference: Reference, speed_fraction: float) -> Reference:
        """Return the reference one tick nearer to rest."""
        following = _approach(reference, np.zeros(6), self._deceleration_rad_s2)
        self.done = not following.velocity_rad_s.any()
        return following


class MoveJ:
    """moveJ: a trapezoid of speed along a straight line of joint angles, from rest to rest."""

    def __init__(
        self, target_rad: np.ndarray, speed_rad_s: float, acceleration_rad_s2: float
    ) -> None:
        """Aim at joint angles.

        Args:
            target_rad: shape (6,).
            speed_rad_s: highest, of the joint with the longest way.
            acceleration_rad_s2: of the same joint.
        """
        self.done = False
        self.target_rad = target_rad
        self._speed_rad_s = speed_rad_s
        self._acceleration_rad_s2 = max(acceleration_rad_s2, MIN_ACCELERATION_RAD_S2)
        self._before = Stop(acceleration_rad_s2)
        self._start_rad: np.ndarray | None = None
        self._time_s = 0.0

    def step(self, reference: Reference, speed_fraction: float) -> Reference:
        """Return the reference one tick further on its line; first, come to rest."""
        if self._start_rad is None:
            if reference.velocity_rad_s.any():
                return self._before.step(reference, speed_fraction)
            self._start_rad = reference.position_rad
        way_rad = self.target_rad - self._start_rad
        length_rad = float(np.abs(way_rad).max())
        self._time_s += TICK_S * speed_fraction
        travelled_rad = trapezoid(
            self._time_s, length_rad, self._speed_rad_s, self._acceleration_rad_s2
        )
        self.done = travelled_rad >= length_rad
        if self.done:
            return Reference(self.target_rad, np.zeros(6))
        position_rad = self._start_rad + way_rad * (travelled_rad / length_rad)
        return Reference(position_rad, (position_rad - reference.position_rad) / TICK_S)


def trapezoid(time_s: float, length: float, speed: float, acceleration: float) -> float:
    """Return the way after a time, from rest to rest over a length; speed and acceleration > 0."""
    speed = min(speed, math.sqrt(length * acceleration))
    if speed <= 0.0:
        return length
    ramp_s = speed / acceleration
    total_s = length / speed + ramp_s
    if time_s >= total_s:
        return length
    if time_s < ramp_s:
        return 0.5 * acceleration * time_s**2
    if time_s > total_s - ramp_s:
        return length - 0.5 * acceleration * (total_s - time_s) ** 2
    return speed * (time_s - 0.5 * ramp_s)


def _approach(
    reference: Reference, velocity_rad_s: np.ndarray, acceleration_rad_s2: float
) -> Reference:
    change = velocity_rad_s - reference.velocity_rad_s
    largest = float(np.abs(change).max())
    step = max(acceleration_rad_s2, MIN_ACCELERATION_RAD_S2) * TICK_S
    if largest > step:
        velocity_rad_s = reference.velocity_rad_s + change * (step / largest)
    return Reference(reference.position_rad + TICK_S * velocity_rad_s, velocity_rad_s)
