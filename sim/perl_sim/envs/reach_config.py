"""What defines the reach task: the configuration of ``perl/UR5eReach-v0``, and tasks by name."""

import dataclasses
import json
import math
from typing import Any, Literal

from perl_core.contract import Contract
from perl_core.errors import ConfigError
from perl_sim.envs.reward import RewardConfig
from perl_sim.goals import SamplingConfig
from perl_sim.obstacles import DIVIDER, Box
from perl_sim.randomisation import RandomisationConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class UR5eReachConfig:
    """Everything that defines the task."""

    contract: Contract = dataclasses.field(default_factory=Contract)
    """Observation, action, rates and limits."""
    horizon_s: float = 5.0
    """An episode is truncated after this."""
    position_tolerance_m: float = 0.01
    """``info['success']``: the position error is at most this..."""
    rotation_tolerance_rad: float = math.radians(5.0)
    """...and the rotation error at most this."""
    home_share: float = 0.5
    """Share of the episodes that start near home; the others start where a goal could be."""
    home_goal_share: float = 0.1
    """Share of the episodes whose goal is the home pose: where an arm is sent between goals."""
    home_noise_rad: float = 0.1
    """Standard deviation of each joint at a start near home."""
    reward: RewardConfig = dataclasses.field(default_factory=RewardConfig)
    """What a step pays."""
    sampling: SamplingConfig = dataclasses.field(default_factory=SamplingConfig)
    """From which configurations starts and goals are drawn."""
    randomisation: RandomisationConfig = dataclasses.field(default_factory=RandomisationConfig)
    """What varies between episodes; ``RandomisationConfig.nominal()`` for nothing."""
    boxes: tuple[Box, ...] = ()
    """What stands on the table, always in the same place; the observation does not say where."""

    def __post_init__(self) -> None:
        """Refuse a task without a step."""
        if not self.horizon_s * self.contract.policy_rate_hz >= 1.0:
            raise ConfigError(
                f'horizon_s must be at least one policy period, '
                f'{self.contract.policy_period_s} s; got {self.horizon_s}'
            )
        for name in ('home_share', 'home_goal_share'):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ConfigError(f'{name} must be within [0, 1]; got {getattr(self, name)}')

    @property
    def horizon_steps(self) -> int:
        """Steps of an episode."""
        return round(self.horizon_s * self.contract.policy_rate_hz)

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the contract as JSON types."""
        described = json.loads(json.dumps(dataclasses.asdict(self)))
        del described['contract']
        return described

    @classmethod
    def from_dict(cls, data: dict[str, Any], contract: Contract) -> 'UR5eReachConfig':
        """Return the task that ``to_dict`` described.

        Args:
            data: as a run keeps it in its config.json.
            contract: of the run.

        Raises:
            ConfigError: a field is missing, unknown or malformed.
        """
        values = dict(data)
        try:
            boxes = tuple(_build(Box, box) for box in values.pop('boxes'))
            parts = {name: _build(part, values.pop(name)) for name, part in _PARTS.items()}
        except (KeyError, TypeError) as error:
            raise ConfigError(f'the description of a reach task is malformed: {error}') from error
        return _build(cls, {**values, **parts, 'boxes': boxes, 'contract': contract})


_PARTS = {
    'reward': RewardConfig, 'sampling': SamplingConfig, 'randomisation': RandomisationConfig,
}  # fmt: skip


def _build(kind: type[Any], data: dict[str, Any]) -> Any:
    """Return a dataclass from exactly its fields; JSON's lists become tuples."""
    known = {field.name for field in dataclasses.fields(kind)}
    if set(data) != known:
        raise ConfigError(
            f'{kind.__name__} has the fields {sorted(known)}; '
            f'missing: {sorted(known - set(data))}, unknown: {sorted(set(data) - known)}'
        )
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in data.items()})


TaskName = Literal['open', 'bins']
"""'open': the arm and its table. 'bins': goals in two bins with a wall between them, a pan joint
that a cable keeps near home, and a base that is not quite upright."""

PAN_LIMIT_RAD = 1.3
"""Own choice: the bins lie within it, and a cable that goes along would allow it."""


def task(name: TaskName, group: Literal['SO3', 'SO2']) -> UR5eReachConfig:
    """Return a task by its name.

    Args:
        name: which one.
        group: of the contract.
    """
    contract = Contract(group=group)
    if name == 'open':
        return UR5eReachConfig(contract=contract)
    lower, upper = contract.joint_lower_rad, contract.joint_upper_rad
    contract = dataclasses.replace(
        contract,
        joint_lower_rad=(-PAN_LIMIT_RAD, *lower[1:]),
        joint_upper_rad=(PAN_LIMIT_RAD, *upper[1:]),
    )
    ranges = SamplingConfig()
    return UR5eReachConfig(
        contract=contract,
        home_share=0.25,
        sampling=dataclasses.replace(
            ranges,
            lower_rad=(-PAN_LIMIT_RAD, *ranges.lower_rad[1:]),
            upper_rad=(PAN_LIMIT_RAD, *ranges.upper_rad[1:]),
            max_tool_height_m=DIVIDER.top_base_m,
        ),
        randomisation=RandomisationConfig(base_tilt_rad=(0.0, math.radians(3.0))),
        boxes=(DIVIDER,),
    )
