"""Groups, representations, and how far a function is from equivariant."""

from perl_core.symmetry.basis import EquivariantBasis, equivariant_basis
from perl_core.symmetry.building_blocks import (
    from_generators,
    lifted,
    permutation,
    pseudovector,
    regular,
    sign,
    spatial_pseudovector,
    tensor,
    trivial,
    vector,
)
from perl_core.symmetry.continuous import O2, O3, SO2, SO3
from perl_core.symmetry.equivariance import equivariance_error, relative_error
from perl_core.symmetry.finite import Cyclic, Dihedral, FiniteGroup, Reflection
from perl_core.symmetry.groups import Group
from perl_core.symmetry.irreps import irrep
from perl_core.symmetry.naming import group_named
from perl_core.symmetry.products import product_of
from perl_core.symmetry.representations import Representation, spatial_vector

__all__ = [
    'O2',
    'O3',
    'SO2',
    'SO3',
    'Cyclic',
    'EquivariantBasis',
    'Dihedral',
    'FiniteGroup',
    'Group',
    'Reflection',
    'Representation',
    'equivariance_error',
    'equivariant_basis',
    'from_generators',
    'group_named',
    'irrep',
    'lifted',
    'permutation',
    'product_of',
    'pseudovector',
    'regular',
    'relative_error',
    'sign',
    'spatial_pseudovector',
    'spatial_vector',
    'tensor',
    'trivial',
    'vector',
]
