from perl_core.agents.dqn.targets import double_target
import torch


def test_double_target_by_hand():
    # The learning network prefers action 1, whose target value is 3; the target's own best is 10.
    target = double_target(
        reward=torch.tensor([1.0, 1.0]), terminated=torch.tensor([0.0, 1.0]), discount=0.5,
        next_values=torch.tensor([[0.0, 2.0], [0.0, 2.0]]),
        next_target_values=torch.tensor([[10.0, 3.0], [10.0, 3.0]]),
    )  # fmt: skip
    assert target.tolist() == [2.5, 1.0]
