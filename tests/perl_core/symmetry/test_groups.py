from hypothesis import given, settings
from hypothesis import strategies as st
from perl_core.errors import ConfigError, SymmetryError
from perl_core.symmetry import SO2, SO3, FiniteGroup, group_named, product_of
import pytest
import torch

FINITE = ['C1', 'C2', 'C4', 'C5', 'D1', 'D2', 'D3', 'D4', 'Z2', 'C4xZ2', 'D3xC2xZ2']
INFINITE = ['SO2', 'O2', 'SO3', 'O3', 'SO2xZ2', 'SO3xO2']
GROUPS = st.sampled_from(FINITE + INFINITE).map(group_named)
SEEDS = st.integers(0, 2**31)
SOME = settings(max_examples=40)


def draw(group, count, seed):
    return group.sample(count, torch.Generator().manual_seed(seed))


@SOME
@given(group=GROUPS, seed=SEEDS)
def test_axioms(group, seed):
    first, second, third = draw(group, 3, seed)
    product, inverse, one = group.product, group.inverse, group.identity
    torch.testing.assert_close(
        product(product(first, second), third), product(first, product(second, third))
    )
    torch.testing.assert_close(product(first, one), first)
    torch.testing.assert_close(product(one, first), first)
    torch.testing.assert_close(product(first, inverse(first)), one)
    closed = torch.stack((product(first, second), inverse(first), one, *group.generators))
    assert group.misses(closed).max() < 1e-12


@SOME
@given(group=GROUPS, seed=SEEDS)
def test_exponentials_of_the_algebra_are_elements(group, seed):
    weights = torch.randn(group.dimension, generator=torch.Generator().manual_seed(seed)).double()
    tangent = torch.tensordot(weights, group.algebra, dims=1)
    assert group.misses(torch.matrix_exp(tangent).unsqueeze(0)).max() < 1e-10


@pytest.mark.parametrize('name', FINITE)
def test_elements_of_a_finite_group(name):
    group = group_named(name)
    every = group.elements()
    assert len(every) == group.order
    assert torch.equal(every[0], group.identity)
    assert group.index(every).tolist() == list(range(group.order))
    products = group.product(every[:, None], every[None]).flatten(0, 1)
    assert torch.equal(group.index(products), group.product_table.flatten())
    assert torch.equal(group.index(group.inverse(every)), group.inverse_table)
    # Each row and column of the table of a group is a permutation.
    assert torch.equal(group.product_table.sort(dim=0).values[:, 0], torch.arange(group.order))


@pytest.mark.parametrize('name', FINITE)
def test_generators_generate_a_finite_group(name):
    group = group_named(name)
    reached, frontier = {0}, [0]
    while frontier:
        element = frontier.pop()
        for generator in group.index(group.generators).tolist():
            following = int(group.product_table[generator, element])
            if following not in reached:
                reached.add(following)
                frontier.append(following)
    assert len(reached) == group.order


@pytest.mark.parametrize('name', FINITE + INFINITE)
def test_fixed_vectors_are_fixed(name):
    group = group_named(name)
    elements = draw(group, 8, 0)
    elements = elements if elements.ndim == 3 else elements[:, 0]
    fixed = group.fixed_vectors.double()
    assert fixed.shape[1] == 3
    torch.testing.assert_close(elements @ fixed.T, fixed.T.expand(len(elements), -1, -1))


@pytest.mark.parametrize(
    ('name', 'second_moment'), [('SO2', 1 / 2), ('O2', 1 / 2), ('SO3', 1 / 3), ('O3', 1 / 3)]
)
def test_haar_measure(name, second_moment):
    group = group_named(name)
    elements = draw(group, 20_000, 0)
    corner = elements[:, :2, :2] if group.dimension == 1 else elements
    # Schur orthogonality: E[g_ij g_kl] = delta / dimension, E[g_ij] = 0.
    flat = corner.flatten(1)
    expected = second_moment * torch.eye(flat.shape[1]).double()
    if name == 'SO2':
        expected += 0.5 * torch.tensor(
            [[0, 0, 0, 1], [0, 0, -1, 0], [0, -1, 0, 0], [1, 0, 0, 0]]
        ).double()
    assert (flat.T @ flat / len(flat) - expected).abs().max() < 0.02
    assert flat.mean(dim=0).abs().max() < 0.02
    if name.startswith('O'):
        assert abs(torch.linalg.det(elements).mean()) < 0.02


def test_draws_from_a_finite_group_are_uniform():
    group = group_named('D4')
    counts = group.index(draw(group, 8000, 0)).bincount(minlength=8)
    assert (counts - 1000).abs().max() < 150


def test_a_subgroup_shares_its_elements():
    quarter = group_named('C4').elements()[1]
    for name in ('C8', 'D4', 'SO2', 'O2', 'SO3', 'O3'):
        assert group_named(name).misses(quarter.unsqueeze(0)).max() < 1e-12


@pytest.mark.parametrize(('name', 'other'), [
    ('C4', 'C8'), ('C4', 'D4'), ('SO2', 'O2'), ('SO2', 'SO3'), ('SO3', 'O3'), ('O2', 'O3'),
    ('D3', 'SO2'), ('Z2', 'C2'),
])  # fmt: skip
def test_elements_of_another_group_are_refused(name, other):
    group = group_named(name)
    stranger = next(e for e in draw(group_named(other), 50, 1) if group.misses(e[None]) > 0.1)
    with pytest.raises(SymmetryError, match=rf'expected elements of {name}; element 1 misses'):
        group.batch(torch.stack((group.identity, stranger)))


@pytest.mark.parametrize('wrong', [
    torch.eye(2), torch.zeros(0), torch.eye(3).expand(2, 2, 3, 3), 1, torch.tensor(1),
])  # fmt: skip
def test_elements_of_another_shape_are_refused(wrong):
    with pytest.raises(SymmetryError, match=r'an element of C4 has shape \(3, 3\).*got'):
        group_named('C4').batch(wrong)


def test_elements_that_are_not_finite_are_refused():
    for name in ('C4', 'SO3', 'SO2xZ2'):
        group = group_named(name)
        with pytest.raises(SymmetryError, match='expected elements'):
            group.batch(group.identity * float('nan'))


def test_infinite_groups_have_no_list_of_elements():
    with pytest.raises(SymmetryError, match='SO3 has infinitely many elements'):
        SO3().elements()


@pytest.mark.parametrize('name', ['SO4', 'C0', 'C-1', 'D', 'c4', 'C4x', 'C4 x Z2', '', 'Z4'])
def test_unknown_group_is_refused_by_name(name):
    with pytest.raises(ConfigError, match=rf"unknown group '{name}'.*C4.*SO2.*SO3"):
        group_named(name)


@pytest.mark.parametrize('name', ['C1025', 'D513', 'C64xC64'])
def test_too_large_a_group_is_refused(name):
    with pytest.raises(ConfigError, match='expected 1 to 1024'):
        group_named(name)


def test_products_are_flat():
    nested = product_of([product_of([group_named('C4'), group_named('Z2')]), SO2()])
    assert nested == group_named('C4xZ2xSO2')
    assert nested.element_shape == (3, 3, 3)
    assert product_of([SO3()]).element_shape == (3, 3)
    assert isinstance(group_named('C4xZ2'), FiniteGroup)
    assert group_named('D1') != group_named('Z2')
