"""Networks from one representation to another, by the name of their kind."""

from collections.abc import Callable
import dataclasses
import itertools
from typing import Literal, NamedTuple, get_args

from perl_core.errors import ConfigError, SymmetryError
from perl_core.layers.channel_linear import ChannelLinear, Join, Split
from perl_core.layers.channels import channels_for
from perl_core.layers.gated import Gated
from perl_core.layers.group_convolution import GroupConvolution
from perl_core.layers.induced_linear import Lifting, Projection
from perl_core.layers.linear import EquivariantLinear, PlainLinear
from perl_core.layers.relaxed_linear import RelaxedLinear
from perl_core.layers.residual_linear import ResidualLinear
from perl_core.symmetry import FiniteGroup, Representation, regular, trivial
import torch
from torch import nn

Kind = Literal['plain', 'equivariant', 'residual', 'relaxed']
"""How far a network is bound to the symmetry: not at all, strictly, by a prior, at the start."""
Linear = PlainLinear | EquivariantLinear | ResidualLinear | RelaxedLinear
LAYERS: dict[str, type[Linear]] = {
    'plain': PlainLinear, 'equivariant': EquivariantLinear, 'residual': ResidualLinear,
    'relaxed': RelaxedLinear,
}  # fmt: skip
LARGEST_ORDER = 128
"""Larger finite groups are refused: weights would be expanded by tables of its cube."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class NetworkShape:
    """Size of a network."""

    width: int = 256
    """Entries of the features in each hidden layer; as many as symmetry allows, about this."""
    depth: int = 2
    """Number of hidden layers."""
    last_layer_scale: float = 1.0
    """Factor on the initial weights of the last layer."""

    def __post_init__(self) -> None:
        """Refuse sizes without meaning."""
        for name in ('width', 'depth'):
            if getattr(self, name) < 1:
                raise ConfigError(f'{name} must be at least 1; got {getattr(self, name)}')


class Hidden(NamedTuple):
    """What happens between two linear layers."""

    before: Representation
    """Of what a linear layer puts out."""
    after: Representation
    """Of what the next one takes in."""
    nonlinearity: Callable[[], nn.Module]
    """Makes the equivariant module between the two."""


def network(
    kind: Kind, rho_in: Representation, rho_out: Representation, shape: NetworkShape
) -> nn.Sequential:
    """Return a network that maps (batch, rho_in.size) to (batch, rho_out.size).

    Hidden features are copies of the regular representation for finite groups, channels of scalars
    and vectors for SO2, O2, SO3 and O3.

    Args:
        kind: 'plain' | 'equivariant' | 'residual' | 'relaxed'.
        rho_in: how inputs transform.
        rho_out: how outputs transform, under the same group.
        shape: hidden layers.

    Raises:
        ConfigError: the kind is unknown.
        SymmetryError: the groups differ, or there is no network for this group.
    """
    if kind not in get_args(Kind):
        raise ConfigError(f'unknown kind of network {kind!r}; known kinds: {get_args(Kind)}')
    rho_in.require_group(rho_out)
    hidden = _hidden(kind, rho_in, rho_out, shape.width)
    ends = [rho_in, *[hidden.after] * shape.depth], [*[hidden.before] * shape.depth, rho_out]
    linear = _linear_layers(kind, list(zip(*ends, strict=True)))
    _scale_last(linear[-1], shape.last_layer_scale)
    modules = [linear[0]]
    for layer in linear[1:]:
        modules += [hidden.nonlinearity(), layer]
    if kind == 'equivariant' and not isinstance(rho_in.group, FiniteGroup):
        modules = [Split(rho_in), *modules, Join(rho_out)]
    return nn.Sequential(*modules)


def _hidden(kind: Kind, rho_in: Representation, rho_out: Representation, width: int) -> Hidden:
    group = rho_in.group
    if kind == 'plain':
        free = width * trivial(group)
        return Hidden(free, free, nn.SiLU)
    if isinstance(group, FiniteGroup):
        if group.count > LARGEST_ORDER:
            raise SymmetryError(
                f'{group} has {group.count} elements; networks exist up to {LARGEST_ORDER}, and '
                'for SO2 and O2, which contain all cyclic and dihedral groups'
            )
        copies = max(1, round(width / group.count))
        features = regular(group) * (copies * trivial(group))
        return Hidden(features, features, nn.SiLU)
    channels = channels_for(rho_in, rho_out, width)
    before, after = channels.before, channels.after
    if kind == 'equivariant':
        return Hidden(before, after, lambda: Gated(channels))
    return Hidden(before, after, lambda: nn.Sequential(
        Split(before), Gated(channels, free=kind == 'residual'), Join(after)
    ))  # fmt: skip


def _linear_layers(
    kind: Kind, ends: list[tuple[Representation, Representation]]
) -> list[Linear]:
    if kind != 'equivariant':
        return [LAYERS[kind](*pair) for pair in ends]
    if not isinstance(ends[0][0].group, FiniteGroup):
        return [ChannelLinear(*pair) for pair in ends]
    return [
        Lifting(*ends[0]), *itertools.starmap(GroupConvolution, ends[1:-1]), Projection(*ends[-1])
    ]


@torch.no_grad()
def _scale_last(layer: Linear, factor: float) -> None:
    for name, parameter in layer.named_parameters():
        if name != 'relaxation':
            parameter.mul_(factor)
