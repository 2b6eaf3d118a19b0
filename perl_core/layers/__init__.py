"""Layers and networks: plain, equivariant, and what lies between, with the same constructor."""

from perl_core.layers.approximate_trunk import ApproximateTrunk
from perl_core.layers.descent import Adam, descend, follow
from perl_core.layers.ensemble import Ensemble
from perl_core.layers.equivariant_trunk import EquivariantTrunk
from perl_core.layers.expansion import expanded_once
from perl_core.layers.folding import folded
from perl_core.layers.image_layers import ImageKind, ImageLayer, image_network
from perl_core.layers.linear import EquivariantLinear, PlainLinear
from perl_core.layers.mlp import MLP
from perl_core.layers.networks import Kind, NetworkShape, network
from perl_core.layers.plain_trunk import PlainTrunk
from perl_core.layers.prior import PathwayPrior
from perl_core.layers.relaxed_linear import RelaxedLinear
from perl_core.layers.relaxed_trunk import RelaxedTrunk
from perl_core.layers.residual_linear import ResidualLinear
from perl_core.layers.residual_pathway_trunk import ResidualPathwayTrunk
from perl_core.layers.trunk import Trunk, TrunkOutput, TrunkShape, vector_parts

__all__ = [
    'MLP',
    'Adam',
    'ApproximateTrunk',
    'Ensemble',
    'EquivariantLinear',
    'EquivariantTrunk',
    'ImageKind',
    'ImageLayer',
    'Kind',
    'NetworkShape',
    'PathwayPrior',
    'PlainLinear',
    'PlainTrunk',
    'RelaxedLinear',
    'RelaxedTrunk',
    'ResidualLinear',
    'ResidualPathwayTrunk',
    'Trunk',
    'TrunkOutput',
    'TrunkShape',
    'descend',
    'expanded_once',
    'folded',
    'follow',
    'image_network',
    'network',
    'vector_parts',
]
