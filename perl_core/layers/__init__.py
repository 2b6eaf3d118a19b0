"""Networks: an equivariant and a plain trunk with the same constructor."""

from perl_core.layers.descent import descend, follow
from perl_core.layers.equivariant import EquivariantTrunk
from perl_core.layers.mlp import MLP
from perl_core.layers.plain import PlainTrunk
from perl_core.layers.trunk import Trunk, TrunkOutput, TrunkShape, vector_parts

__all__ = [
    'MLP',
    'EquivariantTrunk',
    'PlainTrunk',
    'Trunk',
    'TrunkOutput',
    'TrunkShape',
    'descend',
    'follow',
    'vector_parts',
]
