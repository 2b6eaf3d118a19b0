"""Compares our solver with that of arXiv 2104.09459, where its package ``emlp`` is installed.

It is no dependency. To run this: install emlp, jax and scikit-learn beside the project.
"""

import importlib
import importlib.util
import sys
import types

from perl_core.symmetry import equivariant_basis, group_named, permutation, trivial, vector
import pytest
import torch

if importlib.util.find_spec('emlp') is None:
    pytest.skip('emlp is not installed', allow_module_level=True)


@pytest.fixture(scope='module')
def oracle():
    """Return emlp's representations and its groups, without its networks.

    Importing the package itself imports objax, which does not run with the jax of today; the
    solver does not need it.
    """
    package = types.ModuleType('emlp')
    package.__path__ = list(importlib.util.find_spec('emlp').submodule_search_locations)
    sys.modules['emlp'] = package
    reps = importlib.import_module('emlp.reps')
    return reps, importlib.import_module('emlp.groups')


def their_group(oracle, rho):
    """Return their group with the matrices of our representation as its standard vector."""

    class Ours(oracle[1].Group):
        def __init__(self):
            self.lie_algebra = rho.algebra.numpy()
            self.discrete_generators = rho.generators.numpy()
            super().__init__()

    # Their cache takes representations of different groups for equal.
    oracle[0].Rep.solcache.clear()
    return Ours()


def tensor_power(rho, rank):
    power = trivial(rho.group)
    for _ in range(rank):
        power = power * rho
    return power


def base(name):
    group = group_named(name)
    if name == 'C3':
        return permutation(group, [[1, 2, 0]])
    return vector(group)


@pytest.mark.parametrize('ranks', [(0, 2), (1, 1), (1, 2), (2, 1), (2, 2)])
@pytest.mark.parametrize('name', ['C3', 'C4', 'D3', 'D4', 'Z2', 'SO2', 'O2', 'SO3', 'O3'])
def test_dimension_and_span_agree(oracle, name, ranks):
    rho = base(name)
    tensors = oracle[0].T
    theirs = (tensors(ranks[0]) >> tensors(ranks[1]))(their_group(oracle, rho))
    basis = torch.tensor(theirs.equivariant_basis().__array__(), dtype=torch.float64)
    ours = equivariant_basis(*(tensor_power(rho, rank) for rank in ranks)).flatten(1)
    assert basis.shape[1] == len(ours)
    # They compute in float32.
    torch.testing.assert_close(basis @ basis.T, ours.T @ ours, atol=1e-4, rtol=0)


@pytest.mark.parametrize('name', ['D4', 'SO2', 'O3'])
def test_dimensions_of_sums_agree(oracle, name):
    rho = base(name)
    v, scalar = oracle[0].V, oracle[0].Scalar
    theirs = (2 * v + 3 * scalar + v * v >> v * v + 2 * scalar + v)(their_group(oracle, rho))
    one = trivial(rho.group)
    ours = equivariant_basis(2 * rho + 3 * one + rho * rho, rho * rho + 2 * one + rho)
    assert theirs.equivariant_basis().shape[-1] == len(ours)
