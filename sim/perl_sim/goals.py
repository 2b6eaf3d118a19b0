"""Goals that can be reached: each is the pose of a collision-free configuration.

All configurations come from one branch of the inverse kinematics (shoulder, elbow and wrist each
on one side of their singularity), so that no way from one to another has to pass through one.

A file of goals is JSON::

    {"schema": 1, "seed": 20260001, "contract_fingerprint": "<sha256>", "goals": [
        {"position_base_m": [x, y, z],              tool0 in UR's frame `base`
         "rotation_vector_base_rad": [x, y, z],     axis times angle, tool0 in `base`
         "joint_position_rad": [...]}, ...]}        the configuration it was drawn from, 6 angles
"""

from collections.abc import Sequence
import dataclasses
import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from perl_core.contract import Contract
from perl_core.errors import ConfigError
from perl_core.kinematics import Kinematics, Pose
from perl_core.rotation import rotation_from_vector, vector_from_rotation
from perl_sim.collision import CollisionChecker
from perl_sim.obstacles import Box

SCHEMA = 1
"""Version of the goal file."""

HELD_OUT_SEED = 20260001
"""Reserved for goals that no training ever sees."""


class Goal(NamedTuple):
    """A pose to reach, and one configuration that reaches it."""

    pose: Pose
    """Of ``tool0`` in ``base``."""
    joint_position_rad: np.ndarray
    """Shape (6,)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SamplingConfig:
    """From which configurations goals are drawn."""

    lower_rad: tuple[float, ...] = (-1.6, -2.6, 0.4, -3.4, -2.7, -math.pi)
    """Pan: the sphere is in front of the arm. Lift: the upper arm stays above the table. Elbow
    and wrist 2: 0.4 rad off their singularities at 0 and -pi. Wrist 1: 1 rad short of its limit.
    Wrist 3: one whole turn, so every orientation about the flange."""
    upper_rad: tuple[float, ...] = (1.6, -0.4, 2.5, 0.3, -0.4, math.pi)
    """Elbow: beyond 2.5 rad the forearm nears the shoulder. The others: see ``lower_rad``."""
    min_shoulder_reach_m: float = 0.1
    """The wrist is at least this far in front of the base axis: off the shoulder singularity."""
    min_tool_height_m: float = 0.05
    """The flange is at least this far above the table."""
    max_tool_height_m: float = 1.0
    """Draws put the flange at most this high; the sphere of goals ends at 0.84 m."""
    clearance_m: float = 0.02
    """Nothing is closer to anything else. At 22 mm wrist 1 and wrist 3 always count as close."""
    max_attempts: int = 10_000
    """Draws before giving up; about one in seven is kept."""

    def __post_init__(self) -> None:
        """Refuse ranges that are not six pairs in order."""
        pairs = list(zip(self.lower_rad, self.upper_rad, strict=False))
        if not len(self.lower_rad) == len(self.upper_rad) == len(pairs) == 6:
            raise ConfigError(
                f'lower_rad and upper_rad need 6 entries; got {len(self.lower_rad)} '
                f'and {len(self.upper_rad)}'
            )
        if any(low > high for low, high in pairs):
            raise ConfigError(f'each of lower_rad must be at most upper_rad; got {pairs}')


class GoalSampler:
    """Draws goals; compile once, sample often."""

    def __init__(
        self,
        contract: Contract | None = None,
        config: SamplingConfig | None = None,
        kinematics: Kinematics | None = None,
        boxes: Sequence[Box] = (),
    ) -> None:
        """Prepare the collision check.

        Args:
            contract: gives the sphere of goals; the default contract if left out.
            config: ranges; the defaults if left out.
            kinematics: of the arm; nominal if left out.
            boxes: what stands on the table; no goal is in or near one.
        """
        contract, self._config = contract or Contract(), config or SamplingConfig()
        self._kinematics = kinematics or Kinematics()
        self._centre_m = np.array(contract.workspace_centre_base_m)
        self._radius_m = contract.workspace_radius_m
        self._checker = CollisionChecker(self._config.clearance_m, boxes)

    def sample(self, generator: np.random.Generator) -> Goal:
        """Return one goal.

        Raises:
            ConfigError: none was found within ``max_attempts`` draws.
        """
        config = self._config
        for _ in range(config.max_attempts):
            goal = self.accept(generator.uniform(config.lower_rad, config.upper_rad))
            if goal is not None and goal.pose.position_m[2] <= config.max_tool_height_m:
                return goal
        raise ConfigError(
            f'no goal within {self._radius_m} m of {self._centre_m} was found in '
            f'{config.max_attempts} draws; widen lower_rad and upper_rad or the workspace'
        )

    def accept(self, joint_position_rad: np.ndarray) -> Goal | None:
        """Return the goal of this configuration, or None if it is not allowed."""
        frames = self._kinematics.frames(joint_position_rad)
        tool = frames[6]
        if tool[2, 3] < self._config.min_tool_height_m:
            return None
        if np.linalg.norm(tool[:3, 3] - self._centre_m) > self._radius_m:
            return None
        # The arm reaches along -x of its shoulder frame; see det J, zero where this is zero.
        if -frames[1, :3, 0] @ frames[5, :3, 3] < self._config.min_shoulder_reach_m:
            return None
        if not self._checker.is_free(joint_position_rad):
            return None
        pose = Pose(tool[:3, 3].copy(), tool[:3, :3].copy())
        return Goal(pose, np.array(joint_position_rad, dtype=float))


def goals_to_json(goals: list[Goal], seed: int, contract: Contract) -> dict[str, Any]:
    """Return the goals in the schema of this module."""
    return {
        'schema': SCHEMA,
        'seed': seed,
        'contract_fingerprint': contract.fingerprint(),
        'goals': [
            {
                'position_base_m': goal.pose.position_m.tolist(),
                'rotation_vector_base_rad': vector_from_rotation(goal.pose.rotation).tolist(),
                'joint_position_rad': goal.joint_position_rad.tolist(),
            }
            for goal in goals
        ],
    }


def read_goals(path: Path, contract: Contract) -> list[Goal]:
    """Return the goals of a file.

    Args:
        path: of a file that ``sim/make_goals.py`` wrote.
        contract: for which the goals must have been drawn.

    Raises:
        ConfigError: the file is missing, malformed, or made for another contract.
    """
    try:
        data = json.loads(Path(path).read_text(encoding='utf-8'))
        schema, fingerprint = data['schema'], data['contract_fingerprint']
        goals = [_goal_from_json(entry) for entry in data['goals']]
    except OSError as error:
        raise ConfigError(f'cannot read goals: {error}') from error
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f'{path} is not a file of goals ({error!r}); make one with sim/make_goals.py'
        ) from error
    if schema != SCHEMA:
        raise ConfigError(f'{path} has schema {schema!r}; this program reads schema {SCHEMA}')
    if fingerprint != contract.fingerprint():
        raise ConfigError(
            f'{path} was made for contract {fingerprint!r}, expected '
            f'{contract.fingerprint()!r}; make it again with sim/make_goals.py'
        )
    return goals


def _goal_from_json(entry: dict[str, Any]) -> Goal:
    names = ('position_base_m', 'rotation_vector_base_rad', 'joint_position_rad')
    position, rotation, joints = (np.array(entry[name], dtype=float) for name in names)
    for name, value, size in zip(names, (position, rotation, joints), (3, 3, 6), strict=True):
        if value.shape != (size,) or not np.isfinite(value).all():
            raise ValueError(f'{name} must be {size} finite numbers, got {entry[name]!r}')
    return Goal(Pose(position, rotation_from_vector(rotation)), joints)
