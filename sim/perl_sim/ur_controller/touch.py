"""Contact detection: since when does the tool touch something (tool_contact)."""

from collections import deque

import numpy as np
from perl_sim.ur_controller.force_sensor import ForceSensor

CONTACT_FORCE_N = 10.0
"""A contact counts as one from this force on. Own choice: some times the sensor's precision of
3.5 N (UR5e data sheet)."""
FIRST_FORCE_N = 2.0
"""The contact began when the force passed this. Own choice: below it the sensor sees nothing."""
HISTORY_TICKS = 500
"""Ticks over which a contact is followed back. Own choice: as long as joint angles are kept."""


class Touch:
    """Follows the force on the tool."""

    def __init__(self, sensor: ForceSensor) -> None:
        """Begin with nothing touched.

        Args:
            sensor: that feels it.
        """
        self._sensor = sensor
        self._forces_n: deque[np.ndarray] = deque(maxlen=HISTORY_TICKS)

    def follow(self) -> None:
        """Take note of the present tick."""
        sensor = self._sensor
        if sensor.tool_touches or sensor.push.any():
            self._forces_n.appendleft(sensor.force_in_base())
        elif self._forces_n:
            self._forces_n.clear()

    def ticks(self, direction: np.ndarray) -> int:
        """Return how many ticks ago the present contact began, at least 1, or 0 if there is none.

        Args:
            direction: in ``base``, of the motion that meets the contact; zeros: any.
        """
        if not self._forces_n or not self._against(self._forces_n[0], direction):
            return 0
        for ticks, force_n in enumerate(self._forces_n):
            if self._strength(force_n, direction) < FIRST_FORCE_N:
                return max(ticks, 1)
        return len(self._forces_n)

    def _against(self, force_n: np.ndarray, direction: np.ndarray) -> bool:
        return self._strength(force_n, direction) >= CONTACT_FORCE_N

    def _strength(self, force_n: np.ndarray, direction: np.ndarray) -> float:
        length = float(np.linalg.norm(direction))
        if length == 0.0:
            return float(np.linalg.norm(force_n))
        return -float(force_n @ direction) / length
