"""Gaussian policies before a radial squash: densities, samples, and the product of two.

The element-wise tanh of ordinary SAC is equivariant to sign changes only. Here a d-vector u
becomes a = tanh(|u|) u / |u|, whose Jacobian has

    log|det| = log(1 - tanh^2|u|) + (d - 1) log(tanh|u| / |u|),

and each vector has one standard deviation, an invariant. With d = 1 this is the tanh-Gaussian of
ordinary SAC, entry by entry. Where vectors have several sizes, d is the largest and the shorter
ones end in zeros; ``sizes`` then says how long each is.
"""

import math
from typing import NamedTuple

from perl_core.layers.trunk import norms
import torch
from torch import nn


class Gaussian(NamedTuple):
    """Distribution of the action vectors before the squash."""

    mean: torch.Tensor
    """Shape (batch, vectors, d)."""
    std: torch.Tensor
    """Shape (batch, vectors, 1): one for each vector."""
    sizes: torch.Tensor | None = None
    """Entries of each vector, shape (vectors,); None if all have d."""


class Sample(NamedTuple):
    """Actions and how likely they were."""

    action: torch.Tensor
    """Shape (batch, d * vectors)."""
    log_probability: torch.Tensor
    """Shape (batch,), density of the squashed action."""


def squash(vectors: torch.Tensor) -> torch.Tensor:
    """Return tanh(|u|) u / |u| for vectors of shape (..., d)."""
    length = norms(vectors).unsqueeze(-1)
    return vectors * (length.tanh() / length)


def squash_log_determinant(
    vectors: torch.Tensor, sizes: torch.Tensor | None = None
) -> torch.Tensor:
    """Return log|det| of the squash's Jacobian at vectors of shape (..., d), stably."""
    return _log_determinant(norms(vectors), vectors.shape[-1] if sizes is None else sizes)


def _log_determinant(length: torch.Tensor, size: int | torch.Tensor) -> torch.Tensor:
    log_derivative = 2.0 * (math.log(2.0) - length - nn.functional.softplus(-2.0 * length))
    return log_derivative + (size - 1) * (length.tanh() / length).log()


def log_density(policy: Gaussian, vectors: torch.Tensor) -> torch.Tensor:
    """Return the log-density of the squashed action at ``squash(vectors)``, shape (batch,).

    Args:
        policy: distribution before the squash.
        vectors: before the squash, shape (batch, vectors, d).
    """
    noise = (vectors - policy.mean) / policy.std
    determinant = squash_log_determinant(vectors, policy.sizes).sum(-1)
    return _log_normal(noise, policy) - determinant


def _log_normal(noise: torch.Tensor, policy: Gaussian) -> torch.Tensor:
    std, sizes = policy.std, policy.sizes
    entries = noise.shape[-1] * noise.shape[-2] if sizes is None else sizes.sum()
    constant = 0.5 * math.log(2.0 * math.pi) * entries
    if sizes is None:
        log_std = noise.shape[-1] * std.log().sum(dim=(-1, -2))
    else:
        log_std = std.log().squeeze(-1) @ sizes
    return -0.5 * noise.square().sum(dim=(-1, -2)) - log_std - constant


def sample_action(policy: Gaussian, generator: torch.Generator) -> Sample:
    """Draw actions by reparametrisation."""
    noise = torch.randn(
        policy.mean.shape, generator=generator, dtype=policy.mean.dtype, device=policy.mean.device
    )
    if policy.sizes is not None:
        noise = noise * within(policy.sizes, noise.shape[-1])
    vectors = policy.mean + policy.std * noise
    length = norms(vectors)
    size = vectors.shape[-1] if policy.sizes is None else policy.sizes
    log_determinant = _log_determinant(length, size).sum(-1)
    action = vectors * (length.tanh() / length).unsqueeze(-1)
    return Sample(action.flatten(1), _log_normal(noise, policy) - log_determinant)


def within(sizes: torch.Tensor, largest: int) -> torch.Tensor:
    """Return 1 at the entries that each vector has and 0 behind them, (vectors, largest)."""
    return (torch.arange(largest, device=sizes.device) < sizes.unsqueeze(-1)).to(sizes.dtype)


def fuse(equivariant: Gaussian, standard: Gaussian, weight: torch.Tensor) -> Gaussian:
    """Return the normalised product pi_E^(1 - lambda) pi_N^lambda: experts of one squash.

    Exact: the exponents sum to one, so the product has the squash's Jacobian once, and before the
    squash a product of Gaussians is a Gaussian whose precision is the weighted sum. No gradient
    reaches lambda.

    Args:
        equivariant: expert E.
        standard: expert N.
        weight: lambda, bool or float, shape (batch,).
    """
    share = weight.detach().to(equivariant.mean.dtype).view(-1, 1, 1)
    of_equivariant = (1.0 - share) / equivariant.std.square()
    of_standard = share / standard.std.square()
    precision = of_equivariant + of_standard
    mean = (of_equivariant * equivariant.mean + of_standard * standard.mean) / precision
    return Gaussian(mean, precision.rsqrt(), equivariant.sizes)


def random_actions(
    shape: tuple[int, int, int],
    generator: torch.Generator,
    sizes: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return vectors of uniform direction and length: the group turns none into another.

    Args:
        shape: (batch, vectors, d).
        generator: draws them.
        sizes: entries of each vector; d if left out.

    Returns:
        Shape (batch, d * vectors).
    """
    vectors = torch.randn(shape, generator=generator)
    if sizes is not None:
        vectors = vectors * within(sizes, shape[-1])
    lengths = torch.rand((*shape[:2], 1), generator=generator)
    return (nn.functional.normalize(vectors, dim=-1) * lengths).flatten(1)
