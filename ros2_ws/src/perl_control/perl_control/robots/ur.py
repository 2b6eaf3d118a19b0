"""A UR arm through ur_rtde: the only file of this package that imports it.

Measured behaviour of ur_rtde 1.6.5 that this file defends against: servoJ returns True while
disconnected; a frozen controller is noticed after 2.5 s only; a dead client leaves the arm
holding its last target; constructors may never return. So: own staleness by the controller's
timestamp against our clock, isConnected before every target, a watchdog before the first one, and
questions over plain sockets before every constructor.
"""

from collections.abc import Callable
import time

import numpy as np
from perl_core.contract import Contract
from perl_core.errors import RobotError
from perl_core.robot_state import RUNTIME_PLAYING, RobotState
from rtde_control import RTDEControlInterface
from rtde_receive import RTDEReceiveInterface

from perl_control.robots.preflight import Dashboard, require_ready

WATCHDOG_HZ = 10.0
"""The controller ends the program if no target came for 1/10 s; ur_rtde's smallest useful rate."""
STOP_DECELERATION_M_S2 = 10.0
"""servoStop's default; the arm is at rest when it is called."""
_READY_DEADLINE_S = 2.0
_POLL_S = 0.01
_VARIABLES = [
    'timestamp', 'actual_q', 'actual_qd', 'robot_mode', 'safety_mode', 'runtime_state',
    'speed_scaling', 'target_speed_fraction', 'safety_status_bits',
]


class UrRobot:
    """One UR arm."""

    def __init__(self, robot_ip: str, contract: Contract) -> None:
        """Remember where the arm is.

        Args:
            robot_ip: address of the controller.
            contract: gives servoJ's period, lookahead and gain.
        """
        self._robot_ip = robot_ip
        self._rate_hz = float(contract.control_rate_hz)
        self._servo = (0.0, 0.0, contract.control_period_s, contract.servo_lookahead_s,
                       contract.servo_gain)
        self._controller_time_s, self._fresh_ns = -1.0, time.monotonic_ns()

    def connect(self) -> None:
        """Connect both clients and start the control script."""
        require_ready(self._robot_ip)
        try:
            self._receive = RTDEReceiveInterface(self._robot_ip, self._rate_hz, _VARIABLES)
            self._control = RTDEControlInterface(self._robot_ip, self._rate_hz)
        except RuntimeError as error:
            raise RobotError(
                f'expected the robot at {self._robot_ip} to accept a control script, but '
                f'ur_rtde says: {error}. Check that no other program controls it.'
            ) from error
        self._require_moving_clock()

    def guard(self) -> None:
        """Arm the watchdog; it stops the program if no target comes for 1 / WATCHDOG_HZ."""
        if not self._control.setWatchdog(WATCHDOG_HZ):
            raise RobotError(
                f'expected the robot at {self._robot_ip} to arm its watchdog, it refused. '
                'Check the program on the teach pendant and start again.'
            )

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
        )

    def send(self, position_rad: np.ndarray) -> bool:
        """Send one servoJ target."""
        try:
            return self._control.isConnected() and self._control.servoJ(
                position_rad.tolist(), *self._servo
            )
        except RuntimeError:
            return False

    def restart(self) -> None:
        """Reconnect what is disconnected, drop the old program, upload the script again."""
        require_ready(self._robot_ip)
        try:
            if not self._receive.isConnected():
                self._receive.reconnect()
            if not self._control.isConnected():
                self._control.reconnect()
            self._drop_program()
            if self._receive.getRuntimeState() != RUNTIME_PLAYING:
                self._control.reuploadScript()
        except RuntimeError as error:
            raise RobotError(
                f'expected the robot at {self._robot_ip} to take the control script again, but '
                f'ur_rtde says: {error}. Check that no other program controls it.'
            ) from error
        self._require_moving_clock()
        self._wait_until(
            lambda: self._receive.getRuntimeState() == RUNTIME_PLAYING, 'play the control script'
        )
        self.guard()

    def close(self) -> None:
        """End servoing and the script; the connections end with the process.

        Their destructors sleep for half a second each, so they are not called here.
        """
        if self._control.isConnected() and self._receive.getRuntimeState() == RUNTIME_PLAYING:
            self._control.servoStop(STOP_DECELERATION_M_S2)
            self._control.stopScript()

    def _drop_program(self) -> None:
        """End a paused program: played on, it would go to its old target."""
        if self._receive.getRuntimeState() == RUNTIME_PLAYING:
            return
        with Dashboard(self._robot_ip) as dashboard:
            dashboard.ask('stop')

    def _require_moving_clock(self) -> None:
        first_s = self._receive.getTimestamp()
        self._wait_until(
            lambda: self._receive.isConnected() and self._control.isConnected()
            and self._receive.getTimestamp() != first_s,
            'send states',
        )

    def _wait_until(self, done: Callable[[], bool], what: str) -> None:
        """Poll until ``done()``, or raise RobotError."""
        deadline_s = time.monotonic() + _READY_DEADLINE_S
        while not done():
            if time.monotonic() > deadline_s:
                raise RobotError(
                    f'expected the robot at {self._robot_ip} to {what}; it did not within '
                    f'{_READY_DEADLINE_S:g} s. Restart the controller.'
                )
            time.sleep(_POLL_S)
