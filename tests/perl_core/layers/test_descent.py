import copy

from hypothesis import given
from hypothesis import strategies as st
from perl_core.layers import Adam, descend
import pytest
import torch
from torch import nn


def loss_of(network, inputs, scale):
    return scale * network(inputs).square().mean()


@given(scale=st.floats(1e-3, 1e3), max_norm=st.floats(0.1, 10.0), seed=st.integers(0, 99))
def test_steps_are_those_of_torch(scale, max_norm, seed):
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    other, inputs = copy.deepcopy(network), torch.randn(5, 3).double()
    own, theirs = Adam(network.parameters(), 0.01), torch.optim.Adam(other.parameters(), lr=0.01)
    for _ in range(3):
        norm = descend(own, loss_of(network, inputs, scale), max_norm)
        theirs.zero_grad()
        loss_of(other, inputs, scale).backward()
        expected = nn.utils.clip_grad_norm_(other.parameters(), max_norm)
        theirs.step()
        assert norm == pytest.approx(float(expected), rel=1e-6)
    for one, two in zip(network.parameters(), other.parameters(), strict=True):
        assert torch.allclose(one, two, atol=1e-6)


def test_what_has_no_gradient_is_left_alone_and_the_state_resumes():
    used, idle = (nn.Parameter(torch.ones(2)) for _ in range(2))
    optimiser = Adam([used, idle], 0.1)
    descend(optimiser, used.sum(), 1.0)
    assert torch.equal(idle, torch.ones(2))
    assert list(optimiser.state_dict()['state']) == [0]
    again = nn.Parameter(used.detach().clone())
    other = Adam([again, nn.Parameter(torch.ones(2))], 0.1)
    other.load_state_dict(copy.deepcopy(optimiser.state_dict()))
    descend(optimiser, used.square().sum(), 1.0)
    descend(other, again.square().sum(), 1.0)
    assert torch.equal(again, used)


def test_no_gradient_at_all_is_no_step():
    parameter = nn.Parameter(torch.ones(2))
    assert Adam([parameter], 0.1).descend() == 0.0
    assert torch.equal(parameter, torch.ones(2))
