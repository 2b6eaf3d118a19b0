"""One trunk for both branches: an ablation. Sharing the actor's trunk is known to hurt.

The equivariant trunk puts out invariant features beside its own outputs; the standard branch is a
head of one hidden layer on these features and on everything that is seen. What the standard
branch learns so moves the equivariant one too.
"""

from collections.abc import Callable, Sequence
import dataclasses

from perl_core.contract import Slice
from perl_core.layers import (
    EquivariantTrunk,
    Trunk,
    TrunkOutput,
    TrunkShape,
    vector_parts,
)
from perl_core.symmetry import Group
import torch
from torch import nn


class FeatureTrunk(nn.Module):
    """An equivariant trunk with ``width`` invariant features beside what its shape asks for."""

    def __init__(self, inputs: Sequence[Slice], group: Group, shape: TrunkShape) -> None:
        """Build the trunk.

        Args:
            inputs: parts of kind 'vector', in the order in which they come.
            group: what to be equivariant to.
            shape: outputs without the features, and hidden layers.
        """
        super().__init__()
        self._shape = shape
        self.feature_size = shape.members * shape.width
        wider = dataclasses.replace(shape, scalars=shape.scalars + shape.width)
        self.trunk = EquivariantTrunk(inputs, group, wider)

    def forward(self, inputs: torch.Tensor) -> TrunkOutput:
        """Return what an equivariant trunk of this shape does."""
        return self.with_features(inputs)[0]

    def with_features(self, inputs: torch.Tensor) -> tuple[TrunkOutput, torch.Tensor]:
        """Return the outputs, and features of shape (batch, feature_size)."""
        vectors, scalars = self.trunk(inputs)
        own, features = scalars.unflatten(1, (self._shape.members, -1)).split(
            (self._shape.scalars, self._shape.width), dim=2
        )
        # The last layer starts small for the sake of the outputs alone.
        features = nn.functional.silu(features.flatten(1) / self._shape.last_layer_scale)
        return TrunkOutput(vectors, own.flatten(1)), features


class SharedTrunk(nn.Module):
    """The standard branch on the equivariant trunk's features."""

    def __init__(
        self,
        inputs: Sequence[Slice],
        group: Group,
        shape: TrunkShape,
        standard: Callable[[Sequence[Slice], Group, TrunkShape], Trunk],
    ) -> None:
        """Build the equivariant trunk and the head.

        Args:
            inputs: parts of any kind, in the order in which they come.
            group: of the equivariant trunk.
            shape: outputs of each branch, and hidden layers of the trunk.
            standard: makes the network of the head.
        """
        super().__init__()
        self.equivariant = FeatureTrunk(vector_parts(inputs), group, shape)
        is_vector = torch.cat([torch.full((p.size,), p.kind == 'vector') for p in inputs])
        self.register_buffer(
            'vectors_at', torch.eye(len(is_vector))[:, is_vector], persistent=False
        )
        size = self.equivariant.feature_size
        features = Slice(name='shared_features', size=size, kind='free', scale=1.0)
        self.head = standard(
            (*inputs, features), group, dataclasses.replace(shape, depth=1)
        )

    def forward(self, inputs: torch.Tensor) -> TrunkOutput:
        """Return vectors and scalars; free of the symmetry, because the head sees everything."""
        features = self.equivariant.with_features(inputs @ self.vectors_at)[1]
        return self.head(torch.cat((inputs, features), dim=1))
