"""Rotations and reflections of plane and space: SO2, O2, SO3, O3."""

import math

from perl_core.symmetry.groups import Group, axes, orthogonality_misses, planar
import torch


def _skew(*indices: int) -> torch.Tensor:
    """Return the generators of rotations about the named axes, float64, (count, 3, 3)."""
    matrices = torch.zeros(len(indices), 3, 3, dtype=torch.float64)
    for matrix, axis in zip(matrices, indices, strict=True):
        first, second = (axis + 1) % 3, (axis + 2) % 3
        matrix[second, first], matrix[first, second] = 1.0, -1.0
    return matrices


def _signs(count: int, generator: torch.Generator) -> torch.Tensor:
    """Return +1 or -1, drawn uniformly, float64, (count,)."""
    return 2.0 * torch.randint(2, (count,), generator=generator).double() - 1.0


def _quadratic_forms() -> torch.Tensor:
    """Return what turns the products q_i q_j of a unit quaternion into a rotation, (16, 9)."""
    forms = torch.zeros(4, 4, 3, 3, dtype=torch.float64)
    w = 0
    for axis in range(3):
        for other in range(4):
            forms[other, other, axis, axis] = 1.0 if other in (w, axis + 1) else -1.0
        first, second = (axis + 1) % 3, (axis + 2) % 3
        forms[first + 1, second + 1, first, second] += 2.0
        forms[first + 1, second + 1, second, first] += 2.0
        forms[w, axis + 1, second, first] += 2.0
        forms[w, axis + 1, first, second] -= 2.0
    return forms.view(16, 9)


_QUADRATIC_FORMS = _quadratic_forms()


def _rotations(count: int, generator: torch.Generator) -> torch.Tensor:
    """Return rotations of uniformly drawn unit quaternions, float64, (count, 3, 3).

    Shoemake, "Uniform random rotations", Graphics Gems III, 1992.
    """
    draws = torch.randn(count, 4, generator=generator, dtype=torch.float64)
    quaternions = torch.nn.functional.normalize(draws, dim=1)
    products = (quaternions[:, :, None] * quaternions[:, None]).flatten(1)
    return (products @ _QUADRATIC_FORMS).view(count, 3, 3)


def _angles_rad(count: int, generator: torch.Generator) -> torch.Tensor:
    return 2 * math.pi * torch.rand(count, generator=generator, dtype=torch.float64)


class SO3(Group):
    """All rotations of space."""

    name = 'SO3'
    dimension = 3
    fixed_vectors = axes()

    def sample(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Return uniformly drawn rotations, float64, (count, 3, 3)."""
        return _rotations(count, generator)

    @property
    def generators(self) -> torch.Tensor:
        """Empty: the group is connected."""
        return torch.zeros(0, 3, 3, dtype=torch.float64)

    @property
    def algebra(self) -> torch.Tensor:
        """Generators of the rotations about x, y and z, (3, 3, 3)."""
        return _skew(0, 1, 2)

    def misses(self, elements: torch.Tensor) -> torch.Tensor:
        """Return how far each matrix is from a rotation, shape (n,)."""
        handedness = (torch.linalg.det(elements) - 1).abs()
        return torch.maximum(orthogonality_misses(elements), handedness)


class O3(Group):
    """All rotations of space, and each followed by the inversion x -> -x."""

    name = 'O3'
    dimension = 3
    fixed_vectors = axes()

    def sample(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Return uniformly drawn rotations, half of them inverted, float64, (count, 3, 3)."""
        rotations = _rotations(count, generator)
        return rotations * _signs(count, generator)[:, None, None]

    @property
    def generators(self) -> torch.Tensor:
        """The inversion."""
        return -self.identity.unsqueeze(0)

    @property
    def algebra(self) -> torch.Tensor:
        """Generators of the rotations about x, y and z, (3, 3, 3)."""
        return _skew(0, 1, 2)

    def misses(self, elements: torch.Tensor) -> torch.Tensor:
        """Return how far each matrix is from orthogonal, shape (n,)."""
        return orthogonality_misses(elements)


class SO2(Group):
    """Rotations about z."""

    name = 'SO2'
    dimension = 1
    fixed_vectors = axes(2)

    def sample(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Return rotations about z by uniformly drawn angles, float64, (count, 3, 3)."""
        angle_rad = _angles_rad(count, generator)
        return planar(angle_rad.cos(), angle_rad.sin(), torch.ones_like(angle_rad))

    @property
    def generators(self) -> torch.Tensor:
        """Empty: the group is connected."""
        return torch.zeros(0, 3, 3, dtype=torch.float64)

    @property
    def algebra(self) -> torch.Tensor:
        """Generator of the rotations about z, (1, 3, 3)."""
        return _skew(2)

    def misses(self, elements: torch.Tensor) -> torch.Tensor:
        """Return how far each matrix is from a rotation about z, shape (n,)."""
        return torch.maximum(_off_plane(elements), (torch.linalg.det(elements) - 1).abs())


class O2(Group):
    """Rotations about z, and mirrors in planes through z."""

    name = 'O2'
    dimension = 1
    fixed_vectors = axes(2)

    def sample(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Return rotations about z, half of them after mirroring y, float64, (count, 3, 3)."""
        angle_rad = _angles_rad(count, generator)
        return planar(angle_rad.cos(), angle_rad.sin(), _signs(count, generator))

    @property
    def generators(self) -> torch.Tensor:
        """The mirror y -> -y."""
        return torch.diag(torch.tensor((1.0, -1.0, 1.0), dtype=torch.float64)).unsqueeze(0)

    @property
    def algebra(self) -> torch.Tensor:
        """Generator of the rotations about z, (1, 3, 3)."""
        return _skew(2)

    def misses(self, elements: torch.Tensor) -> torch.Tensor:
        """Return how far each matrix is from orthogonal and fixing z, shape (n,)."""
        return _off_plane(elements)


def _off_plane(elements: torch.Tensor) -> torch.Tensor:
    off = (elements[:, 2] - torch.eye(3, dtype=elements.dtype)[2]).abs().amax(dim=1)
    return torch.maximum(orthogonality_misses(elements), off)
