"""Priors of the residual pathway: how much each path costs (arXiv 2112.01388, section 4)."""

from collections.abc import Sequence
import dataclasses
from typing import NamedTuple

from perl_core.errors import ConfigError
import torch
from torch import nn


class Pathways(NamedTuple):
    """What a module with two paths tells the prior, by its method ``pathways``."""

    equivariant: Sequence[torch.Tensor]
    """Weights of the equivariant path, expanded."""
    free: Sequence[torch.Tensor]
    """Weights of the free path."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PathwayPrior:
    """Precisions of zero-mean normal priors on the weights of both paths.

    The paper's supervised runs have variances of 1e5 and 1; its RL runs have the same small decay
    on both paths and rely on the free path's small start.
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
        """Return -log p(A, B) up to a constant; divided by the data's size, it joins a mean loss.

        Args:
            network: with modules that have two paths.

        Raises:
            ConfigError: it has none.
        """
        terms = [
            0.5 * precision * weights.square().sum()
            for module in network.modules() if hasattr(module, 'pathways')
            for precision, tensors in zip(
                (self.equivariant_precision, self.free_precision), module.pathways(), strict=True
            )
            for weights in tensors
        ]  # fmt: skip
        if not terms:
            raise ConfigError(
                "a pathway prior needs a network of kind 'residual'; this one has no residual "
                'pathway layers'
            )
        return torch.stack(terms).sum()
