"""The joint velocity nearest to the one asked for, under linear limits: one small QP a tick.

Solved by daqp (Arnstroem, Bemporad and Axehill, 2022), a dual active-set method in C that is exact
and takes microseconds at this size.
"""

from typing import NamedTuple

import daqp
import numpy as np

_JOINTS = 6
_ROWS = 10
_FREE = 1e30
"""daqp's infinity."""
_SOLVED = 1
_ITERATIONS = 200
"""Ten times what problems of this size take."""


class Problem(NamedTuple):
    """Minimise |v - wish|^2 with lower <= v <= upper and normals v >= offsets."""

    wish_rad_s: np.ndarray
    """Shape (6,)."""
    lower_rad_s: np.ndarray
    """Shape (6,)."""
    upper_rad_s: np.ndarray
    """Shape (6,)."""
    normals: np.ndarray
    """Shape (n, 6), n at most 10."""
    offsets: np.ndarray
    """Shape (n,)."""


class Solution(NamedTuple):
    """What the solver found."""

    velocity_rad_s: np.ndarray
    """Shape (6,)."""
    active: np.ndarray
    """Which rows bind, bool, shape (n,)."""


MOST_ROWS = _ROWS


class QuadraticProgramme:
    """Keeps the arrays of the solver."""

    def __init__(self) -> None:
        """Allocate them."""
        self._hessian = np.eye(_JOINTS)
        self._matrix = np.zeros((_ROWS, _JOINTS))
        self._upper = np.full(_JOINTS + _ROWS, _FREE)
        self._lower = np.full(_JOINTS + _ROWS, -_FREE)
        self._sense = np.zeros(_JOINTS + _ROWS, dtype=np.int32)

    def solve(self, problem: Problem) -> Solution | None:
        """Return the solution, or None if the solver does not find one that is certain."""
        count = len(problem.offsets)
        self._matrix[:count], self._matrix[count:] = problem.normals, 0.0
        self._lower[:_JOINTS], self._upper[:_JOINTS] = problem.lower_rad_s, problem.upper_rad_s
        self._lower[_JOINTS:] = -_FREE
        self._lower[_JOINTS : _JOINTS + count] = problem.offsets
        velocity, _, flag, info = daqp.solve(
            self._hessian, -problem.wish_rad_s, self._matrix, self._upper, self._lower,
            self._sense, iter_limit=_ITERATIONS,
        )
        if flag != _SOLVED or not np.isfinite(velocity).all():
            return None
        return Solution(velocity, info['lam'][_JOINTS : _JOINTS + count] != 0.0)
