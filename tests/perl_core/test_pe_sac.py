import dataclasses
import json
from typing import get_args
from unittest import mock

from perl_core.agents.pe_sac import PESAC, AgentKind, PESACConfig
from perl_core.checkpoint import agent_config_from_dict, learning_state, load_learning_state
from perl_core.contract import ACTION, OBSERVATION
from perl_core.detectors import DetectorConfig
from perl_core.errors import ConfigError
from perl_core.gaussian import squash_log_determinant
from perl_core.layers import PathwayPrior, vector_parts
from perl_core.learned_gate import GateConfig, LearnedGate
from perl_core.predictors import PredictorConfig
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
    predictors=PredictorConfig(width=16),
    detector=DetectorConfig(width=16),
    symmetry_every=1,
    practice_every=1,
    gate=GateConfig(width=16, warm_up_updates=3),
    standard_trunk='plain',
)  # fmt: skip
STATE, ACTIONS = Representation.of(vector_parts(OBSERVATION)), Representation.of(ACTION)
BOTH = Representation.of((*vector_parts(OBSERVATION), *ACTION))


def errors_of(agent, dtype):
    """Return the largest equivariance errors of actor, critic and predictor."""
    group, generator = group_named(agent.contract.group), torch.Generator().manual_seed(2)
    state, both = torch.randn(64, 15, dtype=dtype), torch.randn(64, 21, dtype=dtype)
    # About the base axis, what is told from there turns linearly.
    centre = torch.zeros(1, 21, dtype=dtype)
    if group.name == 'SO2':
        centre[0, :3] = torch.tensor(agent.contract.workspace_centre_base_m)
    scalars = 2 * trivial(SO3())
    prediction = 5 * vector(SO3())
    return [
        equivariance_error(function, maps, group, inputs, generator).max().item()
        for function, maps, inputs in (
            (lambda x: agent.actor.equivariant(x - centre[:, :15]), (STATE, ACTIONS), state),
            (
                lambda x: agent.critic.of_equivariant((x - centre)[:, :15], x[:, 15:]),
                (BOTH, scalars),
                both,
            ),
            (
                lambda x: agent.predictors.equivariant(x - centre).vectors.flatten(1),
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


@pytest.mark.parametrize('closed', ['residual', 'relaxed'])
def test_a_closed_critic_that_is_not_strict_sees_what_breaks_the_symmetry(
    contract, make_batch, closed
):
    agent = PESAC(dataclasses.replace(SMALL, closed_critic=closed), contract, seed=0)
    for _ in range(5):
        info = agent.update(make_batch())
    assert all(torch.tensor(value).isfinite() for value in info.values())
    batch = make_batch()
    elsewhere = batch.observation.clone()
    elsewhere[:, 15:] += 0.5
    values = [agent.critic.of_equivariant(seen, batch.action)
              for seen in (batch.observation, elsewhere)]  # fmt: skip
    assert (values[0] - values[1]).abs().min() > 0.0
    strict = PESAC(SMALL, contract, seed=0).critic
    assert torch.equal(strict.of_equivariant(batch.observation, batch.action),
                       strict.of_equivariant(elsewhere, batch.action))  # fmt: skip


@pytest.mark.parametrize('change', [
    {'kind': 'sac'}, {'kind': 'equivariant'}, {'share_critic_trunk': True},
])
def test_a_closed_critic_needs_two_branches_of_their_own(change):
    with pytest.raises(ConfigError, match='closed_critic'):
        dataclasses.replace(SMALL, closed_critic='residual', **change)


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
    gate = GateConfig(width=16, warm_up_updates=1000)
    patient = dataclasses.replace(SMALL, gate=gate, practice_share=0.0)
    strict = dataclasses.replace(SMALL, kind='equivariant')
    agents = [PESAC(config, contract, seed=3) for config in (patient, strict)]
    for _ in range(5):
        batch = make_batch()
        both, alone = (agent.update(batch) for agent in agents)
        assert {name: both[name] for name in alone} == alone


@pytest.mark.parametrize('every', [1, 2])
def test_the_standard_branch_practises_while_the_gate_is_closed(contract, make_batch, every):
    gate = GateConfig(width=16, warm_up_updates=1000)
    config = dataclasses.replace(SMALL, gate=gate, practice_share=0.4, practice_every=every)
    agent = PESAC(config, contract, seed=0)
    for update in range(3):
        before = {name: value.clone() for name, value in agent.state_dict().items()}
        info = agent.update(make_batch())
        after = agent.state_dict()
        assert info['actor/gate_share'] == info['critic/gate_share'] == 0.0
        for part in ('actor', 'critic'):
            for branch in ('equivariant', 'standard'):
                names = [name for name in before if name.startswith(f'{part}.{branch}.')]
                has_changed = any(not torch.equal(before[name], after[name]) for name in names)
                assert has_changed == (branch == 'equivariant' or update % every == 0)


def test_only_the_chosen_branch_learns(contract, make_batch):
    agent = PESAC(dataclasses.replace(SMALL, kind='equivariant'), contract, seed=0)
    before = {name: value.clone() for name, value in agent.state_dict().items()}
    agent.update(make_batch())
    after = agent.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert any(name.startswith('actor.equivariant') for name in changed)
    assert any(name.startswith('critic.equivariant') for name in changed)
    assert not any('.standard.' in name for name in changed)


def variant(**fields):
    """Return the small configuration with some fields changed; a dict changes some of a part."""
    parts = {
        name: dataclasses.replace(getattr(SMALL, name), **value)
        for name, value in fields.items()
        if isinstance(value, dict)
    }
    return dataclasses.replace(SMALL, **(fields | parts))


VARIANTS = {
    'paper': variant(detector={'kind': 'welford'}, gate={'kind': 'draw'}),
    'relaxed': variant(standard_trunk='relaxed'),
    'soft': variant(gate={'kind': 'soft'}),
    'sampled_max_4': variant(gate={'state': 'sampled_max', 'sampled_actions': 4}),
    'no_reward_head': variant(predictors={'reward_head': False}),
    'square': variant(predictors={'distance': 'square'}, detector={'kind': 'welford'}),
    'ensemble': variant(detector={'bound': 'mean', 'members': 3}),
    'shared_critic': variant(share_critic_trunk=True),
    'shared_actor': variant(share_actor_trunk=True),
    'shared_relaxed_soft': variant(
        share_actor_trunk=True, share_critic_trunk=True, standard_trunk='relaxed',
        gate={'kind': 'soft', 'state': 'sampled_max'},
    ),
}  # fmt: skip


def opened(agent):
    """Open the gate at about half of all states, by hand."""
    with torch.no_grad():
        for network in (agent.gate.action_gate, agent.gate.target_gate, agent.gate.state_gate):
            if network is not None:
                network.mlps.set_last_bias(0.0)
                network.mlps[0][-1].weight.normal_()
    return agent


@pytest.mark.parametrize('name', VARIANTS)
def test_every_variant_learns_resumes_and_decides_as_it_is_exported(contract, make_batch, name):
    agent = opened(PESAC(VARIANTS[name], contract, seed=0))
    for _ in range(5):
        info = agent.update(make_batch())
    assert {'predictors/loss', 'gate/action_loss', 'critic/loss', 'actor/loss'} <= set(info)
    assert all(torch.tensor(value).isfinite() for value in info.values())
    again = PESAC(VARIANTS[name], contract, seed=9)
    load_learning_state(again, learning_state(agent))
    batch = make_batch()
    assert agent.update(batch) == again.update(batch)
    modules, observation = agent.export_modules(), batch.observation
    standard, gate = modules['actor_standard'](observation), modules['gate'](observation)
    equivariant = modules['actor_equivariant'](observation[:, :15])
    chosen = torch.where((gate > 0.5).unsqueeze(1), standard, equivariant)
    assert torch.allclose(agent.act(observation, explore=False), chosen, atol=1e-5)
    config = agent_config_from_dict(json.loads(json.dumps(dataclasses.asdict(agent.config))))
    assert config == agent.config


@pytest.mark.parametrize('group', ['SO3', 'SO2'])
@pytest.mark.parametrize('kind', get_args(AgentKind))
def test_every_kind_of_agent_learns_resumes_and_decides_as_it_is_exported(
    contract, make_batch, kind, group
):
    contract = dataclasses.replace(contract, group=group)
    config = dataclasses.replace(SMALL, kind=kind)
    agent, again = (PESAC(config, contract, seed=seed) for seed in (0, 9))
    for _ in range(3):
        info = agent.update(make_batch())
    assert all(torch.tensor(value).isfinite() for value in info.values())
    load_learning_state(again, learning_state(agent))
    batch = make_batch()
    assert agent.update(batch) == again.update(batch)
    modules, observation = agent.export_modules(), batch.observation
    branch = 'standard' if config.branches == 'standard' else 'equivariant'
    seen = observation if branch == 'standard' else observation[:, :15]
    exported = modules[f'actor_{branch}'](seen)
    assert torch.allclose(agent.act(observation, explore=False), exported, atol=1e-6)
    assert set(modules['gate'](observation).tolist()) <= {0.0, 1.0} or kind == 'pe'
    saved = json.loads(json.dumps(dataclasses.asdict(config)))
    assert agent_config_from_dict(saved) == config


def test_the_prior_pulls_the_free_path_of_both_parts(contract, make_batch):
    strong = PathwayPrior(equivariant_precision=0.0, free_precision=1e3)
    none = PathwayPrior(equivariant_precision=0.0, free_precision=0.0)
    sizes = {}
    for name, prior in (('strong', strong), ('none', none)):
        config = dataclasses.replace(SMALL, kind='rpp', actor_prior=prior, critic_prior=prior)
        agent = PESAC(config, contract, seed=0)
        for _ in range(30):
            agent.update(make_batch())
        sizes[name] = [
            sum(weights.square().sum() for weights in trunk.pathways().free)
            for trunk in (agent.actor.standard.trunk, agent.critic.standard)
        ]
    for pulled, free in zip(sizes['strong'], sizes['none'], strict=True):
        assert pulled < 0.1 * free


def test_an_unknown_agent_is_refused_by_the_names_of_those_there_are():
    with pytest.raises(ConfigError, match=r"agent\.kind must be one of \['sac', .*got 'ppo'"):
        PESACConfig(kind='ppo')


class Densely:
    """A hard gate whose answers are floats: both branches then run on every row."""

    def __init__(self, gate):
        self.gate = gate

    def __getattr__(self, name):
        return getattr(self.gate, name)

    def of_action(self, *arguments):
        return self.gate.of_action(*arguments).float()

    def of_state(self, *arguments):
        return self.gate.of_state(*arguments).float()


@pytest.mark.parametrize('name', ['paper', 'relaxed', 'sampled_max_4', 'shared_critic'])
def test_an_update_of_split_batches_is_that_of_dense_ones(contract, make_batch, name):
    config = dataclasses.replace(VARIANTS[name], learning_rate=1e-3)
    split, dense = (opened(PESAC(config, contract, seed=1)) for _ in range(2))
    load_learning_state(dense, learning_state(split))
    for agent in (split, dense):
        agent.gate.updates += 1000
    del dense._modules['gate']
    dense.gate = Densely(split.gate)
    batch = make_batch(128)
    split_state = split.generator.get_state()
    shares = []
    for agent in (split, dense):
        agent.generator.set_state(split_state)
        with mock.patch.object(LearnedGate, 'update', lambda *_: {}):
            info = agent.update(batch)
        shares.append(info)
    assert 0.1 < shares[0]['critic/gate_share'] < 0.9
    for key, value in shares[0].items():
        assert value == pytest.approx(shares[1][key], rel=1e-5, abs=1e-6), key
    for part in ('actor', 'critic'):
        pairs = zip(
            getattr(split, part).parameters(), getattr(dense, part).parameters(), strict=True
        )
        for one, two in pairs:
            first, second = (0.0 if p.grad is None else p.grad for p in (one, two))
            assert torch.allclose(
                torch.as_tensor(first), torch.as_tensor(second), rtol=1e-4, atol=1e-6
            )


@pytest.mark.parametrize('name', ['paper', 'soft', 'sampled_max_4'])
def test_no_gradient_of_actor_or_critic_reaches_the_gate(contract, make_batch, name):
    agent = opened(PESAC(VARIANTS[name], contract, seed=0))
    agent.gate.updates += 1000
    before = {key: value.clone() for key, value in agent.gate.state_dict().items()}
    with mock.patch.object(LearnedGate, 'update', lambda *_: {}):
        agent.update(make_batch())
    assert all(parameter.grad is None for parameter in agent.gate.parameters())
    assert all(torch.equal(value, before[key]) for key, value in agent.gate.state_dict().items())


def test_critic_learns_a_bandit(contract, make_batch):
    config = dataclasses.replace(SMALL, kind='equivariant', discount=0.0, reward_scale=1.0)
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


def test_config_refuses_to_practise_on_more_rows_than_there_are():
    with pytest.raises(ConfigError, match=r'within \[0, 1\]; got 0.4 \* 3'):
        PESACConfig(practice_share=0.4, practice_every=3)


def test_config_refuses_to_share_a_trunk_of_one_branch():
    with pytest.raises(ConfigError, match='shared between two branches'):
        PESACConfig(kind='sac', share_actor_trunk=True)


@pytest.mark.parametrize(
    ('field', 'value'),
    [
        ('kind', 'none'), ('standard_trunk', 'deep'), ('width', 0), ('discount', 1.0),
        ('initial_temperature', 0.0),
    ],
)  # fmt: skip
def test_config_refuses_values_without_meaning(field, value):
    with pytest.raises(ConfigError, match=f'agent.{field} must be'):
        PESACConfig(**{field: value})
