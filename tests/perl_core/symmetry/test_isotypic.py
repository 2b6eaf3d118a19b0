from hypothesis import given, settings
from hypothesis import strategies as st
from perl_core.errors import SymmetryError
from perl_core.symmetry import (
    EquivariantBasis,
    Isotypic,
    equivariant_basis,
    from_generators,
    group_named,
)
import pytest
import torch

ALL = [
    'C1', 'C4', 'C5', 'D1', 'D2', 'D3', 'D4', 'Z2', 'C4xZ2', 'C3xC4',
    'SO2', 'O2', 'SO3', 'O3', 'SO2xZ2',
]  # fmt: skip
FEW = settings(max_examples=6)


@FEW
@given(data=st.data())
@pytest.mark.parametrize('name', ALL)
def test_isotypic_form_agrees_with_the_null_space(sums, name, data):
    group = group_named(name)
    rho_in, rho_out = data.draw(sums(group)), data.draw(sums(group))
    source, target = Isotypic.of(rho_in), Isotypic.of(rho_out)
    for rho, form in ((rho_in, source), (rho_out, target)):
        eye = torch.eye(rho.size).double()
        torch.testing.assert_close(form.change @ form.change.T, eye, atol=1e-10, rtol=0)
        elements = group.sample(3, torch.Generator().manual_seed(0))
        images = form.change @ form.representation.matrices(elements) @ form.change.T
        torch.testing.assert_close(images, rho.matrices(elements), atol=1e-10, rtol=0)
        assert form.representation == sum((n * psi for psi, n in form.parts), 0 * rho)
    closed = EquivariantBasis(source.representation, target.representation)
    reference = EquivariantBasis(rho_in, rho_out)
    # Schur: copies times copies times the dimension of the irrep's own maps.
    copies = dict(target.parts)
    own = {psi: len(equivariant_basis(psi, psi)) for psi, _ in source.parts}
    rank = sum(count * copies.get(psi, 0) * own[psi] for psi, count in source.parts)
    assert closed.rank == reference.rank == rank
    maps = target.change @ closed.dense() @ source.change.T
    for matrix in maps[:20]:
        torch.testing.assert_close(reference.project(matrix), matrix, atol=1e-9, rtol=0)


def test_what_is_not_orthogonal_has_no_isotypic_form():
    group = group_named('Z2')
    with pytest.raises(SymmetryError, match='not orthogonal'):
        Isotypic.of(from_generators(group, [torch.tensor([[1.0, 1.0], [0.0, -1.0]])]))
