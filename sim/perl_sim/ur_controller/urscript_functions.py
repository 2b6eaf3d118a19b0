"""The functions of URScript that ask, compute and configure, by name.

Source: UR script manual (e-Series). What takes time is in urscript_motions.py.
"""

from collections.abc import Callable, Sequence
import logging
import math

import numpy as np
from perl_sim.ur_controller.actions import Actions
from perl_sim.ur_controller.inputs import (
    set_analog_output,
    set_digital_outputs,
)
from perl_sim.ur_controller.motions import TICK_S
from perl_sim.ur_controller.pendant import Pendant
from perl_sim.ur_controller.rtde_variables import Values
from perl_sim.ur_controller.tool import Tool, pose_from_vector, pose_trans, vector_from_pose
from perl_sim.ur_controller.urscript_interpreter import Builtin, Pose

STANDARD, CONFIGURABLE, TOOL = (0, 8), (8, 8), (16, 2)
"""First bit and number of the digital inputs and outputs. Source: RTDE guide."""

_LOG = logging.getLogger(__name__)


def six(value: Sequence) -> np.ndarray:
    """Return six numbers; ValueError if they are not."""
    numbers = np.array(value, dtype=float)
    if numbers.shape != (6,):
        raise ValueError(f'6 numbers were expected; got {value}')
    return numbers


def three(value: list) -> np.ndarray:
    """Return three numbers; ValueError if they are not."""
    numbers = np.array(value, dtype=float)
    if numbers.shape != (3,):
        raise ValueError(f'3 numbers were expected; got {value}')
    return numbers


def functions(
    actions: Actions, values: Values, pendant: Pendant, say: Callable[[str], None]
) -> dict[str, Builtin]:
    """Return the functions that take no time.

    Args:
        actions: what can be done with the robot.
        values: of all RTDE variables.
        pendant: shows popups.
        say: takes what the script says.
    """
    return {
        **_arithmetic(), **_poses(actions), **_state(actions, values), **_settings(actions),
        **_registers(values), **_signals(values), **_messages(pendant, say),
    }


def _arithmetic() -> dict[str, Builtin]:
    return {
        'sin': math.sin, 'cos': math.cos, 'tan': math.tan, 'asin': math.asin, 'acos': math.acos,
        'atan': math.atan, 'atan2': math.atan2, 'sqrt': math.sqrt, 'pow': math.pow,
        'floor': math.floor, 'ceil': math.ceil, 'd2r': math.radians, 'r2d': math.degrees,
        'log': lambda base, number: math.log(number, base),
        'norm': lambda value: math.hypot(*value) if isinstance(value, list) else abs(value),
        'length': len,
        'to_str': str,
        'get_list_length': len,
    }


def _poses(actions: Actions) -> dict[str, Builtin]:
    def add(first: list, second: list) -> Pose:
        one, two = pose_from_vector(six(first)), pose_from_vector(six(second))
        return _pose(vector_from_pose(one._replace(
            position_m=one.position_m + two.position_m, rotation=one.rotation @ two.rotation)))

    def inverse(pose: list) -> Pose:
        one = pose_from_vector(six(pose))
        return _pose(vector_from_pose(one._replace(
            position_m=-one.rotation.T @ one.position_m, rotation=one.rotation.T)))

    def difference(first: list, second: list) -> Pose:
        one, two = pose_from_vector(six(first)), pose_from_vector(six(second))
        return _pose(vector_from_pose(one._replace(
            position_m=one.position_m - two.position_m, rotation=one.rotation @ two.rotation.T)))

    def forward(q: list | None = None, tcp: list | None = None) -> Pose:
        joints_rad = actions.arm.position_rad if q is None else six(q)
        tool = Tool(actions.arm.kinematics)
        tool.mount(actions.tool.offset if tcp is None else six(tcp))
        return _pose(tool.pose(joints_rad))

    def inverse_kinematics(
        x: list, qnear: list | None = None, maxPositionError: float = 1e-7,  # noqa: N803
        maxOrientationError: float = 1e-7, tcp: list | None = None,  # noqa: N803
    ) -> list:
        near_rad = actions.arm.position_rad if qnear is None else six(qnear)
        pose = six(x)
        if tcp is not None:
            pose = pose_trans(pose, six(inverse(tcp)))
            pose = pose_trans(pose, actions.tool.offset)
        tolerance = float(maxPositionError), float(maxOrientationError)
        return actions.solve(pose, near_rad, tolerance).tolist()

    def has_solution(x: list, qnear: list | None = None, *_: float) -> bool:
        near_rad = actions.arm.position_rad if qnear is None else six(qnear)
        return actions.find(six(x), near_rad) is not None

    return {
        'pose_trans': lambda first, second: _pose(pose_trans(six(first), six(second))),
        'pose_add': add, 'pose_sub': difference, 'pose_inv': inverse,
        'pose_dist': lambda first, second: math.dist(first[:3], second[:3]),
        'point_dist': lambda first, second: math.dist(first[:3], second[:3]),
        'get_forward_kin': forward, 'get_inverse_kin': inverse_kinematics,
        'get_inverse_kin_has_solution': has_solution,
    }


def _state(actions: Actions, values: Values) -> dict[str, Builtin]:
    arm, tool = actions.arm, actions.tool

    def within_limits(target: list) -> bool:
        is_pose = isinstance(target, Pose)
        return (actions.is_pose_safe if is_pose else actions.are_joints_safe)(six(target))

    return {
        'get_actual_joint_positions': lambda: arm.position_rad.tolist(),
        'get_actual_joint_speeds': lambda: arm.velocity_rad_s.tolist(),
        'get_target_joint_positions': lambda: arm.reference.position_rad.tolist(),
        'get_target_joint_speeds': lambda: arm.reference.velocity_rad_s.tolist(),
        'get_target_joint_accelerations': lambda: arm.reference_acceleration_rad_s2.tolist(),
        'get_actual_joint_positions_history':
            lambda steps=0: arm.past_position_rad(int(steps)).tolist(),
        'get_actual_tcp_pose': lambda: _pose(tool.pose(arm.position_rad)),
        'get_target_tcp_pose': lambda: _pose(tool.pose(arm.reference.position_rad)),
        'get_actual_tool_flange_pose': lambda: _pose(tool.flange_pose(arm.position_rad)),
        'get_actual_tcp_speed':
            lambda: tool.pose_and_speed(arm.position_rad, arm.velocity_rad_s)[1].tolist(),
        'get_target_tcp_speed': lambda: tool.pose_and_speed(*arm.reference)[1].tolist(),
        'get_target_waypoint': lambda: _pose(tool.pose(actions.waypoint_rad)),
        'get_tcp_offset': lambda: _pose(tool.offset),
        'get_tcp_force': lambda: arm.tool_wrench().tolist(),
        'force': lambda: float(np.linalg.norm(arm.tool_wrench()[:3])),
        'get_joint_torques': lambda: arm.drive_torque_n_m.tolist(),
        'get_joint_temp': lambda joint: values['joint_temperatures'][int(joint)],
        'get_target_payload': lambda: values['payload'][0],
        'get_target_payload_cog': lambda: list(values['payload_cog']),
        'get_target_payload_inertia': lambda: list(values['payload_inertia']),
        'get_mass_matrix': lambda *_: actions.mass_matrix().tolist(),
        'get_coriolis_and_centrifugal_torques':
            lambda *_: actions.coriolis_torques_n_m().tolist(),
        'get_jacobian': lambda *_: actions.jacobian().tolist(),
        'get_jacobian_time_derivative': lambda *_: actions.jacobian_derivative().tolist(),
        'get_steptime': lambda: TICK_S,
        'get_controller_temp': lambda: values['joint_temperatures'][0],
        'is_steady': lambda: arm.is_steady,
        'is_within_safety_limits': within_limits,
        'get_freedrive_status': actions.freedrive_status,
        'tool_contact': lambda direction=(0.0,) * 6: actions.tool_contact(six(direction)),
    }


def _settings(actions: Actions) -> dict[str, Builtin]:
    def set_payload(m: float, cog: list | None = None) -> None:
        actions.set_payload(float(m), np.zeros(3) if cog is None else three(cog))

    def set_target_payload(
        m: float, cog: list, inertia: Sequence = (0.0,) * 6, transition_time: float = 0.0
    ) -> None:
        actions.set_payload(float(m), three(cog), six(inertia))

    return {
        'set_payload': set_payload,
        'set_target_payload': set_target_payload,
        'set_payload_mass': set_payload,
        'set_payload_cog': lambda CoG, *_: actions.set_payload(  # noqa: N803
            actions.arm.load.mass_kg, three(CoG)),
        'set_tcp': lambda pose, *_: actions.set_tcp(six(pose)),
        'set_gravity': lambda d: actions.set_gravity(three(d)),
        'zero_ftsensor': actions.zero_force_sensor,
        'ft_rtde_input_enable': lambda enable, *_: actions.enable_external_sensor(bool(enable)),
        'enable_external_ft_sensor':
            lambda enable, *_: actions.enable_external_sensor(bool(enable)),
        'force_mode_set_damping': lambda damping: actions.set_force_damping(float(damping)),
        'force_mode_set_gain_scaling':
            lambda scaling: actions.set_force_scaling(float(scaling)),
        'protective_stop': lambda: actions.controller.protective_stop('the script asked for it'),
    }


def _registers(values: Values) -> dict[str, Builtin]:
    kinds = (('integer', 'int', int), ('float', 'double', float))
    table: dict[str, Builtin] = {}

    def reader(prefix: str) -> Builtin:
        return lambda address: values[_known(values, f'{prefix}_{int(address)}')][0]

    def writer(prefix: str, convert: type) -> Builtin:
        def write(address: int, value: float) -> None:
            converted = convert(value)
            if convert is int and not -2**31 <= converted < 2**31:
                raise ValueError(f'{value} does not fit into 32 bits')
            values[_known(values, f'{prefix}_{int(address)}')] = (converted,)
        return write

    for word, kind, convert in kinds:
        table[f'read_input_{word}_register'] = reader(f'input_{kind}_register')
        table[f'read_output_{word}_register'] = reader(f'output_{kind}_register')
        table[f'write_output_{word}_register'] = writer(f'output_{kind}_register', convert)
    table['read_input_boolean_register'] = lambda address: _bit(values, 'input', int(address))
    table['read_output_boolean_register'] = lambda address: _bit(values, 'output', int(address))
    table['write_output_boolean_register'] = lambda address, value: _set_bit(
        values, int(address), bool(value))
    return table


def _signals(values: Values) -> dict[str, Builtin]:
    table: dict[str, Builtin] = {}
    banks = (('', STANDARD), ('standard_', STANDARD), ('configurable_', CONFIGURABLE),
             ('tool_', TOOL))

    def getter(name: str, bank: tuple[int, int]) -> Builtin:
        return lambda n: bool(values[name][0] >> _bit_of(n, bank) & 1)

    def setter(bank: tuple[int, int]) -> Builtin:
        def set_bit(n: int, b: bool) -> None:
            bit = _bit_of(n, bank)
            set_digital_outputs(values, 1 << bit, bool(b) << bit)
        return set_bit

    for name, bank in banks:
        table[f'get_{name}digital_in'] = getter('actual_digital_input_bits', bank)
        table[f'get_{name}digital_out'] = getter('actual_digital_output_bits', bank)
        table[f'set_{name}digital_out'] = setter(bank)

    def set_analog(n: int, f: float) -> None:
        if int(n) not in (0, 1):
            raise ValueError(f'analog outputs are 0 and 1; got {n}')
        set_analog_output(values, int(n), float(f))

    for name in ('', 'standard_'):
        table[f'set_{name}analog_out'] = set_analog
        table[f'get_{name}analog_in'] = lambda n: values[
            _known(values, f'standard_analog_input{int(n)}')][0]
        table[f'get_{name}analog_out'] = lambda n: values[
            _known(values, f'standard_analog_output{int(n)}')][0]
    return table


def _messages(pendant: Pendant, say: Callable[[str], None]) -> dict[str, Builtin]:
    def message(s1: object, s2: object = '') -> None:
        text = f'{s1}{s2}'
        _LOG.info('textmsg: %s', text)
        say(text)

    def popup(
        s: object, title: str = 'Popup', warning: bool = False, error: bool = False,
        blocking: bool = False,
    ) -> object:
        pendant.popup = str(s)
        _LOG.warning('popup %r: %s', title, s)
        return _closed(pendant) if blocking else None

    return {'textmsg': message, 'popup': popup}


def _closed(pendant: Pendant) -> object:
    while pendant.popup:
        yield


def _pose(vector: np.ndarray) -> Pose:
    return Pose(vector.tolist())


def _known(values: Values, name: str) -> str:
    if name not in values:
        raise ValueError(f'there is no {name}')
    return name


def _bit_of(index: float, bank: tuple[int, int]) -> int:
    first, count = bank
    if not 0 <= int(index) < count:
        raise ValueError(f'signals are 0 to {count - 1}; got {index}')
    return first + int(index)


def _bit(values: Values, direction: str, address: int) -> bool:
    if address >= 64:
        return bool(values[_known(values, f'{direction}_bit_register_{address}')][0])
    name = f'{direction}_bit_registers{"0_to_31" if address < 32 else "32_to_63"}'
    return bool(values[name][0] >> address % 32 & 1)


def _set_bit(values: Values, address: int, value: bool) -> None:
    if address >= 64:
        values[_known(values, f'output_bit_register_{address}')] = (value,)
        return
    name = f'output_bit_registers{"0_to_31" if address < 32 else "32_to_63"}'
    bit = 1 << address % 32
    present = values[name][0]
    values[name] = (present | bit if value else present & ~bit,)
