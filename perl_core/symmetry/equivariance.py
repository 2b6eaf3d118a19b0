"""How far a function is from equivariant: the measure of arXiv 2112.01388."""

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


def step_errors(
    step: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    representations: tuple[Representation, Representation],
    states: torch.Tensor,
    actions: torch.Tensor,
    elements: torch.Tensor,
) -> torch.Tensor:
    """Return |step(g s, g a) - g step(s, a)| / |step(s, a) - s| for each row.

    A representation is part of the code: hold it against the simulator that it is declared for.
    Exact symmetries give rounding errors; a wrong representation gives errors near 1.

    Args:
        step: one step of the simulator, (n, states) and (n, actions) to (n, states).
        representations: of states and of actions.
        states: shape (n, states).
        actions: shape (n, actions).
        elements: of the group, one for each row, shape (n, *element).

    Returns:
        Shape (n,).
    """
    rho_state, rho_action = representations
    reached = step(states, actions)
    turned = step(rho_state.transform(elements, states), rho_action.transform(elements, actions))
    error = torch.linalg.vector_norm(turned - rho_state.transform(elements, reached), dim=-1)
    length = torch.linalg.vector_norm(reached - states, dim=-1)
    return error / length.clamp_min(torch.finfo(length.dtype).tiny)
