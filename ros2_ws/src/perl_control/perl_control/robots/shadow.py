"""An arm that is watched and never moved: nothing that could move it is even connected."""

from typing import Protocol

import numpy as np
from perl_core.robot_state import RobotState


class Observer(Protocol):
    """The half of a RobotLink that only looks; every backend has it."""

    def connect(self) -> None:
        """See RobotLink."""
        ...

    def read_state(self, now_ns: int) -> RobotState:
        """See RobotLink."""
        ...

    def reconnect(self) -> None:
        """Connect again, if the connection was lost.

        Raises:
            RobotError: nothing answers.
        """
        ...

    def close(self) -> None:
        """See RobotLink."""
        ...


class ShadowRobot:
    """A RobotLink whose targets go nowhere."""

    def __init__(self, observer: Observer) -> None:
        """Watch an arm.

        Args:
            observer: reports its states.
        """
        self._observer = observer

    def connect(self) -> None:
        """Connect for looking only."""
        self._observer.connect()

    def tool(self) -> None:
        """Whatever the watched arm carries."""

    def guard(self) -> None:
        """Nothing is commanded, so no watchdog is needed."""

    @property
    def connected(self) -> bool:
        """Always: nothing is sent, and who only looks may connect again."""
        return True

    def read_state(self, now_ns: int) -> RobotState:
        """Return the newest state."""
        return self._observer.read_state(now_ns)

    def send(self, position_rad: np.ndarray) -> bool:
        """Take the target and forget it; the telemetry has it."""
        del position_rad
        return True

    def restart(self) -> None:
        """Look again, if the connection was lost."""
        self._observer.reconnect()

    def close(self) -> None:
        """Look no longer."""
        self._observer.close()
