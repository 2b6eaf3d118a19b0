"""From a measured state and a goal to joint targets: observation, policy, segment."""

import contextlib
import math
import time
from typing import NamedTuple, Protocol

import numpy as np
from perl_core.action import (
    Command,
    first_target_rad,
    homing_velocity_target,
    joint_velocity_target,
    plan_segment,
)
from perl_core.contract import Contract
from perl_core.errors import PolicyError
from perl_core.kinematics import Kinematics, Pose
from perl_core.observation import build_observation
from perl_core.robot_state import RobotState

WARM_UP_ROUNDS = 50
"""Before the first goal."""


class PolicyOutput(Protocol):
    """What a policy says; see perl_core.bundle.runtime."""

    @property
    def action(self) -> np.ndarray:
        """Shape (6,)."""
        ...

    @property
    def gate(self) -> float:
        """Probability that the symmetry is broken here."""
        ...

    @property
    def branch(self) -> int:
        """0 equivariant, 1 standard."""
        ...


class Policy(Protocol):
    """See perl_core.bundle.runtime."""

    def act(self, observation: np.ndarray) -> PolicyOutput:
        """Return the action for an observation of shape (OBSERVATION_SIZE,), float32.

        Raises:
            PolicyError: the observation or the action is not finite.
        """
        ...


class Decision(NamedTuple):
    """One evaluation of the policy."""

    observation: np.ndarray
    """Exactly what the policy saw."""
    action: np.ndarray
    """Exactly what it said, shape (6,)."""
    gate: float
    """Probability that the symmetry is broken here."""
    branch: int
    """Which branch acted: 0 equivariant, 1 standard."""
    inference_us: float
    """Time for observation, gate and branch."""


class PolicyRunner:
    """Evaluates the policy once a period and hands out one joint target a tick."""

    def __init__(self, policy: Policy, kinematics: Kinematics, contract: Contract) -> None:
        """Hold what does not change.

        Args:
            policy: the loaded bundle.
            kinematics: of this arm.
            contract: rates, scales, limits.
        """
        self._policy, self._kinematics, self._contract = policy, kinematics, contract
        self._late_us = 0.5e6 * contract.policy_period_s
        self.misses = 0
        """Periods without an action in time."""
        self._left = 0
        self._velocity_rad_s = np.zeros(6)
        self._plan = np.zeros((1, 6))
        self._begun: Command | None = None
        self._index = 0

    def warm_up(self, state: RobotState) -> None:
        """Evaluate and plan some times, since the first time takes tens of milliseconds."""
        goal = self._kinematics.tool_pose(state.joint_position_rad)
        for _ in range(WARM_UP_ROUNDS):
            decision = self.decide(state, goal)
            self.begin_period(decision, Command(state.joint_position_rad, np.zeros(6)), 1.0)
        self.misses = 0
        self.restart()

    @property
    def due(self) -> bool:
        """Whether this tick begins a policy period."""
        return self._left == 0

    @property
    def nearly_due(self) -> bool:
        """Whether this tick or the next begins a policy period."""
        return self._left <= 1

    def restart(self) -> None:
        """Begin a policy period at the next tick, because the goal is new."""
        self._left = 0

    def decide(self, state: RobotState, goal: Pose) -> Decision:
        """Evaluate the policy at the measured state.

        Raises:
            PolicyError: the observation or the action is not finite.
        """
        begin_ns = time.monotonic_ns()
        measured = (*state.joint_position_rad.tolist(), *state.joint_velocity_rad_s.tolist())
        if not all(map(math.isfinite, measured)):
            raise PolicyError(f'a policy sees finite joints only; the robot measures {measured}')
        observation = build_observation(
            state.joint_position_rad, state.joint_velocity_rad_s, goal, self._kinematics,
            self._contract,
        )
        output = self._policy.act(observation)
        inference_us = (time.monotonic_ns() - begin_ns) * 1e-3
        return Decision(
            observation, np.asarray(output.action), float(output.gate), int(output.branch),
            inference_us,
        )

    def rehearse(self, state: RobotState, goal: Pose, command: Command) -> None:
        """Do the work of a policy period and forget it, so that the caches are warm for the next.

        Other programs take the caches between two ticks; what is not rehearsed takes three times
        as long.
        """
        with contextlib.suppress(PolicyError):
            decision = self.decide(state, goal)
            target = joint_velocity_target(
                decision.action, command, self._kinematics, self._contract
            )
            first_target_rad(target, command, self._contract)

    def begin_period(self, decision: Decision, command: Command, speed_scale: float) -> None:
        """Plan one policy period from the last command.

        An action that took longer than half a period is not used: the arm brakes for this period.

        Args:
            decision: of the policy.
            command: the last command that was sent.
            speed_scale: share of the policy's speed, 0 to 1.
        """
        if decision.inference_us > self._late_us:
            self.misses += 1
            self._velocity_rad_s = np.zeros(6)
        else:
            self._velocity_rad_s = speed_scale * joint_velocity_target(
                decision.action, command, self._kinematics, self._contract
            )
        self._begin(command)

    def begin_homing(self, command: Command, speed_scale: float) -> None:
        """Plan one period of the way home, without the policy."""
        self._velocity_rad_s = speed_scale * homing_velocity_target(command, self._contract)
        self._begin(command)

    def _begin(self, command: Command) -> None:
        self._left = self._contract.substeps
        self._plan = first_target_rad(self._velocity_rad_s, command, self._contract)[None]
        self._index, self._begun = 0, command

    @property
    def planned_target(self) -> np.ndarray:
        """The joint target of this tick [rad], shape (6,), or the last one of the plan."""
        return self._plan[min(self._index, len(self._plan) - 1)]

    def next_target(self) -> np.ndarray:
        """Return this tick's joint target [rad], shape (6,)."""
        target_rad = self._plan[self._index]
        self._index += 1
        self._left -= 1
        return target_rad

    def follow(self, asked_rad: np.ndarray, sent: Command) -> None:
        """Plan what is left to plan, now that the target is on its way.

        If the safety filter changed it, from what was really sent.
        """
        if asked_rad.tolist() != sent.position_rad.tolist():
            self._plan_from(sent)
        elif self._begun is not None:
            self._plan_from(self._begun)
            self._index = 1
        self._begun = None

    def _plan_from(self, command: Command) -> None:
        self._plan = plan_segment(self._velocity_rad_s, command, self._contract).position_rad
        self._index = 0
