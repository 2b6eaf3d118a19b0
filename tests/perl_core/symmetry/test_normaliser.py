import copy

from hypothesis import given, settings
from hypothesis import strategies as st
from perl_core.errors import SymmetryError
from perl_core.symmetry import EquivariantNormaliser, group_named, regular, trivial, vector
import pytest
import torch

ALL = [
    'C1', 'C4', 'C5', 'D1', 'D2', 'D3', 'D4', 'Z2', 'C4xZ2', 'C3xC4',
    'SO2', 'O2', 'SO3', 'O3', 'SO2xZ2',
]  # fmt: skip
SEEDS = st.integers(0, 2**31)
FEW = settings(max_examples=6)


def normaliser(rho):
    return EquivariantNormaliser(rho).double()


@FEW
@given(data=st.data(), seed=SEEDS)
@pytest.mark.parametrize('name', ALL)
def test_normaliser_is_equivariant(sums, name, data, seed):
    rho = data.draw(sums(group_named(name)))
    generator = torch.Generator().manual_seed(seed)
    values = 3.0 + 5.0 * torch.randn(32, rho.size, generator=generator).double()
    norm = normaliser(rho)
    norm.update(values)
    elements = rho.group.sample(32, generator)
    turned = norm(rho.transform(elements, values))
    torch.testing.assert_close(turned, rho.transform(elements, norm(values)), atol=1e-9, rtol=0)
    torch.testing.assert_close(norm.restore(norm(values)), values)


def test_normaliser_has_the_statistics_of_augmented_data():
    group = group_named('C4')
    rho = vector(group) + trivial(group) + regular(group)
    values = torch.randn(64, 7).double() * torch.tensor([1, 5, 2, 1, 2, 3, 4]) + 3.0
    whole, parts, augmented = (normaliser(rho) for _ in range(3))
    whole.update(values)
    for part in values.split((1, 20, 43)):
        parts.update(part)
    for element in group.elements():
        augmented.update(rho.transform(element, values))
    for other in (parts, augmented):
        torch.testing.assert_close(whole.mean, other.mean)
        torch.testing.assert_close(whole.scale, other.scale)
    assert whole.mean[:2].abs().max() < 1e-12
    assert len(whole.scale[3:].unique()) == 1
    torch.testing.assert_close(whole.mean[2], values[:, 2].mean())
    torch.testing.assert_close(whole.scale[2], values[:, 2].std(correction=0))
    torch.testing.assert_close(copy.deepcopy(whole)(values), whole(values))
    fresh = normaliser(rho)
    fresh.load_state_dict(whole.state_dict())
    torch.testing.assert_close(fresh(values), whole(values))


def test_normaliser_does_not_blow_up_constants_and_refuses_bad_values():
    group = group_named('C4')
    norm = EquivariantNormaliser(vector(group) + trivial(group))
    norm.update(torch.zeros(0, 3))
    assert torch.equal(norm(torch.ones(1, 3)), torch.ones(1, 3))
    norm.update(torch.ones(5, 3) * torch.tensor([0.0, 0.0, 2.0]))
    assert norm(torch.tensor([0.0, 0.0, 2.0])).abs().max() < 1e-6
    for wrong in (torch.zeros(4, 2), torch.zeros(3), torch.full((1, 3), torch.inf)):
        with pytest.raises(SymmetryError, match=r'expected finite values of shape \(batch, 3\)'):
            norm.update(wrong)
