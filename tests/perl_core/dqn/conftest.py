"""Small grid worlds, and agents that walk them from the tables of their MDPs."""

import numpy as np
from perl_core.agents.dqn import DQN, DQNConfig, Outcomes
from perl_core.symmetry import group_named, permutation, regular, trivial, vector
from perl_core.tabular import (
    GridWorld,
    broken_pairs,
    cells,
    group_average,
    optimal_q,
    policy_value,
    quarter_turns,
)
from perl_core.tabular.gridworld import MOVES
import pytest
import torch

C4 = group_named('C4')
SIZE = 5
CELLS = cells(SIZE)
OBSERVATION = vector(C4) + permutation(C4, [[CELLS.index((-y, x)) for x, y in CELLS]])
"""Position, and which cell it is: with the position alone, networks fit slowly."""
SEEN = torch.cat((torch.tensor(CELLS) / (SIZE // 2), torch.eye(SIZE * SIZE)), dim=1)
"""What an agent sees in each state, shape (S, 27)."""
ACTION = regular(C4)
OUTCOMES = Outcomes(
    torch.tensor([(0, 0), *MOVES]) / (SIZE // 2), trivial(C4) + regular(C4), OBSERVATION,
    slice(0, 2),
)  # fmt: skip
SMALL = {
    'width': 32, 'batch_size': 32, 'learning_starts': 160, 'exploration_steps': 2000,
    'replay_capacity': 5000, 'target_rate': 0.04, 'learning_rate': 2e-3,
}  # fmt: skip


class Course:
    """The same deterministic world for each seed of an agent."""

    def __init__(self, world, seeds, copies=8):
        self.world, self.mdp, self.shape = world, world.mdp(), (seeds, copies)
        self.seen = SEEN
        self.after = torch.from_numpy(self.mdp.transition.argmax(axis=2))
        self.entering = torch.from_numpy(world.entering_reward()).float()
        self.goal = cells(world.size).index(world.goal)
        self.starts = torch.from_numpy(world.start_states())
        averaged = group_average(self.mdp, quarter_turns(world.size))
        self.broken = torch.from_numpy(broken_pairs(self.mdp, averaged)).float()
        self.generator = torch.Generator().manual_seed(0)
        self.states = self._drawn()

    def _drawn(self):
        # The same starts for each seed, whatever their number.
        row = torch.randint(len(self.starts), (self.shape[1],), generator=self.generator)
        return self.starts[row].expand(self.shape).clone()

    def oracle(self, observations):
        return self.broken[torch.cdist(observations, self.seen).argmin(dim=-1)]

    def walk(self, agent, rounds, update=True):
        """Return what the updates said."""
        infos = []
        for step in range(rounds):
            states = self.states
            actions = agent.act(self.seen[states], explore=True)
            after = self.after[states, actions]
            ended = after == self.goal
            agent.remember(
                self.seen[states], actions, self.entering[after], self.seen[after], ended
            )
            lost = torch.full_like(ended, step % 20 == 19)
            self.states = torch.where(ended | lost, self._drawn(), after)
            if update:
                infos.append(agent.update())
        return infos

    def settled_regret(self, agent, rounds):
        """Return the median of the last regrets of a walk: single ones jump while it learns."""
        self.walk(agent, rounds)
        regrets = []
        for _ in range(5):
            self.walk(agent, 10)
            regrets.append(self.regret(agent))
        return np.median(regrets)

    def everywhere(self, agent):
        return self.seen.expand(len(agent.seeds), -1, -1)

    def regret(self, agent):
        """Return the mean over seeds and starts of V* - V of the greedy policy."""
        starts = self.world.start_states()
        best = optimal_q(self.mdp).max(axis=1)[starts].mean()
        policies = agent.act(self.everywhere(agent), explore=False).numpy()
        values = [policy_value(self.mdp, policy)[starts].mean() for policy in policies]
        return best - np.mean(values)


def built(seeds=(0, 1), course=None, **changes):
    """Return an agent for the courses."""
    return DQN(
        DQNConfig(**SMALL | changes), OBSERVATION, ACTION, seeds, outcomes=OUTCOMES,
        oracle=None if course is None else course.oracle,
    )  # fmt: skip


@pytest.fixture
def free_world():
    return GridWorld(size=SIZE)


@pytest.fixture
def broken_world():
    """One in which the gate can make good most of what strictness costs (perl_core.tabular.tied:
    exact regrets 0.51 and 0.04).
    """
    return GridWorld(size=SIZE, obstacles={(-1, -1), (0, 1), (2, 0)})


@pytest.fixture
def course():
    return Course


@pytest.fixture
def agent():
    return built


@pytest.fixture
def observation():
    return OBSERVATION


@pytest.fixture
def outcomes():
    return OUTCOMES
