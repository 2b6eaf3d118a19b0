"""After a protective stop: what to ask of the controller, how often, and when to give up.

Never by itself: a person looks at the arm first and then asks for it, once a stop. Emergency stop,
safeguard stop, violation and fault are cleared where they came from, by a person.
"""

from collections import deque
import time

from perl_core.errors import RobotError

from perl_control.robots.preflight import Dashboard

UNLOCK_WAIT_S = 5.0
"""The controller refuses to unlock earlier (UR, "Dashboard Server": unlock protective stop)."""
MOST_RECOVERIES = 10
WINDOW_S = 600.0
"""More protective stops than that in ten minutes are no accident (SenseAct's limit)."""
_CLEARED_S = 2.0
_POLL_S = 0.05
_PROTECTIVE = 'PROTECTIVE_STOP'
_CLEAR = ('NORMAL', 'REDUCED')


class RecoveryBudget:
    """Counts recoveries and refuses more than there may be in a window of time."""

    def __init__(self, most: int = MOST_RECOVERIES, window_s: float = WINDOW_S) -> None:
        """Start with none.

        Args:
            most: recoveries in any window.
            window_s: its length.
        """
        self._most, self._window_s = most, window_s
        self._times_s: deque[float] = deque(maxlen=most)
        self.count = 0
        """Since the start."""

    def take(self, now_s: float) -> None:
        """Count one recovery.

        Args:
            now_s: time.monotonic().

        Raises:
            RobotError: there were too many.
        """
        if len(self._times_s) == self._most and now_s - self._times_s[0] < self._window_s:
            wait_s = self._window_s - (now_s - self._times_s[0])
            raise RobotError(
                f'expected at most {self._most} recoveries in {self._window_s:.0f} s, this would '
                f'be one more. Find out why the arm stops; the next is possible in {wait_s:.0f} s.'
            )
        self._times_s.append(now_s)
        self.count += 1


def unlock(robot_ip: str, waited_s: float) -> str:
    """Unlock a protective stop, if there is one; blocks for up to 8 s.

    Args:
        robot_ip: address of the controller.
        waited_s: how long the stop is known to last already.

    Returns:
        What was done, as the end of a sentence.

    Raises:
        RobotError: the stop is of another kind, or stays.
    """
    with Dashboard(robot_ip) as dashboard:
        status = _status(dashboard)
        if status in _CLEAR:
            return 'there was no protective stop to unlock'
        if status != _PROTECTIVE:
            raise RobotError(
                f'expected a protective stop of the robot at {robot_ip}, it is {status}: clear it '
                'where it came from, power the arm on, release its brakes, and ask again.'
            )
        time.sleep(max(0.0, UNLOCK_WAIT_S - waited_s))
        dashboard.ask('close safety popup')
        answer = dashboard.ask('unlock protective stop')
        deadline_s = time.monotonic() + _CLEARED_S
        while (status := _status(dashboard)) not in _CLEAR:
            if time.monotonic() > deadline_s:
                raise RobotError(
                    f'expected the robot at {robot_ip} to unlock its protective stop, it is still '
                    f'{status} (answer: {answer!r}). Look at the teach pendant.'
                )
            time.sleep(_POLL_S)
    return 'the protective stop is unlocked'


def _status(dashboard: Dashboard) -> str:
    return dashboard.ask('safetystatus').rpartition(': ')[2]
