"""Boxes that stand on the table and that the arm must not touch."""

import dataclasses
import math

from perl_core.errors import ConfigError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Box:
    """A box with its edges along the axes of ``base``."""

    name: str
    """Of its geom in the compiled model; unlike all others."""
    centre_base_m: tuple[float, float, float]
    """Centre of the box."""
    half_size_m: tuple[float, float, float]
    """Half of its edges along x, y and z."""

    def __post_init__(self) -> None:
        """Refuse what is no box."""
        for name in ('centre_base_m', 'half_size_m'):
            value = getattr(self, name)
            if len(value) != 3 or not all(math.isfinite(entry) for entry in value):
                raise ConfigError(f'{name} of box {self.name!r} must be 3 finite numbers; '
                                  f'got {value!r}')  # fmt: skip
        if min(self.half_size_m) <= 0.0:
            raise ConfigError(
                f'half_size_m of box {self.name!r} must be positive; got {self.half_size_m}'
            )

    @property
    def top_base_m(self) -> float:
        """Height of its upper face."""
        return self.centre_base_m[2] + self.half_size_m[2]


DIVIDER = Box(
    name='divider', centre_base_m=(-0.66, -0.13, 0.235), half_size_m=(0.2, 0.02, 0.235)
)
"""A wall between two bins, up to just below the tool at the home position: a straight way from one
bin to the other runs into it."""
