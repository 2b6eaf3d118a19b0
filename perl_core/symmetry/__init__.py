"""Groups, representations, and how far a function is from equivariant."""

from perl_core.symmetry.equivariance import equivariance_error, relative_error
from perl_core.symmetry.groups import SO2, SO3, Group, group_named
from perl_core.symmetry.representations import Representation

__all__ = [
    'SO2',
    'SO3',
    'Group',
    'Representation',
    'equivariance_error',
    'group_named',
    'relative_error',
]
