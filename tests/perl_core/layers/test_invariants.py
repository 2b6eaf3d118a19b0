from perl_core.contract import ACTION, OBSERVATION
from perl_core.layers import vector_parts
from perl_core.layers.invariants import Invariants
from perl_core.symmetry import SO2, SO3
import pytest
import torch

PARTS = (*vector_parts(OBSERVATION), *ACTION)
SIZE = sum(part.size for part in PARTS)


@pytest.mark.parametrize('group', [SO2(), SO3()])
@pytest.mark.parametrize('what', ['invariants', 'crosses', 'lengths', 'basis', 'all'])
def test_the_derivative_is_that_of_finite_differences(group, what):
    geometry = Invariants(PARTS[-3:], group).double()

    def function(inputs):
        result = geometry(inputs)
        if what in ('basis', 'all'):
            basis = geometry.basis(result).flatten(1)
            return basis if what == 'basis' else torch.cat((basis, result.invariants), dim=1)
        return getattr(result, what)

    inputs = torch.randn(2, sum(part.size for part in PARTS[-3:])).double().requires_grad_()
    assert torch.autograd.gradcheck(function, inputs, atol=1e-5, fast_mode=True)


@pytest.mark.parametrize('group', [SO2(), SO3()])
def test_with_and_without_a_derivative_the_values_are_the_same(group):
    geometry, inputs = Invariants(PARTS, group), torch.randn(5, SIZE)
    without, along = geometry(inputs), geometry(inputs.clone().requires_grad_())
    assert not without.invariants.requires_grad
    assert along.invariants.requires_grad
    for one, two in zip(without, along, strict=True):
        assert torch.equal(one, two)


def test_values_by_hand():
    geometry = Invariants(ACTION, SO3())
    inputs = torch.cat((torch.tensor([[1.0, 2.0, 2.0, 0.0, 0.0, 3.0]]),), dim=1)
    result, scale = geometry(inputs), geometry.inverse_scale
    first, second = (inputs * scale).unflatten(1, (2, 3)).unbind(1)
    dots = torch.cat([(one * two).sum(1) for one, two in (
        (first, first), (first, second), (second, second)
    )])  # fmt: skip
    assert torch.allclose(result.invariants[0, :3], dots.log1p())
    assert torch.allclose(result.lengths[0], dots[[0, 2]].sqrt())
    assert torch.allclose(result.crosses, torch.linalg.cross(first, second))
