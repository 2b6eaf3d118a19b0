"""What runs, described once: read by ``launch/ur5e.launch.py`` and by ``perl_bringup.runner``."""

from collections.abc import Mapping
import dataclasses
import ipaddress
from pathlib import Path
import time
from typing import Literal

from perl_core.errors import ConfigError

from perl_bringup import paths
from perl_bringup.arguments import EMULATED_ROBOT_IP, complete, typed_value
from perl_bringup.parameters import require_valid_file

Value = str | bool | int | float | tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Argument:
    """Stands for the value of an argument; left out where that is empty."""

    name: str
    """Of an ArgumentSpec."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProcessSpec:
    """One process of the stack. The death of any of them ends the stack."""

    name: str
    """Of the process and, if it is a node, of the node."""
    package: str
    """ROS package that installs it."""
    executable: str
    """Its name in that package, for ``ros2 launch``."""
    module: str
    """The same as a Python module, for ``python -m``."""
    kind: Literal['program', 'node', 'lifecycle']
    """Whether it takes ROS arguments, and whether the lifecycle manager leads it."""
    parameters: Mapping[str, Value | Argument] = dataclasses.field(default_factory=dict)
    """Node parameters that win over every file."""
    arguments: tuple[str | Argument, ...] = ()
    """Command line words before any ROS arguments."""
    condition: str = ''
    """Name of the argument that must be true; empty runs always."""
    ready: str = ''
    """Beginning of the line on stdout after which the next process may start."""
    parameter_files: tuple[str, ...] = ()
    """Filled in by ``resolve``; a later file wins."""
    log_level: str = 'info'
    """Filled in by ``resolve``."""

    @property
    def enclave(self) -> str:
        """Where a keystore of SROS2 has its keys and permissions; unused where that is off."""
        return f'/perl/{self.name}'


_ROBOT = {
    'robot_ip': Argument('robot_ip'),
    'limits_file': Argument('limits_file'),
    'kinematics_params_file': Argument('kinematics_params_file'),
}
_WORKERS = (
    ProcessSpec(
        name='ur_controller',
        package='perl_core',
        executable='ur_controller',
        module='perl_sim.ur_controller',
        kind='program',
        arguments=('--address', Argument('robot_ip')),
        condition='use_mock_hardware',
        ready='ready ',
    ),
    ProcessSpec(
        name='perl_recorder',
        package='perl_replay',
        executable='recorder_node',
        module='perl_replay.recorder_node',
        kind='node',
        parameters={
            **_ROBOT, 'bundle': Argument('bundle'),
            **{name: Argument(name) for name in ('bag', 'split_s', 'split_mb')},
        },
        condition='record',
    ),
    ProcessSpec(
        name='perl_safety_monitor',
        package='perl_safety',
        executable='monitor_node',
        module='perl_safety.monitor_node',
        kind='lifecycle',
        parameters=_ROBOT,
    ),
    ProcessSpec(
        name='perl_controller',
        package='perl_control',
        executable='controller_node',
        module='perl_control.controller_node',
        kind='lifecycle',
        parameters={
            **_ROBOT,
            **{name: Argument(name)
               for name in ('bundle', 'bundle_keys', 'shadow', 'black_box_folder')},
        },
    ),
)
LIFECYCLE_NODES = tuple(spec.name for spec in _WORKERS if spec.kind == 'lifecycle')
"""Configured and activated in this order: what watches comes before what moves."""

STACK = (
    *_WORKERS,
    ProcessSpec(
        name='perl_lifecycle_manager',
        package='perl_bringup',
        executable='lifecycle_manager_node',
        module='perl_bringup.lifecycle_manager_node',
        kind='node',
        parameters={'autostart': Argument('autostart'), 'node_names': LIFECYCLE_NODES},
    ),
)
"""In the order of starting; stopped in reverse."""


def resolve(arguments: Mapping[str, str]) -> tuple[ProcessSpec, ...]:
    """Return the processes to start, in order, with every value filled in.

    Args:
        arguments: values by name, as typed; an empty one counts as not given.

    Raises:
        ConfigError: an argument is unknown, missing, out of its choices, or names no file.
    """
    values = _checked(complete(arguments))
    return tuple(
        _filled(spec, values)
        for spec in STACK
        if not spec.condition or values[spec.condition] == 'true'
    )


def robot_ip_of(specs: tuple[ProcessSpec, ...]) -> str:
    """Return the address that a resolved stack speaks to."""
    return next(str(s.parameters['robot_ip']) for s in specs if 'robot_ip' in s.parameters)


def _checked(values: dict[str, str]) -> dict[str, str]:
    values['robot_ip'] = _robot_ip(values['robot_ip'], values['use_mock_hardware'] == 'true')
    values['bundle'] = _existing('bundle', values['bundle'] or str(paths.shipped_bundle()))
    for name in ('bundle_keys', 'params_file', 'limits_file', 'kinematics_params_file'):
        if values[name]:
            values[name] = _existing(name, values[name])
    if values['params_file']:
        require_valid_file(Path(values['params_file']))
    if values['black_box_folder']:
        values['black_box_folder'] = str(Path(values['black_box_folder']).expanduser().absolute())
    values['bag'] = _bag(values['bag'], values['record'] == 'true')
    return values


def _robot_ip(robot_ip: str, emulated: bool) -> str:
    if not robot_ip and not emulated:
        raise ConfigError(
            'robot_ip is needed for a real arm: give robot_ip:=<its address>, '
            'or use_mock_hardware:=true for an emulated one'
        )
    try:
        address = ipaddress.IPv4Address(robot_ip or EMULATED_ROBOT_IP)
    except ValueError as error:
        raise ConfigError(
            f'robot_ip is an IPv4 address such as 192.168.0.10; got {robot_ip!r}'
        ) from error
    if emulated and not address.is_loopback:
        raise ConfigError(
            f'an emulated arm listens on loopback (127.x.x.x) only; got robot_ip:={robot_ip} '
            'together with use_mock_hardware:=true. Leave one of them out.'
        )
    return str(address)


def _existing(name: str, path: str) -> str:
    absolute = Path(path).expanduser().absolute()
    if not absolute.exists():
        raise ConfigError(f'{name} names nothing that exists: {absolute}')
    return str(absolute)


def _bag(bag: str, record: bool) -> str:
    if bag and not record:
        raise ConfigError(f'bag:={bag} without record:=true would record nothing; give both')
    default = Path('bags') / time.strftime('%Y%m%d_%H%M%S')
    absolute = Path(bag or default).expanduser().absolute()
    if record and absolute.exists():
        raise ConfigError(f'bag names a folder that is not there yet; {absolute} exists')
    return str(absolute)


def _filled(spec: ProcessSpec, values: Mapping[str, str]) -> ProcessSpec:
    parameters = {
        key: typed_value(value.name, values[value.name]) if isinstance(value, Argument) else value
        for key, value in spec.parameters.items()
    }
    words = (values[a.name] if isinstance(a, Argument) else a for a in spec.arguments)
    files = (str(paths.default_parameters()), values['params_file'])
    return dataclasses.replace(
        spec,
        parameters={key: value for key, value in parameters.items() if value != ''},
        arguments=tuple(words),
        parameter_files=tuple(filter(None, files)) if spec.kind != 'program' else (),
        log_level=values['log_level'],
    )
