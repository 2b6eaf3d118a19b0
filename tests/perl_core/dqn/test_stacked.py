"""Stacked networks are the networks that they are made of."""

import typing

from perl_core.agents.dqn import DQNConfig
from perl_core.agents.dqn.networks import network, two_headed
from perl_core.agents.dqn.stacked import Follower, StackedNetwork, StackedOptimiser
from perl_core.agents.dqn.streams import derived_seed
from perl_core.layers import Kind
from perl_core.symmetry import group_named, regular, trivial, vector
import pytest
import torch

C4 = group_named('C4')
CONFIG = DQNConfig(width=8)
RHO_OUT = regular(C4) * (trivial(C4) + regular(C4)) + trivial(C4)
BUILDS = {
    **{kind: lambda kind=kind: network(kind, vector(C4), RHO_OUT, CONFIG)
       for kind in typing.get_args(Kind)},
    'two heads': lambda: two_headed(vector(C4), RHO_OUT, CONFIG),
}  # fmt: skip


@pytest.mark.parametrize('name', BUILDS)
def test_each_seed_computes_what_its_own_network_does(name):
    stacked = StackedNetwork(BUILDS[name], (5, 2), 'test')
    inputs = torch.randn(2, 7, 2, generator=torch.Generator().manual_seed(0))
    for row, seed in enumerate((5, 2)):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derived_seed(seed, 'test'))
            alone = BUILDS[name]()
        expected = inputs[row]
        for layer in alone:
            if hasattr(layer, 'expand'):
                expected = torch.nn.functional.linear(expected, *layer.expand())
            else:
                expected = layer(expected)
        assert torch.allclose(stacked(inputs)[row], expected, atol=1e-5)


def test_gradients_are_clipped_for_each_seed_alone():
    stacked = StackedNetwork(BUILDS['equivariant'], (0, 1), 'test')
    optimiser = StackedOptimiser([stacked], learning_rate=1e-3, max_norm=0.5)
    sums = stacked(torch.ones(2, 3, 2)).sum(dim=(1, 2))
    norms = optimiser.descend(sums * torch.tensor([1e3, 1e-6]))
    assert norms[0] > 0.5 > norms[1]
    kept = torch.linalg.vector_norm(stacked.flat.grad, dim=1)
    assert kept.tolist() == pytest.approx([0.5, norms[1].item()], rel=1e-4)


def test_a_follower_moves_by_its_rate_after_each_step():
    stacked = StackedNetwork(BUILDS['relaxed'], (0,), 'test')
    target, inputs = Follower(stacked), torch.ones(1, 3, 2)
    start = target(inputs)
    assert torch.equal(start, stacked(inputs))
    optimiser = StackedOptimiser([stacked], learning_rate=0.1, max_norm=1.0)
    optimiser.descend(stacked(inputs).square().sum(dim=(1, 2)))
    assert not torch.equal(stacked(inputs), start)
    assert torch.equal(target(inputs), start)
    before = target.values.clone()
    target.follow(stacked, 0.25)
    assert torch.allclose(target.values, 0.75 * before + 0.25 * stacked.dense())
