from perl_core.contract import Contract
from perl_core.detectors import LossDifferenceDetector, WelfordDetector
from perl_core.gate import FixedGate, GateConfig, LearnedGate, select_by_gate, update_state_gate
from perl_core.predictors import Comparison
from perl_core.replay import Batch
import pytest
import torch

CONTRACT = Contract()


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)
    torch.manual_seed(0)


def make_batch(count=128):
    return Batch(
        torch.randn(count, 39) * 0.3, torch.rand(count, 6) - 0.5, torch.randn(count),
        torch.randn(count, 39) * 0.3, torch.zeros(count), torch.arange(count) % 2 == 0,
    )  # fmt: skip


def comparison_where(broken, noise=0.02):
    excess = 0.5 * broken.float() + noise * torch.randn(len(broken))
    return Comparison(excess.abs(), excess)


def broken_in(batch):
    """Return a local break: where one joint angle is large."""
    return batch.observation[:, 27] > 0.3


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
    weight = is_open.float().unsqueeze(1)
    assert torch.equal(chosen, (1 - weight) * inputs - weight * inputs)
    assert sum(calls) == 32


def test_welford_agrees_with_the_whole_sample():
    detector, values = WelfordDetector(kappa=2.0), []
    for _ in range(7):
        part = torch.rand(33) ** 2
        values.append(part)
        detector.update(make_batch(33), Comparison(part, part))
    whole = torch.cat(values).double()
    assert float(detector.mean) == pytest.approx(float(whole.mean()))
    labels = detector.labels(make_batch(3), Comparison(torch.tensor([0.0, 0.5, 9.0]), None))
    threshold = whole.mean() + 2.0 * whole.std(correction=0)
    assert labels.tolist() == [0.0, float(threshold < 0.5), 1.0]


def test_loss_difference_finds_a_local_break_and_nothing_else():
    detector = LossDifferenceDetector(CONTRACT, width=32, kappa=1.0, tolerance=0.05)
    for _ in range(600):
        batch = make_batch()
        detector.update(batch, comparison_where(broken_in(batch)))
    batch = make_batch(1000)
    labels = detector.labels(batch, None).bool()
    clear = (batch.observation[:, 27] - 0.3).abs() > 0.15
    assert (labels == broken_in(batch))[clear].float().mean() > 0.9


def test_loss_difference_stays_closed_on_noise():
    detector = LossDifferenceDetector(CONTRACT, width=32, kappa=1.0, tolerance=0.05)
    for _ in range(300):
        excess = 0.3 * torch.randn(128)
        detector.update(make_batch(), Comparison(excess.abs(), excess))
    assert detector.labels(make_batch(1000), None).mean() == 0.0


def test_gate_stays_closed_while_warming_up_then_opens_where_the_break_is():
    config = GateConfig(width=32, warm_up_updates=300, rate=0.05, learning_rate=3e-3)
    detector = LossDifferenceDetector(CONTRACT, width=32, kappa=1.0, tolerance=0.05)
    gate = LearnedGate(CONTRACT, config, detector)
    for index in range(1000):
        batch = make_batch()
        assert index < 300 or gate.is_warm
        if not gate.is_warm:
            assert not gate.of_state(batch.observation).any()
            assert not gate.of_action(batch.observation, batch.action).any()
        gate.update(batch, comparison_where(broken_in(batch)))
    batch = make_batch(1000)
    clear = (batch.observation[:, 27] - 0.3).abs() > 0.15
    for is_open in (
        gate.of_action(batch.observation, batch.action), gate.of_state(batch.observation)
    ):
        assert (is_open == broken_in(batch))[clear].float().mean() > 0.8


def test_prior_is_the_first_probability():
    gate = LearnedGate(CONTRACT, GateConfig(prior=0.05), WelfordDetector(2.0))
    probability = gate.probability(make_batch().observation).mean().item()
    assert probability == pytest.approx(0.05, abs=0.01)


@pytest.mark.parametrize(('share', 'opens'), [(0.05, False), (0.2, True)])
def test_state_gate_is_the_expectile(share, opens):
    # tau = 0.9 opens where at least a tenth of the actions is broken.
    gate = LearnedGate(CONTRACT, GateConfig(width=16, learning_rate=1e-2), WelfordDetector(2.0))
    batch = make_batch(400)
    broken = torch.arange(400) % 20 < 20 * share
    gate.of_action = lambda observation, action: broken
    batch = batch._replace(observation=torch.zeros(400, 39))
    for _ in range(300):
        update_state_gate(gate, batch, expectile=0.9)
    value = gate.probability(batch.observation)[0].item()
    expected = 0.9 * share / (0.9 * share + 0.1 * (1 - share))
    assert value == pytest.approx(expected, abs=0.03)
    assert (value > 0.5) == opens


@pytest.mark.parametrize('is_open', [False, True])
def test_fixed_gate_never_moves(is_open):
    gate, batch = FixedGate(is_open), make_batch(4)
    assert gate.of_state(batch.observation).tolist() == [is_open] * 4
    assert gate.of_action(batch.observation, batch.action).tolist() == [is_open] * 4
    assert gate.probability(batch.observation).tolist() == [float(is_open)] * 4
