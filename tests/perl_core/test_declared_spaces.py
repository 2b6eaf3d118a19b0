"""Agents on declared spaces: every part is as symmetric as it says, whatever the group."""

import dataclasses
import json

from hypothesis import given, settings
from hypothesis import strategies as st
from perl_core.agents.pe_sac import PESAC, PESACConfig
from perl_core.agents.pe_sac.config import RECIPES
from perl_core.block_structure import block_structure
from perl_core.contract import Contract
from perl_core.declared_spaces import DeclaredSpaces
from perl_core.detectors import DetectorConfig
from perl_core.environment_contract import (
    EnvironmentContract,
    contract_from_dict,
    require_same_contract,
)
from perl_core.errors import ConfigError, ContractError
from perl_core.gaussian import log_density
from perl_core.learned_gate import GateConfig
from perl_core.predictors import errors
from perl_core.replay import Batch
from perl_core.symmetry import Space
import pytest
import torch

LEGS = {'permutation': [[1, 2, 3, 0], [0, 3, 2, 1]]}
TURNED_LEGS = LEGS | {'signs': [[1, 1, 1, 1], [-1, -1, -1, -1]]}
SWIMMER = EnvironmentContract(
    environment='swimmer', group='Z2', observation_size=8, action_size=2,
    observation={'heading': 'sign', 'joints': '2 sign', 'velocity': 'vector', 'rates': '3 sign'},
    action={'torques': '2 sign'}, scale={'velocity': 2.0},
)  # fmt: skip
ANT = EnvironmentContract(
    environment='ant', group='D4', observation_size=11, action_size=6,
    observation={'position': '2 vector', 'height': 'trivial', 'heading': 'sign', 'hips': LEGS,
                 'turn': 'sign'},
    action={'hips': TURNED_LEGS, 'push': 'vector'},
)  # fmt: skip
MIXED = EnvironmentContract(
    environment='mixed', group='SO2', observation_size=8, action_size=6,
    observation={'position': {'representation': '2 spatial_vector', 'at': [2, 3, 4, 5, 6, 7]},
                 'distances': {'representation': '2 trivial', 'at': [0, 1]}},
    action={'push': 'spatial_vector', 'plane': 'vector', 'grip': 'trivial'},
)  # fmt: skip
CONTRACTS = {contract.environment: contract for contract in (SWIMMER, ANT, MIXED)}
SMALL = PESACConfig(
    width=16, standard_trunk='plain', detector=DetectorConfig(width=8), symmetry_every=1,
    gate=GateConfig(width=8, warm_up_updates=2), practice_share=0.3, practice_every=1,
)  # fmt: skip
KINDS = [kind for kind in RECIPES if kind != 'canonical']


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)
    torch.manual_seed(0)


def batch_for(contract, count=32):
    sizes = contract.observation_size, contract.action_size
    return Batch(
        torch.randn(count, sizes[0]), torch.rand(count, sizes[1]) - 0.5, torch.randn(count),
        torch.randn(count, sizes[0]), torch.zeros(count), torch.arange(count) % 4 == 0,
    )  # fmt: skip


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('name', CONTRACTS)
def test_every_kind_of_agent_learns_and_stays_as_symmetric_as_it_is(name, kind):
    contract = CONTRACTS[name]
    agent = PESAC(dataclasses.replace(SMALL, kind=kind), contract, seed=0)
    for _ in range(4):
        info = agent.update(batch_for(contract))
    assert all(torch.tensor(value).isfinite() for value in info.values())
    assert agent.act(batch_for(contract).observation, explore=True).abs().max() <= 1.0
    agent.double()
    spaces = agent.spaces
    seen, action = (part.double() for part in batch_for(contract)[:2])
    element = spaces.group.sample(len(seen), torch.Generator().manual_seed(1))
    turned, turned_action = spaces.seen.transform(element, seen), spaces.said.transform(
        element, action
    )
    closed = torch.zeros(len(seen), dtype=torch.bool)
    values = agent.critic(seen, action, closed)
    assert torch.allclose(agent.critic(turned, turned_action, closed), values, atol=1e-10)
    policies = [agent.actor(rows, closed) for rows in (seen, turned)]
    modes = [agent.actor.mode(policy) for policy in policies]
    assert torch.allclose(modes[1], spaces.said.transform(element, modes[0]), atol=1e-10)
    points = [agent.actor.blocks.split(rows) for rows in (action, turned_action)]
    densities = [log_density(*pair) for pair in zip(policies, points, strict=True)]
    assert torch.allclose(*densities, atol=1e-9)


@settings(deadline=None, max_examples=25)
@given(st.sampled_from(sorted(CONTRACTS)), st.integers(0, 10_000))
def test_errors_of_predictors_do_not_depend_on_the_orientation(name, seed):
    contract = CONTRACTS[name]
    torch.manual_seed(seed)
    agent = PESAC(SMALL, contract, seed=seed).double()
    batch = Batch(*(
        part.double() if part.is_floating_point() else part for part in batch_for(contract)
    ))
    generator = torch.Generator().manual_seed(seed)
    turned = agent.spaces.turned(batch, generator)
    found = []
    for rows in (batch, turned):
        agent.predictors.mean_square.fill_(1.0)
        agent.predictors.observe(rows)
        found.append(agent.predictors.mean_square.clone())
        prediction = agent.predictors.predict(rows.observation, rows.action)[0]
        found.append(errors(prediction, agent.predictors.target(rows)))
        agent.predictors.batches.zero_()
        agent.predictors.reward_mean.zero_()
    if agent.spaces.group.order is None:
        assert torch.allclose(found[0], found[2], atol=1e-9)
        assert torch.allclose(found[1], found[3], atol=1e-9)
    else:
        # Each row has its own element, so that the mean over rows moves with the orbits only.
        assert torch.allclose(found[0].sum(), found[2].sum(), atol=1e-9)


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(['C4', 'D4', 'Z2', 'SO2', 'SO3', 'O3']), st.integers(0, 10_000))
def test_numbers_of_blocks_move_with_the_lengths_of_blocks(group, seed):
    words = ['vector', '2 trivial', 'spatial_vector', 'pseudovector', 'sign']
    generator = torch.Generator().manual_seed(seed)
    if group in ('C4', 'SO2', 'SO3'):
        words.remove('sign')
    chosen = torch.randint(len(words), (3,), generator=generator)
    space = Space(group, {str(i): words[index] for i, index in enumerate(chosen)})
    blocks, moved = block_structure(space.representation)
    values = torch.randn(5, space.size, generator=generator)
    element = space.group.sample(1, generator)[0]
    lengths = blocks.split(values).norm(dim=-1)
    turned = blocks.split(space.transform(element, values)).norm(dim=-1)
    assert torch.allclose(turned, moved.transform(element, lengths), atol=1e-5)
    assert torch.allclose(blocks.join(blocks.split(values)), values)


def test_random_actions_fill_their_blocks_and_no_more():
    blocks = DeclaredSpaces(MIXED).action
    split = blocks.split(blocks.random(500, torch.Generator().manual_seed(0)))
    lengths = split.norm(dim=-1)
    assert lengths.shape == (500, 3)
    assert lengths.max() < 1.0
    assert (lengths.mean(0) - 0.5).abs().max() < 0.05
    assert split[:, 1, 2].abs().max() == split[:, 2, 1:].abs().max() == 0.0


def test_a_contract_is_plain_data_and_equal_to_the_one_read_back():
    for contract in CONTRACTS.values():
        again = contract_from_dict(json.loads(json.dumps(contract.to_dict())))
        assert again == contract
        assert again.fingerprint() == contract.fingerprint()
    assert contract_from_dict(Contract().to_dict()) == Contract()
    assert SWIMMER.fingerprint() != ANT.fingerprint()


def test_contracts_that_differ_are_refused_by_name():
    with pytest.raises(ContractError, match=r"environment 'ant', expected .* robot 'ur5e'"):
        require_same_contract(Contract(), ANT, 'the bundle x')
    with pytest.raises(ContractError, match=r"x was made .*: group is 'C4' there, expected 'D4'"):
        require_same_contract(ANT, dataclasses.replace(ANT, group='C4'), 'x')


@pytest.mark.parametrize(
    ('changes', 'error', 'sentence'),
    [
        ({'action_size': 7}, ContractError, 'the action of ant has 7 entries, its description 6'),
        ({'group': 'D0'}, ConfigError, "unknown group 'D0'"),
        ({'scale': {'nose': 1.0}}, ContractError, r"slices of the observation.*\{'nose': 1.0\}"),
        ({'scale': {'hips': 0.0}}, ContractError, 'positive numbers'),
        ({'action': {'hips': torch.zeros(1)}}, ContractError, 'words, lists and numbers'),
    ],
)
def test_a_contract_that_does_not_fit_is_one_sentence(changes, error, sentence):
    with pytest.raises(error, match=sentence):
        DeclaredSpaces(dataclasses.replace(ANT, **changes))


@pytest.mark.parametrize('changes', [{'kind': 'canonical'}, {'share_actor_trunk': True}])
def test_what_is_known_of_the_arm_only_is_refused_elsewhere(changes):
    with pytest.raises(ConfigError, match='arm'):
        PESAC(dataclasses.replace(SMALL, **changes), ANT, seed=0)
