"""Weights that are computed from parameters: expanded once per optimiser step, not per forward.

Without gradients, as in acting and in target networks, an expansion is kept until a parameter
changes. With gradients it belongs to one graph; ``expanded_once`` lets all forward passes of one
update share it.
"""

from abc import abstractmethod
from collections.abc import Iterator
import contextlib
from typing import NamedTuple

from perl_core.layers.constants import ExactConstants
import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook

_optimiser_steps = 0


def count_step(*_: object) -> None:
    """Say that parameters changed: a fused optimiser does it without raising their version."""
    global _optimiser_steps
    _optimiser_steps += 1


register_optimizer_step_post_hook(count_step)


class Weights(NamedTuple):
    """Of one linear map."""

    matrix: torch.Tensor
    """Shape (out, in)."""
    bias: torch.Tensor | None
    """Shape (out,)."""


class ExpandedLinear(ExactConstants):
    """x -> W x + b, where W and b are computed from parameters."""

    def __init__(self) -> None:
        """Start without an expansion."""
        super().__init__()
        self._kept: tuple[object, Weights] | None = None
        self._shares = False

    @abstractmethod
    def expand(self) -> Weights:
        """Compute W and b, differentiably."""

    def weights(self) -> Weights:
        """Return W and b, computed only if there is need."""
        state = self._state()
        if state is None:
            return self.expand()
        if self._kept is None or self._kept[0] != state:
            self._kept = (state, self.expand())
        return self._kept[1]

    def _state(self) -> object | None:
        """Return what an expansion depends on; None if it must not be kept."""
        parameters = tuple(self.parameters())
        # Under functional_call and vmap there are tensors in the place of parameters.
        are_own = all(isinstance(p, nn.Parameter) for p in parameters)
        if not are_own or torch.compiler.is_compiling():
            return None
        if torch.is_grad_enabled() and not self._shares:
            return None
        versions = tuple((id(p), p._version, p.data_ptr()) for p in parameters)
        return torch.is_grad_enabled(), _optimiser_steps, versions

    def forget(self) -> None:
        """Drop the expansion that is kept: needed after writing to ``parameter.data`` only."""
        self._kept = None

    def share(self, shares: bool) -> None:
        """Set whether forward passes with gradients share an expansion; see expanded_once."""
        self._shares = shares
        self.forget()

    def __getstate__(self) -> dict[str, object]:
        """Leave the expansion out of copies."""
        return {**self.__dict__, '_kept': None}

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Map (..., in) to (..., out)."""
        return nn.functional.linear(inputs, *self.weights())


@contextlib.contextmanager
def expanded_once(network: nn.Module) -> Iterator[None]:
    """Let all forward passes in this block share one expansion, with one backward pass.

    The counterpart of ``torch.nn.utils.parametrize.cached``: losses of several forward passes are
    summed before ``backward``.
    """
    layers = [module for module in network.modules() if isinstance(module, ExpandedLinear)]
    try:
        for layer in layers:
            layer.share(True)
        yield
    finally:
        for layer in layers:
            layer.share(False)
