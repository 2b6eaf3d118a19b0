"""Predictors, detectors and gate learn where a world is broken."""

import dataclasses

from perl_core.agents.dqn import Batch, DQNConfig, GateConfig, Outcomes
from perl_core.agents.dqn.detectors import ZScoreDetector
from perl_core.agents.dqn.gate import LearnedGate
from perl_core.detection import Comparison
from perl_core.errors import SymmetryError
from perl_core.symmetry import group_named, regular, trivial, vector
from perl_core.tabular.gridworld import MOVES, GridWorld
import pytest
import torch

C4 = group_named('C4')
STEP = torch.tensor([(0, 0), *MOVES])


def uniform_batch(track, seeds, rows, generator):
    shape = (seeds, rows)
    states = track.starts[torch.randint(len(track.starts), shape, generator=generator)]
    actions = torch.randint(4, shape, generator=generator)
    after = track.after[states, actions]
    return Batch(
        observation=track.seen[states], action=actions, reward=track.entering[after],
        next_observation=track.seen[after], terminated=(after == track.goal).float(),
        slot=torch.randint(100_000, shape, generator=generator),
    )  # fmt: skip


@pytest.fixture
def learned(observation, outcomes):
    """Return the weights of a gate that learned from a world, and where that is broken."""

    def train(track, config, updates=300, known=outcomes):
        gate = LearnedGate(
            DQNConfig(agent='pe', width=32, gate=config), observation, regular(C4), (0, 1), known
        )
        generator = torch.Generator().manual_seed(0)
        for _ in range(updates):
            gate.update(uniform_batch(track, 2, 64, generator))
        opened = gate.weight(track.seen.expand(2, -1, -1))[:, track.starts]
        return opened, track.broken[track.starts].expand_as(opened)

    return train


CONFIG = GateConfig(warm_up_updates=150)


@pytest.mark.parametrize('by_outcomes', [True, False])
def test_the_gate_finds_broken_transitions(course, learned, broken_world, outcomes, by_outcomes):
    known = outcomes if by_outcomes else None
    opened, broken = learned(course(broken_world, 2), CONFIG, known=known)
    right = (opened * broken).sum()
    assert right / broken.sum() > 0.7
    assert right / opened.sum() > 0.6


def test_a_gate_stays_closed_in_a_free_world(course, learned, free_world):
    opened, _ = learned(course(free_world, 2), CONFIG)
    assert opened.mean() < 0.05


def test_only_the_reward_head_sees_a_broken_reward(course, learned):
    track = course(GridWorld(size=5, penalties={(1, 0), (2, 1)}, penalty_reward=-1.0), 2)
    opened, broken = learned(track, CONFIG)
    assert (opened * broken).sum() / broken.sum() > 0.7
    blind, _ = learned(track, dataclasses.replace(CONFIG, reward_head=False))
    assert blind.mean() < 0.05


def test_the_gate_stays_closed_until_warm(course, learned, broken_world):
    config = dataclasses.replace(CONFIG, warm_up_updates=30)
    opened, _ = learned(course(broken_world, 2), config, updates=29)
    assert opened.sum() == 0.0


def test_a_soft_gate_weighs_by_its_probability(course, learned, broken_world):
    track = course(broken_world, 2)
    config = dataclasses.replace(CONFIG, kind='soft', warm_up_updates=0)
    opened, _ = learned(track, config, updates=1)
    assert torch.allclose(opened, torch.full_like(opened, config.prior), atol=0.04)
    assert opened.std() > 0.0


def test_a_drawn_gate_opens_as_often_as_it_says(course, broken_world):
    config = dataclasses.replace(CONFIG, kind='draw', warm_up_updates=0, prior=0.5)
    gate = LearnedGate(DQNConfig(gate=config), vector(C4), regular(C4), (0,), None)
    seen = torch.zeros(1, 5000, 2)
    weight = gate.weight(seen)
    assert set(weight.unique().tolist()) == {0.0, 1.0}
    assert (weight.mean(dim=1) - gate.probability(seen).mean(dim=1)).abs().max() < 0.03


def test_each_seed_has_moments_of_its_own():
    detector = ZScoreDetector(GateConfig(kappa=1.0), 2)
    disagreement = torch.tensor([[0.0, 0.0, 0.0, 4.0], [0.0, 0.0, 0.0, 0.4]])
    comparison = Comparison(disagreement, disagreement)
    detector.losses(None, comparison)
    assert detector.mean.tolist() == pytest.approx([1.0, 0.1])
    # z of the last: (4 - 1) / sqrt(3), about 1.7, whatever the scale.
    assert detector.labels(None, comparison).tolist() == [[0, 0, 0, 1], [0, 0, 0, 1]]


def test_outcomes_must_move_as_the_group_says():
    rho = trivial(C4) + regular(C4)
    outcomes = Outcomes(STEP, rho, vector(C4))
    seen = torch.zeros(5, 2)
    assert outcomes.of(seen, seen + STEP * 0.9).tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(SymmetryError, match='does not permute the displacements'):
        Outcomes(STEP[[0, 2, 1, 3, 4]], rho, vector(C4))
    with pytest.raises(SymmetryError, match=r'shape \(5, 2\).*got \(4, 2\)'):
        Outcomes(STEP[:4], rho, vector(C4))
