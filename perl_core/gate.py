"""The gate, as the branches see it. No RL gradient reaches it.

lambda is the weight of the standard branch. A hard gate answers in bool and a soft one in float,
and the branches are joined accordingly: see ``perl_core.gating``. The gate that learns is
``perl_core.learned_gate.LearnedGate``.
"""

from typing import Protocol

from perl_core.detection import Comparison
from perl_core.replay import Batch
import torch
from torch import nn


class Gate(Protocol):
    """Weighs the branches."""

    def of_action(
        self,
        observation: torch.Tensor,
        action: torch.Tensor,
        generator: torch.Generator | None = None,
    ) -> torch.Tensor:
        """Return lambda(s, a), shape (batch,): bool, True where open, or float if soft.

        Args:
            observation: shape (batch, observation size).
            action: shape (batch, action size).
            generator: for a gate that draws; without one it thresholds.
        """
        ...

    def of_state(
        self, observation: torch.Tensor, generator: torch.Generator | None = None
    ) -> torch.Tensor:
        """Return lambda(s), likewise; without a generator it is deterministic, as exported."""
        ...

    def probability(self, observation: torch.Tensor) -> torch.Tensor:
        """Return lambda(s) in [0, 1], deterministic, shape (batch,)."""
        ...

    def update(self, batch: Batch, comparison: Comparison) -> dict[str, float]:
        """Learn from how the predictors did on a batch; return what to log."""
        ...


class FixedGate(nn.Module):
    """Always the same branch: plain SAC, or strictly equivariant SAC."""

    def __init__(self, is_open: bool) -> None:
        """Stay open or closed."""
        super().__init__()
        self._is_open = is_open

    def of_action(
        self,
        observation: torch.Tensor,
        action: torch.Tensor,
        generator: torch.Generator | None = None,
    ) -> torch.Tensor:
        """Return the same for every row."""
        return torch.full((len(observation),), self._is_open)

    def of_state(
        self, observation: torch.Tensor, generator: torch.Generator | None = None
    ) -> torch.Tensor:
        """Return the same for every row."""
        return torch.full((len(observation),), self._is_open)

    def probability(self, observation: torch.Tensor) -> torch.Tensor:
        """Return 0 or 1 for every row."""
        return torch.zeros_like(observation[:, 0]) + float(self._is_open)

    def update(self, batch: Batch, comparison: Comparison) -> dict[str, float]:
        """Learn nothing."""
        return {}


class GateModule(nn.Module):
    """lambda(s) alone, as exported: (batch, observation size) -> probability (batch,)."""

    def __init__(self, gate: Gate) -> None:
        """Wrap a gate."""
        super().__init__()
        self.gate = gate

    def forward(self, observation: torch.Tensor) -> torch.Tensor:
        """Return lambda(s), shape (batch,)."""
        return self.gate.probability(observation)
