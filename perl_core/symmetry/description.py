"""Representations from plain data, as a configuration file holds them."""

from collections.abc import Callable, Mapping, Sequence
import re

from perl_core.errors import SymmetryError
from perl_core.symmetry.building_blocks import (
    permutation,
    pseudovector,
    regular,
    sign,
    spatial_pseudovector,
    tensor,
    vector,
)
from perl_core.symmetry.elementary import lifted, spatial_vector, trivial
from perl_core.symmetry.groups import Group
from perl_core.symmetry.irreps import irrep
from perl_core.symmetry.representations import Representation

Description = str | Mapping[str, Sequence[Sequence[int]]] | Representation
"""Words ('2 vector + trivial'), {'permutation': [...], 'signs': [...]}, or a representation."""

BUILDING_BLOCKS: dict[str, Callable[[Group], Representation]] = {
    'trivial': trivial,
    'sign': sign,
    'regular': regular,
    'vector': vector,
    'pseudovector': pseudovector,
    'spatial_vector': spatial_vector,
    'spatial_pseudovector': spatial_pseudovector,
    'tensor': tensor,
}
"""What words may name, beside 'irrep 2' and 'pseudo irrep 2'."""

_FACTOR = re.compile(r'(?:(pseudo )?irrep (\d+)|(\w+))(?:@(\d+))?')


def described(group: Group, description: Description) -> Representation:
    """Return the representation that plain data describe.

    Args:
        group: what is represented.
        description: a sum in words: '2 vector + 3 trivial', 'vector * sign', '2 irrep 3'; in a
            product of groups '@' and its index choose a factor: 'vector@0 * sign@1'. Or
            {'permutation': targets, 'signs': signs}, see ``permutation``. Or a representation.

    Raises:
        SymmetryError: the words are unknown, or the group has no such representation.
    """
    if isinstance(description, Representation):
        if description.group != group:
            raise SymmetryError(f'expected a representation of {group}, got {description}')
        return description
    if isinstance(description, Mapping):
        return _permutation(group, description)
    if not isinstance(description, str):
        raise SymmetryError(
            f'a representation is described by words or a mapping, got {description!r}'
        )
    total = 0 * trivial(group)
    for term in description.split('+'):
        total = total + _term(group, ' '.join(term.split()), description)
    return total


def _permutation(
    group: Group, description: Mapping[str, Sequence[Sequence[int]]]
) -> Representation:
    if 'permutation' not in description or set(description) - {'permutation', 'signs'}:
        raise SymmetryError(
            "a mapping describes {'permutation': targets} with or without 'signs'; got the keys "
            f'{sorted(description)}'
        )
    return permutation(group, description['permutation'], description.get('signs'))


def _term(group: Group, term: str, whole: str) -> Representation:
    count, words = re.fullmatch(r'(\d*)\s*(.*)', term).groups()  # type: ignore[union-attr]
    factors = [_factor(group, word.strip(), whole) for word in words.split('*')]
    product = factors[0]
    for factor in factors[1:]:
        product = product * factor
    return int(count or 1) * product


def _factor(group: Group, word: str, whole: str) -> Representation:
    match = _FACTOR.fullmatch(word)
    if match is None or (match[3] and match[3] not in BUILDING_BLOCKS):
        raise SymmetryError(
            f'unknown representation {word!r} in {whole!r}; known: {sorted(BUILDING_BLOCKS)}, '
            "'irrep 2', 'pseudo irrep 2'; in a product of groups with '@' and a factor's index"
        )
    pseudo, index, name, at = match.groups()
    factor = _chosen(group, at)
    build = BUILDING_BLOCKS.get(name)
    rho = build(factor) if build else irrep(factor, int(index), pseudo=bool(pseudo))
    return rho if at is None else lifted(group, int(at), rho)


def _chosen(group: Group, at: str | None) -> Group:
    if at is None:
        return group
    if int(at) >= len(group.factors):
        raise SymmetryError(f'{group} has no factor {at}; factors: {list(group.factors)}')
    return group.factors[int(at)]
