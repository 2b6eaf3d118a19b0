"""Representations of every group that the layers are tested with."""

from perl_core.symmetry import (
    group_named,
    pseudovector,
    regular,
    sign,
    spatial_vector,
    trivial,
    vector,
)
import pytest
import torch

FINITE = ('Z2', 'C3', 'C4', 'D4', 'C4xZ2')
CONTINUOUS = ('SO2', 'O2', 'SO3', 'O3')


@pytest.fixture(params=(*FINITE, *CONTINUOUS))
def group(request):
    return group_named(request.param)


@pytest.fixture
def ends(group):
    """How inputs and outputs transform: of everything that the group knows."""
    if group.factors:
        return regular(group) + 2 * trivial(group), regular(group) + trivial(group)
    rho_in = 2 * vector(group) + 2 * trivial(group) + pseudovector(group) + spatial_vector(group)
    rho_out = vector(group) + pseudovector(group) + 2 * trivial(group)
    if group.name in ('Z2', 'C4', 'D4', 'O2', 'O3'):
        rho_in, rho_out = rho_in + sign(group), rho_out + sign(group)
    return rho_in, rho_out


@pytest.fixture
def draw():
    return torch.Generator().manual_seed(0)
