"""What the control loop needs of a robot."""

from typing import NamedTuple, Protocol

import numpy as np
from perl_core.robot_state import RobotState


class Tool(NamedTuple):
    """What is set at the controller about the tool."""

    payload_kg: float
    """Mass that the controller compensates for."""
    offset: tuple[float, ...]
    """Pose of its TCP in the frame of the flange [m, rad], six numbers."""


class RobotLink(Protocol):
    """A connection to one arm. Owned by one thread."""

    def connect(self) -> None:
        """Connect and make the arm ready for targets; may block, so call it supervised.

        Raises:
            RobotError: one sentence on what was expected, what came and what to do.
        """
        ...

    def tool(self) -> Tool | None:
        """Return what the controller believes to be at the flange; None where nobody asks.

        After ``connect``; blocks for some milliseconds.
        """
        ...

    def guard(self) -> None:
        """Arm the controller's watchdog: from here on targets must keep coming.

        Apart from ``connect``, since getting ready takes longer than the watchdog waits.

        Raises:
            RobotError: the controller refused.
        """
        ...

    @property
    def connected(self) -> bool:
        """Whether the connection holds; where it does not, the process must end."""
        ...

    def read_state(self, now_ns: int) -> RobotState:
        """Return the newest state; never blocks, never raises: a dead robot grows stale.

        Args:
            now_ns: time.monotonic_ns().
        """
        ...

    def send(self, position_rad: np.ndarray) -> bool:
        """Send one joint target [rad], shape (6,); return False if it was not taken."""
        ...

    def restart(self) -> None:
        """Make the arm ready for targets again after a stop; targets sent before are dropped.

        Raises:
            RobotError: the cause of the stop is still there.
        """
        ...

    def close(self) -> None:
        """End the motion and the program on the controller."""
        ...
