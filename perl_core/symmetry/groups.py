"""The groups a policy may be equivariant to, as groups of 3 x 3 rotation matrices."""

from typing import Protocol

from perl_core.errors import ConfigError
import torch


class Group(Protocol):
    """A group that acts on 3-vectors by matrices."""

    name: str
    """As it is written in the contract."""
    dimension: int
    """Dimension of the group as a manifold; 0 for a finite group."""
    fixed_vectors: torch.Tensor
    """A basis of the vectors that every element leaves alone, shape (count, 3)."""

    def sample(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Return ``count`` elements drawn from the Haar measure, float64, (count, 3, 3)."""
        ...


class SO3:
    """All rotations."""

    name = 'SO3'
    dimension = 3
    fixed_vectors = torch.zeros(0, 3)

    def sample(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Return rotations of uniformly drawn unit quaternions, float64, (count, 3, 3)."""
        w, x, y, z = torch.nn.functional.normalize(
            torch.randn(4, count, generator=generator, dtype=torch.float64), dim=0
        )
        rows = (
            1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
            2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
            2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
        )  # fmt: skip
        return torch.stack(rows, dim=-1).view(count, 3, 3)


class SO2:
    """Rotations about z."""

    name = 'SO2'
    dimension = 1
    fixed_vectors = torch.tensor([[0.0, 0.0, 1.0]])

    def sample(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Return rotations about z by uniformly drawn angles, float64, (count, 3, 3)."""
        angle_rad = 2 * torch.pi * torch.rand(count, generator=generator, dtype=torch.float64)
        cosine, sine, zero = angle_rad.cos(), angle_rad.sin(), torch.zeros_like(angle_rad)
        rows = (cosine, -sine, zero, sine, cosine, zero, zero, zero, zero + 1)
        return torch.stack(rows, dim=-1).view(count, 3, 3)


_GROUPS: dict[str, type[Group]] = {'SO3': SO3, 'SO2': SO2}


def group_named(name: str) -> Group:
    """Return the group of this name.

    Raises:
        ConfigError: no such group.
    """
    if name not in _GROUPS:
        raise ConfigError(f'unknown group {name!r}; known groups: {sorted(_GROUPS)}')
    return _GROUPS[name]()
