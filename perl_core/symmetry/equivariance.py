"""How far a function is from equivariant, as the residual-pathway-priors paper measures it."""

from collections.abc import Callable

from perl_core.symmetry.groups import Group
from perl_core.symmetry.representations import Representation
import torch


def relative_error(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return RelErr(a, b) = |a - b| / (|a| + |b|) over the last axis; 0 where both vanish."""
    difference = torch.linalg.vector_norm(first - second, dim=-1)
    size = torch.linalg.vector_norm(first, dim=-1) + torch.linalg.vector_norm(second, dim=-1)
    return torch.where(size > 0, difference / size.clamp_min(torch.finfo(size.dtype).tiny), size)


@torch.no_grad()
def equivariance_error(
    function: Callable[[torch.Tensor], torch.Tensor],
    representations: tuple[Representation, Representation],
    group: Group,
    inputs: torch.Tensor,
    generator: torch.Generator,
) -> torch.Tensor:
    """Return RelErr(rho_out(g) f(x), f(rho_in(g) x)) for one drawn g for each row of ``inputs``.

    Args:
        function: maps (batch, n) to (batch, m).
        representations: rho_in of size n and rho_out of size m.
        group: whose elements are drawn; the representations' own, or a subgroup of it.
        inputs: shape (batch, n).
        generator: draws the elements.

    Returns:
        Shape (batch,), each in [0, 1].
    """
    rho_in, rho_out = representations
    elements = group.sample(len(inputs), generator)
    turned_outputs = rho_out.transform(elements, function(inputs))
    return relative_error(turned_outputs, function(rho_in.transform(elements, inputs)))
