"""Begins and ends faults at their ticks: those of a scenario and those asked for meanwhile."""

from collections.abc import Iterable, Mapping
import dataclasses
import logging
from typing import Any

from perl_core.errors import ConfigError
from perl_sim.ur_controller.fault_kinds import FaultKind, Robot, ticks
from perl_sim.ur_controller.fault_parameters import DURATION, read_arguments
from perl_sim.ur_controller.fault_table import KINDS
from perl_sim.ur_controller.impairment import FINE, Impairment
from perl_sim.ur_controller.network import Connection

NEVER = 1 << 62
"""A tick that does not come."""

_LOG = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Fault:
    """One fault as asked for, checked."""

    name: str
    """Of its kind."""
    arguments: dict[str, Any]
    """All of them."""
    at_s: float = 0.0
    """When it begins, in seconds of controller time since the start."""

    @property
    def kind(self) -> FaultKind:
        """What it does."""
        return KINDS[self.name]

    @property
    def lasting_ticks(self) -> int | None:
        """How long it lasts; None: until it is cleared."""
        lasting_s = self.arguments.get(DURATION, 0.0)
        return None if lasting_s is None else ticks(lasting_s)

    def __str__(self) -> str:
        """Return name and arguments as one would write them."""
        shown = {name: value for name, value in self.arguments.items() if value is not None}
        return ' '.join([self.name, *(f'{name}={value}' for name, value in shown.items())])


def make_fault(
    name: object, given: Mapping[str, Any], source: str, at_s: float = 0.0
) -> Fault:
    """Return a fault by the name of its kind and the arguments given.

    Raises:
        ConfigError: there is no such kind, or an argument does not fit.
    """
    if not isinstance(name, str) or name not in KINDS:
        raise ConfigError(f'{source}: a fault is one of {sorted(KINDS)}; got {name!r}')
    arguments = read_arguments(given, f'{source}: {name}', KINDS[name].parameters)
    return Fault(name, arguments, at_s)


class FaultSchedule:
    """The faults that are on, and those that are still to come."""

    def __init__(self, robot: Robot, scenario: Iterable[Fault] = ()) -> None:
        """Wait for the first fault of the scenario.

        Args:
            robot: on which faults act.
            scenario: faults with their times.
        """
        self._robot = robot
        self._coming = sorted(scenario, key=lambda fault: fault.at_s)
        self._active: list[tuple[Fault, int]] = []
        self._tick = 0
        robot.network.on_connected = self._connected
        self._plan()

    @property
    def active(self) -> list[str]:
        """The faults that are on, as text."""
        return [str(fault) for fault, _ in self._active]

    def step(self) -> None:
        """Count one tick; begin and end what is due."""
        self._tick += 1
        if self._tick < self._next_tick:
            return
        while self._coming and ticks(self._coming[0].at_s) <= self._tick:
            self._begin(self._coming.pop(0))
        self._end([entry for entry in self._active if entry[1] <= self._tick])

    def begin(self, fault: Fault) -> None:
        """Begin a fault now, whatever its time."""
        self._begin(fault)
        self._update()

    def clear(self, name: str | None = None) -> list[str]:
        """End the faults of one kind, or all, and return what they were."""
        ending = [entry for entry in self._active if name in (None, entry[0].name)]
        self._end(ending)
        return [str(fault) for fault, _ in ending]

    def _begin(self, fault: Fault) -> None:
        _LOG.warning('fault begins: %s', fault)
        fault.kind.begins(self._robot, fault.arguments)
        lasting_ticks = fault.lasting_ticks
        if lasting_ticks != 0:
            end_tick = NEVER if lasting_ticks is None else self._tick + lasting_ticks
            self._active.append((fault, end_tick))

    def _end(self, ending: list[tuple[Fault, int]]) -> None:
        self._active = [entry for entry in self._active if entry not in ending]
        for fault, _ in ending:
            _LOG.warning('fault ends: %s', fault)
            fault.kind.ends(self._robot, fault.arguments)
        self._update()

    def _update(self) -> None:
        """Write anew what holds now."""
        faults = self._robot.faults
        faults.reset()
        for fault, _ in self._active:
            fault.kind.holds(faults, fault.arguments)
        for connection in self._robot.network.connections:
            self._impair(connection)
        sensor = self._robot.controller.arm.sensor
        sensor.push[:], sensor.bias[:] = faults.push, faults.wrench_bias
        self._plan()

    def _plan(self) -> None:
        times = [end_tick for _, end_tick in self._active]
        times += [ticks(fault.at_s) for fault in self._coming[:1]]
        self._next_tick = min(times, default=NEVER)

    def _connected(self, connection: Connection) -> None:
        if self._robot.faults.refuses(connection.service):
            self._robot.network.reset(connection)
        self._impair(connection)

    def _impair(self, connection: Connection) -> None:
        conditions = self._robot.faults.conditions_of(connection.service)
        present = connection.impairment
        if present is not None:
            if not present.is_dead:
                present.conditions = conditions
        elif conditions != FINE:
            connection.impairment = Impairment(conditions)
