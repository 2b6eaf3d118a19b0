from hypothesis import given, settings
from hypothesis import strategies as st
from perl_core.errors import ConfigError, SymmetryError
from perl_core.layers import NetworkShape, network
from perl_core.symmetry import (
    equivariance_error,
    group_named,
    irrep,
    sign,
    tensor,
    trivial,
    vector,
)
import pytest
import torch
from torch.func import functional_call, stack_module_state, vmap

KINDS = ('plain', 'equivariant', 'residual', 'relaxed')
SMALL = NetworkShape(width=32)
TOLERANCES = {torch.float32: 1e-5, torch.float64: 1e-10}


def error(module, ends, inputs, draw):
    return equivariance_error(module, ends, ends[0].group, inputs, draw).max()


def train(module, inputs, steps):
    """Fit a function that has no symmetry, hard."""
    optimiser = torch.optim.Adam(module.parameters(), lr=1e-2, fused=True)
    for _ in range(steps):
        loss = (module(inputs) - inputs[:, :1].exp()).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_strict_networks_are_equivariant_before_and_after_training(ends, dtype, draw):
    module = network('equivariant', *ends, SMALL).to(dtype)
    inputs = torch.randn(64, ends[0].size, dtype=dtype)
    assert error(module, ends, inputs, draw) < TOLERANCES[dtype]
    train(module, inputs, 5)
    assert error(module, ends, inputs, draw) < TOLERANCES[dtype]


def test_relaxed_networks_start_equivariant_and_the_others_do_not(ends, draw):
    inputs = torch.randn(64, ends[0].size).double()
    errors = {
        kind: error(network(kind, *ends, SMALL).double(), ends, inputs, draw) for kind in KINDS
    }
    assert errors['relaxed'] < 1e-10
    assert 1e-6 < errors['residual'] < errors['plain']


@pytest.mark.parametrize('kind', ['residual', 'relaxed'])
def test_soft_networks_leave_the_symmetry_in_training(ends, kind, draw):
    module, inputs = network(kind, *ends, SMALL).double(), torch.randn(64, ends[0].size).double()
    train(module, inputs, 10)
    assert error(module, ends, inputs, draw) > 1e-3


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**31), name=st.sampled_from(['C4', 'D4', 'SO2', 'O2', 'SO3', 'O3']))
def test_any_network_for_any_input(seed, name):
    torch.manual_seed(seed)
    group = group_named(name)
    vectors, scalars, depth = (int(torch.randint(1, 4, ())) for _ in range(3))
    ends = vectors * vector(group) + scalars * trivial(group), vector(group) + trivial(group)
    module = network('equivariant', *ends, NetworkShape(width=24, depth=depth)).double()
    inputs = torch.randn(8, ends[0].size).double() * 10.0 ** float(torch.randn(()))
    draw = torch.Generator().manual_seed(seed)
    assert error(module, ends, inputs, draw) < 1e-10


@pytest.mark.parametrize('kind', KINDS)
def test_stacked_networks_compute_what_each_does(group, ends, kind):
    modules = [network(kind, *ends, SMALL) for _ in range(3)]
    parameters, _ = stack_module_state(modules)
    inputs = torch.randn(3, 5, ends[0].size)
    together = vmap(lambda own, rows: functional_call(modules[0], own, (rows,)))
    apart = torch.stack([module(rows) for module, rows in zip(modules, inputs, strict=True)])
    assert torch.allclose(together(parameters, inputs), apart, atol=1e-5)
    together(parameters, inputs).sum().backward()
    apart.sum().backward()
    for name, value in modules[1].named_parameters():
        assert torch.allclose(parameters[name].grad[1], value.grad, atol=1e-4), name


def test_last_layer_scale_scales_outputs(ends):
    for kind in KINDS:
        torch.manual_seed(1)
        one = network(kind, *ends, SMALL)
        torch.manual_seed(1)
        small = network(kind, *ends, NetworkShape(width=32, last_layer_scale=0.01))
        inputs = torch.randn(4, ends[0].size)
        assert torch.allclose(small(inputs), 0.01 * one(inputs), atol=1e-6), kind


def test_triple_products_are_pseudoscalars_under_o3(draw):
    # Of three vectors alone, the only odd scalar is their handedness.
    group = group_named('O3')
    ends = 3 * vector(group), sign(group) + trivial(group)
    module = network('equivariant', *ends, SMALL).double()
    odd, even = module(inputs := torch.randn(8, 9).double()).T
    odd_mirrored, even_mirrored = module(-inputs).T
    assert torch.allclose(odd_mirrored, -odd, atol=1e-12)
    assert torch.allclose(even_mirrored, even, atol=1e-12)
    assert odd.abs().min() > 1e-9
    flat = inputs.view(8, 3, 3).clone()
    flat[:, 2] = flat[:, 0] - 2.0 * flat[:, 1]
    assert module(flat.flatten(1))[:, 0].abs().max() < 1e-12


@pytest.mark.parametrize('name', ['SO2', 'O2', 'SO3', 'O3'])
def test_tensors_in_and_out(name, draw):
    group = group_named(name)
    ends = 2 * vector(group) + tensor(group), tensor(group) + irrep(group, 2)
    module = network('equivariant', *ends, SMALL).double()
    inputs = torch.randn(16, ends[0].size).double()
    assert error(module, ends, inputs, draw) < 1e-10
    assert module(inputs).std() > 1e-4


def test_gradients_are_finite_at_zero(ends):
    module = network('equivariant', *ends, SMALL)
    inputs = torch.zeros(2, ends[0].size, requires_grad=True)
    module(inputs).sum().backward()
    assert inputs.grad.isfinite().all()


def test_what_there_is_no_network_for_is_refused_by_name():
    turns, space = group_named('C4'), group_named('SO3')
    with pytest.raises(ConfigError, match=r"'strict'.*'plain', 'equivariant'"):
        network('strict', vector(turns), vector(turns), SMALL)
    with pytest.raises(SymmetryError, match=r'C4.*SO3'):
        network('plain', vector(turns), vector(space), SMALL)
    with pytest.raises(SymmetryError, match=r'C200.*128.*SO2'):
        network('equivariant', *[vector(group_named('C200'))] * 2, SMALL)
    with pytest.raises(SymmetryError, match=r'finite groups and for SO2.*SO2xZ2'):
        both = trivial(group_named('SO2xZ2'))
        network('equivariant', both, both, SMALL)
    with pytest.raises(SymmetryError, match='beyond irrep 6'):
        network('equivariant', irrep(group_named('SO2'), 7), vector(group_named('SO2')), SMALL)
    with pytest.raises(ConfigError, match='width must be at least 1; got 0'):
        NetworkShape(width=0)
