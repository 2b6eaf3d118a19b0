"""Distances between segments, and between segments and boxes, many at once."""

from typing import NamedTuple

import numpy as np

_TINY = 1e-12
_VECTORS = np.array(((-1.0, 1.0, 0.0, 0.0), (0.0, 0.0, -1.0, 1.0), (1.0, 0.0, -1.0, 0.0)))
"""From the four ends to: along the first, along the second, from the second to the first."""


class Nearest(NamedTuple):
    """Where two shapes are nearest to each other."""

    first_m: np.ndarray
    """Point on the first, shape (..., 3)."""
    second_m: np.ndarray
    """Point on the second, shape (..., 3)."""

    @property
    def distance_m(self) -> np.ndarray:
        """Between the two, shape (...)."""
        apart = self.second_m - self.first_m
        return np.sqrt(_dot(apart, apart))


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.einsum('...i,...i->...', a, b)


def _clip(value: np.ndarray) -> np.ndarray:
    return np.minimum(np.maximum(value, 0.0), 1.0)


def between_segments(ends: np.ndarray) -> Nearest:
    """Return the nearest points of pairs of segments (Ericson, Real-Time Collision Detection).

    Args:
        ends: begin and end of the first, begin and end of the second, shape (..., 4, 3); segments
            of no length are allowed.
    """
    first, second = ends[..., 0, :], ends[..., 2, :]
    # One product of matrices instead of five scalar products: this runs in loops of 500 Hz.
    vectors = _VECTORS @ ends
    products = vectors @ np.swapaxes(vectors, -1, -2)
    a, b, c = products[..., 0, 0], products[..., 0, 1], products[..., 0, 2]
    e, f = products[..., 1, 1], products[..., 1, 2]
    cross = a * e - b * b
    # Parallel segments: any s will do, since t follows and s follows that.
    s = _clip((b * f - c * e) / np.maximum(cross, _TINY * (a * e + _TINY)))
    t = _clip((b * s + f) / np.maximum(e, _TINY))
    s = _clip((b * t - c) / np.maximum(a, _TINY))
    return Nearest(
        first + s[..., None] * vectors[..., 0, :], second + t[..., None] * vectors[..., 1, :]
    )


def to_boxes(ends: np.ndarray, centre_m: np.ndarray, half_size_m: np.ndarray) -> Nearest:
    """Return the nearest points of segments and boxes whose edges are along the axes.

    The slope of the squared distance along a segment is piecewise linear and never falls; it has
    corners where a coordinate passes a face. Its zero is found between two corners.

    Args:
        ends: begin and end of the segments, shape (..., 2, 3).
        centre_m: of the boxes, shape (..., 3).
        half_size_m: of the boxes, shape (..., 3).
    """
    begin, along = ends[..., 0, :] - centre_m, ends[..., 1, :] - ends[..., 0, :]
    moving = np.abs(along) > _TINY
    safe = np.where(moving, along, 1.0)
    faces = np.concatenate(((-half_size_m - begin) / safe, (half_size_m - begin) / safe), axis=-1)
    corners = _clip(np.where(np.concatenate((moving, moving), axis=-1), faces, 0.0))
    ends = np.zeros((*corners.shape[:-1], 2))
    ends[..., 1] = 1.0
    at = np.sort(np.concatenate((corners, ends), axis=-1), axis=-1)
    points = begin[..., None, :] + at[..., None] * along[..., None, :]
    half = half_size_m[..., None, :]
    beyond = points - np.minimum(np.maximum(points, -half), half)
    slope = np.einsum('...ni,...i->...n', beyond, along)
    last = np.maximum((slope <= 0.0).sum(axis=-1) - 1, 0)[..., None]
    following = np.minimum(last + 1, at.shape[-1] - 1)
    low, high = (np.take_along_axis(slope, index, -1)[..., 0] for index in (last, following))
    from_, to = (np.take_along_axis(at, index, -1)[..., 0] for index in (last, following))
    share = _clip(np.where(high > low, -low / np.where(high > low, high - low, 1.0), 0.0))
    point = begin + (from_ + share * (to - from_))[..., None] * along
    inside = np.minimum(np.maximum(point, -half_size_m), half_size_m)
    return Nearest(point + centre_m, inside + centre_m)
