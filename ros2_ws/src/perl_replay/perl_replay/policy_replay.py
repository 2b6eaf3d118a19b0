"""Runs the policy again on what it saw: the same answers bit for bit, or where others differ."""

from collections.abc import Sequence
import dataclasses

import numpy as np
from perl_core.bundle.runtime import (
    BRANCH_EQUIVARIANT,
    BRANCH_STANDARD,
    GATE_THRESHOLD,
    TEST_VECTOR_TOLERANCE,
    Policy,
)
from perl_core.contract import Contract

from perl_replay.episodes import Episode

_WORST = 5
"""Places at which another bundle differs most that are kept."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Difference:
    """A place at which the policy says something else than was recorded."""

    goal_id: str
    """Whose pursuit."""
    time_s: float
    """Since the goal's first policy state."""
    tool_position_m: tuple[float, ...]
    """From the centre of the workspace, in ``base``."""
    recorded_branch: int
    """Which branch acted."""
    branch: int
    """Which branch would act."""
    gate_difference: float
    """Absolute."""
    action_difference: float
    """Euclidean norm, in units of the contract's largest speeds."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PolicyReplayFigures:
    """How the answers of a bundle compare with the recorded ones."""

    bundle_sha256: str
    """Of the bundle that was run."""
    same_bundle: bool
    """It is the one that was recorded."""
    states: int
    """Policy states that were run again."""
    exact: int
    """Of these, how many had the same gate, branch and action, bit for bit."""
    other_branch: int
    """How many would be acted on by the other branch."""
    gate_difference_max: float
    """Absolute."""
    action_difference_mean: float
    """Euclidean norm, in units of the contract's largest speeds."""
    action_difference_max: float
    """Likewise."""
    linear_difference_max_m_s: float
    """Of the tool's velocity that is asked for."""
    angular_difference_max_rad_s: float
    """Likewise."""
    worst: tuple[Difference, ...]
    """Where they differ most, the worst first."""

    @property
    def reproduced(self) -> bool:
        """Gate, branch and action agree as far as two processors can be expected to round."""
        worst = max(self.gate_difference_max, self.action_difference_max)
        return not self.states or (not self.other_branch and worst <= TEST_VECTOR_TOLERANCE)


class PolicyReplay:
    """Runs one policy over episodes; remembers sums and the worst places only."""

    def __init__(self, policy: Policy, recorded_sha256: str) -> None:
        """Start without episodes.

        Args:
            policy: to run.
            recorded_sha256: of the bundle that was recorded.
        """
        self.policy = policy
        self._same = policy.sha256 == recorded_sha256
        self._states = self._exact = self._other_branch = 0
        self._action_sum = 0.0
        self._largest = np.zeros(4)
        self._worst: list[Difference] = []

    def add(self, episode: Episode) -> None:
        """Run the policy on every state of an episode."""
        if not len(episode.stamp_ns):
            return
        action, gate, branch = self._answers(episode)
        recorded = episode.policy
        exact = (gate == recorded.gate) & (branch == recorded.branch)
        exact &= (action == recorded.action).all(axis=1)
        self._states += len(gate)
        self._exact += int(exact.sum())
        if not exact.all():
            self._add_differences(episode, np.flatnonzero(~exact), gate, branch, action)

    def _answers(self, episode: Episode) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return action, gate and branch of every state.

        A gate that comes out of a batch bit for bit as it was recorded need not be run alone;
        actions of a batch are rounded otherwise, so the branch is.
        """
        recorded, observation = episode.policy, episode.observation
        gate = self.policy.gate_batch(observation)
        branch = np.where(gate > GATE_THRESHOLD, BRANCH_STANDARD, BRANCH_EQUIVARIANT)
        action = np.empty_like(recorded.action)
        same = (gate == recorded.gate) & (branch == recorded.branch)
        for row, certain in enumerate(same.tolist()):
            if certain:
                action[row] = self.policy.act_with(int(branch[row]), observation[row])
            else:
                action[row], gate[row], branch[row] = self.policy.act(observation[row])
        return action, gate, branch

    def _add_differences(
        self,
        episode: Episode,
        rows: np.ndarray,
        gate: np.ndarray,
        branch: np.ndarray,
        action: np.ndarray,
    ) -> None:
        """Measure the rows that are not the same."""
        recorded = episode.policy
        apart = action[rows].astype(float) - recorded.action[rows]
        gate_apart = np.abs(gate[rows].astype(float) - recorded.gate[rows])
        norm = np.linalg.norm(apart, axis=1)
        scaled = (apart * self.policy.contract.action_scale).reshape(-1, 2, 3)
        linear, angular = np.linalg.norm(scaled, axis=2).T
        other = branch[rows] != recorded.branch[rows]
        self._other_branch += int(other.sum())
        self._action_sum += float(norm.sum())
        came = [values.max() for values in (gate_apart, norm, linear, angular)]
        self._largest = np.maximum(self._largest, came)
        for at in np.argsort(-norm)[:_WORST]:
            row = rows[at]
            self._worst.append(Difference(
                goal_id=episode.goal_id,
                time_s=float(episode.stamp_ns[row] - episode.stamp_ns[0]) / 1e9,
                tool_position_m=tuple(episode.tool_position_m[row].tolist()),
                recorded_branch=int(recorded.branch[row]),
                branch=int(branch[row]),
                gate_difference=float(gate_apart[at]),
                action_difference=float(norm[at]),
            ))
        self._worst = sorted(self._worst, key=lambda entry: -entry.action_difference)[:_WORST]

    def figures(self) -> PolicyReplayFigures:
        """Return the figures."""
        gate, action, linear, angular = self._largest.tolist()
        return PolicyReplayFigures(
            bundle_sha256=self.policy.sha256,
            same_bundle=self._same,
            states=self._states,
            exact=self._exact,
            other_branch=self._other_branch,
            gate_difference_max=gate,
            action_difference_mean=self._action_sum / max(self._states, 1),
            action_difference_max=action,
            linear_difference_max_m_s=linear,
            angular_difference_max_rad_s=angular,
            worst=tuple(self._worst),
        )


def require_comparable(policy: Policy, recorded: Contract, source: str) -> None:
    """Refuse a policy whose answers mean something else than the recorded ones.

    Args:
        policy: to run; the group that it knows is its own affair.
        recorded: contract of the policy that was recorded.
        source: of the policy, for the message.

    Raises:
        ContractError: naming the first field that differs.
    """
    dataclasses.replace(recorded, group=policy.contract.group).require_equal(
        policy.contract, source
    )


def replay_problems(replays: Sequence[PolicyReplayFigures]) -> list[str]:
    """Return one sentence for a recorded policy that does not say again what it said."""
    return [
        f'the policy does not say again what it said: of {figures.states} recorded states '
        f'{figures.states - figures.exact} differ, by up to {figures.action_difference_max:.3g} '
        f'in the action and {figures.gate_difference_max:.3g} in the gate, '
        f'{figures.other_branch} by the branch'
        for figures in replays
        if figures.same_bundle and not figures.reproduced
    ]
