from perl_core.arm_spaces import ArmSpaces
from perl_core.contract import Contract
from perl_core.detection import Comparison
from perl_core.detectors import WelfordDetector
from perl_core.errors import ConfigError
from perl_core.gate import FixedGate, GateModule
from perl_core.gating import binary_expectile, sampled_max_share
from perl_core.learned_gate import GateConfig, LearnedGate, update_action_gate, update_state_gate
from perl_core.replay import Batch
import pytest
import torch

CONTRACT = Contract()


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


def gate_of(**fields):
    return LearnedGate(ArmSpaces(CONTRACT), GateConfig(width=32, **fields), WelfordDetector(1.0))


def with_gate_on_first_joint_speed(gate, sharpness=50.0):
    """Make lambda(s, a) open where the first entry of the action is positive."""

    class Stub(torch.nn.Module):
        def forward(self, inputs):
            from perl_core.layers import TrunkOutput

            return TrunkOutput(inputs[:, :0], sharpness * inputs[:, 39:40])

    gate.target_gate = Stub()
    gate.updates += 1_000_000
    return gate


@pytest.mark.parametrize('state', ['expectile', 'sampled_max'])
def test_gate_stays_closed_while_warming_up_then_opens_where_the_break_is(state):
    gate = gate_of(warm_up_updates=100, rate=0.05, learning_rate=3e-3, state=state)
    for index in range(700):
        batch = make_batch()
        assert index < 100 or gate.is_warm
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


@pytest.mark.parametrize('state', ['expectile', 'sampled_max'])
def test_prior_is_the_first_probability(state):
    probability = gate_of(prior=0.05, state=state).probability(make_batch().observation)
    assert probability.mean().item() == pytest.approx(0.05, abs=0.012)


def test_target_gate_follows_slowly():
    gate = gate_of(rate=0.1, warm_up_updates=1, learning_rate=1e-2)
    before = [parameter.clone() for parameter in gate.target_gate.parameters()]
    batch = make_batch()
    gate.update(batch, comparison_where(broken_in(batch)))
    sources = gate.action_gate.parameters()
    for old, new, source in zip(before, gate.target_gate.parameters(), sources, strict=True):
        assert torch.allclose(new, old + 0.1 * (source - old), atol=1e-7)


@pytest.mark.parametrize(('share', 'opens'), [(0.05, False), (0.2, True)])
def test_state_gate_is_the_expectile(share, opens):
    # tau = 0.9 opens where at least a tenth of the actions is broken.
    gate = gate_of(learning_rate=1e-2, expectile=0.9)
    broken = (torch.arange(400) % 20 < 20 * share).float()
    gate.expectile_target = lambda batch: broken
    batch = make_batch(400)._replace(observation=torch.zeros(400, 39))
    for _ in range(300):
        update_state_gate(gate, batch)
    value = gate.probability(batch.observation)[0].item()
    assert value == pytest.approx(binary_expectile(share, 0.9), abs=0.03)
    assert (value > 0.5) == opens


def test_state_gate_learns_zeros_and_ones_of_a_threshold_and_probabilities_of_the_others():
    batch = make_batch()
    for kind in ('threshold', 'draw', 'soft'):
        gate = with_gate_on_first_joint_speed(gate_of(kind=kind), sharpness=3.0)
        expected = (3.0 * batch.action[:, 0]).sigmoid()
        if kind == 'threshold':
            expected = (expected > 0.5).float()
        assert torch.allclose(gate.expectile_target(batch), expected)


@pytest.mark.parametrize('count', [1, 4, 8])
def test_sampled_max_opens_as_often_as_stated(count):
    # The first entry of an action is positive for half of all actions.
    gate = gate_of(state='sampled_max', sampled_actions=count)
    with_gate_on_first_joint_speed(gate)
    generator = torch.Generator().manual_seed(0)
    observation = torch.zeros(4000, 39)
    is_open = gate.of_state(observation, generator)
    assert is_open.float().mean().item() == pytest.approx(
        sampled_max_share(0.5, count), abs=0.03
    )
    repeated = gate.of_state(observation)
    assert torch.equal(repeated, gate.of_state(observation))
    assert torch.equal(repeated, gate.probability(observation) > 0.5)


def test_kinds_of_gate_on_the_same_probabilities():
    batch, generator = make_batch(4000), torch.Generator().manual_seed(0)
    answers = {}
    for kind in ('threshold', 'draw', 'soft'):
        gate = with_gate_on_first_joint_speed(gate_of(kind=kind), sharpness=2.0)
        answers[kind] = gate.of_action(batch.observation, batch.action, generator)
        deterministic = gate.of_action(batch.observation, batch.action)
        assert torch.equal(deterministic, gate.of_action(batch.observation, batch.action))
    probability = (2.0 * batch.action[:, 0]).sigmoid()
    assert torch.allclose(answers['soft'], probability)
    assert torch.equal(answers['threshold'], probability > 0.5)
    assert answers['draw'].dtype == torch.bool
    likely = probability > 0.6
    expected = probability[likely].mean().item()
    assert answers['draw'][likely].float().mean().item() == pytest.approx(expected, abs=0.05)
    assert not torch.equal(answers['draw'], answers['threshold'])


def test_gate_networks_have_optimisers_of_their_own():
    gate, batch = gate_of(), make_batch()
    before = {name: value.clone() for name, value in gate.named_parameters()}
    update_action_gate(gate, batch, broken_in(batch).float())
    changed = {n for n, value in gate.named_parameters() if not torch.equal(value, before[n])}
    assert changed
    assert all(name.startswith('action_gate.') for name in changed)
    assert set(gate.optimisers()) == {'action_gate', 'state_gate'}
    assert set(gate_of(state='sampled_max').optimisers()) == {'action_gate'}


@pytest.mark.parametrize('is_open', [False, True])
def test_fixed_gate_never_moves(is_open):
    gate, batch = FixedGate(is_open), make_batch(4)
    assert gate.of_state(batch.observation).tolist() == [is_open] * 4
    assert gate.of_action(batch.observation, batch.action).tolist() == [is_open] * 4
    assert GateModule(gate)(batch.observation).tolist() == [float(is_open)] * 4


@pytest.mark.parametrize(
    ('fields', 'message'),
    [
        ({'kind': 'hard'}, r"gate.kind must be one of \['threshold', 'draw', 'soft'\]; got 'hard"),
        ({'state': 'max'}, r"gate.state must be one of \['expectile', 'sampled_max'\]"),
        ({'sampled_actions': 0}, 'gate.sampled_actions must be at least 1; got 0'),
        ({'prior': 0.0}, 'gate.prior must be between 0 and 1'),
        ({'expectile': 1.0}, 'gate.expectile must be between 0 and 1'),
    ],
)
def test_config_refuses_values_without_meaning(fields, message):
    with pytest.raises(ConfigError, match=message):
        GateConfig(**fields)
