import math

from hypothesis import given, settings
from hypothesis import strategies as st
from perl_core.contract import OBSERVATION
from perl_core.errors import SymmetryError
from perl_core.symmetry import (
    SO3,
    Representation,
    from_generators,
    group_named,
    irrep,
    irreps,
    lifted,
    permutation,
    pseudovector,
    regular,
    sign,
    spatial_pseudovector,
    spatial_vector,
    tensor,
    trivial,
    vector,
)
import pytest
import torch

NAMES = ['C1', 'C4', 'C5', 'C6', 'D1', 'D2', 'D3', 'D4', 'Z2', 'SO2', 'O2', 'SO3', 'O3']
PRODUCTS = ['C4xZ2', 'D3xC3', 'SO2xZ2', 'O3xC3']
SEEDS = st.integers(0, 2**31)
SOME = settings(max_examples=40)
BLOCKS = [trivial, vector, spatial_vector, pseudovector, spatial_pseudovector, tensor]


def atoms_of(group):
    """Return everything that a group offers to build from."""
    if group.factors:
        parts = [
            lifted(group, at, rho)
            for at, factor in enumerate(group.factors) for rho in atoms_of(factor)[:3]
        ]  # fmt: skip
        return [*parts, parts[0] * parts[-1], parts[1] * parts[-1], *irreps(group, 2)]
    found = [block(group) for block in BLOCKS]
    return found + list(irreps(group, 3)) + ([regular(group)] if group.order else [])


ATOMS = {name: atoms_of(group_named(name)) for name in NAMES + PRODUCTS}


@st.composite
def representations(draw, size=24):
    """Draw a sum of copies, products and duals."""
    pool = st.sampled_from(ATOMS[draw(st.sampled_from(NAMES + PRODUCTS))])
    total = draw(pool)
    pool = st.sampled_from(ATOMS[total.group.name])
    for _ in range(draw(st.integers(0, 2))):
        other = draw(pool)
        kind = draw(st.sampled_from(['sum', 'copies', 'product', 'dual']))
        if kind == 'product' and total.size * other.size <= size:
            total = draw(st.sampled_from([total * other, other * total]))
        elif kind == 'sum':
            total = draw(st.sampled_from([total + other, other + total]))
        elif kind == 'copies':
            total = draw(st.integers(0, 3)) * total
        else:
            total = total.dual
    return total


def draw_elements(group, count, seed):
    return group.sample(count, torch.Generator().manual_seed(seed))


@SOME
@given(rho=representations(), seed=SEEDS)
def test_homomorphism_and_orthogonality(rho, seed):
    first, second = draw_elements(rho.group, 8, seed).split(4)
    images = rho.matrices(first)
    product = rho.matrices(rho.group.product(first, second))
    torch.testing.assert_close(product, images @ rho.matrices(second), atol=1e-10, rtol=0)
    eye = torch.eye(rho.size).double()
    torch.testing.assert_close(images @ images.mT, eye.expand_as(images), atol=1e-10, rtol=0)
    torch.testing.assert_close(rho.matrix(rho.group.identity), eye, atol=1e-12, rtol=0)
    inverse = rho.matrices(rho.group.inverse(first))
    torch.testing.assert_close(inverse, images.mT, atol=1e-10, rtol=0)


@SOME
@given(rho=representations(), seed=SEEDS)
def test_algebra_is_the_derivative(rho, seed):
    generator = torch.Generator().manual_seed(seed)
    weights = torch.randn(rho.group.dimension, generator=generator).double()
    element = torch.matrix_exp(torch.tensordot(weights, rho.group.algebra, dims=1))
    image = torch.matrix_exp(torch.tensordot(weights, rho.algebra, dims=1))
    torch.testing.assert_close(rho.matrix(element), image, atol=1e-9, rtol=0)
    torch.testing.assert_close(rho.generators, rho.matrices(rho.group.generators))


@SOME
@given(rho=representations(), seed=SEEDS)
def test_transform_is_the_matrix(rho, seed):
    elements = draw_elements(rho.group, 5, seed)
    values = torch.randn(5, 2, rho.size, generator=torch.Generator().manual_seed(seed)).double()
    expected = torch.einsum('nij,nmj->nmi', rho.matrices(elements), values)
    torch.testing.assert_close(rho.transform(elements, values), expected)
    one = values @ rho.matrix(elements[0]).T
    torch.testing.assert_close(rho.transform(elements[0], values), one)
    torch.testing.assert_close(rho.transform(elements[0], values[0, 0]), one[0, 0])
    assert rho.transform(elements.float(), values.float()).dtype == torch.float32


@SOME
@given(rho=representations(), seed=SEEDS)
def test_character_is_the_trace(rho, seed):
    elements = draw_elements(rho.group, 5, seed)
    traces = rho.matrices(elements).diagonal(dim1=1, dim2=2).sum(1)
    torch.testing.assert_close(rho.character(elements), traces)
    torch.testing.assert_close((rho * rho).character(elements), traces.square())
    torch.testing.assert_close((2 * rho + rho).character(elements), 3 * traces)


@SOME
@given(name=st.sampled_from(NAMES + PRODUCTS), seed=SEEDS, data=st.data())
def test_matrices_of_sums_and_products(name, seed, data):
    group = group_named(name)
    first, second = (data.draw(st.sampled_from(ATOMS[name])) for _ in range(2))
    element = draw_elements(group, 1, seed)[0]
    one, two = first.matrix(element), second.matrix(element)
    torch.testing.assert_close((first + second).matrix(element), torch.block_diag(one, two))
    torch.testing.assert_close((first * second).matrix(element), torch.kron(one, two))
    torch.testing.assert_close((3 * first).matrix(element), torch.block_diag(one, one, one))
    mixed = (first + second) * (second + trivial(group))
    whole = torch.kron(torch.block_diag(one, two), torch.block_diag(two, torch.eye(1).double()))
    torch.testing.assert_close(mixed.matrix(element), whole)


def test_dual_of_a_sheared_representation_is_the_inverse_transpose():
    group = group_named('C4')
    shear = torch.tensor([[1.0, 0.7], [0.0, 1.0]]).double()
    turn = group.elements()[1, :2, :2]
    sheared = from_generators(group, [shear @ turn @ shear.inverse()])
    elements = group.elements()
    torch.testing.assert_close(
        sheared.dual.matrices(elements), sheared.matrices(elements).inverse().mT
    )
    assert sheared.dual != sheared
    torch.testing.assert_close(sheared.dual.dual.matrices(elements), sheared.matrices(elements))
    assert vector(group).dual == vector(group)


def test_known_matrices():
    quarter, mirror = group_named('D4').elements()[[1, 4]]
    group = group_named('D4')
    assert vector(group).matrix(quarter).tolist() == [[0, -1], [1, 0]]
    assert vector(group).matrix(mirror).tolist() == [[1, 0], [0, -1]]
    assert pseudovector(group).matrix(mirror).tolist() == [[-1, 0], [0, 1]]
    assert spatial_pseudovector(group).matrix(mirror).diagonal().tolist() == [-1, 1, -1]
    assert sign(group).matrix(mirror).item() == -1
    assert sign(group).matrix(quarter).item() == 1
    assert sign(group_named('C4')).matrix(quarter).item() == -1
    assert sign(group_named('O3')).matrix(-torch.eye(3)).item() == -1
    assert pseudovector(group_named('O3')).matrix(-torch.eye(3)).diagonal().tolist() == [1, 1, 1]
    # The regular representation: g takes entry h to entry g h.
    assert regular(group_named('C4')).matrix(quarter).argmax(dim=0).tolist() == [1, 2, 3, 0]


@SOME
@given(seed=SEEDS)
def test_a_cross_product_is_a_pseudovector(seed):
    group = group_named('O3')
    element = draw_elements(group, 1, seed)[0]
    first, second = torch.randn(2, 3, generator=torch.Generator().manual_seed(seed)).double()
    polar = vector(group)
    turned = torch.linalg.cross(polar.transform(element, first), polar.transform(element, second))
    expected = pseudovector(group).transform(element, torch.linalg.cross(first, second))
    torch.testing.assert_close(turned, expected)


def test_degree_two_is_the_traceless_symmetric_tensor():
    group, element = SO3(), draw_elements(SO3(), 1, 3)[0]
    angle_rad = torch.acos((torch.trace(element) - 1) / 2)
    for degree in range(6):
        rho = irrep(group, degree)
        assert rho.size == 2 * degree + 1
        expected = sum(math.cos(m * angle_rad) for m in range(-degree, degree + 1))
        assert abs(rho.character(element[None])[0] - expected) < 1e-10


def test_permutations_with_signs():
    group = group_named('C4')
    legs = permutation(group, [[1, 2, 3, 0]], signs=[[1, -1, -1, 1]])
    quarter = group.elements()[1]
    moved = legs.transform(quarter, torch.tensor([1.0, 2.0, 3.0, 4.0]))
    assert moved.tolist() == [4.0, 1.0, -2.0, -3.0]
    with pytest.raises(SymmetryError, match='do not obey its relations'):
        permutation(group, [[1, 2, 3, 0]], signs=[[1, -1, 1, 1]])
    with pytest.raises(SymmetryError, match='do not obey'):
        permutation(group, [[1, 2, 0]])
    with pytest.raises(SymmetryError, match=r'\[0, 0\] is no permutation of 0 to 1'):
        permutation(group, [[0, 0]])
    with pytest.raises(SymmetryError, match='signs must be 1 or -1'):
        permutation(group, [[1, 0]], signs=[[1, 2]])
    with pytest.raises(SymmetryError, match='needs a finite group'):
        permutation(SO3(), [])
    with pytest.raises(SymmetryError, match='C4 has 1 generators'):
        from_generators(group, [torch.eye(2), torch.eye(2)])


@pytest.mark.parametrize(('build', 'message'), [
    (lambda: sign(group_named('C3')), 'C3 has no sign'),
    (lambda: sign(SO3()), 'SO3 is connected'),
    (lambda: regular(SO3()), 'needs a finite group such as C4 or D4, got SO3'),
    (lambda: irrep(group_named('C4'), 3), 'C4 has no irrep 3; known: 0 to 2'),
    (lambda: irrep(SO3(), -1), 'any from 0'),
    (lambda: irrep(SO3(), 1, pseudo=True), 'no reflections'),
    (lambda: irreps(SO3()), 'infinitely many irreps'),
    (lambda: vector(group_named('C4xZ2')), r'ambiguous; choose a factor.*\[C4, Z2\]'),
    (lambda: lifted(group_named('C4xZ2'), 2, trivial(SO3())), 'no factor 2'),
    (lambda: lifted(SO3(), 0, trivial(SO3())), 'no factor 0'),
    (lambda: lifted(group_named('C4xZ2'), 1, trivial(SO3())), 'factor 1 of C4xZ2 is Z2'),
    (lambda: vector(SO3()) + vector(group_named('SO2')), "of SO3, 'vector' of SO2"),
    (lambda: vector(SO3()) * vector(group_named('O3')), 'must be of one group'),
    (lambda: -1 * vector(SO3()), 'integer >= 0, got -1'),
])  # fmt: skip
def test_what_does_not_exist_is_refused(build, message):
    with pytest.raises(SymmetryError, match=message):
        build()


@pytest.mark.parametrize(('call', 'message'), [
    (lambda rho: rho.transform(torch.eye(3), torch.zeros(2, 6)), r'acts on 7 entries, got.*2, 6'),
    (lambda rho: rho.transform(torch.eye(3), torch.zeros(())), 'acts on 7 entries'),
    (lambda rho: rho.transform(torch.eye(3), torch.full((7,), torch.nan)), '7 of 7 are not'),
    (lambda rho: rho.transform(torch.eye(3).expand(3, 3, 3), torch.zeros(2, 7)), '3 elements'),
    (lambda rho: rho.transform(torch.eye(3).expand(7, 3, 3), torch.zeros(7)), '7 elements need'),
    (lambda rho: rho.transform(-torch.eye(3), torch.zeros(7)), 'expected elements of SO3'),
    (lambda rho: rho.matrix(torch.eye(3).expand(2, 3, 3)), 'takes one element'),
    (lambda rho: rho.matrices(torch.eye(4)), r'an element of SO3 has shape \(3, 3\)'),
])  # fmt: skip
def test_bad_input_is_refused(call, message):
    with pytest.raises(SymmetryError, match=message):
        call(2 * vector(SO3()) + trivial(SO3()))


def test_values_that_do_not_change_are_copied():
    values = torch.zeros(2, 3)
    (3 * trivial(SO3())).transform(torch.eye(3), values).add_(1.0)
    assert values.sum() == 0


def test_names_and_equality():
    group = group_named('C4')
    rho = 2 * vector(group) + trivial(group)
    assert rho.name == '2 vector + trivial'
    assert repr(rho) == 'Representation(C4: 2 vector + trivial; size 5)'
    assert rho == vector(group) + (vector(group) + trivial(group))
    assert hash(rho) == hash(vector(group) + (vector(group) + trivial(group)))
    assert rho != trivial(group) + 2 * vector(group)
    assert rho != 2 * vector(group_named('C8')) + trivial(group_named('C8'))
    assert (0 * rho).size == 0
    assert Representation.of(OBSERVATION[:5]) == 5 * vector(SO3())
