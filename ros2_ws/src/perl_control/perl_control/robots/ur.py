"""A UR arm through ur_rtde; with ``ur_receiver.py`` the only files here that import it.

Measured behaviour of ur_rtde 1.6.5 that this file defends against: servoJ returns True while
disconnected; a frozen controller is noticed after 2.5 s only; a dead client leaves the arm
holding its last target; constructors may never return. So: own staleness by the controller's
timestamp against our clock, isConnected before every target, a watchdog before the first one, and
questions over plain sockets before every constructor.
"""

import numpy as np
from perl_core.contract import Contract
from perl_core.errors import RobotError
from perl_core.robot_state import RUNTIME_PLAYING, RobotState
from rtde_control import RTDEControlInterface

from perl_control.robots.base import Tool
from perl_control.robots.connections import Connections
from perl_control.robots.preflight import RTDE_PORT, Dashboard, require_ready
from perl_control.robots.ur_receiver import UrReceiver

WATCHDOG_HZ = 10.0
"""The controller ends the program if no target came for 1/10 s; ur_rtde's smallest useful rate."""
STOP_DECELERATION_M_S2 = 10.0
"""servoStop's default; the arm is at rest when it is called."""


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
        self._receiver = UrReceiver(robot_ip, self._rate_hz)

    def connect(self) -> None:
        """Connect both clients and start the control script."""
        require_ready(self._robot_ip)
        self._receiver.connect()
        try:
            self._control = RTDEControlInterface(self._robot_ip, self._rate_hz)
        except RuntimeError as error:
            raise RobotError(
                f'expected the robot at {self._robot_ip} to accept a control script, but '
                f'ur_rtde says: {error}. Check that no other program controls it.'
            ) from error
        self._require_connected()
        self._connections = Connections(self._robot_ip, RTDE_PORT)
        self._connections.send_at_once()

    def tool(self) -> Tool:
        """Return the payload and the TCP that are set at the controller."""
        return Tool(self._receiver.payload_kg, tuple(self._control.getTCPOffset()))

    def guard(self) -> None:
        """Arm the watchdog; it stops the program if no target comes for 1 / WATCHDOG_HZ."""
        if not self._control.setWatchdog(WATCHDOG_HZ):
            raise RobotError(
                f'expected the robot at {self._robot_ip} to arm its watchdog, it refused. '
                'Check the program on the teach pendant and start again.'
            )

    @property
    def connected(self) -> bool:
        """Whether the connections hold, by the word of the kernel: see connections.py."""
        return self._connections.alive

    def read_state(self, now_ns: int) -> RobotState:
        """Return the newest state."""
        return self._receiver.read_state(now_ns)

    def send(self, position_rad: np.ndarray) -> bool:
        """Send one servoJ target."""
        try:
            return self._control.isConnected() and self._control.servoJ(
                position_rad.tolist(), *self._servo
            )
        except RuntimeError:
            return False

    def restart(self) -> None:
        """Drop the old program, upload the script again."""
        require_ready(self._robot_ip)
        try:
            self._drop_program()
            if not self._is_playing():
                self._control.reuploadScript()
        except RuntimeError as error:
            raise RobotError(
                f'expected the robot at {self._robot_ip} to take the control script again, but '
                f'ur_rtde says: {error}. Check that no other program controls it.'
            ) from error
        self._require_connected()
        self._receiver.wait_until(self._is_playing, 'play the control script')
        self.guard()

    def close(self) -> None:
        """End servoing and the script; the connections end with the process.

        Their destructors sleep for half a second each, so they are not called here.
        """
        if self._control.isConnected() and self._is_playing():
            self._control.servoStop(STOP_DECELERATION_M_S2)
            self._control.stopScript()

    def _is_playing(self) -> bool:
        return self._receiver.runtime_state == RUNTIME_PLAYING

    def _drop_program(self) -> None:
        """End a paused program: played on, it would go to its old target."""
        if self._is_playing():
            return
        with Dashboard(self._robot_ip) as dashboard:
            dashboard.ask('stop')

    def _require_connected(self) -> None:
        self._receiver.require_moving_clock()
        self._receiver.wait_until(self._control.isConnected, 'keep the control connection')
