"""The arguments of the stack: the same ``name:=value`` for ``ros2 launch`` and for the runner."""

from collections.abc import Iterable, Mapping
import contextlib
import dataclasses
import math

from perl_core.errors import ConfigError

BOOLEAN = ('true', 'false')
EMULATED_ROBOT_IP = '127.0.0.2'
"""Where the emulated controller listens unless told otherwise: loopback, and not the usual one."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ArgumentSpec:
    """One argument."""

    name: str
    """As it is typed: ``name:=value``."""
    default: str = ''
    """Value when it is not given; empty means not given."""
    choices: tuple[str, ...] = ()
    """The only values allowed; empty allows any."""
    description: str
    """One sentence for ``--show-args``."""
    alias_of: str = ''
    """The argument that this one is another name of."""
    is_amount: bool = False
    """A number that is not negative."""


ARGUMENTS = (
    ArgumentSpec(
        name='robot_ip',
        description='Address of the UR controller. Required for a real arm; '
        f'{EMULATED_ROBOT_IP} when empty with use_mock_hardware:=true.',
    ),
    ArgumentSpec(name='ur_type', default='ur5e', choices=('ur5e',), description='Type of arm.'),
    ArgumentSpec(
        name='use_mock_hardware',
        default='false',
        choices=BOOLEAN,
        description='Start an emulated UR controller at robot_ip, which must be a loopback '
        'address, and use it.',
    ),
    ArgumentSpec(
        name='use_fake_hardware',
        choices=('', *BOOLEAN),
        description='Older name of use_mock_hardware.',
        alias_of='use_mock_hardware',
    ),
    ArgumentSpec(
        name='bundle', description='Folder of the policy bundle; the shipped policy when empty.'
    ),
    ArgumentSpec(
        name='bundle_keys',
        description='Public key (PEM), or a folder of them: the bundle must be signed with one. '
        'Any bundle whose hashes match when empty.',
    ),
    ArgumentSpec(
        name='params_file',
        description='YAML of node parameters over the shipped config/ur5e.yaml.',
    ),
    ArgumentSpec(
        name='limits_file',
        description="YAML of safety limits; perl_safety's own config/limits.yaml when empty.",
    ),
    ArgumentSpec(
        name='kinematics_params_file',
        description='Calibration of this very arm; nominal kinematics when empty.',
    ),
    ArgumentSpec(
        name='shadow',
        default='false',
        choices=BOOLEAN,
        description='Run and record the policy, but send the arm nothing: it does not move, '
        'or moves by the command of somebody else.',
    ),
    ArgumentSpec(
        name='black_box_folder',
        default='black_boxes',
        description='Folder in which the last 10 s of every signal are kept after a stop; the '
        'newest 20 stay.',
    ),
    ArgumentSpec(
        name='autostart',
        default='true',
        choices=BOOLEAN,
        description='Configure and activate the nodes; otherwise they wait unconfigured.',
    ),
    ArgumentSpec(
        name='record', default='false', choices=BOOLEAN, description='Record a bag (MCAP).'
    ),
    ArgumentSpec(
        name='bag',
        description='Folder of the bag, not there yet; bags/<date and time> when empty.',
    ),
    ArgumentSpec(
        name='split_s',
        default='0',
        is_amount=True,
        description='The bag goes on in another file after so many seconds; 0: never.',
    ),
    ArgumentSpec(
        name='split_mb',
        default='0',
        is_amount=True,
        description='The bag goes on in another file after so many megabytes; 0: never.',
    ),
    ArgumentSpec(
        name='log_level',
        default='info',
        choices=('debug', 'info', 'warn', 'error', 'fatal'),
        description='Least severity that the nodes log.',
    ),
)


def parse_arguments(words: Iterable[str]) -> dict[str, str]:
    """Return the arguments typed as ``name:=value``.

    Raises:
        ConfigError: a word is not of that form, or its name is not known or given twice.
    """
    given: dict[str, str] = {}
    for word in words:
        name, separator, value = word.partition(':=')
        if not separator or not name:
            raise ConfigError(f'arguments are written name:=value; got {word!r}')
        if name in given:
            raise ConfigError(f'argument {name!r} is given twice')
        given[name] = value
    require_known(given)
    return given


def require_known(names: Iterable[str]) -> None:
    """Raise ConfigError if one of the names is no argument of the stack."""
    known = [spec.name for spec in ARGUMENTS]
    for name in names:
        if name not in known:
            raise ConfigError(f'unknown argument {name!r}. Known: {", ".join(known)}')


def complete(given: Mapping[str, str]) -> dict[str, str]:
    """Return a checked value for every argument that is no alias.

    Args:
        given: what was typed; an empty value counts as not given.

    Raises:
        ConfigError: an argument is unknown, not among its choices, or contradicts its alias.
    """
    require_known(given)
    typed = {name: value for name, value in given.items() if value}
    for spec in ARGUMENTS:
        value = typed.get(spec.name, spec.default)
        if spec.choices and value not in spec.choices:
            choices = ', '.join(choice for choice in spec.choices if choice)
            raise ConfigError(f'{spec.name} is one of {choices}; got {value!r}')
        if spec.is_amount:
            _require_amount(spec.name, value)
    values = {spec.name: typed.get(spec.name, spec.default) for spec in ARGUMENTS}
    for alias in (spec for spec in ARGUMENTS if spec.alias_of):
        value = values.pop(alias.name)
        values[alias.alias_of] = value or values[alias.alias_of]
    return values


def _require_amount(name: str, value: str) -> None:
    with contextlib.suppress(ValueError):
        if 0.0 <= float(value) < math.inf:
            return
    raise ConfigError(f'{name} is a number that is not negative; got {value!r}')


def typed_value(name: str, value: str) -> str | bool | float:
    """Return an argument's value as a node's parameter has it: a bool, a number, or a string."""
    spec = next(spec for spec in ARGUMENTS if spec.name == name)
    if spec.is_amount:
        return float(value)
    return value == 'true' if spec.choices == BOOLEAN else value


def describe() -> str:
    """Return the list of arguments for people."""
    lines = ['Arguments, each written name:=value']
    for spec in ARGUMENTS:
        choices = f', one of {" ".join(c for c in spec.choices if c)}' if spec.choices else ''
        lines.append(f'  {spec.name} (default {spec.default!r}{choices})')
        lines.append(f'      {spec.description}')
    return '\n'.join(lines)
