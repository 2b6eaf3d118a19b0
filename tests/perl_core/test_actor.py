"""Actor and critic: how the gate joins their branches, and by hand what they learn."""

import copy

from perl_core.actor import Actor, ActorUpdate, Temperature, update_actor, update_temperature
from perl_core.arm_spaces import ArmSpaces
from perl_core.critic import Critic, CriticUpdate, update_critic
from perl_core.layers import Adam, TrunkShape
from perl_core.symmetry import group_named
import pytest
import torch

SHAPE = TrunkShape(width=16, depth=2)


@pytest.fixture(params=[False, True], ids=['separate', 'shared'])
def branches(request, contract):
    """Return actor and critic, with and without a common trunk."""
    return tuple(
        kind(ArmSpaces(contract), SHAPE, 'relaxed', share_trunk=request.param)
        for kind in (Actor, Critic)
    )


def gradients(values, module):
    return torch.autograd.grad(values, list(module.parameters()), allow_unused=True)


def same_gradients(first, second):
    for one, two in zip(first, second, strict=True):
        if one is None or two is None:
            assert all(part is None or part.abs().max() == 0.0 for part in (one, two))
        else:
            assert torch.allclose(one, two, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize('share', [0.0, 0.4, 1.0])
def test_split_form_has_the_values_and_gradients_of_the_dense_form(branches, make_batch, share):
    actor, critic = branches
    batch, is_open = make_batch(), torch.rand(64) < share
    split = actor(batch.observation, is_open)
    dense = actor(batch.observation, is_open.float())
    for one, two in zip(split[:2], dense[:2], strict=True):
        assert torch.allclose(one, two, atol=1e-6)
    same_gradients(*(
        gradients((policy.mean.square() + policy.std).sum(), actor) for policy in (split, dense)
    ))  # fmt: skip
    split, dense = (
        critic(batch.observation, batch.action, weight) for weight in (is_open, is_open.float())
    )
    assert torch.allclose(split, dense, atol=1e-6)
    same_gradients(*(gradients(values.square().mean(), critic) for values in (split, dense)))


def test_soft_gate_mixes_values_and_multiplies_policies(branches, make_batch):
    actor, critic = branches
    batch, weight = make_batch(), torch.full((64,), 0.25)
    never, always = torch.zeros(64), torch.ones(64)
    of_e, of_n, mixed = (
        critic(batch.observation, batch.action, part) for part in (never, always, weight)
    )
    assert torch.allclose(mixed, 0.75 * of_e + 0.25 * of_n, atol=1e-5)
    first, second, fused = (actor(batch.observation, part) for part in (never, always, weight))
    precision = 0.75 / first.std.square() + 0.25 / second.std.square()
    assert torch.allclose(fused.std.square(), 1 / precision, rtol=1e-4)


def test_shared_or_not_the_equivariant_branch_sees_vectors_only(branches, contract, make_batch):
    actor, critic = (module.double() for module in branches)
    element = group_named(contract.group).sample(1, torch.Generator().manual_seed(0))[0]
    observation = make_batch().observation.double()
    action = make_batch().action.double()
    turned, turned_action = observation.clone(), action.unflatten(1, (2, 3)) @ element.mT
    turned[:, :15] = (observation[:, :15].unflatten(1, (5, 3)) @ element.mT).flatten(1)
    turned[:, 15:] = torch.randn(64, 24)
    closed, is_open = torch.zeros(64, dtype=torch.bool), torch.ones(64, dtype=torch.bool)
    before = actor(observation, closed).mean @ element.mT
    assert torch.allclose(actor(turned, closed).mean, before, atol=1e-10)
    assert not torch.allclose(
        actor(turned, is_open).mean, actor(observation, is_open).mean @ element.mT, atol=1e-5
    )
    values = critic(observation, action, closed)
    assert torch.allclose(critic(turned, turned_action.flatten(1), closed), values, atol=1e-10)


def test_only_a_shared_trunk_lets_the_standard_branch_move_the_equivariant_one(
    contract, make_batch
):
    is_open, batch = torch.ones(64, dtype=torch.bool), make_batch()
    for share_trunk in (False, True):
        actor = Actor(ArmSpaces(contract), SHAPE, 'plain', share_trunk)
        actor(batch.observation, is_open).mean.sum().backward()
        touched = any(p.grad is not None for p in actor.equivariant.parameters())
        assert touched == share_trunk


def critic_update(critic, next_value):
    optimiser = Adam(critic.parameters(), 1e-3)
    closed = torch.zeros(len(next_value), dtype=torch.bool)
    return CriticUpdate(critic, optimiser, closed, next_value, 0.9, 2.0, 1e9, 0.0)


def test_critic_target_by_hand(contract, make_batch):
    critic = Critic(ArmSpaces(contract), SHAPE, 'plain')
    batch = make_batch(3)._replace(
        reward=torch.tensor([1.0, -1.0, 0.5]), terminated=torch.tensor([0.0, 0.0, 1.0])
    )
    value = torch.tensor([10.0, 20.0, 30.0])
    # 2 r + 0.9 (1 - terminated) V(s')
    target = torch.tensor([11.0, 16.0, 1.0])
    closed = torch.zeros(3, dtype=torch.bool)
    values = critic(batch.observation, batch.action, closed).detach()
    expected = (values - target.unsqueeze(1)).square().sum(1).mean()
    info = update_critic(critic_update(critic, value), batch, torch.Generator())
    assert info['critic/loss'] == pytest.approx(float(expected), rel=1e-5)


def test_actor_climbs_the_value(contract, make_batch):
    actor, batch = Actor(ArmSpaces(contract), SHAPE, 'plain'), make_batch()
    parts = ActorUpdate(
        actor, Adam(actor.parameters(), 1e-2), torch.zeros(64, dtype=torch.bool),
        lambda _, action: action[:, 0], Temperature(1e-6), 1e9, 0.0,
    )  # fmt: skip
    generator = torch.Generator().manual_seed(0)
    seen = batch._replace(observation=batch.observation[:1].repeat(64, 1))
    before = actor(seen.observation, torch.zeros(64, dtype=torch.bool)).mean[0, 0, 0].item()
    for _ in range(20):
        info, log_probability = update_actor(parts, seen, generator)
    after = actor(seen.observation, torch.zeros(64, dtype=torch.bool)).mean[0, 0, 0].item()
    assert after > before + 0.1
    assert info['actor/entropy'] == pytest.approx(-float(log_probability.mean()))


@pytest.mark.parametrize(('log_probability', 'sign'), [(5.0, 1.0), (-5.0, -1.0)])
def test_temperature_pulls_entropy_to_its_target(log_probability, sign):
    # Entropy is -log_probability; below its target of -3 the weight grows.
    temperature = Temperature(0.1)
    optimiser = Adam(temperature.parameters(), 0.1)
    update_temperature(temperature, optimiser, torch.full((4,), log_probability), -3.0)
    # Adam's first step is as long as its rate.
    expected = torch.tensor(0.1).log() + 0.1 * sign
    assert temperature.log_alpha.item() == pytest.approx(float(expected), rel=1e-5)
    assert sign * (float(temperature.alpha) - 0.1) > 0


def test_a_copy_keeps_its_trunk_shared_and_apart_from_the_original(contract, make_batch):
    critic = Critic(ArmSpaces(contract), SHAPE, 'plain', share_trunk=True)
    twin = copy.deepcopy(critic)
    assert twin.equivariant is twin.standard.equivariant
    assert twin.equivariant is not critic.equivariant
    separate = Critic(ArmSpaces(contract), SHAPE, 'plain')
    count = sum(parameter.numel() for parameter in critic.parameters())
    assert count < 2 * sum(parameter.numel() for parameter in separate.parameters())
