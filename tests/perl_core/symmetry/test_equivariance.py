from hypothesis import given
from hypothesis import strategies as st
from perl_core.contract import OBSERVATION
from perl_core.errors import ConfigError, ContractError
from perl_core.layers import vector_parts
from perl_core.symmetry import (
    SO2,
    SO3,
    Representation,
    equivariance_error,
    group_named,
    relative_error,
    trivial,
    vector,
)
import pytest
import torch

SEEDS = st.integers(0, 2**31)


@pytest.mark.parametrize('group', [SO2(), SO3()])
@given(seed=SEEDS)
def test_elements_are_rotations(group, seed):
    elements = group.sample(4, torch.Generator().manual_seed(seed))
    assert torch.allclose(elements @ elements.mT, torch.eye(3).double(), atol=1e-12)
    assert torch.allclose(torch.linalg.det(elements), torch.ones(4).double())
    fixed = group.fixed_vectors.double()
    assert torch.allclose(elements @ fixed.T, fixed.T.expand(4, -1, -1))


def test_so3_is_drawn_from_the_haar_measure():
    elements = SO3().sample(20_000, torch.Generator().manual_seed(0))
    # Under Haar, E[trace] = 0 and E[trace^2] = 1 (character orthogonality).
    traces = elements.diagonal(dim1=1, dim2=2).sum(1)
    assert abs(traces.mean()) < 0.03
    assert abs(traces.square().mean() - 1.0) < 0.05


@given(seed=SEEDS)
def test_representation_is_a_homomorphism(seed):
    first, second = SO3().sample(2, torch.Generator().manual_seed(seed))
    rho = vector(SO3()) + trivial(SO3()) + vector(SO3())
    product = rho.matrix(first) @ rho.matrix(second)
    assert torch.allclose(rho.matrix(first @ second), product, atol=1e-12)
    assert rho.matrix(first).shape == (7, 7)


def test_vectors_of_the_contract_have_a_representation_and_joints_have_none():
    assert Representation.of(vector_parts(OBSERVATION)).size == 15
    with pytest.raises(ContractError, match="'joint_sine' is 'free'"):
        Representation.of(OBSERVATION)


def test_error_tells_a_symmetric_from_a_broken_function():
    rho = vector(SO3())
    inputs, generator = torch.randn(8, 3), torch.Generator().manual_seed(0)
    exact = equivariance_error(lambda x: 2 * x, (rho, rho), SO3(), inputs, generator)
    broken = equivariance_error(torch.tanh, (rho, rho), SO3(), inputs, generator)
    assert exact.max() < 1e-6
    assert broken.mean() > 0.01


def test_relative_error_of_nothing_is_nothing():
    assert relative_error(torch.zeros(2, 3), torch.zeros(2, 3)).tolist() == [0.0, 0.0]


def test_unknown_group_is_refused_by_name():
    with pytest.raises(ConfigError, match=r"'SO4'.*SO2.*SO3"):
        group_named('SO4')
