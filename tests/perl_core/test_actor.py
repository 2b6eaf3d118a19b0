import math

from hypothesis import given
from hypothesis import strategies as st
from perl_core.actor import (
    Gaussian,
    action_of,
    sample_action,
    squash,
    squash_log_determinant,
)
import pytest
import torch

VECTORS = st.lists(st.floats(-6.0, 6.0), min_size=3, max_size=3)


@given(VECTORS)
def test_squash_stays_inside_the_ball_and_keeps_the_direction(entries):
    vector = torch.tensor(entries, dtype=torch.float64)
    squashed = squash(vector)
    assert squashed.norm() < 1.0
    assert torch.allclose(squashed.norm(), vector.norm().tanh(), atol=1e-6)
    assert torch.cross(squashed, vector, dim=0).norm() < 1e-9


@given(VECTORS)
def test_log_determinant_is_that_of_the_jacobian(entries):
    vector = torch.tensor(entries, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(squash, vector)
    expected = torch.linalg.det(jacobian).log()
    assert torch.allclose(squash_log_determinant(vector), expected, atol=1e-5)


def test_log_determinant_is_finite_far_out():
    value = squash_log_determinant(torch.tensor([40.0, 0.0, 0.0]))
    assert value == pytest.approx(2 * (math.log(2) - 40.0) - 2 * math.log(40.0), rel=1e-5)


def test_density_integrates_to_one():
    # Integrate over the unit ball in the squashed variable: midpoints of a grid.
    mean, std = torch.tensor([[[0.4, -0.2, 0.3]]]).double(), torch.tensor([[[0.6]]]).double()
    edges = torch.linspace(-1.0, 1.0, 122, dtype=torch.float64)
    middle = (edges[1:] + edges[:-1]) / 2
    points = torch.cartesian_prod(middle, middle, middle)
    points = points[points.norm(dim=1) < 1.0]
    lengths = points.norm(dim=1, keepdim=True).clamp_min(1e-12)
    vectors = points / lengths * lengths.atanh()
    normal = torch.distributions.Normal(mean[0, 0], std[0, 0])
    log_density = normal.log_prob(vectors).sum(1) - squash_log_determinant(vectors)
    assert float(log_density.exp().sum() * (2.0 / 121) ** 3) == pytest.approx(1.0, abs=0.01)


def test_sampled_log_probability_is_that_density():
    generator = torch.Generator().manual_seed(0)
    mean, std = torch.randn(5, 2, 3).double(), torch.rand(5, 2, 1).double() + 0.1
    action, log_probability = sample_action(Gaussian(mean, std), generator)
    squashed = action.unflatten(1, (2, 3))
    lengths = squashed.norm(dim=-1, keepdim=True)
    vectors = squashed / lengths * lengths.atanh()
    normal = torch.distributions.Normal(mean, std)
    expected = normal.log_prob(vectors).sum((1, 2)) - squash_log_determinant(vectors).sum(1)
    assert torch.allclose(log_probability, expected, atol=1e-4)


def test_deterministic_action_is_the_squashed_mean():
    mean = torch.tensor([[[3.0, 0.0, 0.0], [0.0, 0.0, 0.0]]])
    action = action_of(Gaussian(mean, torch.ones(1, 2, 1)))
    assert action[0].tolist() == pytest.approx([math.tanh(3.0), 0, 0, 0, 0, 0])
