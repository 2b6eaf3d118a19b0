"""Priors of the residual pathway: how much each path costs (arXiv 2112.01388, equation 5)."""

import dataclasses

from perl_core.errors import ConfigError
from perl_core.layers.gated import Gated
from perl_core.layers.residual_linear import ResidualLinear
import torch
from torch import nn


@dataclasses.dataclass(frozen=True, kw_only=True)
class PathwayPrior:
    """Precisions of zero-mean normal priors on the weights of both paths.

    The paper's supervised runs have variances of 1e5 and 1; its RL runs a decay of 1e-6 on the
    actor's paths alike and none on the critic's, and rely on the free path's small start.
    """

    equivariant_precision: float = 1e-5
    """1 / sigma_a^2, of each entry of the expanded matrix A."""
    free_precision: float = 1.0
    """1 / sigma_b^2, of each entry of the free matrix B."""

    def __post_init__(self) -> None:
        """Refuse negative precisions."""
        for field in dataclasses.fields(self):
            if not getattr(self, field.name) >= 0.0:
                raise ConfigError(
                    f'{field.name} must be at least 0; got {getattr(self, field.name)}'
                )

    def penalty(self, network: nn.Module) -> torch.Tensor:
        """Return -log p(A, B) up to a constant, to be added to a loss divided by the data's size.

        Biases and the weights of free swishes count as entries of their paths.

        Args:
            network: with residual pathway layers.
        """
        total = torch.zeros(())
        for module in network.modules():
            if isinstance(module, ResidualLinear):
                equivariant = _squares(*module.equivariant.expand())
                free = _squares(module.free.weight, module.free.bias)
                total = total + 0.5 * self.equivariant_precision * equivariant
                total = total + 0.5 * self.free_precision * free
            elif isinstance(module, Gated) and module.free is not None:
                total = total + 0.5 * self.free_precision * module.free.square()
        return total


def _squares(*tensors: torch.Tensor) -> torch.Tensor:
    return torch.stack([tensor.square().sum() for tensor in tensors]).sum()
