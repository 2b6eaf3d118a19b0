import math

from hypothesis import given
from hypothesis import strategies as st
from perl_core.gating import (
    binary_expectile,
    draw,
    expectile_loss,
    expectile_of,
    gate_loss,
    mix_by_gate,
    of_taken,
    practise,
    sampled_max_share,
    select_by_gate,
)
import pytest
import torch

TAUS = st.floats(0.02, 0.98)
LAMBDAS = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=9)


@pytest.mark.parametrize('share', [0.0, 0.3, 1.0])
def test_selection_is_the_convex_combination(share):
    is_open, inputs = torch.rand(32) < share, torch.randn(32, 4)
    calls = []

    def branch(sign):
        def run(rows):
            calls.append(len(rows))
            return sign * rows

        return run

    chosen = select_by_gate(is_open, branch(1.0), branch(-1.0), inputs)
    assert torch.equal(chosen, mix_by_gate(is_open, inputs, -inputs))
    assert sum(calls) == 32


@pytest.mark.parametrize('share', [0.0, 0.3, 1.0])
def test_split_and_dense_forms_have_the_same_gradients(share):
    networks = [torch.nn.Linear(4, 2).double() for _ in range(2)]
    is_open, inputs = torch.rand(64) < share, torch.randn(64, 4).double()
    split = select_by_gate(is_open, *networks, inputs)
    dense = mix_by_gate(is_open, *(network(inputs) for network in networks))
    assert torch.allclose(split, dense, atol=1e-12)
    weights = [network.weight for network in networks]
    of_split, of_dense = (
        torch.autograd.grad(values.square().mean(), weights, allow_unused=True)
        for values in (split, dense)
    )
    for first, second in zip(of_split, of_dense, strict=True):
        assert torch.allclose(second if first is None else first, second, atol=1e-12)
        assert first is not None or second.abs().max() == 0.0


def test_mixing_by_hand_and_without_gradient_into_the_gate():
    weight = torch.tensor([0.25, 1.0], requires_grad=True)
    first = torch.tensor([[4.0], [4.0]], requires_grad=True)
    mixed = mix_by_gate(weight, first, torch.tensor([[8.0], [6.0]]))
    assert mixed.tolist() == [[5.0], [6.0]]
    mixed.sum().backward()
    assert weight.grad is None
    assert first.grad.tolist() == [[0.75], [0.0]]


def test_gate_loss_by_hand():
    logits = torch.tensor([0.0, math.log(3.0)])
    loss = gate_loss(logits, torch.tensor([1.0, 0.0]))
    assert float(loss) == pytest.approx(-(math.log(0.5) + math.log(0.25)) / 2)


@given(LAMBDAS, TAUS)
def test_expectile_is_the_fixed_point(values, tau):
    values = torch.tensor(values, dtype=torch.float64)
    root = expectile_of(values, tau)
    above, below = (values - root).clamp_min(0).mean(), (root - values).clamp_min(0).mean()
    assert tau * float(above) == pytest.approx((1 - tau) * float(below), abs=1e-9)


@given(st.integers(0, 12), st.integers(1, 12), TAUS)
def test_expectile_of_a_binary_gate(broken, count, tau):
    broken = min(broken, count)
    values = (torch.arange(count) < broken).double()
    expected = binary_expectile(broken / count, tau)
    assert float(expectile_of(values, tau)) == pytest.approx(expected, abs=1e-9)
    if abs(broken / count - (1 - tau)) > 1e-6:
        assert (expected > 0.5) == (broken / count > 1 - tau)


@given(LAMBDAS, st.floats(0.05, 0.95))
def test_expectile_regression_has_its_minimum_there(values, tau):
    values = torch.tensor(values, dtype=torch.float64)
    value = expectile_of(values, tau).requires_grad_()
    expectile_loss(value.expand_as(values), values, tau).backward()
    assert float(value.grad) == pytest.approx(0.0, abs=1e-9)


def test_a_high_expectile_is_the_largest_action():
    values = torch.rand(5, 7, dtype=torch.float64)
    assert torch.allclose(expectile_of(values, 1 - 1e-9), values.amax(1), atol=1e-6)
    assert torch.allclose(expectile_of(values, 0.5), values.mean(1))


@pytest.mark.parametrize(('share', 'count'), [(0.1, 4), (0.1, 8), (0.4, 4)])
def test_sampled_max_opens_as_often_as_stated(share, count):
    is_broken = torch.rand(40_000, count) < share
    rate = is_broken.float().amax(1).mean().item()
    assert rate == pytest.approx(sampled_max_share(share, count), abs=0.012)


def test_draws_have_their_probability():
    probability = torch.tensor([0.0, 0.2, 1.0]).repeat(20_000, 1)
    drawn = draw(probability, torch.Generator().manual_seed(0))
    assert drawn.dtype == torch.bool
    assert drawn.float().mean(0).tolist() == pytest.approx([0.0, 0.2, 1.0], abs=0.01)


def test_discrete_gate_losses_of_many_seeds_at_once():
    logits, actions = torch.randn(5, 20, 4), torch.randint(4, (5, 20))
    labels = (torch.rand(5, 20) < 0.3).float()

    def losses(logits, actions, labels):
        state = expectile_of(logits.sigmoid(), 0.9)
        taken = of_taken(logits, actions)
        return gate_loss(taken, labels), expectile_loss(state, taken.sigmoid(), 0.9), state

    together = torch.vmap(losses)(logits, actions, labels)
    for seed in range(5):
        alone = losses(logits[seed], actions[seed], labels[seed])
        for batched, one in zip(together, alone, strict=True):
            assert torch.allclose(batched[seed], one, atol=1e-6)
    assert of_taken(logits[0], actions[0])[3] == logits[0, 3, actions[0, 3]]


@pytest.mark.parametrize('dtype', [torch.bool, torch.float32])
def test_practice_teaches_the_standard_branch_behind_a_closed_gate(dtype):
    closed, generator = torch.zeros(4000).to(dtype), torch.Generator().manual_seed(0)
    weight = practise(closed, 0.25, generator)
    assert weight.dtype == dtype
    assert weight.float().mean().item() == pytest.approx(0.25, abs=0.03)
    assert torch.equal(practise(closed, 0.0, generator), closed)
    assert practise(~closed if dtype == torch.bool else closed + 1, 0.5, generator).all()
