"""The residual pathway's prior, and what the paper claims of it, on a small regression."""

from perl_core.errors import ConfigError
from perl_core.layers import NetworkShape, PathwayPrior, network
from perl_core.symmetry import equivariance_error, group_named, vector
import pytest
import torch

GROUP = group_named('SO2')
ENDS = 2 * vector(GROUP), vector(GROUP)
SHAPE = NetworkShape(width=32)


def test_penalty_is_that_of_the_expanded_weights():
    layers = network('residual', *ENDS, NetworkShape(width=16, depth=1))
    penalty = PathwayPrior(equivariant_precision=0.2, free_precision=3.0).penalty(layers)
    expected = 1.5 * layers[1][1].free.square()
    for layer in (layers[0], layers[2]):
        expected += 0.1 * sum(part.square().sum() for part in layer.equivariant.expand())
        expected += 1.5 * (layer.free.weight.square().sum() + layer.free.bias.square().sum())
    assert torch.allclose(penalty, expected)
    penalty.backward()
    assert all(p.grad is not None for p in layers.parameters())


def test_networks_without_two_paths_and_negative_precisions_are_refused():
    for kind in ('plain', 'equivariant'):
        with pytest.raises(ConfigError, match="needs a network of kind 'residual'"):
            PathwayPrior().penalty(network(kind, *ENDS, SHAPE))
    with pytest.raises(ConfigError, match=r'free_precision must be at least 0; got -1'):
        PathwayPrior(free_precision=-1.0)


def sampled(is_broken, count, seed):
    """Return two vectors and an equivariant function of them; a wind along (2, -1) breaks it."""
    inputs = torch.randn(count, 4, generator=torch.Generator().manual_seed(seed))
    first, second = inputs.split(2, dim=1)
    alignment = (first * second).sum(1, keepdim=True).tanh()
    targets = second * first.norm(dim=1, keepdim=True) - first * alignment
    wind = torch.tensor([1.0, -0.5]) * first[:, :1]
    return inputs, targets + wind * is_broken


def fitted_error(kind, is_broken):
    """Return the test error, and the equivariance error, after training on 100 samples."""
    torch.manual_seed(0)
    module = network(kind, *ENDS, SHAPE)
    optimiser = torch.optim.Adam(module.parameters(), lr=1e-2, fused=True)
    inputs, targets = sampled(is_broken, 100, seed=0)
    prior = PathwayPrior()
    for _ in range(200):
        loss = (module(inputs) - targets).square().mean()
        if kind == 'residual':
            loss = loss + 3.0 * prior.penalty(module) / len(inputs)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    inputs, targets = sampled(is_broken, 500, seed=1)
    draw = torch.Generator().manual_seed(0)
    unequal = equivariance_error(module, ENDS, GROUP, inputs, draw).median()
    return float((module(inputs) - targets).square().mean().detach()), float(unequal)


def test_residual_pathway_finds_the_symmetry_where_it_holds_and_leaves_it_where_it_does_not():
    plain, strict, residual = (
        fitted_error(kind, is_broken=False) for kind in ('plain', 'equivariant', 'residual')
    )
    assert residual[0] < 1.4 * strict[0]
    assert residual[0] < 0.7 * plain[0]
    assert strict[1] < 1e-5 < residual[1] < 0.7 * plain[1]
    strict, residual = (
        fitted_error(kind, is_broken=True) for kind in ('equivariant', 'residual')
    )
    assert residual[0] < 0.5 * strict[0]
