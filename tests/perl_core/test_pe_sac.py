import dataclasses

from perl_core.actor import squash_log_determinant
from perl_core.agents.pe_sac import PESAC, PESACConfig
from perl_core.contract import ACTION, OBSERVATION
from perl_core.errors import ConfigError
from perl_core.gate import GateConfig
from perl_core.layers import vector_parts
from perl_core.symmetry import (
    SO3,
    Representation,
    equivariance_error,
    group_named,
    trivial,
    vector,
)
import pytest
import torch

SMALL = PESACConfig(
    width=16,
    predictor_width=16,
    symmetry_every=1,
    gate=GateConfig(width=16, warm_up_updates=3),
    standard_trunk='plain',
)  # fmt: skip
STATE, ACTIONS = Representation.of(vector_parts(OBSERVATION)), Representation.of(ACTION)
BOTH = Representation.of((*vector_parts(OBSERVATION), *ACTION))


def errors_of(agent, dtype):
    """Return the largest equivariance errors of actor, critic and predictor."""
    group, generator = group_named(agent.contract.group), torch.Generator().manual_seed(2)
    state, both = torch.randn(64, 15, dtype=dtype), torch.randn(64, 21, dtype=dtype)
    scalars = 2 * trivial(SO3())
    prediction = 5 * vector(SO3())
    return [
        equivariance_error(function, maps, group, inputs, generator).max().item()
        for function, maps, inputs in (
            (agent.actor.equivariant, (STATE, ACTIONS), state),
            (lambda x: agent.critic.of_equivariant(x[:, :15], x[:, 15:]), (BOTH, scalars), both),
            (
                lambda x: agent.predictors.equivariant(x).vectors.flatten(1),
                (BOTH, prediction),
                both,
            ),
        )
    ]


@pytest.mark.parametrize('group', ['SO3', 'SO2'])
def test_parts_are_equivariant_before_and_after_learning(contract, make_batch, group):
    agent = PESAC(SMALL, dataclasses.replace(contract, group=group), seed=0)
    for _ in range(2):
        assert max(errors_of(agent, torch.float32)) < 1e-5
        for _ in range(10):
            agent.update(make_batch())
    agent.double()
    assert max(errors_of(agent, torch.float64)) < 1e-10


def test_density_is_invariant(contract):
    actor = PESAC(SMALL, contract, seed=0).actor.double()
    observation, closed = torch.randn(16, 39).double(), torch.zeros(16, dtype=torch.bool)
    turned = observation.clone()
    element = group_named('SO3').sample(1, torch.Generator().manual_seed(0))[0]
    turned[:, :15] = STATE.transform(element, observation[:, :15])
    policy, turned_policy = actor(observation, closed), actor(turned, closed)
    assert torch.allclose(turned_policy.std, policy.std)
    assert torch.allclose(turned_policy.mean, policy.mean @ element.T)
    vectors = policy.mean + policy.std * torch.randn(16, 2, 3).double()
    before, after = (
        torch.distributions.Normal(gaussian.mean, gaussian.std).log_prob(points).sum((1, 2))
        - squash_log_determinant(points).sum(1)
        for gaussian, points in ((policy, vectors), (turned_policy, vectors @ element.T))
    )
    assert torch.allclose(before, after, atol=1e-9)


def test_with_a_closed_gate_it_is_the_strict_agent(contract, make_batch):
    gate = GateConfig(width=16, warm_up_updates=1000, practice_share=0.0)
    patient = dataclasses.replace(SMALL, gate=gate)
    strict = dataclasses.replace(SMALL, branches='equivariant')
    agents = [PESAC(config, contract, seed=3) for config in (patient, strict)]
    for _ in range(5):
        batch = make_batch()
        both, alone = (agent.update(batch) for agent in agents)
        assert {name: both[name] for name in alone} == alone


def test_the_standard_branch_practises_while_the_gate_is_closed(contract, make_batch):
    gate = GateConfig(width=16, warm_up_updates=1000, practice_share=0.5)
    agent = PESAC(dataclasses.replace(SMALL, gate=gate), contract, seed=0)
    before = {name: value.clone() for name, value in agent.state_dict().items()}
    info = agent.update(make_batch())
    after = agent.state_dict()
    assert info['actor/gate_share'] == info['critic/gate_share'] == 0.0
    for part in ('actor', 'critic'):
        for branch in ('equivariant', 'standard'):
            names = [name for name in before if name.startswith(f'{part}.{branch}.')]
            assert any(not torch.equal(before[name], after[name]) for name in names)


def test_only_the_chosen_branch_learns(contract, make_batch):
    agent = PESAC(dataclasses.replace(SMALL, branches='equivariant'), contract, seed=0)
    before = {name: value.clone() for name, value in agent.state_dict().items()}
    agent.update(make_batch())
    after = agent.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert any(name.startswith('actor.equivariant') for name in changed)
    assert any(name.startswith('critic.equivariant') for name in changed)
    assert not any('.standard.' in name for name in changed)


@pytest.mark.parametrize('detector', ['loss_difference', 'welford'])
@pytest.mark.parametrize('trunk', ['plain', 'relaxed'])
def test_every_part_learns_and_stays_finite(contract, make_batch, detector, trunk):
    config = dataclasses.replace(SMALL, detector=detector, standard_trunk=trunk)
    agent = PESAC(config, contract, seed=0)
    for _ in range(6):
        info = agent.update(make_batch())
    assert {'predictors/loss', 'gate/action_loss', 'critic/loss', 'actor/loss'} <= set(info)
    assert all(torch.tensor(value).isfinite() for value in info.values())


def test_critic_learns_a_bandit(contract, make_batch):
    config = dataclasses.replace(SMALL, branches='equivariant', discount=0.0, reward_scale=1.0)
    agent = PESAC(config, contract, seed=0)
    losses = []
    for _ in range(300):
        batch = make_batch(128)
        batch = batch._replace(reward=(batch.observation[:, 3:6] * batch.action[:, :3]).sum(1))
        losses.append(agent.update(batch)['critic/loss'])
    assert sum(losses[-20:]) < 0.2 * sum(losses[:20])


def test_exported_modules_are_the_deterministic_policy(contract, make_batch):
    agent = PESAC(SMALL, contract, seed=0)
    for _ in range(5):
        agent.update(make_batch())
    modules, observation = agent.export_modules(), make_batch().observation
    equivariant = modules['actor_equivariant'](observation[:, :15])
    standard, gate = modules['actor_standard'](observation), modules['gate'](observation)
    assert equivariant.shape == standard.shape == (64, 6)
    assert gate.shape == (64,)
    chosen = torch.where((gate > 0.5).unsqueeze(1), standard, equivariant)
    assert torch.allclose(agent.act(observation, explore=False), chosen, atol=1e-6)


@pytest.mark.parametrize(
    ('field', 'value'), [('width', 0), ('discount', 1.0), ('initial_temperature', 0.0)]
)
def test_config_refuses_values_without_meaning(field, value):
    with pytest.raises(ConfigError, match=f'agent.{field} must be'):
        PESACConfig(**{field: value})
