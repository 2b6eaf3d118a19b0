"""Groups by name."""

from functools import cache
import re

from perl_core.errors import ConfigError
from perl_core.symmetry.continuous import O2, O3, SO2, SO3
from perl_core.symmetry.finite import Cyclic, Dihedral, Reflection
from perl_core.symmetry.groups import Group
from perl_core.symmetry.products import product_of

_SINGLE: dict[str, type[Group]] = {
    'Z2': Reflection, 'SO2': SO2, 'O2': O2, 'SO3': SO3, 'O3': O3,
}  # fmt: skip
KNOWN = "'C4' (any Cn), 'D4' (any Dn), 'Z2', 'SO2', 'O2', 'SO3', 'O3', products such as 'C4xZ2'"


@cache
def group_named(name: str) -> Group:
    """Return the group of this name.

    'Cn': n rotations of the plane; 'Dn': these and n mirrors; 'Z2': the mirror y -> -y; 'SO2' and
    'O2': rotations of the plane, without and with mirrors; 'SO3' and 'O3': those of space; joined
    by 'x': their product.

    Raises:
        ConfigError: no such group.
    """
    return product_of([_single(name, part) for part in name.split('x')])


def _single(name: str, part: str) -> Group:
    if part in _SINGLE:
        return _SINGLE[part]()
    match = re.fullmatch(r'([CD])([1-9]\d*)', part)
    if match is None:
        raise ConfigError(f'unknown group {name!r}; known groups: {KNOWN}')
    turns = int(match[2])
    return Cyclic(turns) if match[1] == 'C' else Dihedral(turns)
