"""Groups, representations, what is equivariant to them, and how far a function is from it."""

from perl_core.symmetry.augmentation import Augmentation, Transition, moved_indices
from perl_core.symmetry.basis import EquivariantBasis, equivariant_basis
from perl_core.symmetry.building_blocks import (
    from_generators,
    permutation,
    pseudovector,
    regular,
    sign,
    spatial_pseudovector,
    tensor,
    vector,
)
from perl_core.symmetry.continuous import O2, O3, SO2, SO3
from perl_core.symmetry.description import described
from perl_core.symmetry.elementary import lifted, spatial_vector, trivial
from perl_core.symmetry.equivariance import equivariance_error, relative_error, step_errors
from perl_core.symmetry.finite import Cyclic, Dihedral, FiniteGroup, Reflection
from perl_core.symmetry.groups import Group
from perl_core.symmetry.irreps import irrep, irreps
from perl_core.symmetry.isotypic import Isotypic
from perl_core.symmetry.naming import group_named
from perl_core.symmetry.normaliser import EquivariantNormaliser
from perl_core.symmetry.products import product_of
from perl_core.symmetry.representations import Representation
from perl_core.symmetry.space import Part, Space

__all__ = [
    'O2',
    'O3',
    'SO2',
    'SO3',
    'Augmentation',
    'Cyclic',
    'Dihedral',
    'EquivariantBasis',
    'EquivariantNormaliser',
    'FiniteGroup',
    'Group',
    'Isotypic',
    'Part',
    'Reflection',
    'Representation',
    'Space',
    'Transition',
    'described',
    'equivariance_error',
    'equivariant_basis',
    'from_generators',
    'group_named',
    'irrep',
    'irreps',
    'lifted',
    'moved_indices',
    'permutation',
    'product_of',
    'pseudovector',
    'regular',
    'relative_error',
    'sign',
    'spatial_pseudovector',
    'spatial_vector',
    'step_errors',
    'tensor',
    'trivial',
    'vector',
]
