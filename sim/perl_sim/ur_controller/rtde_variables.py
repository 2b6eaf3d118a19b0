"""Every RTDE variable of the e-Series as data: name, type, since when, and whether it is alive.

Sources: Universal Robots' RTDE guide; Universal_Robots_Client_Library src/rtde/data_package.cpp
(g_type_list); ur_rtde robot_state.cpp (state_types_).
"""

from typing import NamedTuple

FORMATS = {
    'BOOL': '?', 'UINT8': 'B', 'UINT32': 'I', 'INT32': 'i', 'UINT64': 'Q', 'DOUBLE': 'd',
    'VECTOR3D': '3d', 'VECTOR6D': '6d', 'VECTOR6INT32': '6i', 'VECTOR6UINT32': '6I',
}
"""struct formats of the types, to be used with '>'."""

LENGTHS = {name: int(text[:-1] or 1) for name, text in FORMATS.items()}
"""Numbers in a value of each type."""

_REGISTERS = {
    'UINT32': '{0}_bit_registers0_to_31 {0}_bit_registers32_to_63',
    'BOOL': ' '.join(f'{{0}}_bit_register_{index}' for index in range(64, 128)),
    'INT32': ' '.join(f'{{0}}_int_register_{index}' for index in range(48)),
    'DOUBLE': ' '.join(f'{{0}}_double_register_{index}' for index in range(48)),
}

_OUTPUTS = {
    'DOUBLE': (
        'timestamp actual_execution_time target_execution_time speed_scaling '
        'target_speed_fraction actual_momentum actual_main_voltage actual_robot_voltage '
        'actual_robot_current standard_analog_input0 standard_analog_input1 '
        'standard_analog_output0 standard_analog_output1 io_current euromap67_24V_voltage '
        'euromap67_24V_current tool_analog_input0 tool_analog_input1 tool_output_current '
        'tool_temperature tcp_force_scalar payload actual_robot_energy_consumed '
        'actual_robot_braking_energy_dissipated joint_position_deviation_ratio '
        'collision_detection_ratio'
    ),
    'VECTOR3D': (
        'actual_tool_accelerometer elbow_position elbow_velocity payload_cog target_gravity'
    ),
    'VECTOR6D': (
        'target_q target_qd target_qdd target_current target_moment actual_q actual_qd '
        'actual_qdd actual_current actual_current_window actual_current_as_torque actual_moment '
        'joint_control_output actual_TCP_pose actual_TCP_speed actual_TCP_force target_TCP_pose '
        'target_TCP_speed actual_TCP_acceleration target_TCP_acceleration joint_temperatures '
        'actual_joint_voltage ft_raw_wrench wrench_calc_from_currents payload_inertia tcp_offset '
        'target_base_acceleration target_base_wrench'
    ),
    'VECTOR6INT32': 'joint_mode',
    'INT32': (
        'robot_mode safety_mode safety_status tool_output_voltage time_scale_source '
        'encoder0_raw encoder1_raw'
    ),
    'UINT8': 'tool_output_mode tool_digital_output0_mode tool_digital_output1_mode',
    'UINT32': (
        'runtime_state robot_status_bits safety_status_bits analog_io_types tool_mode '
        'tool_analog_input_types script_control_line euromap67_input_bits euromap67_output_bits'
    ),
    'UINT64': (
        'actual_digital_input_bits actual_digital_output_bits '
        'actual_configurable_digital_input_bits actual_configurable_digital_output_bits '
        'control_step'
    ),
}

_INPUTS = {
    'UINT32': 'speed_slider_mask',
    'DOUBLE': 'speed_slider_fraction standard_analog_output_0 standard_analog_output_1',
    'UINT8': (
        'standard_digital_output_mask standard_digital_output configurable_digital_output_mask '
        'configurable_digital_output tool_digital_output_mask tool_digital_output '
        'standard_analog_output_mask standard_analog_output_type'
    ),
    'VECTOR6D': 'external_force_torque',
}

Version = tuple[int, ...]
"""Of PolyScope: major, minor, bugfix, and perhaps build."""

_ENERGY = ((5, 23, 0), (10, 11, 0))
_TORQUE = ((5, 23, 0), (10, 9, 0))
_NEWEST = ((5, 25, 0), (10, 12, 0))
SINCE: dict[str, tuple[Version, Version]] = {
    'safety_status': ((5, 4, 0), (10, 0)),
    'payload': ((5, 5, 1), (10, 0)),
    'payload_cog': ((5, 5, 1), (10, 0)),
    'ft_raw_wrench': ((5, 9, 0), (10, 0)),
    'script_control_line': ((5, 9, 0), (10, 0)),
    'payload_inertia': ((5, 11, 0), (10, 0)),
    'joint_position_deviation_ratio': ((5, 10, 0), (10, 0)),
    'collision_detection_ratio': ((5, 15, 0), (10, 0)),
    'time_scale_source': ((5, 17, 0), (10, 0)),
    'actual_current_as_torque': _TORQUE,
    'actual_robot_energy_consumed': _ENERGY,
    'actual_robot_braking_energy_dissipated': _ENERGY,
    'encoder0_raw': _ENERGY,
    'encoder1_raw': _ENERGY,
    'wrench_calc_from_currents': _ENERGY,
    'target_gravity': _ENERGY,
    'target_base_acceleration': _ENERGY,
    'control_step': _NEWEST,
    'target_base_wrench': _NEWEST,
}
"""First PolyScope 5 and PolyScope X that know a variable; what is not here, all do. Sources:
ur_rtde rtde_receive_interface.cpp (payload, wrench, inertia, torque), urcl datatypes.h
(safety_status) and test_rtde_client.cpp (energy); own estimates from when clients began to name
them: the others."""

CONSTANT: dict[str, str] = {
    name: reason for reason, names in {
        'no Euromap 67 interface is fitted': (
            'euromap67_input_bits euromap67_output_bits euromap67_24V_voltage '
            'euromap67_24V_current'),
        'no conveyor encoder is fitted': 'encoder0_raw encoder1_raw',
        'heat is not simulated': 'joint_temperatures tool_temperature',
        'the power supply is not simulated': 'actual_main_voltage io_current',
        'energy is not counted': (
            'actual_robot_energy_consumed actual_robot_braking_energy_dissipated'),
        'nothing is connected to the tool': (
            'tool_mode tool_output_current tool_analog_input0 tool_analog_input1 '
            'tool_analog_input_types tool_output_mode tool_digital_output0_mode '
            'tool_digital_output1_mode'),
        'the controller has no real-time thread of its own': (
            'actual_execution_time target_execution_time'),
        'scripts are not run line by line': 'script_control_line',
        'what slows a motion down is not told': 'time_scale_source',
        'the expected current has no window': 'actual_current_window',
        'the base does not move': 'target_base_acceleration target_base_wrench',
    }.items() for name in names.split()
}
"""Variables that always hold their value at rest, and why."""

_RESTING: dict[str, tuple] = {
    'robot_mode': (7,),
    'joint_mode': (253,) * 6,
    'safety_mode': (1,),
    'safety_status': (1,),
    'safety_status_bits': (1,),
    'robot_status_bits': (1,),
    'runtime_state': (1,),
    'speed_scaling': (1.0,),
    'target_speed_fraction': (1.0,),
    'actual_main_voltage': (48.0,),
    'actual_robot_voltage': (48.0,),
    'actual_joint_voltage': (48.0,) * 6,
    'joint_temperatures': (25.0,) * 6,
    'tool_temperature': (25.0,),
    'tool_mode': (253,),
    'target_gravity': (0.0, 0.0, -9.82),
}
"""What is not zero on a robot that is switched on and stands still (RTDE guide; data sheet;
gravity as UR's scripts write it)."""

Values = dict[str, tuple]
"""The present value of every variable, always a tuple, by name."""


class Coverage(NamedTuple):
    """How much of one variable is emulated."""

    name: str
    """Of the variable."""
    kind: str
    """Its RTDE type."""
    direction: str
    """'output', or 'input': a client may write it."""
    since: str
    """First PolyScope 5 that knows it, or ''."""
    missing: str
    """Why it never changes, or '' if it is emulated."""


def _flatten(*tables: dict[str, str]) -> dict[str, str]:
    return {name: kind for table in tables for kind, names in table.items()
            for name in names.split()}


def _registers(direction: str) -> dict[str, str]:
    return _flatten({kind: names.format(direction) for kind, names in _REGISTERS.items()})


INPUTS = {**_flatten(_INPUTS), **_registers('input')}
"""Type of each variable that a client may write."""

OUTPUTS = {**_flatten(_OUTPUTS), **_registers('output'), **_registers('input')}
"""Type of each variable that a client may read; input registers can be read back."""


def outputs_of(version: Version) -> dict[str, str]:
    """Return the types of the readable variables of a PolyScope version."""
    generation = int(version[0] >= 10)
    return {name: kind for name, kind in OUTPUTS.items()
            if name not in SINCE or version >= SINCE[name][generation]}


def resting_values() -> Values:
    """Return a value for every variable, those of a robot that stands still."""
    zeros = {'BOOL': False, 'DOUBLE': 0.0, 'VECTOR3D': 0.0, 'VECTOR6D': 0.0}
    known = {**INPUTS, **OUTPUTS}
    values: Values = {name: (zeros.get(kind, 0),) * LENGTHS[kind] for name, kind in known.items()}
    return {**values, **_RESTING}


def coverage() -> list[Coverage]:
    """Return what is emulated, variable by variable: outputs, then inputs."""
    return [
        Coverage(name, kind, direction,
                 '.'.join(map(str, SINCE[name][0])) if name in SINCE else '',
                 CONSTANT.get(name, ''))
        for direction, table in (('output', OUTPUTS), ('input', INPUTS))
        for name, kind in table.items()
    ]
