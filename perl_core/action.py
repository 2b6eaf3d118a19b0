"""Action vector -> joint targets: the same functions in simulation and on the robot.

An action is a tool twist in ``base``. Damped least squares on our own Jacobian, taken at the last
commanded joint position, turn it into joint rates; these are limited (all joints alike, so that
the direction stays), kept short of the joint limits, and integrated into one joint target for
every control tick of the policy period.
"""

from typing import NamedTuple

import numpy as np
from perl_core.contract import Contract
from perl_core.kinematics import Kinematics


class Command(NamedTuple):
    """The last commanded joint position and velocity."""

    position_rad: np.ndarray
    """Shape (6,)."""
    velocity_rad_s: np.ndarray
    """Shape (6,)."""


class Segment(NamedTuple):
    """Joint targets of one policy period."""

    position_rad: np.ndarray
    """Shape (substeps, 6)."""
    velocity_rad_s: np.ndarray
    """Shape (substeps, 6)."""

    @property
    def last(self) -> Command:
        """The command at the end of the period."""
        return Command(self.position_rad[-1], self.velocity_rad_s[-1])


def damped_least_squares(jacobian: np.ndarray, twist: np.ndarray, damping: float) -> np.ndarray:
    """Return the joint rates that minimise |J qd - twist|^2 + damping^2 |qd|^2.

    Args:
        jacobian: shape (6, 6).
        twist: linear [m/s] and angular [rad/s] velocity in ``base``, shape (6,).
        damping: positive; larger is slower and safer near singularities.

    Returns:
        Joint rates [rad/s], shape (6,). Source: Nakamura and Hanafusa, 1986; Wampler, 1986.
    """
    regular = jacobian @ jacobian.T
    regular.flat[::7] += damping**2
    return jacobian.T @ np.linalg.solve(regular, twist)


def clip_radially(action: np.ndarray) -> np.ndarray:
    """Return the action with each of its two vectors shortened to a norm of at most 1."""
    vectors = np.asarray(action, dtype=float).reshape(2, 3)
    norms = np.sqrt((vectors * vectors).sum(axis=1, keepdims=True))
    return (vectors / np.maximum(norms, 1.0)).ravel()


def joint_velocity_target(
    action: np.ndarray, command: Command, kinematics: Kinematics, contract: Contract
) -> np.ndarray:
    """Return the joint rates that an action asks for, within speed and joint limits.

    Args:
        action: shape (6,), two vectors of norm at most 1.
        command: the last command.
        kinematics: of this arm.
        contract: scales and limits.

    Returns:
        Joint rates [rad/s] to approach during the next policy period, shape (6,).
    """
    _, jacobian = kinematics.tool_pose_and_jacobian(command.position_rad)
    twist = clip_radially(action) * contract.action_scale
    velocity = damped_least_squares(jacobian, twist, contract.damping)
    fastest = np.abs(velocity).max() / contract.max_joint_speed_rad_s
    if fastest > 1.0:
        velocity /= fastest
    return np.clip(velocity, *stoppable_velocity(command, contract))


HOMING_GAIN_PER_S = 4.0
"""Share of the way to the home position per second, near its end."""
HOMING_SPEED_RAD_S = 1.0
"""Fastest joint while going home: half of what a policy may ask for."""


def homing_velocity_target(command: Command, contract: Contract) -> np.ndarray:
    """Return the joint rates that lead straight, in joint space, to the home position.

    No policy is asked and no obstacle is seen: only the limits below and the safety filter guard
    this motion.

    Args:
        command: the last command.
        contract: home position and limits.

    Returns:
        Joint rates [rad/s] to approach during the next policy period, shape (6,).
    """
    velocity = HOMING_GAIN_PER_S * (np.array(contract.home_rad) - command.position_rad)
    velocity /= max(1.0, np.abs(velocity).max() / HOMING_SPEED_RAD_S)
    return np.clip(velocity, *stoppable_velocity(command, contract))


def stoppable_velocity(command: Command, contract: Contract) -> tuple[np.ndarray, np.ndarray]:
    """Return the lowest and highest joint rates from which the arm stops before its joint limits.

    Args:
        command: the last command.
        contract: limits.

    Returns:
        Two arrays of shape (6,) [rad/s]; the first at most 0, the second at least 0.
    """
    upward = _fastest(
        contract.joint_upper_rad - command.position_rad, command.velocity_rad_s, contract
    )
    downward = _fastest(
        command.position_rad - contract.joint_lower_rad, -command.velocity_rad_s, contract
    )
    return -downward, upward


def _fastest(distance_rad: np.ndarray, speed_rad_s: np.ndarray, contract: Contract) -> np.ndarray:
    """Return the highest speed towards a limit that may be the target of one policy period.

    With the period T, the acceleration a, the speed v now and the target u, the arm travels
    during the period and then brakes, in all at most

        u T + u^2 / (2 a)                                    while u >= v (it speeds up or holds),
        (v^2 - u^2) / (2 a) + u (T - (v - u) / a) + u^2 / (2 a)    while u < v (it slows down).

    Each is solved for the u at which it equals the distance. Without the second, an arm that
    slows down early and then coasts would pass its limit by some milliradians. The targets of the
    control ticks are sums of the speeds at their ends, so braking travels less than these.

    Args:
        distance_rad: distance to the limit, shape (6,).
        speed_rad_s: speed towards the limit, shape (6,).
        contract: period and acceleration.

    Returns:
        At least 0, shape (6,) [rad/s].
    """
    period_s, acceleration = contract.policy_period_s, contract.max_joint_acceleration_rad_s2
    room_rad = np.maximum(distance_rad, 0.0)
    held = acceleration * (np.sqrt(period_s**2 + 2.0 * room_rad / acceleration) - period_s)
    half = 0.5 * (speed_rad_s - acceleration * period_s)
    root = half**2 - 0.5 * speed_rad_s**2 + acceleration * room_rad
    slowed = np.maximum(half + np.sqrt(np.maximum(root, 0.0)), 0.0)
    return np.where(speed_rad_s > held, slowed, held)


def plan_segment(velocity_target: np.ndarray, command: Command, contract: Contract) -> Segment:
    """Return one joint target for each control tick of a policy period.

    The velocity approaches its target at the contract's acceleration, so that position and
    velocity are continuous from one period to the next.

    Args:
        velocity_target: joint rates to approach [rad/s], shape (6,); zeros brake to a stop.
        command: where the last period ended.
        contract: rates and acceleration.

    Returns:
        ``contract.substeps`` targets.
    """
    dt = contract.control_period_s
    ticks = np.arange(1, contract.substeps + 1)[:, None]
    change = velocity_target - command.velocity_rad_s
    ramp = np.minimum(ticks * (contract.max_joint_acceleration_rad_s2 * dt), np.abs(change))
    velocity = command.velocity_rad_s + np.sign(change) * ramp
    return Segment(command.position_rad + np.cumsum(velocity, axis=0) * dt, velocity)
