from perl_core.arm_spaces import ArmSpaces
from perl_core.errors import ConfigError
from perl_core.layers import Adam
from perl_core.predictors import (
    Prediction,
    PredictorConfig,
    Predictors,
    disagreement,
    errors,
    update_predictors,
)
import pytest
import torch

FIRST = Prediction(torch.tensor([[[3.0, 4.0, 0.0], [0.0, 0.0, 0.0]]]), torch.tensor([[2.0]]))
SECOND = Prediction(torch.zeros(1, 2, 3), torch.tensor([[1.0]]))


def optimiser_of(predictors, rate=3e-3):
    return Adam(predictors.parameters(), rate)


def test_distances_by_hand():
    assert errors(FIRST, SECOND).tolist() == pytest.approx([(5 + 0 + 1) / 3])
    assert disagreement(FIRST, SECOND).tolist() == pytest.approx([2.0])
    assert disagreement(FIRST, SECOND, 'square').tolist() == pytest.approx([(25 + 0 + 1) / 3])


def test_without_a_reward_head_only_vectors_count():
    first, second = (part._replace(reward=torch.zeros(1, 0)) for part in (FIRST, SECOND))
    assert errors(first, second).tolist() == pytest.approx([2.5])
    assert disagreement(first, second, 'square').tolist() == pytest.approx([12.5])


def test_target_is_the_change_in_typical_steps(contract, make_batch):
    predictors, batch = Predictors(ArmSpaces(contract), PredictorConfig(width=16)), make_batch()
    predictors.observe(batch)
    target = predictors.target(batch)
    # The first batch fills the averages, so its own mean square is 1 for every vector and reward.
    assert target.vectors.square().sum(-1).mean(0).tolist() == pytest.approx([1.0] * 5, rel=1e-3)
    assert float(target.reward.square().mean()) == pytest.approx(1.0, rel=1e-3)
    assert float(target.reward.mean()) == pytest.approx(0.0, abs=1e-5)


@pytest.mark.parametrize('reward_head', [False, True])
def test_a_break_in_the_reward_alone_needs_the_reward_head(contract, make_batch, reward_head):
    config = PredictorConfig(width=32, reward_head=reward_head)
    predictors, shares = Predictors(ArmSpaces(contract), config), []
    optimiser = optimiser_of(predictors)
    for _ in range(450):
        batch = make_batch(128)
        # The motion is equivariant. The reward is a joint angle, which only one of them sees.
        following = batch.observation.clone()
        following[:, :6] += 0.1 * batch.action
        batch = batch._replace(next_observation=following, reward=batch.observation[:, 27])
        _, comparison = update_predictors(predictors, optimiser, batch, 10.0)
        shares.append(float(comparison.excess_error[batch.held_out].mean()))
    found = sum(shares[-20:]) / 20
    assert (found > 0.05) == reward_head
    assert found < 1.0 / 6 + 0.05  # one of six parts


def test_held_out_rows_are_never_learned_from(contract, make_batch):
    first, second = (Predictors(ArmSpaces(contract), PredictorConfig(width=16)) for _ in range(2))
    second.load_state_dict(first.state_dict())
    batch = make_batch()
    held_out = batch.held_out.unsqueeze(1)
    other = batch._replace(action=torch.where(held_out, batch.action + 1.0, batch.action))
    for predictors, shown in ((first, batch), (second, other)):
        update_predictors(predictors, optimiser_of(predictors), shown, 10.0)
    for one, two in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.allclose(one, two, atol=1e-7)


def test_config_refuses_values_without_meaning():
    with pytest.raises(ConfigError, match='width and depth of at least 1'):
        PredictorConfig(depth=0)
    with pytest.raises(ConfigError, match='distance must be one of'):
        PredictorConfig(distance='l1')
