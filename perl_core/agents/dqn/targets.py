"""What a critic learns from: the double target, as pure functions of tensors."""

import torch


def double_target(
    reward: torch.Tensor,
    terminated: torch.Tensor,
    discount: float,
    next_values: torch.Tensor,
    next_target_values: torch.Tensor,
) -> torch.Tensor:
    """Return r + gamma (1 - done) Q_target(s', argmax_a Q(s', a)) (arXiv 1509.06461).

    Args:
        reward: shape (...).
        terminated: 1 where the MDP ended, shape (...).
        discount: gamma.
        next_values: Q(s', .) of the network that learns, shape (..., actions).
        next_target_values: Q_target(s', .), shape (..., actions).

    Returns:
        Shape (...).
    """
    best = next_values.argmax(dim=-1, keepdim=True)
    value = next_target_values.gather(-1, best).squeeze(-1)
    return reward + discount * (1.0 - terminated) * value
