"""The mathematics of the gate, as functions of tensors; no state, no networks.

lambda in [0, 1] is the weight of the standard branch: Q = (1 - lambda) Q_E + lambda Q_N and
pi proportional to pi_E^(1 - lambda) pi_N^lambda. A hard gate is bool, a soft one is float. All but
``select_by_gate``, whose shapes depend on the data, runs under ``torch.func.vmap``.
"""

from collections.abc import Callable

import torch
from torch import nn

Branch = Callable[..., torch.Tensor]


def select_by_gate(
    is_open: torch.Tensor, equivariant: Branch, standard: Branch, *inputs: torch.Tensor
) -> torch.Tensor:
    """Run each row through one branch: (1 - lambda) E + lambda N for a hard gate, at half cost.

    Args:
        is_open: bool, shape (batch,); True chooses ``standard``.
        equivariant: maps rows of the inputs to rows of a tensor.
        standard: likewise.
        *inputs: each with the batch as its first axis.

    Returns:
        The rows, in order.
    """
    count = int(is_open.count_nonzero())
    if count == 0:
        return equivariant(*inputs)
    if count == len(is_open):
        return standard(*inputs)
    closed_at, open_at = (~is_open).nonzero().squeeze(1), is_open.nonzero().squeeze(1)
    rows = torch.cat((
        equivariant(*(part.index_select(0, closed_at) for part in inputs)),
        standard(*(part.index_select(0, open_at) for part in inputs)),
    ))
    return rows.index_select(0, torch.cat((closed_at, open_at)).argsort())


def mix_by_gate(
    weight: torch.Tensor, equivariant: torch.Tensor, standard: torch.Tensor
) -> torch.Tensor:
    """Return (1 - lambda) E + lambda N, no gradient into lambda.

    Args:
        weight: lambda, bool or float, of the shape of the values, or without their last axes.
        equivariant: values of the equivariant branch.
        standard: values of the standard branch, of the same shape.
    """
    weight = weight.detach().to(equivariant.dtype)
    weight = weight.reshape(weight.shape + (1,) * (equivariant.ndim - weight.ndim))
    return (1.0 - weight) * equivariant + weight * standard


def gate_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the mean binary cross-entropy of lambda(s, a) on a detector's labels.

    Args:
        logits: shape (batch,); for discrete actions those ``of_taken`` the actions.
        labels: 0 or 1, shape (batch,).
    """
    return nn.functional.binary_cross_entropy_with_logits(logits, labels)


def of_taken(values: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
    """Return the value of the action that was taken, shape (batch,).

    Args:
        values: one for each discrete action, shape (batch, actions).
        action: index, integer, shape (batch,).
    """
    return values.gather(-1, action.long().unsqueeze(-1)).squeeze(-1)


def expectile_loss(
    value: torch.Tensor, target: torch.Tensor, expectile: float
) -> torch.Tensor:
    """Return the mean asymmetric square whose minimum is the expectile of the targets.

    Args:
        value: lambda(s), shape (batch,).
        target: lambda(s, a) at actions taken, shape (batch,).
        expectile: tau; near 1 it asks for the largest of the targets.
    """
    difference = target - value
    weight = (expectile - (difference < 0).to(difference.dtype)).abs()
    return (weight * difference.square()).mean()


def expectile_of(values: torch.Tensor, expectile: float) -> torch.Tensor:
    """Return the exact expectile over the last axis, for discrete actions.

    It is the root of tau E[(v - e)+] = (1 - tau) E[(e - v)+]. With the values in order, it is one
    of the means in which the upper ones have the weight tau and the others 1 - tau: the largest
    of them if tau > 1/2, the smallest if not.

    Args:
        values: lambda(s, a) of every action a, shape (..., actions).
        expectile: tau in (0, 1).

    Returns:
        Shape (...).
    """
    ordered, count = values.sort(dim=-1).values, values.shape[-1]
    lower = torch.cat((torch.zeros_like(ordered[..., :1]), ordered.cumsum(-1)), dim=-1)
    below = torch.arange(count + 1, dtype=values.dtype, device=values.device)
    upper = lower[..., -1:] - lower
    means = ((1.0 - expectile) * lower + expectile * upper) / (
        (1.0 - expectile) * below + expectile * (count - below)
    )
    return means.amax(-1) if expectile > 0.5 else means.amin(-1)


def binary_expectile(share: float, expectile: float) -> float:
    """Return the expectile of a 0/1 gate that is open at a share p of the actions.

    tau p / (tau p + (1 - tau)(1 - p)): above 1/2 if and only if p > 1 - tau.
    """
    opened = expectile * share
    return opened / (opened + (1.0 - expectile) * (1.0 - share))


def sampled_max_share(share: float, count: int) -> float:
    """Return how often the largest of K sampled gates is open: 1 - (1 - p)^K."""
    return 1.0 - (1.0 - share) ** count


def draw(probability: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Return a hard gate drawn with these probabilities, bool."""
    lot = torch.rand(
        probability.shape, generator=generator, dtype=probability.dtype, device=probability.device
    )
    return lot < probability


def practise(
    weight: torch.Tensor, share: float, generator: torch.Generator
) -> torch.Tensor:
    """Return the weights with which rows teach the branches: 1 for a share of them, by lot.

    Without it a gate that was always closed would one day open on a standard branch that never
    learned.

    Args:
        weight: lambda, bool or float, shape (batch,).
        share: of the rows that go to the standard branch whatever the gate says.
        generator: draws the lot; not used if the share is 0.
    """
    if not share:
        return weight
    lot = torch.rand(len(weight), generator=generator) < share
    return torch.where(lot, torch.ones_like(weight), weight)
