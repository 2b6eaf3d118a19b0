"""Action vector -> joint targets: the same functions in simulation and on the robot.

An action is a tool twist in ``base``. Damped least squares on our own Jacobian, taken at the last
commanded joint position, turn it into joint rates; these are limited (all joints alike, so that
the direction stays), kept short of the joint limits, and integrated into one joint target for
every control tick of the policy period, with limited acceleration and jerk.
"""

import functools
import math
from typing import NamedTuple

import numpy as np
from perl_core.contract import Contract
from perl_core.kinematics import Kinematics

MAX_JOINT_JERK_RAD_S3 = 1000.0
"""Planned accelerations change no faster: zero to full in 10 ms. Own choice, since Universal
Robots publishes none: the policy that was trained without this limit reaches 200 of 200 goals
from home with it, in the same median time (1.40 s)."""
_STOP_S = 1.0
"""Any stop from the contract's speed is over by then."""
_ROUNDING_RAD = 0.002
"""What targets in ticks may travel further than the motion that they sample: 0.8 mrad in a policy
period, and as much again when the next one is planned."""
_CHORDS = 3
"""Steps of the search for the fastest speed that stops in time: to about 1 %."""
_AT_REST = np.zeros(6)
_AT_REST.setflags(write=False)


class Command(NamedTuple):
    """The last commanded joint position and how it changed."""

    position_rad: np.ndarray
    """Shape (6,)."""
    velocity_rad_s: np.ndarray
    """Since the command before, shape (6,)."""
    acceleration_rad_s2: np.ndarray = _AT_REST
    """Since the velocity before, shape (6,)."""


class Segment(NamedTuple):
    """Joint targets of one policy period."""

    position_rad: np.ndarray
    """Shape (substeps, 6)."""
    velocity_rad_s: np.ndarray
    """Shape (substeps, 6)."""
    acceleration_rad_s2: np.ndarray
    """Shape (substeps, 6)."""

    @property
    def last(self) -> Command:
        """The command at the end of the period."""
        return Command(
            self.position_rad[-1], self.velocity_rad_s[-1], self.acceleration_rad_s2[-1]
        )


class Motion(NamedTuple):
    """Where a velocity that approaches its target has led after some time."""

    travel_rad: np.ndarray
    """From the start."""
    velocity_rad_s: np.ndarray
    """Then."""
    acceleration_rad_s2: np.ndarray
    """Then."""


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
    return stoppable_velocity(velocity, command, contract)


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
    return stoppable_velocity(velocity, command, contract)


def stoppable_velocity(
    wanted_rad_s: np.ndarray, command: Command, contract: Contract
) -> np.ndarray:
    """Return the wanted joint rates, slowed where the arm could not stop before a joint limit.

    Args:
        wanted_rad_s: to approach during the next policy period, shape (..., 6).
        command: the last command; each part of shape (..., 6).
        contract: limits.

    Returns:
        Shape (..., 6) [rad/s], between zero and what is wanted: after a policy period towards it
        the arm can brake within its joint limits.
    """
    if wanted_rad_s.ndim == 1 and _surely_stoppable(wanted_rad_s, command, contract):
        return wanted_rad_s
    outward = np.sign(wanted_rad_s)
    edge_rad = np.where(outward < 0.0, contract.joint_lower_rad, contract.joint_upper_rad)
    room_rad = outward * (edge_rad - command.position_rad) - _ROUNDING_RAD
    towards = Command(
        room_rad, outward * command.velocity_rad_s, outward * command.acceleration_rad_s2
    )
    highest = np.abs(wanted_rad_s)
    beyond = _beyond_rad(highest, towards, contract)
    fits = beyond <= 0.0
    if fits.all():
        return wanted_rad_s
    lowest = np.where(fits, highest, 0.0)
    inside = _beyond_rad(lowest, towards, contract)
    # The way is a convex function of the speed: where a chord meets the limit, there is room left.
    for _ in range(_CHORDS):
        share = np.minimum(np.maximum(-inside, 0.0) / np.maximum(beyond - inside, 1e-12), 1.0)
        speed = lowest + share * (highest - lowest)
        reached = _beyond_rad(speed, towards, contract)
        better = reached <= 0.0
        lowest, inside = np.where(better, speed, lowest), np.where(better, reached, inside)
    return outward * lowest


def _surely_stoppable(wanted_rad_s: np.ndarray, command: Command, contract: Contract) -> bool:
    """Return whether a bound on the way of a period, and of braking after it, leaves room.

    It costs a tenth of the exact way, and mostly there is more room than that. No speed on the way
    is higher than the one asked for or the one at which the acceleration can be gone. Braking from
    there takes at most the time to give up the greatest acceleration, at full speed, and that of a
    whole deceleration, at half of it in the mean.
    """
    most, jerk = contract.max_joint_acceleration_rad_s2, MAX_JOINT_JERK_RAD_S3
    for wanted, place, velocity, now, lower, upper in zip(
        wanted_rad_s.tolist(), *(part.tolist() for part in command),
        contract.joint_lower_rad, contract.joint_upper_rad, strict=True,
    ):
        outward = -1.0 if wanted < 0.0 else 1.0
        edge_rad = lower if wanted < 0.0 else upper
        rising = min(max(outward * now, 0.0), most)
        first = max(outward * velocity + rising * rising * (0.5 / jerk), abs(wanted))
        then = first + 0.5 * most * most / jerk
        way = first * contract.policy_period_s + then * (2.0 * most / jerk + then * (0.5 / most))
        if way > outward * (edge_rad - place) - _ROUNDING_RAD:
            return False
    return True


def _beyond_rad(speed_rad_s: np.ndarray, towards: Command, contract: Contract) -> np.ndarray:
    """Return how far beyond its room a period towards this speed, and braking after it, lead.

    Args:
        speed_rad_s: towards the joint limit.
        towards: room to the limit, speed and acceleration towards it.
        contract: limits.
    """
    _, velocity, acceleration = towards
    moved = approach(velocity, acceleration, speed_rad_s, contract.policy_period_s, contract)
    braked = approach(
        moved.velocity_rad_s, moved.acceleration_rad_s2, _AT_REST, _STOP_S, contract
    )
    return moved.travel_rad + np.maximum(braked.travel_rad, 0.0) - towards.position_rad


def approach(
    velocity_rad_s: np.ndarray,
    acceleration_rad_s2: np.ndarray,
    target_rad_s: np.ndarray,
    time_s: float | np.ndarray,
    contract: Contract,
) -> Motion:
    """Return where the fastest change to a target velocity within acceleration and jerk leads.

    The jerk is J, zero and -J in turn, so the acceleration rises to a peak p, stays there if that
    is the limit A, and ends at zero together with the change of velocity (Kroeger and Wahl, 2010,
    "Online trajectory generation", with a velocity for its target).

    Args:
        velocity_rad_s: now.
        acceleration_rad_s2: now.
        target_rad_s: velocity at which to arrive without acceleration.
        time_s: from now; broadcasts with the others.
        contract: acceleration.
    """
    phases = _phases(velocity_rad_s, acceleration_rad_s2, target_rad_s, contract)
    now, jerk, rising, holding, falling = _lasting(phases, time_s)
    travel, velocity = 0.0, velocity_rad_s
    for lasting, rate in ((rising, jerk), (holding, 0.0), (falling, -jerk)):
        travel = travel + lasting * (velocity + lasting * (0.5 * now + lasting * (rate / 6.0)))
        velocity = velocity + lasting * (now + 0.5 * lasting * rate)
        now = now + lasting * rate
    left = time_s - rising - holding - falling
    velocity = np.where(left > 0.0, target_rad_s, velocity)
    return Motion(travel + velocity * left, velocity, now)


class _Phases(NamedTuple):
    """Of a change of velocity: rising, steady and falling acceleration."""

    acceleration_rad_s2: np.ndarray
    """At the start."""
    jerk_rad_s3: np.ndarray
    """While it rises; the negative of it while it falls."""
    rising_s: np.ndarray
    """How long it rises; in ``_lasting``, until some time."""
    holding_s: np.ndarray
    """How long it is steady."""
    falling_s: np.ndarray
    """How long it falls."""


def _phases(
    velocity_rad_s: np.ndarray,
    acceleration_rad_s2: np.ndarray,
    target_rad_s: np.ndarray,
    contract: Contract,
) -> _Phases:
    """Return the phases of the fastest change; see ``approach``."""
    most, jerk = contract.max_joint_acceleration_rad_s2, MAX_JOINT_JERK_RAD_S3
    now = np.minimum(np.maximum(acceleration_rad_s2, -most), most)
    change = target_rad_s - velocity_rad_s
    bend = change - now * np.abs(now) * (0.5 / jerk)
    # Where giving up the acceleration leads to the target exactly, that is all there is to do.
    sign = np.sign(np.where(bend == 0.0, now, bend))
    along = sign * now
    square = np.maximum(jerk * sign * change + 0.5 * along * along, 0.0)
    peak = np.minimum(np.sqrt(square), most)
    return _Phases(
        now, sign * jerk, np.maximum(peak - along, 0.0) / jerk,
        np.maximum(square - most * most, 0.0) / (jerk * most), peak / jerk,
    )


def _lasting(phases: _Phases, time_s: float | np.ndarray) -> _Phases:
    """Return how long each phase has lasted after some time."""
    now, jerk, rising_s, holding_s, falling_s = phases
    rising = np.minimum(time_s, rising_s)
    left = time_s - rising
    holding = np.minimum(left, holding_s)
    return _Phases(now, jerk, rising, holding, np.minimum(left - holding, falling_s))


def plan_segment(velocity_target: np.ndarray, command: Command, contract: Contract) -> Segment:
    """Return one joint target for each control tick of a policy period.

    The velocity approaches its target within the contract's acceleration and the jerk above, so
    position, velocity and acceleration are continuous from one period to the next.

    Args:
        velocity_target: joint rates to approach [rad/s], shape (6,); zeros brake to a stop.
        command: where the last period ended.
        contract: rates and acceleration.

    Returns:
        ``contract.substeps`` targets.
    """
    dt = contract.control_period_s
    time_s = _times_s(contract.substeps, dt)
    before = command.velocity_rad_s
    phases = _phases(before, command.acceleration_rad_s2, velocity_target, contract)
    now, jerk, rising, holding, falling = _lasting(phases, time_s)
    # As in ``approach``, the velocity alone.
    change = rising * jerk
    velocity = before + rising * (now + 0.5 * change)
    now = now + change
    velocity += holding * now
    velocity += falling * (now - 0.5 * falling * jerk)
    velocity = np.where(time_s - rising - holding - falling > 0.0, velocity_target, velocity)
    position = command.position_rad + np.cumsum(velocity, axis=0) * dt
    acceleration = np.empty_like(velocity)
    np.subtract(velocity[0], before, out=acceleration[0])
    np.subtract(velocity[1:], velocity[:-1], out=acceleration[1:])
    acceleration /= dt
    return Segment(position, velocity, acceleration)


def first_target_rad(
    velocity_target: np.ndarray, command: Command, contract: Contract
) -> np.ndarray:
    """Return the first joint target of ``plan_segment``, to the last bit, at a fifth of its cost.

    For a loop that sends it before it plans the rest.

    Args:
        velocity_target: joint rates to approach [rad/s], shape (6,).
        command: where the last period ended, six joints.
        contract: rates and acceleration.
    """
    most, jerk = contract.max_joint_acceleration_rad_s2, MAX_JOINT_JERK_RAD_S3
    time_s, square_most = contract.control_period_s, most * most
    target = []
    for wanted, place, before, now in zip(
        velocity_target.tolist(), *(part.tolist() for part in command), strict=True
    ):
        now = min(max(now, -most), most)
        change = wanted - before
        bend = change - now * abs(now) * (0.5 / jerk) or now
        sign = (bend > 0.0) - (bend < 0.0)
        along = sign * now
        square = max(jerk * sign * change + 0.5 * along * along, 0.0)
        peak = min(math.sqrt(square), most)
        rising = min(time_s, max(peak - along, 0.0) / jerk)
        holding = min(time_s - rising, max(square - square_most, 0.0) / (jerk * most))
        falling = min(time_s - rising - holding, peak / jerk)
        gain = rising * (sign * jerk)
        velocity = before + rising * (now + 0.5 * gain)
        now += gain
        velocity += holding * now
        velocity += falling * (now - 0.5 * falling * (sign * jerk))
        if time_s - rising - holding - falling > 0.0:
            velocity = wanted
        target.append(place + velocity * time_s)
    return np.array(target)


@functools.lru_cache
def _times_s(substeps: int, period_s: float) -> np.ndarray:
    """Return the times of the targets of a period, shape (substeps, 1)."""
    return np.arange(1, substeps + 1)[:, None] * period_s
