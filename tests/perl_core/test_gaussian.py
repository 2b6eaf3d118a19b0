import math

from hypothesis import given
from hypothesis import strategies as st
from perl_core.gaussian import (
    Gaussian,
    fuse,
    log_density,
    random_actions,
    sample_action,
    squash,
    squash_log_determinant,
)
from perl_core.symmetry import group_named
import pytest
import torch

SIZES = (1, 2, 3)


def vectors_of(*sizes):
    return st.one_of([
        st.lists(st.floats(-6.0, 6.0), min_size=size, max_size=size) for size in sizes
    ])


def ball(size):
    """Return the midpoints of a grid within the unit ball, the vectors there, and the cell."""
    count = {1: 4001, 2: 401, 3: 121}[size]
    edges = torch.linspace(-1.0, 1.0, count + 1, dtype=torch.float64)
    middle = (edges[1:] + edges[:-1]) / 2
    points = torch.cartesian_prod(*[middle] * size).reshape(-1, size)
    points = points[points.norm(dim=1) < 1.0]
    lengths = points.norm(dim=1, keepdim=True).clamp_min(1e-12)
    return points / lengths * lengths.atanh(), (2.0 / count) ** size


def gaussian(mean, std):
    return Gaussian(torch.tensor([[mean]]).double(), torch.tensor([[[std]]]).double())


def density_at(policy, vectors):
    """Evaluate one row of a policy at many vectors."""
    rows = Gaussian(*(part.expand(len(vectors), -1, -1) for part in policy[:2]))
    return log_density(rows, vectors.unsqueeze(1))


@given(vectors_of(*SIZES))
def test_squash_stays_inside_the_ball_and_keeps_the_direction(entries):
    vector = torch.tensor(entries, dtype=torch.float64)
    squashed = squash(vector)
    assert squashed.norm() < 1.0
    assert torch.allclose(squashed.norm(), vector.norm().tanh(), atol=1e-6)
    assert torch.allclose(squashed * vector.norm(), vector * squashed.norm(), atol=1e-9)


@given(vectors_of(*SIZES))
def test_log_determinant_is_that_of_the_jacobian(entries):
    vector = torch.tensor(entries, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(squash, vector)
    expected = torch.linalg.det(jacobian).log()
    assert torch.allclose(squash_log_determinant(vector), expected, atol=1e-5)


def test_log_determinant_is_finite_far_out():
    value = squash_log_determinant(torch.tensor([40.0, 0.0, 0.0]))
    assert value == pytest.approx(2 * (math.log(2) - 40.0) - 2 * math.log(40.0), rel=1e-5)


@pytest.mark.parametrize('size', SIZES)
def test_density_integrates_to_one(size):
    vectors, cell = ball(size)
    density = density_at(gaussian([0.4, -0.2, 0.3][:size], 0.6), vectors).exp()
    assert float(density.sum() * cell) == pytest.approx(1.0, abs=0.01)


def test_in_one_dimension_it_is_the_tanh_gaussian():
    # Its mean by quadrature in the action, against a known mean before the squash.
    nodes = torch.linspace(-8.0, 8.0, 20_001, dtype=torch.float64)
    normal = torch.distributions.Normal(torch.tensor(0.4).double(), torch.tensor(0.6).double())
    tanh = torch.distributions.TransformedDistribution(
        normal, torch.distributions.transforms.TanhTransform()
    )
    inner = nodes[nodes.abs() < 4.0]
    expected = tanh.log_prob(inner.tanh())
    assert torch.allclose(
        density_at(gaussian([0.4], 0.6), inner.unsqueeze(1)), expected, atol=1e-5
    )
    vectors, cell = ball(1)
    density = density_at(gaussian([0.4], 0.6), vectors).exp()
    mean = float((density * vectors.squeeze(1).tanh()).sum() * cell)
    exact = float((normal.log_prob(nodes).exp() * nodes.tanh()).sum() * (nodes[1] - nodes[0]))
    assert mean == pytest.approx(exact, abs=1e-4)


def test_sampled_log_probability_is_that_density():
    generator = torch.Generator().manual_seed(0)
    policy = Gaussian(torch.randn(5, 2, 3).double(), torch.rand(5, 2, 1).double() + 0.1)
    action, log_probability = sample_action(policy, generator)
    squashed = action.unflatten(1, (2, 3))
    lengths = squashed.norm(dim=-1, keepdim=True)
    vectors = squashed / lengths * lengths.atanh()
    normal = torch.distributions.Normal(policy.mean, policy.std)
    expected = normal.log_prob(vectors).sum((1, 2)) - squash_log_determinant(vectors).sum(1)
    assert torch.allclose(log_probability, expected, atol=1e-4)
    assert torch.allclose(log_probability, log_density(policy, vectors), atol=1e-4)


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('weight', [0.0, 0.15, 0.5, 0.8, 1.0])
def test_fusion_is_the_renormalised_product_after_the_squash(size, weight):
    vectors, cell = ball(size)
    first = gaussian([0.5, -0.1, 0.2][:size], 0.7)
    second = gaussian([-0.3, 0.4, 0.0][:size], 0.4)
    product = (
        (1 - weight) * density_at(first, vectors) + weight * density_at(second, vectors)
    ).exp()
    product /= product.sum() * cell
    fused = density_at(fuse(first, second, torch.tensor([weight])), vectors).exp()
    assert torch.allclose(fused, product, rtol=0.01, atol=1e-6)


def test_fusion_of_a_binary_gate_is_selection_and_gives_it_no_gradient():
    first = Gaussian(torch.randn(6, 2, 3).double(), torch.rand(6, 2, 1).double() + 0.1)
    second = Gaussian(torch.randn(6, 2, 3).double(), torch.rand(6, 2, 1).double() + 0.1)
    weight = torch.tensor([0, 1, 0, 1, 1, 0]).double().requires_grad_()
    fused = fuse(first, Gaussian(*(part.requires_grad_() for part in second[:2])), weight)
    chosen = weight.detach().bool()
    for got, one, two in zip(fused[:2], first[:2], second[:2], strict=True):
        assert torch.allclose(got[~chosen], one[~chosen], rtol=1e-12)
        assert torch.allclose(got[chosen], two[chosen], rtol=1e-12)
    fused.mean.sum().backward()
    assert weight.grad is None


@pytest.mark.parametrize('group', ['SO3', 'SO2'])
def test_density_is_invariant_under_the_group(group):
    policy = Gaussian(torch.randn(50, 2, 3).double(), torch.rand(50, 2, 1).double() + 0.1)
    vectors = torch.randn(50, 2, 3).double()
    elements = group_named(group).sample(50, torch.Generator().manual_seed(0))
    turned = log_density(Gaussian(policy.mean @ elements.mT, policy.std), vectors @ elements.mT)
    assert torch.allclose(turned, log_density(policy, vectors), atol=1e-9)


def test_tanh_gaussian_is_invariant_under_reflections():
    policy = Gaussian(torch.randn(50, 4, 1).double(), torch.rand(50, 4, 1).double() + 0.1)
    vectors, signs = torch.randn(50, 4, 1).double(), torch.randn(50, 4, 1).double().sign()
    turned = log_density(Gaussian(signs * policy.mean, policy.std), signs * vectors)
    assert torch.allclose(turned, log_density(policy, vectors), atol=1e-12)


def test_deterministic_action_is_the_squashed_mean():
    mean = torch.tensor([[[3.0, 0.0, 0.0], [0.0, 0.0, 0.0]]])
    action = squash(mean).flatten(1)
    assert action[0].tolist() == pytest.approx([math.tanh(3.0), 0, 0, 0, 0, 0])


def test_random_actions_have_uniform_length_and_direction():
    actions = random_actions((20_000, 2, 3), torch.Generator().manual_seed(0)).unflatten(1, (2, 3))
    lengths = actions.norm(dim=-1)
    assert lengths.max() < 1.0
    assert float((lengths < 0.5).float().mean()) == pytest.approx(0.5, abs=0.02)
    assert actions.mean((0, 1)).abs().max() < 0.01
