"""What a group is: elements are 3 x 3 orthogonal matrices, so that subgroups come for free.

The quarter turn of C4 is the same matrix as an element of D4, SO2 or SO3. Planar groups turn about
z and mirror y; a product of k groups has elements of shape (k, 3, 3).
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from perl_core.errors import SymmetryError
import torch

TOLERANCE = 1e-5
"""Largest entry by which a matrix may miss a group: float32 elements must pass."""


class Group(ABC):
    """A compact group of matrices."""

    name: str
    """As it is written in configurations, for example 'C4'."""
    dimension: int = 0
    """Dimension as a manifold; 0 for a finite group."""
    order: int | None = None
    """Number of elements; None if infinite."""
    factors: tuple['Group', ...] = ()
    """Of a product; else empty."""
    fixed_vectors: torch.Tensor
    """A basis of the 3-vectors that every element leaves alone, shape (count, 3)."""

    @property
    def element_shape(self) -> tuple[int, ...]:
        """Shape of one element."""
        return (3, 3)

    @property
    def identity(self) -> torch.Tensor:
        """The neutral element, float64."""
        return torch.eye(3, dtype=torch.float64).expand(self.element_shape).clone()

    def product(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        """Return first * second (second acts first), element by element of a batch."""
        return first @ second

    def inverse(self, elements: torch.Tensor) -> torch.Tensor:
        """Return the inverses, element by element of a batch."""
        return elements.mT

    @abstractmethod
    def sample(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Return ``count`` elements drawn from the Haar measure, float64, (count, *element)."""

    @property
    @abstractmethod
    def generators(self) -> torch.Tensor:
        """Elements that, with the Lie algebra, generate the group, float64, (count, *element)."""

    @property
    @abstractmethod
    def algebra(self) -> torch.Tensor:
        """A basis of the Lie algebra as matrices, float64, (dimension, *element)."""

    @abstractmethod
    def misses(self, elements: torch.Tensor) -> torch.Tensor:
        """Return by how much each matrix of a batch misses the group, shape (n,)."""

    def elements(self) -> torch.Tensor:
        """Return all elements of a finite group, the neutral one first, (order, *element).

        Raises:
            SymmetryError: the group is infinite.
        """
        raise SymmetryError(
            f'{self.name} has infinitely many elements; elements() is for finite groups, '
            'sample() for all'
        )

    def batch(self, elements: torch.Tensor) -> torch.Tensor:
        """Return elements as float64 of shape (n, *element), after checking them.

        Args:
            elements: one element or a batch of them.

        Raises:
            SymmetryError: the shape is wrong, or one is no element of this group.
        """
        shape = self.element_shape
        if not torch.is_tensor(elements) or elements.shape[-len(shape):] != shape or (
            elements.ndim > len(shape) + 1
        ):
            came = tuple(elements.shape) if torch.is_tensor(elements) else type(elements).__name__
            raise SymmetryError(
                f'an element of {self.name} has shape {shape} and a batch of n {("n", *shape)}; '
                f'got {came}'
            )
        batch = elements.reshape(-1, *shape).to(torch.float64)
        misses = self.misses(batch).nan_to_num(nan=torch.inf)
        if len(batch) and not misses.max() <= TOLERANCE:
            worst = int(misses.argmax())
            raise SymmetryError(
                f'expected elements of {self.name}; element {worst} misses it by '
                f'{float(misses[worst]):.3g} (largest entry): {batch[worst].tolist()}'
            )
        return batch

    def __eq__(self, other: object) -> bool:
        """Groups of one name are one group."""
        return isinstance(other, Group) and self.name == other.name

    def __hash__(self) -> int:
        """Agree with equality."""
        return hash(self.name)

    def __repr__(self) -> str:
        """Show the name."""
        return self.name


def planar(cosine: torch.Tensor, sine: torch.Tensor, sign: torch.Tensor) -> torch.Tensor:
    """Return rotations about z after mirroring y where ``sign`` is -1, shape (n, 3, 3)."""
    zero, one = torch.zeros_like(cosine), torch.ones_like(cosine)
    rows = (cosine, -sine * sign, zero, sine, cosine * sign, zero, zero, zero, one)
    return torch.stack(rows, dim=-1).unflatten(-1, (3, 3))


def orthogonality_misses(elements: torch.Tensor) -> torch.Tensor:
    """Return the largest entry of |g g^T - 1| for each of (n, 3, 3)."""
    eye = torch.eye(3, dtype=elements.dtype)
    return (elements @ elements.mT - eye).abs().amax(dim=(1, 2))


def axes(*indices: int) -> torch.Tensor:
    """Return unit vectors along the named axes, shape (count, 3)."""
    return torch.eye(3)[list(indices)]


def joined_name(groups: Sequence[Group]) -> str:
    """Return the name of a product."""
    return 'x'.join(group.name for group in groups)
