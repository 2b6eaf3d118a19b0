"""What a UR arm reports, through ur_rtde's receiving half alone: nothing here can move the arm."""

from collections.abc import Callable
import math
import time

import numpy as np
from perl_core.errors import RobotError
from perl_core.robot_state import RobotState
from rtde_receive import RTDEReceiveInterface

from perl_control.robots.preflight import require_answer

_READY_DEADLINE_S = 2.0
_POLL_S = 0.01
_VARIABLES = [
    'timestamp', 'actual_q', 'actual_qd', 'robot_mode', 'safety_mode', 'runtime_state',
    'speed_scaling', 'target_speed_fraction', 'safety_status_bits', 'payload',
    'actual_TCP_force',
]


class UrReceiver:
    """The states of one UR arm."""

    def __init__(self, robot_ip: str, rate_hz: float) -> None:
        """Remember where the arm is.

        Args:
            robot_ip: address of the controller.
            rate_hz: of the states, at most 500.
        """
        self._robot_ip, self._rate_hz = robot_ip, rate_hz
        self._controller_time_s, self._fresh_ns = -1.0, time.monotonic_ns()

    def connect(self) -> None:
        """Connect, and wait until states come.

        Raises:
            RobotError: nothing answers, or no states come.
        """
        require_answer(self._robot_ip)
        try:
            self._receive = RTDEReceiveInterface(self._robot_ip, self._rate_hz, _VARIABLES)
        except RuntimeError as error:
            raise RobotError(
                f'expected states of the robot at {self._robot_ip}, but ur_rtde says: {error}. '
                'Restart the controller.'
            ) from error
        self.require_moving_clock()

    def reconnect(self) -> None:
        """Connect again if the connection was lost.

        Raises:
            RobotError: nothing answers, or no states come.
        """
        if not self._receive.isConnected():
            require_answer(self._robot_ip)
            self._receive.reconnect()
        self.require_moving_clock()

    @property
    def runtime_state(self) -> int:
        """As the newest state has it; see RobotState."""
        return self._receive.getRuntimeState()

    @property
    def payload_kg(self) -> float:
        """As it is set at the controller."""
        return self._receive.getPayload()

    def read_state(self, now_ns: int) -> RobotState:
        """Return the newest state."""
        receive = self._receive
        controller_time_s = receive.getTimestamp()
        if controller_time_s != self._controller_time_s:
            self._controller_time_s, self._fresh_ns = controller_time_s, now_ns
        return RobotState(
            controller_time_s,
            self._fresh_ns,
            np.array(receive.getActualQ()),
            np.array(receive.getActualQd()),
            receive.getRobotMode(),
            receive.getSafetyMode(),
            receive.getSafetyStatusBits(),
            receive.getRuntimeState(),
            receive.getSpeedScaling() * receive.getTargetSpeedFraction(),
            math.hypot(*receive.getActualTCPForce()[:3]),
        )

    def close(self) -> None:
        """Leave the connection to the end of the process: the destructor sleeps for 0.5 s."""

    def require_moving_clock(self) -> None:
        """Wait until the controller's clock moves on.

        Raises:
            RobotError: it stands still.
        """
        first_s = self._receive.getTimestamp()
        self.wait_until(
            lambda: self._receive.isConnected() and self._receive.getTimestamp() != first_s,
            'send states',
        )

    def wait_until(self, done: Callable[[], bool], what: str) -> None:
        """Poll until ``done()``.

        Raises:
            RobotError: it was not in time.
        """
        deadline_s = time.monotonic() + _READY_DEADLINE_S
        while not done():
            if time.monotonic() > deadline_s:
                raise RobotError(
                    f'expected the robot at {self._robot_ip} to {what}; it did not within '
                    f'{_READY_DEADLINE_S:g} s. Restart the controller.'
                )
            time.sleep(_POLL_S)
