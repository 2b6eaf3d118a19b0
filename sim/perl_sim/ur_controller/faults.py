"""What goes wrong on purpose: a state that the servers and the robot ask at few points.

Nothing here knows when a fault begins or ends; see fault_schedule.py for that.
"""

from collections.abc import Collection
import dataclasses

import numpy as np
from perl_sim.ur_controller.impairment import FINE, Conditions
from perl_sim.ur_controller.rtde_variables import Values

ALL = 'all'
"""Stands for every service of the controller; not for the control socket, which is none."""
CONTROL = 'control'
"""The service that no fault touches: by it faults come and go."""


def covers(services: Collection[str], service: str) -> bool:
    """Return whether a service is one of these."""
    return service in services or (ALL in services and service != CONTROL)


@dataclasses.dataclass
class Faults:
    """The present faults of one controller; as made, there is none."""

    refuses_start: bool = False
    """RTDE START is answered by 0."""
    owned_inputs: frozenset[str] = frozenset()
    """RTDE inputs that somebody else owns, a fieldbus for example; or ``ALL``."""
    loses_programs: bool = False
    """Programs that arrive do not start."""
    clock_offset_s: float = 0.0
    """The reported time is wrong by this much."""
    biases: dict[str, tuple[float, ...]] = dataclasses.field(default_factory=dict)
    """What is added to a reported variable, by its name."""
    push: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(6))
    """Force [N] and torque [Nm] that act at the flange, in ``base``, shape (6,)."""
    wrench_bias: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(6))
    """Error of the force sensor [N, Nm] in ``tool0``, shape (6,)."""
    conditions: dict[str, Conditions] = dataclasses.field(default_factory=dict)
    """What is wrong with the connections to a service, or to ``ALL``."""
    refused_services: frozenset[str] = frozenset()
    """Services, or ``ALL``, whose new connections are reset at once."""

    def reset(self) -> None:
        """Let nothing be wrong."""
        fine = Faults()
        for field in dataclasses.fields(self):
            setattr(self, field.name, getattr(fine, field.name))

    def owns(self, name: str) -> bool:
        """Return whether somebody else owns this RTDE input."""
        return name in self.owned_inputs or ALL in self.owned_inputs

    def refuses(self, service: str) -> bool:
        """Return whether new connections to a service are reset."""
        return covers(self.refused_services, service)

    def impair(self, service: str, conditions: Conditions) -> None:
        """Make the connections to a service, or to ``ALL``, at least as bad as this."""
        self.conditions[service] = self.conditions.get(service, FINE).worse_of(conditions)

    def conditions_of(self, service: str) -> Conditions:
        """Return what is wrong with the connections to a service."""
        if not self.conditions or service == CONTROL:
            return FINE
        both = self.conditions.get(service, FINE), self.conditions.get(ALL, FINE)
        return both[0].worse_of(both[1])

    @property
    def falsifies(self) -> bool:
        """Whether ``falsify`` would change anything."""
        return bool(self.biases) or self.clock_offset_s != 0.0

    def add_bias(self, name: str, bias: tuple[float, ...]) -> None:
        """Falsify a reported variable by so much more."""
        present = self.biases.get(name, (0.0,) * len(bias))
        self.biases[name] = tuple(map(sum, zip(present, bias, strict=True)))

    def falsify(self, values: Values) -> None:
        """Change what the controller reports, after it was measured."""
        if self.clock_offset_s:
            values['timestamp'] = (values['timestamp'][0] + self.clock_offset_s,)
        for name, bias in self.biases.items():
            values[name] = tuple(map(sum, zip(values[name], bias, strict=True)))
