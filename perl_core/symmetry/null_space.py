"""Null spaces in a form that does not depend on the machine.

An eigensolver may return any orthonormal basis. Learned coefficients refer to a basis, so a
checkpoint would mean something else elsewhere; the normal form here is unique.
"""

import torch

_ZERO = 1e-9
"""Eigenvalues below this, relative to the largest, are zero."""
_DEPENDENT = 1e-6
"""A column that sticks out of the span of those before it by less than this lies in it."""


def null_space(gram: torch.Tensor) -> torch.Tensor:
    """Return an orthonormal basis of the null space of a symmetric matrix.

    Args:
        gram: positive semidefinite, float64, shape (n, n).

    Returns:
        Shape (rank, n), in normal form.
    """
    values, vectors = torch.linalg.eigh(gram)
    return normal_form(vectors[:, values < _ZERO * values.max().clamp_min(1.0)].T)


def normal_form(rows: torch.Tensor) -> torch.Tensor:
    """Return the rotation of orthonormal rows that is upper triangular in its first columns.

    Args:
        rows: orthonormal, float64, shape (rank, n).

    Returns:
        Same shape and span: row i is 0 left of pivot i and positive there. The pivots are the
        first columns that are linearly independent.
    """
    if not rows.numel():
        return rows
    rotation, triangle = torch.linalg.qr(rows[:, _pivots(rows)])
    signs = triangle.diagonal().sign()
    return signs[:, None] * (rotation.T @ rows)


def _pivots(rows: torch.Tensor) -> list[int]:
    """Return the first linearly independent columns."""
    rank = len(rows)
    pivots: list[int] = []
    frame = rows.new_zeros(rank, rank)
    for column in range(rows.shape[1]):
        vector = rows[:, column]
        # Twice: once leaves rounding errors where the residual is small.
        for _ in range(2):
            vector = vector - frame.T @ (frame @ vector)
        length = torch.linalg.vector_norm(vector)
        if length > _DEPENDENT:
            frame[len(pivots)] = vector / length
            pivots.append(column)
            if len(pivots) == rank:
                break
    return pivots
