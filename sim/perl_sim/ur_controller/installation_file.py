"""Reading an installation: a YAML file of safety limits, planes, and what is around the arm.

limits:                   # of the normal mode; what is left out stays as it is without the file
  tool_speed_m_s: 1.5
reduced_limits:
  joint_speed_rad_s: 1.0
planes:
  - normal_base: [0, 0, -1]   # points to the forbidden side
    offset_m: -0.05
boxes:
  - name: block
    centre_base_m: [-0.5, 0.2, 0.1]
    half_size_m: [0.1, 0.1, 0.1]
"""

from collections.abc import Callable, Mapping
import dataclasses
from pathlib import Path
from typing import Any

from perl_core.errors import ConfigError
from perl_core.fields import Fields
from perl_sim.obstacles import Box
from perl_sim.ur_controller.arm_model import REDUCED_LIMITS, SafetyLimits, SafetyPlane
from perl_sim.ur_controller.yaml_file import read_yaml

_PARTS = ('limits', 'reduced_limits', 'planes', 'boxes')


@dataclasses.dataclass(frozen=True, kw_only=True)
class Installation:
    """What an installation file says."""

    limits: SafetyLimits = dataclasses.field(default_factory=SafetyLimits)
    """Of the normal mode."""
    reduced_limits: SafetyLimits = REDUCED_LIMITS
    """Of the reduced mode."""
    planes: tuple[SafetyPlane, ...] = ()
    """What the tool must not pass."""
    boxes: tuple[Box, ...] = ()
    """What stands on the table."""


def load_installation(path: str | Path) -> Installation:
    """Return what an installation file says.

    Raises:
        ConfigError: it cannot be read, or says what cannot be.
    """
    return installation_from_data(read_yaml(path, 'the installation'), str(path))


def installation_from_data(data: object, source: str) -> Installation:
    """Return the installation that plain data describe; ConfigError if they do not."""
    if not isinstance(data, Mapping):
        raise ConfigError(f'{source}: an installation has the parts {list(_PARTS)}; '
                          f'got {type(data).__name__}')
    if not set(data) <= set(_PARTS):
        raise ConfigError(f'{source}: an installation has the parts {list(_PARTS)}, each of which '
                          f'may be left out; got {list(data)}')
    default = Installation()
    return Installation(
        limits=_limits(data.get('limits', {}), f'{source}: limits', default.limits),
        reduced_limits=_limits(
            data.get('reduced_limits', {}), f'{source}: reduced_limits', default.reduced_limits),
        planes=_each(data.get('planes', []), f'{source}: planes', _plane),
        boxes=_each(data.get('boxes', []), f'{source}: boxes', _box),
    )


def _limits(data: object, source: str, default: SafetyLimits) -> SafetyLimits:
    known = {field.name for field in dataclasses.fields(SafetyLimits)}
    given = set(data) & known if isinstance(data, Mapping) else set()
    fields = Fields(data, source, given, ConfigError)
    return dataclasses.replace(default, **{name: fields.number(name) for name in given})


def _plane(data: object, source: str) -> SafetyPlane:
    fields = Fields(data, source, {'normal_base', 'offset_m'}, ConfigError)
    normal = fields.array('normal_base', (3,)).tolist()
    return SafetyPlane(normal_base=tuple(normal), offset_m=fields.number('offset_m'))


def _box(data: object, source: str) -> Box:
    fields = Fields(data, source, {'name', 'centre_base_m', 'half_size_m'}, ConfigError)
    return Box(
        name=fields.text('name'),
        centre_base_m=tuple(fields.array('centre_base_m', (3,), -10.0, 10.0).tolist()),
        half_size_m=tuple(fields.array('half_size_m', (3,), 1e-3, 10.0).tolist()),
    )


def _each(data: object, source: str, read: Callable[[object, str], Any]) -> tuple:
    if not isinstance(data, list):
        raise ConfigError(f'{source} must be a list; got {type(data).__name__}')
    return tuple(read(entry, f'{source}[{index}]') for index, entry in enumerate(data))
