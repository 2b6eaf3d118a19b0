"""Networks: equivariant, plain and relaxed trunks with the same constructor."""

from typing import Literal

from perl_core.layers.descent import descend, follow
from perl_core.layers.equivariant import EquivariantTrunk
from perl_core.layers.mlp import MLP
from perl_core.layers.plain import PlainTrunk
from perl_core.layers.relaxed import RelaxedTrunk
from perl_core.layers.trunk import Trunk, TrunkOutput, TrunkShape, vector_parts

StandardTrunk = Literal['plain', 'relaxed']
"""Networks of the standard branch: neither is constrained to be equivariant."""


def standard_trunk(name: StandardTrunk) -> type[PlainTrunk] | type[RelaxedTrunk]:
    """Return the class of this name."""
    return PlainTrunk if name == 'plain' else RelaxedTrunk


__all__ = [
    'MLP',
    'EquivariantTrunk',
    'PlainTrunk',
    'RelaxedTrunk',
    'Trunk',
    'TrunkOutput',
    'TrunkShape',
    'StandardTrunk',
    'descend',
    'follow',
    'standard_trunk',
    'vector_parts',
]
