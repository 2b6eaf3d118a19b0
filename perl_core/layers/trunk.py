"""What both kinds of trunk have in common: shape, inputs and outputs."""

from collections.abc import Sequence
import dataclasses
from typing import NamedTuple, Protocol

from perl_core.contract import Slice
from perl_core.errors import ConfigError
import torch


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrunkShape:
    """Size of a trunk and of what it puts out."""

    vectors: int = 0
    """Number of 3-vectors put out."""
    scalars: int = 0
    """Number of scalars put out; invariant if the trunk is equivariant."""
    width: int = 128
    """Units in each hidden layer."""
    depth: int = 2
    """Number of hidden layers."""
    last_layer_scale: float = 1.0
    """Factor on the initial weights of the last layer."""
    members: int = 1
    """Independent networks on the same features, for scalars only: each puts out its own."""

    def __post_init__(self) -> None:
        """Refuse an ensemble of vectors."""
        if self.members > 1 and self.vectors:
            raise ConfigError(
                f'an ensemble puts out scalars only; got members={self.members} '
                f'and vectors={self.vectors}'
            )


class TrunkOutput(NamedTuple):
    """What a trunk puts out."""

    vectors: torch.Tensor
    """Shape (batch, vectors, 3)."""
    scalars: torch.Tensor
    """Shape (batch, scalars)."""


class Trunk(Protocol):
    """A network from parts of the contract to vectors and scalars."""

    def __call__(self, inputs: torch.Tensor) -> TrunkOutput:
        """Map (batch, size of the parts), in the contract's units, to vectors and scalars."""
        ...


def vector_parts(parts: Sequence[Slice]) -> tuple[Slice, ...]:
    """Return the parts that the equivariant branch sees."""
    return tuple(part for part in parts if part.kind == 'vector')


def norms(vectors: torch.Tensor) -> torch.Tensor:
    """Return the lengths of (..., 3), with a finite gradient at zero."""
    return (vectors.square().sum(-1) + 1e-12).sqrt()


LOG_NORM_FLOOR = 3e-3
"""Added to a scaled length before its logarithm: 1 mm of 0.35 m. Finer is noise on the arm."""


def log_norms(lengths: torch.Tensor) -> torch.Tensor:
    """Return logarithms of scaled lengths, roughly within [-1, 1]; they resolve the last mm."""
    return 1.0 + (lengths + LOG_NORM_FLOOR).log() / 3.0
