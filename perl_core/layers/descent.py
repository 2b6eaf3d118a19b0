"""Steps of gradient descent, and one step of a target network."""

from collections.abc import Iterable

from perl_core.layers.expansion import count_step
import torch
from torch import nn
from torch.optim.adam import adam


class Adam(torch.optim.Adam):
    """torch's fused Adam without what it checks anew at every step, which is most of its time.

    The state is torch's own, and so are the numbers.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float) -> None:
        """Start without momentum.

        Args:
            parameters: one group.
            lr: learning rate.
        """
        super().__init__(parameters, lr=lr, fused=True)

    def forget(self) -> None:
        """Drop all gradients."""
        for parameter in self.param_groups[0]['params']:
            parameter.grad = None

    @torch.no_grad()
    def descend(self, max_norm: float = float('inf')) -> float:
        """Take one step down the gradients that are there, clipped to a global norm.

        Returns:
            The gradients' norm before clipping.
        """
        group = self.param_groups[0]
        parameters = [p for p in group['params'] if p.grad is not None]
        if not parameters:
            return 0.0
        gradients = [p.grad for p in parameters]
        norms = torch._foreach_norm(gradients)
        norm = float(norms[0] if len(norms) == 1 else torch.stack(norms).norm())
        if norm > max_norm:
            torch._foreach_mul_(gradients, max_norm / norm)
        states = [self.state[p] or self._start(p) for p in parameters]
        beta1, beta2 = group['betas']
        first, second, steps = ([state[key] for state in states] for key in _STATE)
        adam(
            parameters, gradients, first, second, [], steps, fused=True, amsgrad=False,
            beta1=beta1, beta2=beta2, lr=group['lr'], eps=group['eps'], weight_decay=0.0,
            maximize=False,
        )  # fmt: skip
        count_step()
        return norm

    def _start(self, parameter: nn.Parameter) -> dict[str, torch.Tensor]:
        state = self.state[parameter]
        state.update(zip(_STATE, (
            torch.zeros_like(parameter), torch.zeros_like(parameter), torch.zeros(())
        ), strict=True))  # fmt: skip
        return state


_STATE = 'exp_avg', 'exp_avg_sq', 'step'
"""Names that torch gives to moments and count."""


def descend(optimiser: Adam, loss: torch.Tensor, max_norm: float) -> float:
    """Take one step down the gradient of ``loss``, clipped to a global norm.

    Returns:
        The gradient's norm before clipping.
    """
    optimiser.forget()
    loss.backward()
    return optimiser.descend(max_norm)


@torch.no_grad()
def follow(target: nn.Module, source: nn.Module, rate: float) -> None:
    """Move the target's parameters towards the source's: exponential moving average."""
    torch._foreach_lerp_(list(target.parameters()), list(source.parameters()), rate)
