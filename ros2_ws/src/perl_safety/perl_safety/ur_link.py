"""The monitor's own connection to the robot: measured state in, stop out."""

import contextlib
import socket
import time

import numpy as np
from perl_core.errors import RobotError
from perl_core.robot_state import RobotState
from rtde_receive import RTDEReceiveInterface

from perl_safety.dashboard import Dashboard
from perl_safety.rtde_probe import require_stream

_VARIABLES = [
    'timestamp', 'actual_q', 'actual_qd', 'robot_mode', 'safety_mode', 'safety_status_bits',
    'runtime_state', 'speed_scaling', 'target_speed_fraction',
]
_FIRST_STATE_S = 1.0
SECONDARY_PORT = 30002
"""Secondary client interface (Universal Robots, "Overview of client interfaces")."""
_STOP_PROGRAM = b'def perl_monitor_stop():\n  stopj(4.0)\nend\n'
"""Brakes as UR's own driver does when it is lost (external_control.urscript)."""
_STOP_ANSWER_S = 0.3
"""For the dashboard's answer to a stop: a controller on the same network answers in 0.1 s."""


class UrLink:
    """One robot. ``read`` belongs to one thread, ``send_stop`` to another."""

    def __init__(self, robot_ip: str, rate_hz: float) -> None:
        """Connect, and see a state arrive.

        Args:
            robot_ip: address of the controller.
            rate_hz: at which it shall send its state.

        Raises:
            RobotError: the robot does not answer, does not stream, or is in local mode.
        """
        self._robot_ip = robot_ip
        self._dashboard = Dashboard(robot_ip, _STOP_ANSWER_S)
        self._asking = Dashboard(robot_ip)
        require_stream(robot_ip)
        if not self.in_remote_control():
            raise RobotError(
                f'the robot at {robot_ip} is in local mode, in which it does not obey a remote '
                'stop; expected remote control: switch it on at the teach pendant'
            )
        try:
            self._receive = RTDEReceiveInterface(robot_ip, rate_hz, _VARIABLES)
        except RuntimeError as error:
            raise RobotError(
                f'the robot at {robot_ip} refused the RTDE connection of the monitor: {error}'
            ) from error
        self._controller_time_s = self._receive.getTimestamp()
        self._fresh_ns = time.monotonic_ns()
        self._require_moving_clock()

    def read(self) -> RobotState:
        """Return the newest state; its age tells whether it is new."""
        receive = self._receive
        controller_time_s = receive.getTimestamp()
        if controller_time_s != self._controller_time_s:
            self._controller_time_s, self._fresh_ns = controller_time_s, time.monotonic_ns()
        return RobotState(
            controller_time_s=controller_time_s,
            fresh_ns=self._fresh_ns,
            joint_position_rad=np.array(receive.getActualQ()),
            joint_velocity_rad_s=np.array(receive.getActualQd()),
            robot_mode=receive.getRobotMode(),
            safety_mode=receive.getSafetyMode(),
            safety_status_bits=receive.getSafetyStatusBits(),
            runtime_state=receive.getRuntimeState(),
            speed_scaling=receive.getSpeedScaling() * receive.getTargetSpeedFraction(),
        )

    def in_remote_control(self) -> bool:
        """Return whether the robot obeys a remote stop; may block, for a thread of its own.

        Raises:
            RobotError: the dashboard does not answer.
        """
        return self._asking.command('is in remote control') == 'true'

    def send_stop(self) -> str:
        """End the robot's program, so that it brakes, by the strongest path that answers.

        The dashboard ends the program. Where it is silent, a program of one line takes the place
        of the one that runs.

        Returns:
            What was answered, or by which path it went.

        Raises:
            RobotError: neither is there.
        """
        try:
            return self._dashboard.command('stop')
        except RobotError as error:
            return self._replace_program(error)

    def _replace_program(self, why: RobotError) -> str:
        address = (self._robot_ip, SECONDARY_PORT)
        try:
            with socket.create_connection(address, _STOP_ANSWER_S) as connection:
                connection.sendall(_STOP_PROGRAM)
        except OSError as error:
            raise RobotError(f'{why}; nor does port {SECONDARY_PORT} ({error})') from error
        return f'the dashboard is silent; sent stopj to port {SECONDARY_PORT}'

    def reconnect(self) -> None:
        """Try to get the stream back after it was lost.

        A connection that only stalls is left alone: it may come back by itself, ur_rtde gives it
        up after 2.5 s, and to reconnect one that still lives blocks for ever.

        Raises:
            RobotError: the robot does not answer.
        """
        if self._receive.isConnected():
            return
        require_stream(self._robot_ip)
        try:
            self._receive.reconnect()
        except RuntimeError as error:
            raise RobotError(f'cannot reconnect to {self._robot_ip}: {error}') from error

    def close(self) -> None:
        """Disconnect; takes half a second."""
        self._dashboard.close()
        self._asking.close()
        with contextlib.suppress(RuntimeError):
            self._receive.disconnect()

    def _require_moving_clock(self) -> None:
        """Return when the controller's time moves."""
        deadline_s = time.monotonic() + _FIRST_STATE_S
        first_s = self._controller_time_s
        while self.read().controller_time_s == first_s:
            if time.monotonic() > deadline_s:
                raise RobotError(
                    f'the robot at {self._robot_ip} sends no new state: its clock stands at '
                    f'{first_s} s; restart the controller'
                )
            time.sleep(0.002)
