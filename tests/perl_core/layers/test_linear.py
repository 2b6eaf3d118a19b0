from perl_core.errors import SymmetryError
from perl_core.layers import EquivariantLinear, PlainLinear, RelaxedLinear, ResidualLinear
from perl_core.layers.channel_linear import ChannelLinear, Join, Split
from perl_core.layers.channels import channels_for
from perl_core.layers.group_convolution import GroupConvolution
from perl_core.layers.induced_linear import Lifting, Projection
from perl_core.symmetry import (
    FiniteGroup,
    equivariant_basis,
    group_named,
    regular,
    trivial,
    vector,
)
import pytest
import torch
from torch import nn


def hidden(group, ends, width):
    """Return what a strict network puts into and takes from its hidden linear layers."""
    if isinstance(group, FiniteGroup):
        features = regular(group) * (max(1, width // group.count) * trivial(group))
        return features, features
    channels = channels_for(*ends, width)
    return channels.after, channels.before


def span(layer):
    """Return the map from parameters to W, shape (out * in, parameters), bias apart."""
    parameters = [p for name, p in layer.mixing.items() if 'bias' not in name]
    columns = []
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
        for parameter in parameters:
            for entry in parameter.view(-1):
                entry.fill_(1.0)
                columns.append(layer.expand().matrix.flatten())
                entry.fill_(0.0)
    return torch.stack(columns, dim=1)


def test_closed_forms_agree_with_the_solver_in_dimension_and_span(group, ends):
    narrow = 2 if group.name in ('C4xZ2', 'O3', 'O2') else 8
    after, before = hidden(group, ends, narrow)
    for rho_in, rho_out in ((ends[0], before), (after, before), (after, ends[1])):
        maps = span(EquivariantLinear(rho_in, rho_out).double())
        solved = equivariant_basis(rho_in, rho_out).flatten(1).T
        assert maps.shape == solved.shape
        assert torch.linalg.matrix_rank(maps) == maps.shape[1]
        outside = maps - solved @ (solved.T @ maps)
        assert outside.abs().max() < 1e-10


def test_weights_commute_with_the_group_and_biases_are_fixed_by_it(group, ends, draw):
    rho_in, rho_out = ends
    matrix, bias = EquivariantLinear(rho_in, rho_out).double().expand()
    for element in group.sample(8, draw):
        image_in, image_out = rho_in.matrix(element), rho_out.matrix(element)
        assert torch.allclose(matrix @ image_in, image_out @ matrix, atol=1e-12)
        assert torch.allclose(image_out @ bias, bias, atol=1e-12)
    assert bias.abs().max() > 0.0


def test_block_forms_compute_what_the_dense_weights_do(group, ends):
    after, before = hidden(group, ends, 24)
    pairs = ((ends[0], before), (after, before), (after, ends[1]))
    if isinstance(group, FiniteGroup):
        kinds = (Lifting, GroupConvolution, Projection)
    else:
        kinds = (ChannelLinear,) * 3
    for kind, (rho_in, rho_out) in zip(kinds, pairs, strict=True):
        layer = kind(rho_in, rho_out).double()
        inputs = torch.randn(5, rho_in.size).double()
        expected = nn.functional.linear(inputs, *layer.expand())
        if kind is ChannelLinear:
            got = nn.Sequential(Split(rho_in), layer, Join(rho_out))(inputs)
        else:
            parts = inputs if kind is Lifting else inputs.view(5, group.count, -1).transpose(0, 1)
            got = layer(parts)
            got = got if kind is Projection else got.transpose(0, 1).flatten(1)
        assert torch.allclose(got, expected, atol=1e-12)


@pytest.mark.parametrize('name', ['C1', 'C5', 'D3', 'C4xC4', 'D4xC3'])
def test_convolution_of_every_type_of_irreducible(name):
    group = group_named(name)
    rho_in, rho_out = (regular(group) * (copies * trivial(group)) for copies in (2, 3))
    layer = GroupConvolution(rho_in, rho_out).double()
    inputs = torch.randn(4, rho_in.size).double()
    got = layer(inputs.view(4, group.count, -1).transpose(0, 1)).transpose(0, 1).flatten(1)
    assert torch.allclose(got, nn.functional.linear(inputs, *layer.expand()), atol=1e-12)


def test_initial_weights_spread_as_those_of_a_plain_layer(group, ends):
    after, _ = hidden(group, ends, 96)
    plain, equivariant = PlainLinear(after, after), EquivariantLinear(after, after)
    ratio = equivariant.expand().matrix.square().sum() / plain.weight.square().sum()
    assert 0.7 < ratio < 1.4


def test_residual_is_equivariant_without_its_free_path(group, ends):
    layer = ResidualLinear(*ends)
    expected = layer.equivariant.expand()
    assert not torch.equal(layer.expand().matrix, expected.matrix)
    for parameter in layer.free.parameters():
        nn.init.zeros_(parameter)
    assert torch.equal(layer.expand().matrix, expected.matrix)
    assert torch.equal(layer.expand().bias, expected.bias)


def test_relaxed_starts_equivariant_and_can_leave(group, ends, draw):
    # Between hidden features: scaling the entries of a diagonal representation breaks nothing.
    rho_in, rho_out = hidden(group, ends, 16)
    layer = RelaxedLinear(rho_in, rho_out).double()
    is_finite = isinstance(group, FiniteGroup)
    element = group.elements()[-1] if is_finite else group.sample(1, draw)[0]

    def broken():
        matrix = layer.expand().matrix
        return (matrix @ rho_in.matrix(element) - rho_out.matrix(element) @ matrix).abs().max()

    assert broken() < 1e-12
    nn.init.normal_(layer.relaxation)
    assert broken() > 1e-3


@pytest.mark.parametrize(
    'kind', [PlainLinear, EquivariantLinear, ResidualLinear, RelaxedLinear, Lifting]
)
def test_representations_of_two_groups_are_refused(kind):
    with pytest.raises(SymmetryError, match=r'C4.*D4'):
        kind(vector(group_named('C4')), regular(group_named('D4')))


def test_inputs_of_another_size_are_refused_by_name():
    group = group_named('C4')
    layer = Lifting(2 * vector(group), regular(group))
    with pytest.raises(SymmetryError, match=r'\(batch, 4\).*2 vector.*C4.*\(3, 5\)'):
        layer(torch.zeros(3, 5))
