"""The limits of filter and monitor: read from YAML, checked once, never changed."""

import dataclasses
import math
from pathlib import Path
from typing import Any

from perl_core.errors import SafetyConfigError
import yaml

DEFAULT_LIMITS_FILE = Path(__file__).with_name('config') / 'limits.yaml'
"""The limits that are shipped."""

_JOINTS = 6
_JOINT_REACH_RAD = 2 * math.pi - 0.05
"""The robot's own limits (UR5e data sheet: +-360 degrees), with a margin."""


def _limit(lowest: float, highest: float, size: int | None = None) -> Any:
    """Declare a limit, the bounds of its value, and its length if it is a list."""
    return dataclasses.field(metadata={'bounds': (lowest, highest), 'size': size})


@dataclasses.dataclass(frozen=True, kw_only=True)
class MonitorLimits:
    """What the measured state may be; slightly wider than what may be commanded."""

    joint_lower_rad: tuple[float, ...] = _limit(-_JOINT_REACH_RAD, _JOINT_REACH_RAD, _JOINTS)
    """Lower joint limits."""
    joint_upper_rad: tuple[float, ...] = _limit(-_JOINT_REACH_RAD, _JOINT_REACH_RAD, _JOINTS)
    """Upper joint limits."""
    max_joint_speed_rad_s: float = _limit(0.01, 3.1)
    """Of every joint (UR5e data sheet: 180 deg/s, less its tolerance of 1.15 deg/s)."""
    workspace_centre_base_m: tuple[float, ...] = _limit(-1.0, 1.0, 3)
    """Centre of the sphere in which tool0 stays."""
    workspace_radius_m: float = _limit(0.05, 1.8)
    """Radius of that sphere (UR5e data sheet: reach 0.85 m)."""
    min_tool_height_base_m: float = _limit(-1.0, 1.5)
    """Lowest z of tool0: the table plane."""
    max_tool_speed_m_s: float = _limit(0.01, 2.95)
    """Of the origin of tool0."""
    state_stop_age_s: float = _limit(0.01, 0.5)
    """A state older than this stops the arm."""

    def __post_init__(self) -> None:
        """Refuse a limit that is malformed or outside its bounds."""
        for field in dataclasses.fields(self):
            if field.metadata:
                object.__setattr__(self, field.name, _checked(field, getattr(self, field.name)))
        for joint, (lower, upper) in enumerate(
            zip(self.joint_lower_rad, self.joint_upper_rad, strict=True)
        ):
            if lower >= upper:
                raise SafetyConfigError(
                    f'joint_lower_rad[{joint}] must be below joint_upper_rad[{joint}]; '
                    f'got {lower} and {upper}'
                )


@dataclasses.dataclass(frozen=True, kw_only=True)
class SafetyLimits(MonitorLimits):
    """What may be commanded."""

    max_joint_acceleration_rad_s2: float = _limit(0.1, 40.0)
    """Of every joint, from command to command; the stop ramp uses all of it."""
    max_deviation_rad: float = _limit(0.01, 0.5)
    """Between commanded and measured position of any joint."""
    state_hold_age_s: float = _limit(0.004, 0.1)
    """While the state is older than this the arm brakes."""
    heartbeat_timeout_s: float = _limit(0.02, 1.0)
    """A heartbeat older than this stops the arm."""
    monitor: MonitorLimits
    """Limits of the independent monitor."""

    def __post_init__(self) -> None:
        """Refuse limits that contradict each other."""
        super().__post_init__()
        if self.state_hold_age_s > self.state_stop_age_s:
            raise SafetyConfigError(
                'state_hold_age_s must not exceed state_stop_age_s; '
                f'got {self.state_hold_age_s} and {self.state_stop_age_s}'
            )


def load_limits(path: str | Path = DEFAULT_LIMITS_FILE) -> SafetyLimits:
    """Return the limits of a YAML file with the sections ``filter`` and ``monitor``.

    Args:
        path: the file.

    Raises:
        SafetyConfigError: the file cannot be read, or a limit is missing, unknown, malformed, not
            finite or outside its bounds.
    """
    try:
        data = yaml.load(Path(path).read_text(encoding='utf-8'), Loader=_UniqueKeys)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SafetyConfigError(f'cannot read the safety limits {path}: {error}') from error
    sections = _named(data, ('filter', 'monitor'), 'the file')
    try:
        monitor = MonitorLimits(**_section(sections['monitor'], MonitorLimits, 'monitor'))
        values = _section(sections['filter'], SafetyLimits, 'filter')
        return SafetyLimits(**values, monitor=monitor)
    except SafetyConfigError as error:
        raise SafetyConfigError(f'{path}: {error}') from error


class _UniqueKeys(yaml.SafeLoader):
    """YAML keeps the last of two equal keys without a word; a safety limit must not."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        """Return the mapping if every key stands in it once."""
        names = [key.value for key, _ in node.value]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise SafetyConfigError(f'{repeated} is given more than once; keep one of each')
        return super().construct_mapping(node, deep)


def _section(data: Any, kind: type, title: str) -> dict[str, Any]:
    """Return the section's values if it has exactly the limits of ``kind``."""
    names = tuple(field.name for field in dataclasses.fields(kind) if field.metadata)
    return _named(data, names, f'section {title!r}')


def _named(data: Any, names: tuple[str, ...], title: str) -> dict[str, Any]:
    """Return ``data`` if it is a mapping with exactly these names."""
    if not isinstance(data, dict):
        raise SafetyConfigError(f'{title} must map {sorted(names)} to values; got {data!r}')
    missing, unknown = sorted(set(names) - set(data)), sorted(map(str, set(data) - set(names)))
    if missing or unknown:
        raise SafetyConfigError(
            f'{title} must have exactly {sorted(names)}; missing: {missing}, unknown: {unknown}'
        )
    return data


def _checked(field: dataclasses.Field, value: Any) -> float | tuple[float, ...]:
    """Return the value of a limit as floats, or raise SafetyConfigError naming it."""
    size, (lowest, highest) = field.metadata['size'], field.metadata['bounds']
    entries = (value,) if size is None else value
    if not isinstance(entries, list | tuple) or len(entries) != (size or 1):
        raise SafetyConfigError(f'{field.name} must be a list of {size} numbers; got {value!r}')
    for entry in entries:
        number = isinstance(entry, int | float) and not isinstance(entry, bool)
        if not number or not lowest <= entry <= highest:
            raise SafetyConfigError(
                f'{field.name} must be a number from {lowest:.6g} to {highest:.6g}, '
                f'the bounds that the robot sets; got {entry!r}'
            )
    numbers = tuple(float(entry) for entry in entries)
    return numbers[0] if size is None else numbers
