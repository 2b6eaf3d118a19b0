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
class _Checked:
    """Refuses a limit that is malformed or outside its bounds."""

    def __post_init__(self) -> None:
        """Check every limit."""
        for field in dataclasses.fields(self):
            if 'bounds' in field.metadata:
                object.__setattr__(self, field.name, _checked(field, getattr(self, field.name)))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Obstacle(_Checked):
    """A box that no link may touch."""

    name: str
    """For people, and for the reason of a limit."""
    centre_base_m: tuple[float, ...] = _limit(-2.0, 2.0, 3)
    """Its centre."""
    half_size_m: tuple[float, ...] = _limit(0.001, 2.0, 3)
    """Half of its edges, which lie along the axes of ``base``."""
    min_distance_m: float = _limit(0.0, 0.5)
    """Distance to keep."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plane(_Checked):
    """A plane that tool0 and the elbow may not pass."""

    name: str
    """For people, and for the reason of a limit."""
    inward_base: tuple[float, ...] = _limit(-1.0, 1.0, 3)
    """Direction from the plane to where the arm may be; made one long."""
    offset_m: float = _limit(-2.0, 2.0)
    """Lowest inward coordinate."""

    def __post_init__(self) -> None:
        """Make the direction one long."""
        super().__post_init__()
        length = math.hypot(*self.inward_base)
        if length < 0.1:
            raise SafetyConfigError(
                f'inward_base of plane {self.name!r} must be a direction; got {self.inward_base}'
            )
        unit = tuple(part / length for part in self.inward_base)
        object.__setattr__(self, 'inward_base', unit)


@dataclasses.dataclass(frozen=True, kw_only=True)
class MonitorLimits(_Checked):
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
    min_elbow_height_base_m: float = _limit(-1.0, 0.5)
    """Lowest z of the elbow, where upper arm and forearm meet."""
    max_tool_speed_m_s: float = _limit(0.01, 2.95)
    """Of the origin of tool0."""
    state_stop_age_s: float = _limit(0.01, 0.5)
    """A state older than this stops the arm."""

    def __post_init__(self) -> None:
        """Refuse joint limits that exclude each other."""
        super().__post_init__()
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
    max_joint_jerk_rad_s3: float = _limit(100.0, 10000.0)
    """Of every joint, from command to command; the stop ramp uses all of it."""
    min_link_height_base_m: float = _limit(-1.0, 1.0)
    """Lowest z of the surface of upper arm, forearm and wrists: the table."""
    min_self_distance_m: float = _limit(0.0, 0.1)
    """Between the surfaces of links that are no neighbours."""
    min_singular_sine: float = _limit(0.0, 0.5)
    """Least magnitude of the sines of elbow and wrist 2: both are 0 where the arm loses a
    direction."""
    min_axis_distance_m: float = _limit(0.0, 0.5)
    """Of the centre of the wrist from the axis of the base, on which the arm loses a direction."""
    planes: tuple[Plane, ...] = dataclasses.field(metadata={'items': Plane})
    """Walls for tool0 and the elbow."""
    obstacles: tuple[Obstacle, ...] = dataclasses.field(metadata={'items': Obstacle})
    """Boxes for all links."""
    max_tool_force_n: float = _limit(5.0, 250.0)
    """Between tool and surroundings, where it is measured."""
    goal_stop_age_s: float = _limit(0.02, 5.0)
    """Whoever pursues a goal and was silent for longer stops the arm."""
    max_skipped_cycles: float = _limit(1.0, 250.0)
    """Control periods in a row that may be missed."""
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
        for field in dataclasses.fields(SafetyLimits):
            if 'items' in field.metadata:
                values[field.name] = _items(field, values[field.name])
        return SafetyLimits(**values, monitor=monitor)
    except SafetyConfigError as error:
        raise SafetyConfigError(f'{path}: {error}') from error


def _items(field: dataclasses.Field, value: Any) -> tuple[Any, ...]:
    """Return the planes or obstacles of a list of mappings."""
    kind = field.metadata['items']
    names = tuple(each.name for each in dataclasses.fields(kind))
    if not isinstance(value, list):
        raise SafetyConfigError(f'{field.name} must be a list; got {value!r}')
    found = tuple(kind(**_named(item, names, f'each of {field.name}')) for item in value)
    titles = [item.name for item in found]
    if not all(isinstance(title, str) for title in titles) or len(set(titles)) < len(titles):
        raise SafetyConfigError(f'each of {field.name} needs a name of its own; got {titles}')
    return found


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
