"""Writes the present state of one robot into the RTDE variables, as far as somebody reads it."""

import numpy as np
from perl_sim.ur_controller.controller import Controller
from perl_sim.ur_controller.measured import MEASUREMENTS, Measurement, Snapshot
from perl_sim.ur_controller.rtde_variables import OUTPUTS, Values

_CACHED_CHOICES = 64
"""Sets of wanted variables of which the measurements are remembered."""


class Measurements:
    """Keeps the RTDE variables of one robot up to date."""

    def __init__(self, values: Values, controller: Controller) -> None:
        """Measure everything once.

        Args:
            values: of all variables.
            controller: to report.
        """
        self._values = values
        self._controller = controller
        self._choices: dict[tuple[frozenset[str], ...], list[Measurement]] = {}
        self.update(frozenset(OUTPUTS))

    def update(self, *wanted: frozenset[str]) -> None:
        """Measure the variables in any of these sets; those measured with them come along."""
        chosen = self._choices.get(wanted)
        if chosen is None:
            chosen = self._choose(wanted)
        now, values = Snapshot(self._controller, self._values), self._values
        for names, measure in chosen:
            for name, value in zip(names, measure(now), strict=True):
                values[name] = _as_tuple(value)

    def _choose(self, wanted: tuple[frozenset[str], ...]) -> list[Measurement]:
        if len(self._choices) >= _CACHED_CHOICES:
            self._choices.clear()
        names = frozenset().union(*wanted)
        chosen = [each for each in MEASUREMENTS if not names.isdisjoint(each.names)]
        self._choices[wanted] = chosen
        return chosen


def _as_tuple(value: np.ndarray | float | tuple) -> tuple:
    if isinstance(value, np.ndarray):
        return tuple(value.tolist())
    return value if isinstance(value, tuple) else (value,)
