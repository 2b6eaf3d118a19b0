"""Is there a controller, and may it be controlled? Asked over plain sockets with own deadlines.

ur_rtde's constructors can reconnect for ever and hold the interpreter's lock meanwhile, so they
are called only after these questions were answered.
"""

import socket

from perl_core.errors import RobotError

RTDE_PORT = 30004
DASHBOARD_PORT = 29999
"""Ports of a UR controller (Universal Robots, "Overview of client interfaces")."""
DEADLINE_S = 1.0
"""For each connection and each answer; a controller on the same network answers in 0.1 s."""

_SAFETY_MAY_RUN = ('NORMAL', 'REDUCED')
_ADVICE = {
    'PROTECTIVE_STOP': 'Remove the cause, wait 5 s and unlock it on the teach pendant.',
    'SAFEGUARD_STOP': 'Close the safeguard and reset it.',
    'ROBOT_EMERGENCY_STOP': 'Release the emergency stop and start the arm again.',
    'SYSTEM_EMERGENCY_STOP': 'Release the emergency stop and start the arm again.',
}


class Dashboard:
    """A conversation with the dashboard server: one line out, one line back."""

    def __init__(self, robot_ip: str) -> None:
        """Connect and read the greeting.

        Raises:
            RobotError: it does not answer.
        """
        self._robot_ip = robot_ip
        self._socket = connect(robot_ip, DASHBOARD_PORT, 'dashboard')
        self._received = b''
        self._line('its greeting')

    def __enter__(self) -> 'Dashboard':
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self._socket.close()

    def ask(self, command: str) -> str:
        """Return the answer to a command.

        Raises:
            RobotError: no answer before the deadline.
        """
        try:
            self._socket.sendall(f'{command}\n'.encode())
        except OSError as error:
            raise self._silent(f'the answer to {command!r}') from error
        return self._line(f'the answer to {command!r}')

    def _line(self, expected: str) -> str:
        while b'\n' not in self._received:
            try:
                more = self._socket.recv(4096)
            except OSError as error:
                raise self._silent(expected) from error
            if not more:
                raise self._silent(expected)
            self._received += more
        line, _, self._received = self._received.partition(b'\n')
        return line.decode(errors='replace').strip()

    def _silent(self, expected: str) -> RobotError:
        return RobotError(
            f'expected {expected} from the dashboard of the robot at {self._robot_ip} within '
            f'{DEADLINE_S:g} s, nothing came. Restart the controller.'
        )


def connect(robot_ip: str, port: int, service: str) -> socket.socket:
    """Return a connection with the deadline set.

    Raises:
        RobotError: nothing answers.
    """
    try:
        return socket.create_connection((robot_ip, port), DEADLINE_S)
    except OSError as error:
        raise RobotError(
            f'expected a UR controller at {robot_ip} ({service}, port {port}), but it does not '
            f'answer: {error.strerror or error}. Check the address, the network and that the '
            'controller is switched on.'
        ) from error


def require_answer(robot_ip: str) -> None:
    """Raise RobotError with one sentence unless a controller answers."""
    connect(robot_ip, RTDE_PORT, 'RTDE').close()


def require_ready(robot_ip: str) -> None:
    """Raise RobotError with one sentence unless the arm may be controlled now."""
    require_answer(robot_ip)
    with Dashboard(robot_ip) as dashboard:
        remote = dashboard.ask('is in remote control')
        if 'true' not in remote.lower():
            raise RobotError(
                f'expected the robot at {robot_ip} in remote control, it is in local control '
                f'(answer: {remote!r}). Switch it to remote control on the teach pendant.'
            )
        safety = dashboard.ask('safetystatus').rpartition(': ')[2]
        if safety not in _SAFETY_MAY_RUN:
            advice = _ADVICE.get(safety, 'Clear it on the teach pendant.')
            raise RobotError(
                f'expected safety status NORMAL of the robot at {robot_ip}, it is {safety}. '
                f'{advice}'
            )
        mode = dashboard.ask('robotmode').rpartition(': ')[2]
        if mode != 'RUNNING':
            raise RobotError(
                f'expected robot mode RUNNING of the robot at {robot_ip}, it is {mode}. '
                'Power the arm on and release its brakes.'
            )
