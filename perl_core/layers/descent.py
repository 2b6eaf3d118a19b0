"""One step of gradient descent, and one step of a target network."""

import torch
from torch import nn


def descend(optimiser: torch.optim.Optimizer, loss: torch.Tensor, max_norm: float) -> float:
    """Take one step down the gradient of ``loss``, clipped to a global norm.

    Returns:
        The gradient's norm before clipping.
    """
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    gradients = [
        p.grad for group in optimiser.param_groups for p in group['params'] if p.grad is not None
    ]
    norm = float(torch.stack(torch._foreach_norm(gradients)).norm())
    if norm > max_norm:
        torch._foreach_mul_(gradients, max_norm / norm)
    optimiser.step()
    return norm


@torch.no_grad()
def follow(target: nn.Module, source: nn.Module, rate: float) -> None:
    """Move the target's parameters towards the source's: exponential moving average."""
    torch._foreach_lerp_(list(target.parameters()), list(source.parameters()), rate)
