"""Independent multi-layer perceptrons on the same features, and their derivative by hand.

All weights are one flat parameter: the optimiser, clipping and the target network's average then
are one operation each. The derivative is one node of the graph and writes its gradients where
they belong; torch's own would be seven nodes a layer and a sum for each tensor.
"""

from collections.abc import Sequence
import itertools
import math
from typing import Any, NamedTuple

from perl_core.layers.mlp import MLP
from perl_core.layers.trunk import TrunkShape
import torch
from torch import nn
from torch.autograd.function import once_differentiable

_EPSILON = 1e-5
"""Of the normalisation, as in nn.LayerNorm."""


class Layer(NamedTuple):
    """Parts of a flat vector: x -> W x + b, then, but for the last layer, normalisation."""

    weight: torch.Tensor
    """Shape (outputs, inputs)."""
    bias: torch.Tensor
    """Shape (outputs,)."""
    scale: torch.Tensor
    """Of the normalisation, shape (outputs,); empty in the last layer."""
    shift: torch.Tensor
    """Likewise."""


class _Kept(NamedTuple):
    """What the derivative of a hidden layer needs."""

    inputs: torch.Tensor
    linear: torch.Tensor
    mean: torch.Tensor
    inverse_std: torch.Tensor
    normal: torch.Tensor


class _Pass(NamedTuple):
    """A member's outputs, and what its derivative needs."""

    outputs: torch.Tensor
    hidden: list[_Kept]
    last_inputs: torch.Tensor


class Ensemble(nn.Module):
    """Members of one shape; what they put out stands side by side."""

    def __init__(self, members: Sequence[MLP]) -> None:
        """Take over the members' parameters.

        Args:
            members: of one shape; they are not needed any more.
        """
        super().__init__()
        linear = [layer for layer in members[0] if isinstance(layer, nn.Linear)]
        self.sizes = (linear[0].in_features, *(layer.out_features for layer in linear))
        self._members = len(members)
        self.flat = nn.Parameter(nn.utils.parameters_to_vector(
            itertools.chain.from_iterable(member.parameters() for member in members)
        ).detach())  # fmt: skip
        self._own: tuple[object, list[list[Layer]]] | None = None

    @classmethod
    def build(cls, inputs: int, outputs: int, shape: TrunkShape) -> 'Ensemble':
        """Return ``shape.members`` networks of the shape's width and depth."""
        return cls([
            MLP(inputs, outputs, shape.width, shape.depth, shape.last_layer_scale)
            for _ in range(shape.members)
        ])

    def __len__(self) -> int:
        """Return the number of members."""
        return self._members

    def __getitem__(self, index: int) -> list[Layer]:
        """Return a member's layers, parts of the flat parameter: writing to them changes it."""
        return self.parts_of(self.flat)[index]

    def parts_of(self, flat: torch.Tensor) -> list[list[Layer]]:
        """Return a flat vector as layers, for each member."""
        members, at = [], 0
        for _ in range(self._members):
            layers: list[Layer] = []
            for inputs, outputs in itertools.pairwise(self.sizes):
                normal = 0 if len(layers) == len(self.sizes) - 2 else outputs
                parts = []
                for shape in ((outputs, inputs), (outputs,), (normal,), (normal,)):
                    parts.append(flat[at : at + math.prod(shape)].view(shape))
                    at += math.prod(shape)
                layers.append(Layer(*parts))
            members.append(layers)
        return members

    def own_parts(self) -> list[list[Layer]]:
        """Return the layers without gradient, made only once for each place in memory."""
        place = self.flat.data_ptr(), self.flat.dtype, self.flat.device
        if self._own is None or self._own[0] != place:
            self._own = place, self.parts_of(self.flat.detach())
        return self._own[1]

    def __getstate__(self) -> dict[str, object]:
        """Leave the parts out of copies."""
        return {**self.__dict__, '_own': None}

    @torch.no_grad()
    def set_last_bias(self, value: float) -> None:
        """Make ``value`` every member's last bias: a prior on what is put out."""
        for member in self.own_parts():
            member[-1].bias.fill_(value)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return shape (batch, members * outputs)."""
        if torch.compiler.is_compiling():
            # A graph to export must know the parameter, not the memory it lies in.
            members = self.parts_of(self.flat)
            return _side_by_side([_forward(member, features) for member in members])
        if torch.is_grad_enabled() and (self.flat.requires_grad or features.requires_grad):
            return _Descent.apply(features, self.flat, self)
        return _side_by_side([_forward(member, features) for member in self.own_parts()])


class _Descent(torch.autograd.Function):
    """Features and the flat parameter -> outputs."""

    @staticmethod
    def forward(
        ctx: Any, features: torch.Tensor, flat: torch.Tensor, ensemble: Ensemble
    ) -> torch.Tensor:
        passes = [_forward(member, features) for member in ensemble.own_parts()]
        # Saved for its version: changed weights are noticed.
        ctx.save_for_backward(flat)
        ctx.ensemble, ctx.passes = ensemble, passes
        return _side_by_side(passes)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (flat,), ensemble = ctx.saved_tensors, ctx.ensemble
        needs_features, needs_flat = ctx.needs_input_grad[:2]
        of_flat = torch.empty_like(flat) if needs_flat else None
        targets = [None] * len(ensemble) if of_flat is None else ensemble.parts_of(of_flat)
        of_features = None
        for member, passed, target, part in zip(
            ensemble.own_parts(), ctx.passes, targets, gradient.chunk(len(ensemble), 1),
            strict=True,
        ):  # fmt: skip
            inner = _backward(member, passed, part, target)
            if needs_features:
                of_features = _through(inner, member[0].weight, of_features)
        return of_features, of_flat, None


def _side_by_side(passes: list[_Pass]) -> torch.Tensor:
    if len(passes) == 1:
        return passes[0].outputs
    return torch.cat([passed.outputs for passed in passes], dim=1)


def _forward(layers: list[Layer], inputs: torch.Tensor) -> _Pass:
    hidden = []
    for weight, bias, scale, shift in layers[:-1]:
        linear = torch.addmm(bias, inputs, weight.t())
        normal, mean, inverse_std = torch.native_layer_norm(
            linear, bias.shape, scale, shift, _EPSILON
        )
        hidden.append(_Kept(inputs, linear, mean, inverse_std, normal))
        inputs = nn.functional.silu(normal)
    return _Pass(torch.addmm(layers[-1].bias, inputs, layers[-1].weight.t()), hidden, inputs)


def _backward(
    layers: list[Layer], passed: _Pass, gradient: torch.Tensor, target: list[Layer] | None
) -> torch.Tensor:
    """Write the gradients of a member's weights, if there is a target.

    Returns:
        The gradient behind the first linear map.
    """
    ones = gradient.new_ones(len(gradient))
    inputs = passed.last_inputs
    for index in range(len(layers) - 1, -1, -1):
        layer = layers[index]
        if target is not None:
            torch.mm(gradient.t(), inputs, out=target[index].weight)
            torch.mv(gradient.t(), ones, out=target[index].bias)
        if index:
            kept = passed.hidden[index - 1]
            gradient = _through_hidden(
                gradient @ layer.weight, layers[index - 1], kept,
                None if target is None else target[index - 1],
            )  # fmt: skip
            inputs = kept.inputs
    return gradient


def _through_hidden(
    gradient: torch.Tensor, layer: Layer, kept: _Kept, target: Layer | None
) -> torch.Tensor:
    """Return the gradient before the normalisation; write that of its scale and shift."""
    needs = target is not None
    before, of_scale, of_shift = torch.ops.aten.native_layer_norm_backward(
        torch.ops.aten.silu_backward(gradient, kept.normal), kept.linear, layer.bias.shape,
        kept.mean, kept.inverse_std, layer.scale, layer.shift, [True, needs, needs],
    )  # fmt: skip
    if target is not None:
        target.scale.copy_(of_scale)
        target.shift.copy_(of_shift)
    return before


def _through(
    gradient: torch.Tensor, weight: torch.Tensor, others: torch.Tensor | None
) -> torch.Tensor:
    """Return the gradient before a linear map, added to that of other members."""
    return gradient @ weight if others is None else others.addmm_(gradient, weight)
