"""servoJ as the arm answers it: one model for the environment and for the emulator.

target -> pure delay -> first-order filter -> rate limit -> reference position and velocity of the
drives. The time constant is lookahead_time, scaled by 300 / gain. With a lookahead of 0.03 s and
two ticks of delay the arm follows 32 ms behind; a client that reads it one tick later sees the
34 ms that users of real arms measure (Universal_Robots_Client_Library issue 86). UR does not
publish the filter: this is a model.
"""

import dataclasses
import functools
import math
from typing import NamedTuple

import numpy as np
from perl_core.errors import ConfigError

NOMINAL_GAIN = 300.0
"""servoJ's default gain (UR script manual); the gain at which lookahead is the time constant."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServoParameters:
    """How servoJ answers."""

    lookahead_s: float = 0.03
    """servoJ's lookahead_time (UR script manual: 0.03 to 0.2)."""
    gain: float = NOMINAL_GAIN
    """servoJ's gain (UR script manual: 100 to 2000)."""
    delay_ticks: int = 2
    """Control periods from a target's arrival to its first effect. Source: 4 to 6 ms of
    transport in Universal_Robots_Client_Library issue 86."""
    max_joint_speed_rad_s: float = 3.14
    """The reference never moves faster. Source: UR5e data sheet (180 degrees per second)."""
    control_rate_hz: int = 500
    """Rate of targets. Source: RTDE guide."""

    def __post_init__(self) -> None:
        """Refuse values that no filter can have."""
        for name in ('lookahead_s', 'gain', 'max_joint_speed_rad_s', 'control_rate_hz'):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0.0):
                raise ConfigError(f'{name} of a servo must be positive and finite; got {value!r}')
        if self.delay_ticks < 0:
            raise ConfigError(f'delay_ticks must be 0 or more; got {self.delay_ticks!r}')

    @property
    def time_constant_s(self) -> float:
        """Time constant of the filter [s]."""
        return self.lookahead_s * NOMINAL_GAIN / self.gain

    @property
    def share_per_tick(self) -> float:
        """Share of the distance to the target that the reference covers in one tick.

        Backward Euler: behind a steady motion the lag is the time constant itself, at any rate.
        """
        return 1.0 / (1.0 + self.time_constant_s * self.control_rate_hz)

    @property
    def max_step_rad(self) -> float:
        """Longest way of the reference in one tick [rad]."""
        return self.max_joint_speed_rad_s / self.control_rate_hz


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServoTraits:
    """What of servoJ is the robot's own and not an argument: what a calibration identifies."""

    delay_ticks: int = 2
    """Control periods from a target's arrival to its first effect; see ``ServoParameters``."""
    lookahead_scale: float = 1.0
    """Factor between the time constant asked for and the real one."""
    slider_slows: bool = False
    """Whether the speed slider slows servoJ, too. Firmware differs (UR's ROS driver, issue 58)."""

    def __post_init__(self) -> None:
        """Refuse traits that no servo can have."""
        self.parameters(0.03, NOMINAL_GAIN)

    def parameters(self, lookahead_s: float, gain: float) -> ServoParameters:
        """Return the parameters of a servoJ with these arguments on this robot."""
        return ServoParameters(
            lookahead_s=lookahead_s * self.lookahead_scale, gain=gain,
            delay_ticks=self.delay_ticks,
        )


class ServoReference(NamedTuple):
    """What the drives follow."""

    position_rad: np.ndarray
    """Shape (6,), or (n, 6) for n ticks."""
    velocity_rad_s: np.ndarray
    """Shape (6,), or (n, 6): the way of the last tick over its time."""


@functools.lru_cache(maxsize=64)
def _first_order_response(ticks: int, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the maps from inputs (ticks, ticks) and from the start (ticks, 1) to outputs."""
    powers = (1.0 - share) ** np.arange(ticks + 1)
    age = np.arange(ticks)[:, None] - np.arange(ticks)
    of_inputs = np.where(age >= 0, share * powers[np.maximum(age, 0)], 0.0)
    return of_inputs, powers[1:, None]


class ServoModel:
    """The state of one servoJ: what is still on its way, and where the reference is."""

    def __init__(self, parameters: ServoParameters, position_rad: np.ndarray) -> None:
        """Start at rest.

        Args:
            parameters: of this servo.
            position_rad: shape (6,).
        """
        self.parameters = parameters
        self._on_the_way_rad = np.empty((0, 6))
        self._reference_rad = np.empty(0)
        self.seed(position_rad)

    @property
    def reference_rad(self) -> np.ndarray:
        """The present reference position [rad], shape (6,)."""
        return self._reference_rad.copy()

    def seed(self, position_rad: np.ndarray) -> None:
        """Rest at this position, shape (6,): forget every target, stop the reference."""
        self._reference_rad = np.array(position_rad, dtype=float)
        self._on_the_way_rad = np.tile(self._reference_rad, (self.parameters.delay_ticks, 1))

    def step(self, target_rad: np.ndarray) -> ServoReference:
        """Take one target and advance one tick.

        Args:
            target_rad: joint target of servoJ, shape (6,).

        Returns:
            Position and velocity of the reference after this tick, each of shape (6,).
        """
        parameters = self.parameters
        queue = np.vstack((self._on_the_way_rad, target_rad))
        self._on_the_way_rad = queue[1:]
        way = parameters.share_per_tick * (queue[0] - self._reference_rad)
        way = np.clip(way, -parameters.max_step_rad, parameters.max_step_rad)
        self._reference_rad = self._reference_rad + way
        return ServoReference(self._reference_rad.copy(), way * parameters.control_rate_hz)

    def trajectory(self, targets_rad: np.ndarray) -> ServoReference:
        """Take n targets and advance n ticks; equal to n calls of ``step``, and faster.

        The filter is linear, so one matrix product gives all ticks. The rate limit is not: where
        it would bind, the ticks are taken one by one.

        Args:
            targets_rad: shape (n, 6), n >= 1.

        Returns:
            Position and velocity of the reference after each tick, each of shape (n, 6).
        """
        ticks = len(targets_rad)
        queue = np.concatenate((self._on_the_way_rad, targets_rad))
        of_inputs, of_start = _first_order_response(ticks, self.parameters.share_per_tick)
        position = of_inputs @ queue[:ticks] + of_start * self._reference_rad
        way = position.copy()
        way[0] -= self._reference_rad
        way[1:] -= position[:-1]
        if max(way.max(), -way.min()) > self.parameters.max_step_rad:
            steps = [self.step(target) for target in targets_rad]
            return ServoReference(*map(np.array, zip(*steps, strict=True)))
        self._on_the_way_rad = queue[ticks:]
        self._reference_rad = position[-1].copy()
        return ServoReference(position, way * self.parameters.control_rate_hz)
