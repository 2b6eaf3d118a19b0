"""The Fourier transform of a finite group over the real numbers, found numerically.

An orthogonal matrix takes the regular representation to irreducible ones. It is made of the
eigenspaces of a random symmetric matrix that commutes with the regular representation.
"""

from functools import lru_cache
import itertools
from typing import NamedTuple

from perl_core.symmetry import FiniteGroup, regular
import torch

_SAME = 1e-6
"""Eigenvalues closer than this belong to one eigenspace; averages below this are zero."""


class Irreducible(NamedTuple):
    """A type of irreducible representation inside the regular one."""

    outputs: torch.Tensor
    """Its copies, orthonormal rows, float64, shape (copies, components, order)."""
    inputs: torch.Tensor
    """The same; of complex type also turned by J, which commutes with it and has J^2 = -1."""

    @property
    def maps(self) -> torch.Tensor:
        """Equivariant maps of the regular representation, orthonormal, (outputs * inputs, ...)."""
        maps = torch.einsum('jcg,ich->jigh', self.outputs, self.inputs).flatten(0, 1)
        return maps / self.outputs.shape[1] ** 0.5


@lru_cache(maxsize=64)
def fourier_transform(group: FiniteGroup) -> tuple[Irreducible, ...]:
    """Return the types in the regular representation, their outputs together orthogonal."""
    images = regular(group).matrices(group.elements())
    found: list[tuple[list[torch.Tensor], torch.Tensor]] = []
    for frame in _eigenspaces(group, images):
        inside = frame @ images @ frame.T
        aligned = [_aligned(frame, inside, matrices) for _, matrices in found]
        places = [at for at, same in enumerate(aligned) if same is not None]
        if places:
            found[places[0]][0].append(aligned[places[0]])
        else:
            found.append(([frame], inside))
    types = []
    for frames, matrices in found:
        outputs, turn = torch.stack(frames), _complex_structure(matrices)
        inputs = outputs if turn is None else torch.cat((outputs, turn @ outputs))
        types.append(Irreducible(outputs, inputs))
    return tuple(types)


def _eigenspaces(group: FiniteGroup, images: torch.Tensor) -> list[torch.Tensor]:
    """Return orthonormal rows (components, order) of irreducible subspaces."""
    order = group.count
    random = _random(0, order)
    mean = (images @ (random + random.T) @ images.mT).mean(0)
    values, vectors = torch.linalg.eigh(mean)
    starts = [0, *((values.diff() > _SAME).nonzero().flatten() + 1).tolist(), order]
    return [vectors[:, a:b].T for a, b in itertools.pairwise(starts)]


def _aligned(
    frame: torch.Tensor, inside: torch.Tensor, matrices: torch.Tensor
) -> torch.Tensor | None:
    """Return the frame in which the subspace transforms by ``matrices``; None if it cannot."""
    if inside.shape != matrices.shape:
        return None
    mean = (matrices @ _random(1, len(frame)) @ inside.mT).mean(0)
    length = torch.linalg.matrix_norm(mean)
    if length < _SAME:
        return None
    return mean * (len(frame) ** 0.5 / length) @ frame


def _complex_structure(matrices: torch.Tensor) -> torch.Tensor | None:
    """Return J, an average of a random antisymmetric matrix, or None where that is zero."""
    random = _random(2, matrices.shape[1])
    mean = (matrices @ (random - random.T) @ matrices.mT).mean(0)
    length = torch.linalg.matrix_norm(mean)
    return mean * (len(mean) ** 0.5 / length) if length > _SAME else None


def _random(seed: int, size: int) -> torch.Tensor:
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(size, size, generator=draw, dtype=torch.float64)
