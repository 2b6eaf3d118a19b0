"""How the agents relate to each other and to the symmetry."""

import typing

from perl_core.agents.dqn import AgentName, GateConfig
from perl_core.agents.dqn.augmentation import Augmentation
from perl_core.agents.dqn.streams import Streams
from perl_core.symmetry import equivariance_error, group_named, regular
import pytest
import torch

C4 = group_named('C4')
ORACLE = GateConfig(kind='oracle')
NAMES = typing.get_args(AgentName)


def losses(infos):
    return torch.stack([info['critic/loss'] for info in infos if info])


def test_strict_values_stay_equivariant_while_learning(
    agent, course, broken_world, observation
):
    strict = agent(agent='equivariant')
    course(broken_world, 2).walk(strict, 100)
    inputs = torch.randn(200, 27, generator=torch.Generator().manual_seed(1))
    for seed in range(2):
        error = equivariance_error(
            lambda rows, seed=seed: strict.q(rows.expand(2, -1, -1))[seed],
            (observation, regular(C4)), C4, inputs, torch.Generator().manual_seed(2),
        )  # fmt: skip
        assert error.max() < 1e-5
    turned = observation.transform(C4.generators[0], inputs)
    free = agent(agent='dqn')
    gap = free.q(turned.expand(2, -1, -1)) - free.q(inputs.expand(2, -1, -1)).roll(1, dims=-1)
    assert gap.abs().max() > 1e-2


@pytest.mark.parametrize(('weight', 'rival'), [(0.0, 'equivariant'), (1.0, 'dqn')])
def test_a_gate_forced_to_one_side_gives_the_rival_itself(
    agent, course, broken_world, weight, rival
):
    walks = {}
    for name in ('pe', rival):
        track = course(broken_world, 2)
        track.oracle = lambda seen: torch.full((*seen.shape[:2], 4), weight)
        learner = agent(course=track, agent=name, gate=ORACLE)
        walks[name] = losses(track.walk(learner, 60)), learner.q(track.everywhere(learner))
    assert torch.equal(walks['pe'][0], walks[rival][0])
    assert torch.equal(walks['pe'][1], walks[rival][1])


def test_each_action_takes_the_value_of_its_own_critic(agent, course, broken_world):
    track = course(broken_world, 2)
    gated = agent(course=track, agent='pe', gate=ORACLE)
    seen = track.everywhere(gated)
    equivariant, standard = (part(seen) for part in gated.critic.networks)
    chosen = torch.where(track.broken.expand(2, -1, -1) > 0, standard, equivariant)
    assert torch.equal(gated.q(seen), chosen)


def test_without_practice_only_the_chosen_critic_learns(
    agent, course, broken_world
):
    track = course(broken_world, 2)
    track.oracle = lambda seen: torch.zeros(*seen.shape[:2], 4)
    gated = agent(course=track, agent='pe', gate=ORACLE, practice=0.0)
    before = [part.flat.detach().clone() for part in gated.critic.networks]
    track.walk(gated, 60)
    equivariant, standard = gated.critic.networks
    assert not torch.equal(equivariant.flat, before[0])
    assert torch.equal(standard.flat, before[1])


def test_a_residual_network_holds_whatever_a_plain_one_holds(agent):
    residual, plain = agent(agent='residual', width=8), agent(agent='dqn', width=8)
    (network,), (goal,) = residual.critic.networks, plain.critic.networks
    assert network.dense().shape == goal.dense().shape
    span = torch.autograd.functional.jacobian(
        lambda row: network._expand(torch.stack((row, row)))[0], network.flat[0].detach()
    )
    assert torch.linalg.matrix_rank(span) == goal.dense().shape[1]


@pytest.mark.parametrize('name', ['residual', 'relaxed'])
def test_residual_and_relaxed_start_equivariant_and_leave_it(
    agent, course, broken_world, observation, name
):
    learner, track = agent(agent=name), course(broken_world, 2)
    inputs = torch.randn(2, 50, 27, generator=torch.Generator().manual_seed(1))
    turned = inputs @ observation.matrix(C4.generators[0]).float().T

    def gap():
        return (learner.q(turned) - learner.q(inputs).roll(1, dims=-1)).abs().max()

    start = gap()
    assert start < 5e-3
    track.walk(learner, 100)
    assert gap() > 4 * start


def test_augmentation_turns_observation_and_action_together(
    agent, course, free_world, observation
):
    track, learner = course(free_world, 2), agent(agent='augmented')
    track.walk(learner, 20, update=False)
    batch = learner.replay.sample(64, Streams((0, 1), 'test'))
    turned = Augmentation(observation, regular(C4))(batch, Streams((0, 1), 'turn'))
    assert not torch.equal(turned.observation, batch.observation)
    states, after = (
        torch.cdist(part, track.seen).argmin(dim=-1)
        for part in (turned.observation, turned.next_observation)
    )
    # The free world is symmetric: turned transitions are transitions.
    assert torch.equal(track.after[states, turned.action], after)
    assert torch.equal(turned.reward, batch.reward)


@pytest.mark.parametrize('name', NAMES)
def test_every_agent_solves_a_free_world(agent, course, free_world, name):
    learner, track = agent(agent=name, gate=GateConfig(warm_up_updates=80)), course(free_world, 2)
    start = track.regret(learner)
    assert start > 0.2
    assert track.settled_regret(learner, 180) < 0.02


def test_where_the_symmetry_is_broken_the_gate_helps(agent, course, broken_world):
    regrets = {}
    for name in ('equivariant', 'pe'):
        track = course(broken_world, 2)
        learner = agent(course=track, agent=name, gate=ORACLE)
        regrets[name] = track.settled_regret(learner, 220)
    assert regrets['pe'] < regrets['equivariant'] - 0.2
