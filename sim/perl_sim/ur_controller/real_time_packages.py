"""The package of the real-time interface (ports 30003, 30013) as a table, by PolyScope version.

Source: UR client interfaces, "RealTime 5.4", "RealTime 5.9", "RealTime 5.10". Every field is a
double, booleans and bits too.
"""

from itertools import chain
import struct
from typing import NamedTuple

from perl_sim.ur_controller.rtde_variables import Values, Version


class Field(NamedTuple):
    """Doubles in a row."""

    variable: str
    """RTDE variable that holds them; '' for a field that UR keeps to itself."""
    count: int
    """How many."""


def _fields(text: str) -> tuple[Field, ...]:
    pairs = (word.split(':') for word in text.split())
    return tuple(Field(name, int(count)) for name, count in pairs)


FIELDS = _fields(
    'timestamp:1 target_q:6 target_qd:6 target_qdd:6 target_current:6 target_moment:6 actual_q:6 '
    'actual_qd:6 actual_current:6 joint_control_output:6 actual_TCP_pose:6 actual_TCP_speed:6 '
    'actual_TCP_force:6 target_TCP_pose:6 target_TCP_speed:6 actual_digital_input_bits:1 '
    'joint_temperatures:6 actual_execution_time:1 :1 robot_mode:1 joint_mode:6 safety_mode:1 :6 '
    'actual_tool_accelerometer:3 :6 speed_scaling:1 actual_momentum:1 :2 actual_main_voltage:1 '
    'actual_robot_voltage:1 actual_robot_current:1 actual_joint_voltage:6 '
    'actual_digital_output_bits:1 runtime_state:1 elbow_position:3 elbow_velocity:3 '
    'safety_status:1'
)
"""Since PolyScope 5.4: 1116 bytes."""
OLDEST_VERSION: Version = (5, 4)
"""The first one whose package is known here."""

LATER_FIELDS: tuple[tuple[Version, tuple[Field, ...]], ...] = (
    ((5, 9), _fields(':3')),
    ((5, 10), _fields('payload:1 payload_cog:3 payload_inertia:6')),
)
"""What came to the end of it: 1140 bytes since 5.9, 1220 since 5.10."""


class RealTimePackage:
    """The package of one PolyScope version."""

    def __init__(self, version: Version) -> None:
        """Compile the layout of a version."""
        later = [fields for since, fields in LATER_FIELDS if version >= since]
        fields = tuple(chain(FIELDS, *later))
        self.wanted = frozenset(field.variable for field in fields if field.variable)
        self._parts = [field.variable or (0.0,) * field.count for field in fields]
        self._layout = struct.Struct(f'>i{sum(field.count for field in fields)}d')

    def pack(self, values: Values) -> bytes:
        """Return the package of the present values."""
        parts = [values[part] if isinstance(part, str) else part for part in self._parts]
        return self._layout.pack(self._layout.size, *chain.from_iterable(parts))
