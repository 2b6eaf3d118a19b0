"""Networks from one representation to another, by the name of their kind."""

import dataclasses
import itertools
from typing import Literal, get_args

from perl_core.errors import ConfigError, SymmetryError
from perl_core.layers.linear import EquivariantLinear, PlainLinear
from perl_core.layers.relaxed_linear import RelaxedLinear
from perl_core.layers.residual_linear import ResidualLinear
from perl_core.symmetry import FiniteGroup, Group, Representation, regular, trivial
import torch
from torch import nn

Kind = Literal['plain', 'equivariant', 'residual', 'relaxed']
"""How far a network is bound to the symmetry: not at all, strictly, by a prior, at the start."""
_LAYERS: dict[str, type[nn.Module]] = {
    'plain': PlainLinear, 'equivariant': EquivariantLinear, 'residual': ResidualLinear,
    'relaxed': RelaxedLinear,
}  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class NetworkShape:
    """Size of a network."""

    width: int = 256
    """Units in each hidden layer; rounded to a multiple of a finite group's order."""
    depth: int = 2
    """Number of hidden layers."""
    last_layer_scale: float = 1.0
    """Factor on the initial weights of the last layer."""

    def __post_init__(self) -> None:
        """Refuse sizes without meaning."""
        for name in ('width', 'depth'):
            if getattr(self, name) < 1:
                raise ConfigError(f'{name} must be at least 1; got {getattr(self, name)}')


class Network(nn.Sequential):
    """Linear layers with SiLU in between: (batch, rho_in.size) -> (batch, rho_out.size)."""

    def __init__(
        self, kind: Kind, rho_in: Representation, rho_out: Representation, shape: NetworkShape
    ) -> None:
        """Build the layers; see ``network``."""
        hidden = hidden_representation(kind, rho_in.group, shape.width)
        layer = _LAYERS[kind]
        modules: list[nn.Module] = []
        for first, second in itertools.pairwise((rho_in, *[hidden] * shape.depth)):
            modules += [layer(first, second), nn.SiLU()]
        last = layer(hidden, rho_out)
        with torch.no_grad():
            for name, parameter in last.named_parameters():
                if name != 'relaxation':
                    parameter.mul_(shape.last_layer_scale)
        super().__init__(*modules, last)


def network(
    kind: Kind, rho_in: Representation, rho_out: Representation, shape: NetworkShape
) -> nn.Module:
    """Return a network that maps (batch, rho_in.size) to (batch, rho_out.size).

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
    return Network(kind, rho_in, rho_out, shape)


def hidden_representation(kind: Kind, group: Group, width: int) -> Representation:
    """Return how hidden units transform: copies of the regular representation, or not at all."""
    if kind == 'plain':
        return width * trivial(group)
    if not isinstance(group, FiniteGroup):
        raise SymmetryError(f'expected a finite group, got {group}')
    copies = max(1, round(width / group.count))
    return regular(group) * (copies * trivial(group))
