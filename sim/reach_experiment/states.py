"""States all over the workspace, the same each time: where symmetry and gates are looked at."""

from collections.abc import Iterator
import dataclasses
from typing import NamedTuple

import numpy as np
from perl_core.kinematics import Kinematics, Pose
from perl_sim.envs.reach_config import UR5eReachConfig
from perl_sim.goals import GoalSampler

CLEARANCE_M = 0.003
"""States are drawn up to this close to obstacles: closer than goals, since breaks are there."""


class State(NamedTuple):
    """An arm at rest, where it is to go, and what it does first."""

    tool: Pose
    """Where it is, in ``base``."""
    joint_position_rad: np.ndarray
    """Shape (6,)."""
    goal: Pose
    """Where it is to go, in ``base``."""
    action: np.ndarray
    """Two vectors of norm 1, shape (6,): the largest."""


def drawn_states(config: UR5eReachConfig, count: int, seed: int = 0) -> Iterator[State]:
    """Yield states of a task, up to the top of the workspace and close to what stands in it."""
    generator = np.random.default_rng(seed)
    everywhere = dataclasses.replace(
        config.sampling, clearance_m=CLEARANCE_M, max_tool_height_m=1.0, min_tool_height_m=0.0
    )
    kinematics = Kinematics()
    starts, goals = (
        GoalSampler(config.contract, sampling, kinematics, config.boxes)
        for sampling in (everywhere, config.sampling)
    )
    for _ in range(count):
        start, goal = starts.sample(generator), goals.sample(generator)
        vectors = generator.normal(size=(2, 3))
        action = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        yield State(start.pose, start.joint_position_rad, goal.pose, action.ravel())
