"""An arm in this process that follows its target with a first-order lag, for tests."""

import math
import time

import numpy as np
from perl_core.errors import RobotError
from perl_core.robot_state import (
    ROBOT_MODE_RUNNING,
    RUNTIME_PLAYING,
    SAFETY_MODE_NORMAL,
    RobotState,
)

TIME_CONSTANT_S = 0.03
"""As a UR with servoJ's lookahead_time of 0.03 s."""


class LoopbackRobot:
    """Follows targets; its public attributes are faults that a test may switch on."""

    def __init__(self, position_rad: np.ndarray) -> None:
        """Stand still.

        Args:
            position_rad: joint position at the start, shape (6,).
        """
        self.refuses = False
        """Do not take targets."""
        self.frozen = False
        """Stop reporting new states."""
        self.safety_status_bits = 1
        """1 = normal."""
        self.runtime_state = RUNTIME_PLAYING
        """Of the program that takes the targets."""
        self.restarts = 0
        """How often restart was called."""
        self._target_rad = np.array(position_rad, dtype=float)
        self._position_rad = self._target_rad.copy()
        self._velocity_rad_s = np.zeros(6)
        self._time_ns = time.monotonic_ns()

    def connect(self) -> None:
        """Nothing to connect."""
        self._time_ns = time.monotonic_ns()

    def tool(self) -> None:
        """There is none."""

    def guard(self) -> None:
        """Nothing to guard."""

    @property
    def connected(self) -> bool:
        """Always: there is nothing in between."""
        return True

    def read_state(self, now_ns: int) -> RobotState:
        """Move on to ``now_ns`` and report."""
        elapsed_s = (now_ns - self._time_ns) * 1e-9
        if not self.frozen and elapsed_s > 0.0:
            share = 1.0 - math.exp(-elapsed_s / TIME_CONSTANT_S)
            step_rad = share * (self._target_rad - self._position_rad)
            self._velocity_rad_s = step_rad / elapsed_s
            self._position_rad = self._position_rad + step_rad
            self._time_ns = now_ns
        return RobotState(
            controller_time_s=self._time_ns * 1e-9,
            fresh_ns=self._time_ns,
            joint_position_rad=self._position_rad,
            joint_velocity_rad_s=self._velocity_rad_s,
            robot_mode=ROBOT_MODE_RUNNING,
            safety_mode=SAFETY_MODE_NORMAL,
            safety_status_bits=self.safety_status_bits,
            runtime_state=self.runtime_state,
            speed_scaling=1.0,
        )

    def send(self, position_rad: np.ndarray) -> bool:
        """Take a target."""
        if not self.refuses:
            self._target_rad = np.array(position_rad, dtype=float)
        return not self.refuses

    def push(self, by_rad: np.ndarray) -> None:
        """Move the arm by hand; it stays there.

        Args:
            by_rad: shape (6,).
        """
        self._position_rad = self._position_rad + by_rad
        self._target_rad = self._position_rad.copy()

    def restart(self) -> None:
        """Hold the measured position."""
        if self.refuses:
            raise RobotError('expected a loopback robot that takes targets; it refuses them.')
        self.restarts += 1
        self.runtime_state = RUNTIME_PLAYING
        self._target_rad = self._position_rad.copy()

    def reconnect(self) -> None:
        """Nothing to connect."""

    def close(self) -> None:
        """Hold the measured position."""
        self._target_rad = self._position_rad.copy()
