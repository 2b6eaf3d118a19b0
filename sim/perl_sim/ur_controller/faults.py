"""What goes wrong on purpose: a state that the servers and the robot ask at few points.

Nothing here knows when a fault begins or ends; see fault_schedule.py for that.
"""

import dataclasses

from perl_sim.ur_controller.rtde_variables import Values


@dataclasses.dataclass
class Faults:
    """The present faults of one controller; as made, there is none."""

    refuses_start: bool = False
    """RTDE START is answered by 0."""
    owned_inputs: frozenset[str] = frozenset()
    """RTDE inputs that somebody else owns, a fieldbus for example."""
    owns_all_inputs: bool = False
    """Somebody else owns all RTDE inputs."""
    loses_programs: bool = False
    """Programs that arrive do not start."""
    clock_offset_s: float = 0.0
    """The reported time is wrong by this much."""
    biases: dict[str, tuple[float, ...]] = dataclasses.field(default_factory=dict)
    """What is added to a reported variable, by its name."""

    def owns(self, name: str) -> bool:
        """Return whether somebody else owns this RTDE input."""
        return self.owns_all_inputs or name in self.owned_inputs

    @property
    def falsifies(self) -> bool:
        """Whether ``falsify`` would change anything."""
        return bool(self.biases) or self.clock_offset_s != 0.0

    def falsify(self, values: Values) -> None:
        """Change what the controller reports, after it was measured."""
        if self.clock_offset_s:
            values['timestamp'] = (values['timestamp'][0] + self.clock_offset_s,)
        for name, bias in self.biases.items():
            values[name] = tuple(
                value + error for value, error in zip(values[name], bias, strict=True)
            )
