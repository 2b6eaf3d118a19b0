
import copy

from hypothesis import given
from hypothesis import strategies as st
from perl_core.layers import MLP, Ensemble, TrunkShape
import pytest
import torch
from torch import nn


def plain(ensemble):
    """Return the same function as ordinary layers."""
    *_, width, outputs = ensemble.sizes
    mlps = nn.ModuleList(
        MLP(ensemble.sizes[0], outputs, width, len(ensemble.sizes) - 2) for _ in ensemble
    )
    mlps.to(ensemble.flat)
    nn.utils.vector_to_parameters(ensemble.flat.detach().clone(), mlps.parameters())
    return mlps


def built(inputs, outputs, members, depth=2, width=12):
    shape = TrunkShape(scalars=outputs, members=members, depth=depth, width=width)
    ensemble = Ensemble.build(inputs, outputs, shape).double()
    with torch.no_grad():
        ensemble.flat += 0.1 * torch.randn_like(ensemble.flat)
    return ensemble


SIZES = {
    'inputs': st.integers(1, 9), 'outputs': st.integers(1, 4), 'members': st.integers(1, 3),
    'depth': st.integers(1, 3), 'rows': st.integers(1, 7),
}  # fmt: skip


@given(**SIZES)
def test_values_and_gradients_are_those_of_ordinary_layers(inputs, outputs, members, depth, rows):
    torch.manual_seed(inputs + 10 * outputs + 100 * members)
    ensemble = built(inputs, outputs, members, depth)
    mlps = plain(ensemble)
    features = torch.randn(rows, inputs, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(rows, members * outputs, dtype=torch.float64)
    slow = torch.cat([mlp(features) for mlp in mlps], dim=1)
    of_slow = torch.autograd.grad((slow.square() * weights).sum(), [features, *mlps.parameters()])
    fast = ensemble(features)
    of_fast = torch.autograd.grad((fast.square() * weights).sum(), [features, ensemble.flat])
    assert torch.allclose(fast, slow, atol=1e-12)
    assert torch.allclose(of_fast[0], of_slow[0], atol=1e-10)
    joined = torch.cat([part.flatten() for part in of_slow[1:]])
    assert torch.allclose(of_fast[1], joined, atol=1e-10)
    with torch.no_grad():
        assert torch.equal(ensemble(features), fast)


def test_copies_share_nothing_and_start_alike():
    ensemble = built(3, 2, members=2)
    ensemble(torch.zeros(1, 3, dtype=torch.float64))
    other = copy.deepcopy(ensemble)
    other.set_last_bias(7.0)
    features = torch.randn(4, 3, dtype=torch.float64)
    assert torch.equal(copy.deepcopy(ensemble)(features), ensemble(features))
    assert not torch.allclose(other(features), ensemble(features))
    assert all((member[-1].bias == 7.0).all() for member in other)


def test_only_what_is_asked_for_is_derived():
    ensemble, features = built(3, 1, members=2), torch.randn(4, 3, dtype=torch.float64)
    ensemble.requires_grad_(False)
    assert not ensemble(features).requires_grad
    ensemble(features.requires_grad_()).sum().backward()
    assert ensemble.flat.grad is None
    assert features.grad is not None


def test_weights_changed_before_the_derivative_are_noticed():
    ensemble = built(3, 1, members=1)
    loss = ensemble(torch.randn(4, 3, dtype=torch.float64)).sum()
    ensemble.set_last_bias(1.0)
    with torch.no_grad():
        ensemble.flat += 1.0
    with pytest.raises(RuntimeError, match='modified by an inplace operation'):
        loss.backward()


def test_an_exported_graph_computes_the_same(tmp_path):
    ensemble, features = built(3, 2, members=2).float(), torch.randn(4, 3)
    exported = torch.export.export(ensemble, (features,)).module()
    assert torch.allclose(exported(features), ensemble(features), atol=1e-6)
