"""The contract between training and robot: what a policy sees, what it says, how often, how far.

Names, order, units, frames, scales, rates and limits live here and nowhere else. The contract is
written into every bundle and compared when the bundle is loaded: a policy that was trained for
another contract is refused by name of the first field that differs.
"""

import dataclasses
import functools
import hashlib
import json
import math
from typing import Any, Literal

import numpy as np
from perl_core.errors import ContractError

JOINT_NAMES = (
    'shoulder_pan_joint',
    'shoulder_lift_joint',
    'elbow_joint',
    'wrist_1_joint',
    'wrist_2_joint',
    'wrist_3_joint',
)
"""UR's joint order. Everything of shape (6,) that speaks of joints is in this order."""

Kind = Literal['vector', 'free']
"""How a slice transforms under the group: a 3-vector in ``base``, or not at all described."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Slice:
    """One named part of an observation or action."""

    name: str
    """Quantity, frame and unit."""
    size: int
    """Number of entries."""
    kind: Kind
    """'vector' rotates with the group; 'free' is seen by the free branch and the gate only."""
    scale: float
    """Typical magnitude in the slice's own unit; networks see value / scale."""


OBSERVATION = (
    Slice(name='tool_position_from_centre_base_m', size=3, kind='vector', scale=0.35),
    Slice(name='position_error_base_m', size=3, kind='vector', scale=0.35),
    Slice(name='tool_velocity_base_m_s', size=3, kind='vector', scale=0.5),
    Slice(name='tool_angular_velocity_base_rad_s', size=3, kind='vector', scale=2.0),
    Slice(name='rotation_error_base_rad', size=3, kind='vector', scale=math.pi),
    Slice(name='joint_sine', size=6, kind='free', scale=1.0),
    Slice(name='joint_cosine', size=6, kind='free', scale=1.0),
    Slice(name='joint_position_rad', size=6, kind='free', scale=math.pi),
    Slice(name='joint_velocity_rad_s', size=6, kind='free', scale=2.0),
)
"""The observation, vectors first. The equivariant branch sees the vectors and nothing else."""

ACTION = (
    Slice(name='tool_linear_velocity_base', size=3, kind='vector', scale=1.0),
    Slice(name='tool_angular_velocity_base', size=3, kind='vector', scale=1.0),
)
"""The action: two vectors, each with a Euclidean norm below 1 (radial squash), in units of the
contract's ``max_tool_speed_m_s`` and ``max_tool_angular_speed_rad_s``."""

OBSERVATION_SIZE = sum(part.size for part in OBSERVATION)
VECTOR_SIZE = sum(part.size for part in OBSERVATION if part.kind == 'vector')
"""The first VECTOR_SIZE entries of an observation are what the equivariant branch sees."""
ACTION_SIZE = sum(part.size for part in ACTION)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contract:
    """Everything that training and robot must agree on."""

    version: int = 1
    """Raised with every change of meaning."""
    robot: str = 'ur5e'
    """Robot type."""
    observation: tuple[Slice, ...] = OBSERVATION
    """The observation's slices, in order."""
    action: tuple[Slice, ...] = ACTION
    """The action's slices, in order."""
    group: Literal['SO3', 'SO2'] = 'SO3'
    """SO3: rotations about the workspace centre. SO2: rotations about the base's z axis."""
    workspace_centre_base_m: tuple[float, float, float] = (-0.49, -0.13, 0.49)
    """Centre of the sphere of goals, in ``base``: near tool0 at the home position."""
    workspace_radius_m: float = 0.35
    """Radius of the sphere of goals."""
    home_rad: tuple[float, ...] = (0.0, -math.pi / 2, math.pi / 2, -math.pi / 2, -math.pi / 2, 0.0)
    """The usual start: arm up and forward, tool down."""
    joint_lower_rad: tuple[float, ...] = (
        -2 * math.pi + 0.1, -math.pi, 0.1, -2 * math.pi + 0.1, -math.pi + 0.1, -2 * math.pi + 0.1,
    )
    """Lower joint limits of the task; inside the robot's own (+-2 pi). Those of shoulder lift,
    elbow and wrist 2 keep the arm in the branch of the home position: with the elbow or the wrist
    turned over, many goals are out of reach, and no short way leads back."""
    joint_upper_rad: tuple[float, ...] = (
        2 * math.pi - 0.1, 0.0, 2.8, 2 * math.pi - 0.1, -0.1, 2 * math.pi - 0.1,
    )
    """Upper joint limits of the task."""
    max_tool_speed_m_s: float = 0.5
    """Linear speed of an action of norm 1."""
    max_tool_angular_speed_rad_s: float = 2.0
    """Angular speed of an action of norm 1."""
    max_joint_speed_rad_s: float = 2.0
    """Commanded joint speed never exceeds this (robot: 3.14)."""
    max_joint_acceleration_rad_s2: float = 10.0
    """Commanded joint acceleration never exceeds this."""
    damping: float = 0.05
    """Damping of the least squares that turn a twist into joint rates (mixed units m, rad)."""
    control_rate_hz: int = 500
    """Rate of joint targets."""
    policy_rate_hz: int = 25
    """Rate of actions; divides the control rate."""
    servo_lookahead_s: float = 0.03
    """servoJ's lookahead_time (0.03 to 0.2)."""
    servo_gain: float = 300.0
    """servoJ's gain (100 to 2000)."""

    def __post_init__(self) -> None:
        """Refuse a contract that contradicts itself."""
        if self.control_rate_hz % self.policy_rate_hz:
            raise ContractError(
                f'policy_rate_hz must divide control_rate_hz; got {self.policy_rate_hz} '
                f'and {self.control_rate_hz}'
            )
        kinds = [part.kind for part in self.observation]
        if kinds != sorted(kinds, key=('vector', 'free').index):
            raise ContractError('the vectors of an observation must come before its free parts')

    @property
    def substeps(self) -> int:
        """Control ticks in one policy period."""
        return self.control_rate_hz // self.policy_rate_hz

    @property
    def control_period_s(self) -> float:
        """Time between joint targets [s]."""
        return 1.0 / self.control_rate_hz

    @property
    def policy_period_s(self) -> float:
        """Time between actions [s]."""
        return 1.0 / self.policy_rate_hz

    @property
    def observation_size(self) -> int:
        """Entries of an observation."""
        return sum(part.size for part in self.observation)

    @property
    def seen_size(self) -> int:
        """The first entries of an observation, which alone the equivariant branch sees."""
        return sum(part.size for part in self.observation if part.kind == 'vector')

    @property
    def action_size(self) -> int:
        """Entries of an action."""
        return sum(part.size for part in self.action)

    @functools.cached_property
    def action_scale(self) -> np.ndarray:
        """Turns an action into a twist [m/s, rad/s] in ``base``; shape (6,)."""
        scale = np.repeat((self.max_tool_speed_m_s, self.max_tool_angular_speed_rad_s), 3)
        scale.setflags(write=False)
        return scale

    def to_dict(self) -> dict[str, Any]:
        """Return the contract as plain JSON types."""
        return json.loads(json.dumps(dataclasses.asdict(self)))

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> 'Contract':
        """Return the contract that ``to_dict`` described.

        Raises:
            ContractError: a field is missing, unknown, or of the wrong type.
        """
        known = {field.name for field in dataclasses.fields(cls)}
        if set(data) != known:
            raise ContractError(
                f'a contract has the fields {sorted(known)}; '
                f'missing: {sorted(known - set(data))}, unknown: {sorted(set(data) - known)}'
            )
        values: dict[str, Any] = {
            key: tuple(v) if isinstance(v, list) else v for key, v in data.items()
        }
        try:
            for key in ('observation', 'action'):
                values[key] = tuple(Slice(**part) for part in values[key])
            return cls(**values)
        except (TypeError, ValueError, ZeroDivisionError) as error:
            raise ContractError(f'malformed contract: {error}') from error

    def require_equal(self, other: 'Contract', source: str) -> None:
        """Raise ContractError, naming the first field in which ``other`` differs.

        Args:
            other: the contract that came.
            source: where it came from, for the message.
        """
        require_equal_fields(self, other, source)

    def fingerprint(self) -> str:
        """Return the sha256 of the contract's JSON, as hexadecimal digits."""
        return fingerprint_of(self.to_dict())


def require_equal_fields(expected: Any, came: Any, source: str) -> None:
    """Raise ContractError, naming the first field in which two contracts of one kind differ."""
    for field in dataclasses.fields(expected):
        wanted, found = getattr(expected, field.name), getattr(came, field.name)
        if wanted != found:
            raise ContractError(
                f'{source} was made for another contract: {field.name} is {found!r} there, '
                f'expected {wanted!r}. Train or export it again for this contract.'
            )


def fingerprint_of(data: dict[str, Any]) -> str:
    """Return the sha256 of JSON types, as hexadecimal digits."""
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def slice_bounds(parts: tuple[Slice, ...]) -> dict[str, slice]:
    """Return where each named part lies in the flat vector."""
    bounds, start = {}, 0
    for part in parts:
        bounds[part.name] = slice(start, start + part.size)
        start += part.size
    return bounds


def scales(parts: tuple[Slice, ...]) -> np.ndarray:
    """Return the scale of every entry of the flat vector, float32."""
    values, sizes = [part.scale for part in parts], [part.size for part in parts]
    return np.repeat(values, sizes).astype(np.float32)
