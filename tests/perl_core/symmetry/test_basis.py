import importlib

from hypothesis import given, settings
from hypothesis import strategies as st
from perl_core.errors import SymmetryError
from perl_core.symmetry import (
    O2,
    O3,
    SO2,
    SO3,
    EquivariantBasis,
    equivariant_basis,
    group_named,
    irrep,
    irreps,
    lifted,
    permutation,
    regular,
    trivial,
    vector,
)
from perl_core.symmetry.basis import atom_basis
from perl_core.symmetry.isotypic import schur_maps
from perl_core.symmetry.maps import null_maps, shared_weights
from perl_core.symmetry.null_space import normal_form
import pytest
import torch

basis_module = importlib.import_module('perl_core.symmetry.basis')
isotypic_module = importlib.import_module('perl_core.symmetry.isotypic')
maps_module = importlib.import_module('perl_core.symmetry.maps')

FINITE = ['C1', 'C4', 'C5', 'D1', 'D2', 'D3', 'D4', 'Z2', 'C4xZ2', 'C3xC4']
ALL = [*FINITE, 'SO2', 'O2', 'SO3', 'O3', 'SO2xZ2']
SEEDS = st.integers(0, 2**31)
FEW = settings(max_examples=8)



@FEW
@given(data=st.data(), seed=SEEDS)
@pytest.mark.parametrize('name', ALL)
def test_basis_is_equivariant_and_orthonormal(sums, name, data, seed):
    group = group_named(name)
    rho_in, rho_out = data.draw(sums(group)), data.draw(sums(group))
    basis = equivariant_basis(rho_in, rho_out)
    elements = rho_in.group.sample(3, torch.Generator().manual_seed(seed))
    left = torch.einsum('gij,rjk->grik', rho_out.matrices(elements), basis)
    right = torch.einsum('rij,gjk->grik', basis, rho_in.matrices(elements))
    torch.testing.assert_close(left, right, atol=1e-10, rtol=0)
    flat = basis.flatten(1)
    torch.testing.assert_close(flat @ flat.T, torch.eye(len(flat)).double(), atol=1e-10, rtol=0)


@FEW
@given(data=st.data())
@pytest.mark.parametrize('name', FINITE)
def test_dimension_is_the_inner_product_of_characters(sums, name, data):
    group = group_named(name)
    rho_in, rho_out = data.draw(sums(group)), data.draw(sums(group))
    every = group.elements()
    expected = (rho_in.character(every) * rho_out.character(every)).mean()
    assert abs(EquivariantBasis(rho_in, rho_out).rank - expected) < 1e-9


@FEW
@given(name=st.sampled_from(FINITE), data=st.data())
def test_every_average_lies_in_the_span(sums, name, data):
    group = group_named(name)
    rho_in, rho_out = data.draw(sums(group)), data.draw(sums(group))
    every = group.elements()
    matrix = torch.randn(
        rho_out.size, rho_in.size, generator=torch.Generator().manual_seed(0)
    ).double()
    mean = (rho_out.matrices(every) @ matrix @ rho_in.matrices(every).mT).mean(dim=0)
    torch.testing.assert_close(EquivariantBasis(rho_in, rho_out).project(matrix), mean)


@pytest.mark.parametrize('name', ALL)
def test_schur_lemma(name):
    group = group_named(name)
    found = irreps(group, 3)
    # Over the real numbers an irrep's own maps are the numbers, or the complex numbers.
    sizes = [[len(equivariant_basis(a, b)) for a in found] for b in found]
    for row, line in enumerate(sizes):
        assert [column for column, size in enumerate(line) if size] == [row]
        assert line[row] in (1, 2)
    if group.order:
        own = [line[row] for row, line in enumerate(sizes)]
        assert sum(psi.size**2 / n for psi, n in zip(found, own, strict=True)) == group.order


@pytest.mark.parametrize(('group', 'invariants'), [
    # Isotropic tensors of rank 0 to 6: SO3 1 0 1 1 3 6 15 (Motzkin sums), O3 even ranks only;
    # SO2 and O2 by the characters (2 cos t)^k: 1 0 2 0 6 0 20, and half of it.
    (SO3(), (1, 0, 1, 1, 3, 6, 15)),
    (O3(), (1, 0, 1, 0, 3, 0, 15)),
    (SO2(), (1, 0, 2, 0, 6, 0, 20)),
    (O2(), (1, 0, 1, 0, 3, 0, 10)),
])  # fmt: skip
def test_known_dimensions_between_tensors(group, invariants):
    tensors = [trivial(group)]
    for _ in range(3):
        tensors.append(tensors[-1] * vector(group))
    for first, rho_in in enumerate(tensors):
        for second, rho_out in enumerate(tensors):
            assert len(equivariant_basis(rho_in, rho_out)) == invariants[first + second]


def test_known_maps():
    group = SO3()
    cross = equivariant_basis(vector(group) * vector(group), vector(group))
    first, second = torch.randn(2, 3).double()
    product = cross[0] @ torch.kron(first, second)
    expected = torch.linalg.cross(first, second)
    ratio = product @ expected / (expected @ expected)
    torch.testing.assert_close(product, ratio * expected)
    assert abs(ratio) > 0.1
    turned = equivariant_basis(vector(SO2()), vector(SO2()))
    torch.testing.assert_close(turned[0], torch.eye(2).double() / 2**0.5)


@FEW
@given(data=st.data(), seed=SEEDS)
@pytest.mark.parametrize('name', ['D4', 'SO2', 'O3'])
def test_combine_project_and_coefficients(sums, name, data, seed):
    group = group_named(name)
    basis = EquivariantBasis(data.draw(sums(group)), data.draw(sums(group)))
    generator = torch.Generator().manual_seed(seed)
    weights = torch.randn(basis.rank, generator=generator).double()
    matrix = basis.combine(weights)
    torch.testing.assert_close(matrix, torch.tensordot(weights, basis.dense(), dims=1))
    torch.testing.assert_close(basis.coefficients(matrix), weights)
    torch.testing.assert_close(basis.project(matrix), matrix)
    noise = torch.randn(basis.shape, generator=generator).double()
    rest = noise - basis.project(noise)
    torch.testing.assert_close(basis.project(rest), 0 * rest, atol=1e-10, rtol=0)


def test_combine_has_a_gradient():
    group = group_named('C4')
    basis = EquivariantBasis(2 * vector(group), regular(group) + trivial(group))
    weights = torch.randn(basis.rank, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(basis.combine, (weights,))


def test_normal_form_does_not_depend_on_the_basis():
    group = group_named('D3')
    rows = equivariant_basis(vector(group) * vector(group), regular(group)).flatten(1)
    mixed = torch.linalg.qr(torch.randn(len(rows), len(rows)).double()).Q @ rows
    torch.testing.assert_close(normal_form(mixed), rows, atol=1e-10, rtol=0)


@pytest.mark.parametrize('name', ['C4', 'C6', 'D4', 'D3', 'C4xZ2', 'C3xC4'])
def test_shared_weights_agree_with_the_null_space(name):
    ((atom, _),) = regular(group_named(name)).terms
    torch.testing.assert_close(shared_weights(atom, atom), null_maps(atom, atom))


@pytest.mark.parametrize('name', ['C5', 'D4', 'SO2', 'O2', 'SO3', 'O3', 'C4xZ2', 'SO2xC3'])
def test_schur_maps_agree_with_the_null_space(name):
    group = group_named(name)
    lift = [lifted(group, at, vector(factor)) for at, factor in enumerate(group.factors)]
    first, *_, last = lift or [vector(group)] * 2
    (pair,), (triple,) = (first * last).terms, (first * last * first).terms
    for source, target in ((pair, pair), (pair, triple), (triple, triple)):
        reference = null_maps(source.atom, target.atom).flatten(1)
        closed = schur_maps(source.atom, target.atom).flatten(1)
        eye = torch.eye(len(reference)).double()
        torch.testing.assert_close(closed @ closed.T, eye, atol=1e-10, rtol=0)
        torch.testing.assert_close(
            closed.T @ closed, reference.T @ reference, atol=1e-10, rtol=0
        )


def test_large_atoms_are_solved():
    group = SO3()
    pair = vector(group) * vector(group)
    fourth = pair * pair
    basis = EquivariantBasis(fourth, fourth)
    # Isotropic tensors of rank 8: the Riordan number 91.
    assert (fourth.size, basis.rank) == (81, 91)
    element = group.sample(1, torch.Generator().manual_seed(0))[0]
    matrix = basis.combine(torch.randn(91, dtype=torch.float64))
    image = fourth.matrix(element)
    torch.testing.assert_close(matrix @ image, image @ matrix)


def test_large_permutations_are_solved():
    group = group_named('C4')
    cells = torch.rot90(torch.arange(64).view(8, 8))
    board = permutation(group, [cells.flatten().tolist()])
    # No cell stays in its place, so only the neutral element has a character: rank = sizes / 4.
    assert EquivariantBasis(board, board).rank == 64**2 / 4
    assert EquivariantBasis(board, irrep(group, 1) * board).rank == 64 * 128 / 4


def test_what_is_too_large_is_refused(monkeypatch):
    for module in (maps_module, basis_module):
        monkeypatch.setattr(module, 'LARGEST_NULL_SPACE', 8)
    rho = irrep(SO3(), 4)
    with pytest.raises(SymmetryError, match='have 9 unknowns; at most 8 are solved for at once'):
        equivariant_basis(rho, rho)
    rho = irrep(group_named('D11'), 3) * irrep(group_named('D11'), 5)
    with pytest.raises(SymmetryError, match='have 32 entries, at most 20 are stored'):
        monkeypatch.setattr(isotypic_module, 'LARGEST_SCHUR', 20)
        equivariant_basis(rho, rho)


def test_a_few_hundred_entries_are_solved():
    group = SO3()
    rho = 40 * vector(group) + 60 * trivial(group) + 5 * (vector(group) * vector(group))
    basis = EquivariantBasis(rho, rho)
    # Each tensor holds a scalar, a vector and a degree 2.
    assert (rho.size, basis.rank) == (225, 65**2 + 45**2 + 5**2)
    element = group.sample(1, torch.Generator().manual_seed(0))[0]
    matrix = basis.combine(torch.randn(basis.rank, dtype=torch.float64))
    image = rho.matrix(element)
    torch.testing.assert_close(matrix @ image, image @ matrix)
    with pytest.raises(SymmetryError, match='a dense basis of 6275 maps'):
        basis.dense()


def test_atoms_are_solved_once(monkeypatch):
    group = group_named('D5')
    maps_module.null_maps.cache_clear()
    atom_basis.cache_clear()
    solved = []
    null_space = maps_module.null_space
    monkeypatch.setattr(maps_module, 'null_space', lambda m: solved.append(m) or null_space(m))
    for copies in (1, 7):
        rho = copies * vector(group) + copies * trivial(group)
        EquivariantBasis(rho, rho)
    assert len(solved) == 4


@pytest.mark.parametrize(('call', 'message'), [
    (lambda: equivariant_basis(vector(SO3()), vector(O3())), 'must be of one group'),
    (lambda: EquivariantBasis(vector(SO3()), vector(SO3())).combine(torch.zeros(2)), r'\(1,\)'),
    (lambda: EquivariantBasis(vector(SO3()), trivial(SO3())).project(torch.eye(3)), r'\(1, 3\)'),
])  # fmt: skip
def test_bad_input_is_refused(call, message):
    with pytest.raises(SymmetryError, match=message):
        call()
