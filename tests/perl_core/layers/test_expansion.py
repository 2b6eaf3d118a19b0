import copy

from perl_core.layers import NetworkShape, ResidualLinear, expanded_once, network
from perl_core.symmetry import equivariance_error, group_named, regular, vector
import pytest
import torch
from torch.func import functional_call

GROUP = group_named('C4')
ENDS = vector(GROUP), regular(GROUP)
INPUTS = torch.randn(3, 2)


@pytest.fixture
def layer():
    return ResidualLinear(*ENDS)


@pytest.fixture
def expansions(layer, monkeypatch):
    """Counts how often the layer is expanded."""
    counted, expand = [], layer.expand
    monkeypatch.setattr(layer, 'expand', lambda: counted.append(1) or expand())
    return counted


@torch.no_grad()
def run(layer, times=2):
    for _ in range(times):
        outputs = layer(INPUTS)
    return outputs


def step(layer, **options):
    optimiser = torch.optim.Adam(layer.parameters(), lr=0.1, **options)
    layer(INPUTS).square().sum().backward()
    optimiser.step()


def test_acting_expands_once_for_many_forward_passes(layer, expansions):
    run(layer, times=5)
    assert len(expansions) == 1


@pytest.mark.parametrize('options', [{'fused': True}, {'foreach': True}, {'foreach': False}])
def test_a_step_of_any_optimiser_expands_anew(layer, options):
    before = run(layer)
    step(layer, **options)
    with torch.no_grad():
        expected = torch.nn.functional.linear(INPUTS, *layer.expand())
    after = run(layer)
    assert torch.equal(after, expected)
    assert not torch.equal(before, after)


def test_other_changes_expand_anew(layer):
    other = ResidualLinear(*ENDS)
    run(layer)
    layer.load_state_dict(other.state_dict())
    assert torch.equal(run(layer), run(other))
    with torch.no_grad():
        torch._foreach_lerp_(list(layer.parameters()), list(other.parameters()), 0.5)
        layer.free.weight.add_(1.0)
    assert torch.equal(run(layer), torch.nn.functional.linear(INPUTS, *layer.expand()))


def test_one_update_can_share_an_expansion_among_forward_passes(layer, expansions):
    alone = layer(INPUTS).sum() + layer(2.0 * INPUTS).square().sum()
    alone.backward()
    expected = [p.grad.clone() for p in layer.parameters()]
    assert len(expansions) == 2
    layer.zero_grad()
    with expanded_once(torch.nn.Sequential(layer)):
        loss = layer(INPUTS).sum() + layer(2.0 * INPUTS).square().sum()
        loss.backward()
    assert len(expansions) == 3
    for parameter, gradient in zip(layer.parameters(), expected, strict=True):
        assert torch.allclose(parameter.grad, gradient, atol=1e-5)
    layer(INPUTS)
    assert len(expansions) == 4


def test_copies_and_casts_of_an_expanded_network_stay_right(draw):
    module = network('residual', *ENDS, NetworkShape(width=16))
    run(module)
    twin = copy.deepcopy(module)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.mul_(2.0)
    assert not torch.equal(run(module), run(twin))
    # Constants that had only been widened from float32 would err by 1e-8.
    strict = network('equivariant', *ENDS, NetworkShape(width=16)).double()
    inputs = torch.randn(32, 2).double()
    assert equivariance_error(strict, ENDS, GROUP, inputs, draw).max() < 1e-14


def test_parameters_lent_by_functional_call_are_not_remembered(layer):
    lent = {name: value.detach() * 2.0 for name, value in layer.named_parameters()}
    before = run(layer)
    with torch.no_grad():
        doubled = functional_call(layer, lent, (INPUTS,))
    assert torch.allclose(doubled, 2.0 * before, atol=1e-6)
    assert torch.equal(run(layer), before)


def test_checkpoints_hold_parameters_alone():
    module = network('equivariant', *ENDS, NetworkShape(width=16))
    assert set(module.state_dict()) == {name for name, _ in module.named_parameters()}
