"""Bad input is refused by name, and exploration follows its schedule."""

import dataclasses

from perl_core.agents.dqn import DQN, DQNConfig, GateConfig
from perl_core.errors import ConfigError, PolicyError, SymmetryError, TrainingError
from perl_core.symmetry import group_named, regular, trivial, vector
import pytest
import torch

C4 = group_named('C4')


@pytest.mark.parametrize(
    ('values', 'named'),
    [({'agent': 'sac'}, r"agent must be one of.*'pe'.*'sac'"), ({'width': 0}, 'width'),
     ({'discount': 1.0}, 'discount'), ({'learning_rate': float('nan')}, 'learning_rate'),
     ({'closed_critic': 'plain'}, "closed_critic.*'residual'"),
     ({'batch_size': -3}, 'batch_size.*-3')],
)  # fmt: skip
def test_a_bad_config_is_refused(values, named):
    with pytest.raises(ConfigError, match=named):
        DQNConfig(**values)


@pytest.mark.parametrize(
    ('values', 'named'),
    [({'kind': 'ajar'}, r"gate\.kind must be one of.*'oracle'.*'ajar'"),
     ({'detector': 'guess'}, r"gate\.detector.*'z_score'"), ({'prior': 0.0}, r'gate\.prior'),
     ({'members': 1}, r'gate\.members')],
)  # fmt: skip
def test_a_bad_gate_config_is_refused(values, named):
    with pytest.raises(ConfigError, match=named):
        GateConfig(**values)


def test_observations_that_do_not_fit_are_refused(agent):
    learner = agent(agent='pe')
    for ask in (learner.q, learner.gate, lambda seen: learner.act(seen, explore=True)):
        with pytest.raises(PolicyError, match=r'\(2, n, 27\), got \(2, 4, 3\)'):
            ask(torch.zeros(2, 4, 3))
        with pytest.raises(PolicyError, match='finite'):
            ask(torch.full((2, 4, 27), float('nan')))


def test_transitions_that_are_not_finite_are_refused(agent):
    learner, seen, one = agent(), torch.zeros(2, 1, 27), torch.zeros(2, 1)
    with pytest.raises(TrainingError, match='finite'):
        learner.remember(seen, one.long(), one * torch.inf, seen, one)
    assert len(learner.replay) == 0
    with pytest.raises(TrainingError, match='shape'):
        learner.remember(seen[:1], one.long(), one, seen, one)


def test_a_gate_without_its_oracle_is_refused(agent):
    with pytest.raises(ConfigError, match='oracle='):
        agent(agent='pe', gate=GateConfig(kind='oracle'))


def test_no_seed_and_other_groups_are_refused(agent):
    with pytest.raises(ConfigError, match='seeds'):
        agent(seeds=())
    with pytest.raises(SymmetryError, match='does not permute 2 actions'):
        DQN(DQNConfig(), vector(C4), vector(C4), (0,))
    with pytest.raises(SymmetryError, match='C8'):
        DQN(DQNConfig(), vector(C4), regular(group_named('C8')), (0,))
    rotations = group_named('SO2')
    with pytest.raises(SymmetryError, match='finite'):
        DQN(DQNConfig(), vector(rotations), 2 * trivial(rotations), (0,))


def test_a_critic_that_diverges_is_named(agent, course, free_world):
    learner, track = agent(seeds=(4, 9)), course(free_world, 2)
    track.walk(learner, 30)
    with torch.no_grad():
        learner.critic.networks[0].flat[1].fill_(torch.inf)
    with pytest.raises(TrainingError, match=r'seeds \[9\]'):
        learner.update()


def test_exploration_falls_to_its_end(agent):
    learner = agent(exploration_steps=1000, learning_starts=100, exploration_end=0.1)
    chances = []
    for steps in (0, 99, 500, 1000, 9999):
        learner.steps = steps
        chances.append(learner.exploration)
    assert chances == pytest.approx([1.0, 1.0, 0.55, 0.1, 0.1])


def test_acting_without_exploring_changes_nothing(agent):
    learner, seen = agent(), torch.randn(2, 6, 27)
    before = learner.state()
    assert torch.equal(learner.act(seen, explore=False), learner.q(seen).argmax(dim=-1))
    after = learner.state()
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_random_actions_are_uniform(agent):
    learner = agent(exploration_start=1.0, exploration_end=1.0)
    actions = learner.act(torch.zeros(2, 4000, 27), explore=True)
    counts = torch.stack([row.bincount(minlength=4) for row in actions])
    assert (counts - 1000).abs().max() < 150
    assert learner.steps == 4000


def test_no_update_before_learning_starts(agent, course, free_world):
    learner, track = agent(), course(free_world, 2)
    assert [bool(info) for info in track.walk(learner, 21)] == [False] * 19 + [True] * 2
    assert dataclasses.is_dataclass(learner.config)
