import numpy as np
import onnxruntime
from perl_core.layers import NetworkShape, folded, network
from perl_core.symmetry import group_named, regular, trivial, vector
import pytest
import torch
from torch import nn

SMALL = NetworkShape(width=24)


def ends_of(group):
    if group.factors:
        return regular(group), regular(group) + trivial(group)
    return 2 * vector(group) + trivial(group), vector(group) + 2 * trivial(group)


@pytest.mark.parametrize('kind', ['plain', 'equivariant', 'residual', 'relaxed'])
def test_folding_changes_no_number(ends, kind):
    module = network(kind, *ends, SMALL)
    inputs = torch.randn(16, ends[0].size)
    assert torch.allclose(folded(module)(inputs), module(inputs), atol=1e-6)


@pytest.mark.parametrize('kind', ['equivariant', 'residual', 'relaxed'])
def test_what_is_folded_is_what_a_plain_network_is(kind):
    group = group_named('D4')
    module = folded(network(kind, *ends_of(group), SMALL))
    assert [type(layer) for layer in module] == [nn.Linear, nn.SiLU] * 2 + [nn.Linear]
    assert [tuple(layer.weight.shape) for layer in module[::2]] == [(24, 5), (24, 24), (4, 24)]


def test_a_folded_network_is_a_copy():
    group = group_named('O2')
    module = network('equivariant', *ends_of(group), SMALL)
    inputs = torch.randn(4, 5)
    before = module(inputs)
    with torch.no_grad():
        for parameter in folded(module).parameters():
            parameter.zero_()
    assert torch.equal(module(inputs), before)


@pytest.mark.parametrize(
    ('name', 'kind', 'is_folded'),
    [('D4', 'equivariant', False), ('C4', 'residual', True), ('SO3', 'equivariant', False)],
)
def test_exported_networks_say_the_same_in_onnxruntime(name, kind, is_folded):
    group = group_named(name)
    rho_in, rho_out = ends_of(group)
    module = network(kind, rho_in, rho_out, SMALL).eval()
    program = torch.onnx.export(
        folded(module) if is_folded else module, (torch.zeros(3, rho_in.size),), dynamo=True,
        dynamic_shapes=({0: torch.export.Dim('batch')},), verbose=False,
    )  # fmt: skip
    session = onnxruntime.InferenceSession(
        program.model_proto.SerializeToString(), providers=['CPUExecutionProvider']
    )
    for count in (2, 7):
        inputs = torch.randn(count, rho_in.size)
        (got,) = session.run(None, {session.get_inputs()[0].name: inputs.numpy()})
        assert np.abs(got - module(inputs).detach().numpy()).max() < 1e-5
