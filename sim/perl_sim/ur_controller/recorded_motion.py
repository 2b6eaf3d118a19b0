"""The measured joints of a recording, given back tick by tick."""

from pathlib import Path
from typing import NamedTuple
import zipfile

import numpy as np
from perl_core.errors import ConfigError
from perl_sim.ur_controller.motions import TICK_S

MAX_RATE = 10.0
"""Times as fast. Own choice: then every tenth state of a 500 Hz recording is seen."""
MAX_WAIT_S = 60.0
"""Own choice."""


class MeasuredJoints(NamedTuple):
    """What encoders tell at one tick."""

    position_rad: np.ndarray
    """Shape (6,)."""
    velocity_rad_s: np.ndarray
    """Shape (6,)."""


class RecordedMotion:
    """Goes through a recording once."""

    def __init__(
        self, time_s: np.ndarray, position_rad: np.ndarray, velocity_rad_s: np.ndarray,
        rate: float, wait_s: float = 0.0,
    ) -> None:
        """Begin at its first state.

        Args:
            time_s: of the states, increasing, shape (n,).
            position_rad: measured joint angles, shape (n, 6).
            velocity_rad_s: measured joint velocities, shape (n, 6).
            rate: how many times as fast it is gone through; velocities stay as they are.
            wait_s: before that it stays at the first position, at rest.

        Raises:
            ConfigError: the arrays do not fit, or the rate is out of bounds.
        """
        if not 0.0 < rate <= MAX_RATE:
            raise ConfigError(f'a recording is given back at a rate up to {MAX_RATE}; got {rate}')
        if not 0.0 <= wait_s <= MAX_WAIT_S:
            raise ConfigError(f'a recording waits for 0 to {MAX_WAIT_S} s; got {wait_s}')
        count = len(time_s)
        shapes = (time_s.shape, position_rad.shape, velocity_rad_s.shape)
        if count < 2 or shapes != ((count,), (count, 6), (count, 6)):
            raise ConfigError(
                'a recording has times (n,), positions (n, 6) and velocities (n, 6), n at least '
                f'2; got {shapes}'
            )
        finite = all(np.isfinite(a).all() for a in (time_s, position_rad, velocity_rad_s))
        if not finite or (np.diff(time_s) <= 0.0).any():
            raise ConfigError('a recording is finite, and its times increase')
        self._time_s = time_s - time_s[0]
        self._position_rad, self._velocity_rad_s = position_rad, velocity_rad_s
        self._step_s = rate * TICK_S
        self._ticks = -1 - round(wait_s / TICK_S)

    @classmethod
    def load(cls, file: Path, rate: float, wait_s: float = 0.0) -> 'RecordedMotion':
        """Read a recording: an .npz file of time_s, position_rad and velocity_rad_s.

        Raises:
            ConfigError: the file cannot be read, or its content does not fit.
        """
        try:
            with np.load(file, allow_pickle=False) as arrays:
                time_s, position_rad, velocity_rad_s = (
                    np.asarray(arrays[name], dtype=float)
                    for name in ('time_s', 'position_rad', 'velocity_rad_s')
                )
        except (OSError, KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
            raise ConfigError(
                f'cannot read the recording {file}: {error}; expected an .npz file of time_s, '
                'position_rad and velocity_rad_s'
            ) from error
        return cls(time_s, position_rad, velocity_rad_s, rate, wait_s)

    def step(self) -> MeasuredJoints | None:
        """Return the state of the next tick, or None after the last."""
        self._ticks += 1
        if self._ticks < 0:
            return MeasuredJoints(self._position_rad[0], np.zeros(6))
        now_s = self._ticks * self._step_s
        if now_s > self._time_s[-1]:
            return None
        after = int(np.searchsorted(self._time_s, now_s, side='right'))
        after = min(after, len(self._time_s) - 1)
        return self._between(after - 1, now_s)

    def _between(self, before: int, now_s: float) -> MeasuredJoints:
        """Return the cubic that has the recorded positions and velocities at both ends."""
        span_s = self._time_s[before + 1] - self._time_s[before]
        share = (now_s - self._time_s[before]) / span_s
        (p0, p1), (v0, v1) = (
            array[before : before + 2] for array in (self._position_rad, self._velocity_rad_s)
        )
        if share in (0.0, 1.0):
            return MeasuredJoints(p1 if share else p0, v1 if share else v0)
        rest = 1.0 - share
        position_rad = (
            rest**2 * ((1.0 + 2.0 * share) * p0 + share * span_s * v0)
            + share**2 * ((1.0 + 2.0 * rest) * p1 - rest * span_s * v1)
        )
        return MeasuredJoints(position_rad, rest * v0 + share * v1)
