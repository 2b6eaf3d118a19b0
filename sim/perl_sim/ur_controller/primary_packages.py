"""The packages of the primary and secondary interfaces (ports 30001 and 30002), as a table.

Source: UR client interfaces; sizes, order and constants as in the first robot state of a UR5e
with PolyScope 5.8 in Universal_Robots_Client_Library tests/test_primary_parser.cpp.
"""

from collections.abc import Callable
import enum
import struct
from typing import NamedTuple
import zlib

from perl_core.kinematics import UR5E_NOMINAL, DHParameters
from perl_sim.robots.ur5e import JOINT_RANGE_RAD, MAX_JOINT_SPEED_RAD_S
from perl_sim.ur_controller.rtde_variables import Values, Version

HEADER = struct.Struct('>iB')
SUB_HEADER = struct.Struct('>IB')
_MESSAGE = struct.Struct('>QbB')

PROJECT_NAME = b'URControl'
BUILD_DATE = b'22-03-2022, 08:00:00'
PROGRAM_STARTED, PROGRAM_STOPPED = 'PROGRAM_XXX_STARTED', 'PROGRAM_XXX_STOPPED'
"""Titles of key messages about a program, whose name is their text (urcl primary_client.cpp)."""
SOURCE_CONTROLLER = -2
"""Of messages about the robot (urcl robot_message.h)."""
JOINT_LIMIT_RAD = JOINT_RANGE_RAD + 0.05236
"""As 5.8 reports it: 3 degrees beyond the range."""
JOINT_SPEED_LIMIT_RAD_S = MAX_JOINT_SPEED_RAD_S + 0.2
"""As 5.8 reports it."""
JOINT_ACCELERATION_LIMIT_RAD_S2 = 40.0
"""As 5.8 reports it."""
DEFAULTS = (1.0471975511965976, 1.3962634015954636, 0.25, 1.2, 0.25)
"""Speed and acceleration of joints and of the tool, and the radius of equivalence, as 5.8."""
ROBOT_TYPES = (6, 4, 1, 3)
"""Masterboard version, controller box type, UR5, e-Series, as 5.8."""
ELBOW_RADIUS_M = 0.13
"""As 5.8 reports it."""
MASTERBOARD_TEMPERATURE_C = 24.0
"""As 5.8 reports it in simulation."""
TOOL_BAUD_RATE, TOOL_STOP_BITS, TOOL_RX_IDLE, TOOL_TX_IDLE = 115200, 1, 1.5, 3.5
"""The tool's serial port at its defaults (UR5e user manual, Tool Communication Interface)."""


class PackageType(enum.IntEnum):
    """Types of primary packages."""

    ROBOT_STATE = 16
    ROBOT_MESSAGE = 20


class MessageType(enum.IntEnum):
    """Types of robot messages (urcl robot_message.h)."""

    TEXT = 0
    VERSION = 3
    SAFETY_MODE = 5
    KEY = 7
    RUNTIME_EXCEPTION = 10


Fields = Callable[[Values], tuple]


class SubPackage(NamedTuple):
    """One part of the robot state."""

    number: int
    """Its type."""
    name: str
    """As UR calls it."""
    layout: str
    """struct format of what follows the header."""
    fields: Fields
    """Its numbers."""
    since: Version = (5, 0)
    """First PolyScope that sends it."""
    missing: str = ''
    """What of it is not emulated, or ''."""


def _robot_mode(values: Values) -> tuple:
    status, safety = values['robot_status_bits'][0], values['safety_status_bits'][0]
    runtime = values['runtime_state'][0]
    fraction = values['target_speed_fraction'][0]
    return (
        _microseconds(values), True, True, bool(status & 1), bool(safety & 1 << 7),
        bool(safety & 1 << 2), runtime == 2, runtime in (3, 4), max(values['robot_mode'][0], 0), 0,
        fraction, values['speed_scaling'][0], 1.0, 0,
    )


def _joints(values: Values) -> tuple:
    names = ('actual_q', 'target_q', 'actual_qd', 'actual_current', 'actual_joint_voltage',
             'joint_temperatures')
    columns = zip(*(values[name] for name in names), values['joint_mode'], strict=True)
    return tuple(number for *numbers, mode in columns for number in (*numbers, 0.0, mode))


def _cartesian(values: Values) -> tuple:
    return *values['actual_TCP_pose'], *values['tcp_offset']


def _masterboard(values: Values) -> tuple:
    kinds = values['analog_io_types'][0]
    return (
        values['actual_digital_input_bits'][0] & 0xFFFFFFFF,
        values['actual_digital_output_bits'][0] & 0xFFFFFFFF,
        kinds & 1, kinds >> 1 & 1,
        *values['standard_analog_input0'], *values['standard_analog_input1'],
        kinds >> 2 & 1, kinds >> 3 & 1,
        *values['standard_analog_output0'], *values['standard_analog_output1'],
        MASTERBOARD_TEMPERATURE_C, *values['actual_robot_voltage'],
        *values['actual_robot_current'], *values['io_current'],
        values['safety_mode'][0], values['safety_mode'][0] == 2, False, 0, 1, 1, 1,
    )


def _tool(values: Values) -> tuple:
    kinds = values['tool_analog_input_types'][0]
    return (
        kinds & 1, kinds >> 1 & 1, *values['tool_analog_input0'], *values['tool_analog_input1'],
        *values['actual_robot_voltage'], *values['tool_output_voltage'],
        *values['tool_output_current'], *values['tool_temperature'], *values['tool_mode'],
    )


def _force(values: Values) -> tuple:
    return *values['actual_TCP_force'], 0.0


def _safety(values: Values) -> tuple:
    return 0, 1, 1, *values['elbow_position'], ELBOW_RADIUS_M


def _tool_mode(values: Values) -> tuple:
    return (*values['tool_output_mode'], *values['tool_digital_output0_mode'],
            *values['tool_digital_output1_mode'])


def _configuration(dh: DHParameters) -> tuple:
    limits = (-JOINT_LIMIT_RAD, JOINT_LIMIT_RAD) * 6
    motion = (JOINT_SPEED_LIMIT_RAD_S, JOINT_ACCELERATION_LIMIT_RAD_S2) * 6
    columns = (dh.a_m, dh.d_m, dh.alpha_rad, dh.theta_rad)
    parameters = (number for column in columns for number in column)
    return *limits, *motion, *DEFAULTS, *parameters, *ROBOT_TYPES


def _kinematics(dh: DHParameters) -> tuple:
    columns = (dh.theta_rad, dh.a_m, dh.d_m, dh.alpha_rad)
    return *_checksums(dh), *(number for column in columns for number in column), 0


def _checksums(dh: DHParameters) -> tuple[int, ...]:
    """Return one number for each joint's parameters; all bits set if nobody calibrated them."""
    if all((mine == nominal).all() for mine, nominal in zip(dh, UR5E_NOMINAL, strict=True)):
        return (0xFFFFFFFF,) * 6
    return tuple(zlib.crc32(struct.pack('>4d', *numbers)) for numbers in zip(*dh, strict=True))


def sub_packages(dh: DHParameters) -> tuple[SubPackage, ...]:
    """Return the parts of the robot state of an arm, in the order in which they are sent.

    Args:
        dh: its parameters with their factory calibration.
    """
    configuration, kinematics = _configuration(dh), _kinematics(dh)
    return (
        SubPackage(0, 'Robot Mode Data', 'Q7?2B3dB', _robot_mode,
                   missing='the control mode is always position'),
        SubPackage(1, 'Joint Data', '3d4fB' * 6, _joints),
        SubPackage(4, 'Cartesian Info', '12d', _cartesian),
        SubPackage(5, 'Kinematics Info', '6I24dI', lambda _: kinematics),
        SubPackage(9, 'Calibration Data', '6d', lambda values: values['ft_raw_wrench'],
                   missing='undocumented; the raw wrench of the sensor'),
        SubPackage(3, 'Masterboard Data', '2I2B2d2B2d4fB2?I3B', _masterboard),
        SubPackage(2, 'Tool Data', '2B2dfB2fB', _tool, missing='nothing is connected to the tool'),
        SubPackage(6, 'Configuration Data', '53d4i', lambda _: configuration,
                   missing='limits as PolyScope 5.8 reports them'),
        SubPackage(7, 'Force Mode Data', '7d', _force, missing='dexterity is zero'),
        SubPackage(8, 'Additional Info', '4B', lambda _: (0, 1, 0, 1),
                   missing='no freedrive button is pressed'),
        SubPackage(10, 'Safety Data', 'I2B4d', _safety,
                   missing='undocumented; checksum zero, elbow where it is'),
        SubPackage(11, 'Tool Communication Info', '?3i2f', lambda _: (
            False, TOOL_BAUD_RATE, 0, TOOL_STOP_BITS, TOOL_RX_IDLE, TOOL_TX_IDLE),
            missing='switched off, at its defaults'),
        SubPackage(12, 'Tool Mode Info', '3B', _tool_mode,
                   missing='nothing is connected to the tool'),
        SubPackage(13, 'Singularity Info', '2B', lambda _: (0, 0), since=(5, 10),
                   missing='always says that none is near'),
    )


class RobotState:
    """The robot state of one arm and one PolyScope version."""

    def __init__(self, dh: DHParameters, version: Version) -> None:
        """Compile the layouts.

        Args:
            dh: parameters of the arm with their factory calibration.
            version: of PolyScope.
        """
        self._parts = [
            (part.number, struct.Struct('>' + part.layout), part.fields)
            for part in sub_packages(dh) if version >= part.since
        ]

    def pack(self, values: Values) -> bytes:
        """Return the package of the present values."""
        body = b''.join(
            SUB_HEADER.pack(SUB_HEADER.size + layout.size, number) + layout.pack(*fields(values))
            for number, layout, fields in self._parts
        )
        return package(PackageType.ROBOT_STATE, body)


def package(package_type: PackageType, body: bytes) -> bytes:
    """Return a whole package."""
    return HEADER.pack(HEADER.size + len(body), package_type) + body


def message(message_type: MessageType, values: Values, body: bytes) -> bytes:
    """Return a robot message of now."""
    head = _MESSAGE.pack(_microseconds(values), SOURCE_CONTROLLER, message_type)
    return package(PackageType.ROBOT_MESSAGE, head + body)


def version_message(values: Values, version: Version) -> bytes:
    """Return what a client is told first."""
    major, minor, bugfix, build = version
    name = bytes([len(PROJECT_NAME)]) + PROJECT_NAME
    numbers = struct.pack('>2B2i', major, minor, bugfix, build)
    return message(MessageType.VERSION, values, name + numbers + BUILD_DATE)


def safety_mode_message(values: Values) -> bytes:
    """Return what clients are told when the safety mode changes."""
    body = struct.pack('>2iBII', 0, 0, values['safety_mode'][0], 0, 0)
    return message(MessageType.SAFETY_MODE, values, body)


def key_message(values: Values, title: str, text: str) -> bytes:
    """Return what clients are told of an event, a program's beginning or end for example."""
    head = struct.pack('>2iB', 0, 0, len(title)) + title.encode('latin-1')
    return message(MessageType.KEY, values, head + text.encode('latin-1', 'replace'))


def text_message(values: Values, text: str) -> bytes:
    """Return a line for the log of the clients, as the script's textmsg sends it."""
    return message(MessageType.TEXT, values, text.encode('latin-1', 'replace'))


def _microseconds(values: Values) -> int:
    return max(round(values['timestamp'][0] * 1e6), 0)
