"""Modules whose constants stay exact: float64 after ``.double()`` too, not float32 widened."""

from collections.abc import Callable

import torch
from torch import nn


class ExactConstants(nn.Module):
    """Keeps a float64 original of every constant that it registers."""

    def __init__(self) -> None:
        """Start without constants."""
        super().__init__()
        self._originals: dict[str, torch.Tensor] = {}

    def constant(self, name: str, value: torch.Tensor) -> None:
        """Register a buffer that is part of no checkpoint.

        Args:
            name: of the attribute.
            value: float64 of any shape; the buffer has torch's default type.
        """
        self._originals[name] = value
        self.register_buffer(name, value.to(torch.get_default_dtype()), persistent=False)

    def _apply(
        self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True
    ) -> nn.Module:
        super()._apply(fn, recurse)
        for name, value in self._originals.items():
            setattr(self, name, value.to(getattr(self, name)))
        return self
