"""Rotation vectors, matrices and quaternions are the same rotations."""

from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
import numpy as np
from perl_core.rotation import (
    quaternion_from_rotation,
    random_rotation,
    rotation_from_quaternion,
    rotation_from_vector,
    skew,
    vector_from_rotation,
)
import pytest

vectors = arrays(float, 3, elements=st.floats(-10.0, 10.0))
directions = arrays(float, 3, elements=st.floats(-1.0, 1.0)).filter(
    lambda vector: np.linalg.norm(vector) > 1e-3
)
quaternions = arrays(float, 4, elements=st.floats(-1.0, 1.0)).filter(
    lambda quaternion: np.linalg.norm(quaternion) > 1e-3
)


def unit(vector):
    return vector / np.linalg.norm(vector)


@given(directions, st.floats(0.0, np.pi - 1e-6))
@example(np.array((1.0, 2.0, 3.0)), 0.0)
@example(np.array((1.0, 2.0, 3.0)), 1e-12)
@example(np.array((1.0, 2.0, 3.0)), 1e-7)
@example(np.array((0.0, 0.0, -1.0)), np.pi - 1e-6)
def test_the_vector_of_the_matrix_of_a_vector_is_that_vector(direction, angle_rad):
    vector_rad = angle_rad * unit(direction)
    came = vector_from_rotation(rotation_from_vector(vector_rad))
    np.testing.assert_allclose(came, vector_rad, atol=1e-8)


@given(directions, st.floats(-1e-5, 1e-5))
@example(np.array((1.0, 0.0, 0.0)), 0.0)
@example(np.array((-1.0, 2.0, -3.0)), 0.0)
@example(np.array((1.0, 1e-2, 0.0)), 1e-9)
def test_near_half_a_turn_the_rotation_is_kept_and_the_angle_is_at_most_pi(direction, beyond_rad):
    rotation = rotation_from_vector((np.pi + beyond_rad) * unit(direction))
    vector_rad = vector_from_rotation(rotation)
    assert np.linalg.norm(vector_rad) <= np.pi + 1e-12
    assert np.linalg.norm(vector_rad) == pytest.approx(np.pi - abs(beyond_rad), abs=1e-7)
    np.testing.assert_allclose(rotation_from_vector(vector_rad), rotation, atol=3e-7)


@given(vectors)
def test_the_matrix_of_a_vector_is_a_rotation_that_keeps_it(vector_rad):
    rotation = rotation_from_vector(vector_rad)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1.0)
    np.testing.assert_allclose(rotation @ vector_rad, vector_rad, atol=1e-11)


def test_a_quarter_turn_about_z_takes_x_to_y():
    rotation = rotation_from_vector(np.array((0.0, 0.0, np.pi / 2)))
    np.testing.assert_allclose(rotation @ (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), atol=1e-15)


@given(vectors, vectors)
def test_turning_a_rotation_turns_its_vector(vector_rad, turn_rad):
    turn, rotation = rotation_from_vector(turn_rad), rotation_from_vector(vector_rad)
    turned = rotation_from_vector(turn @ vector_from_rotation(rotation))
    np.testing.assert_allclose(turned, turn @ rotation @ turn.T, atol=1e-6)


@given(quaternions)
def test_a_quaternion_survives_the_matrix_up_to_its_sign(quaternion_xyzw):
    quaternion_xyzw = unit(quaternion_xyzw)
    came = quaternion_from_rotation(rotation_from_quaternion(quaternion_xyzw))
    assert came[3] >= -1e-15
    assert np.linalg.norm(came) == pytest.approx(1.0)
    assert abs(came @ quaternion_xyzw) == pytest.approx(1.0, abs=1e-9)


@given(vectors)
def test_a_matrix_survives_the_quaternion(vector_rad):
    rotation = rotation_from_vector(vector_rad)
    came = rotation_from_quaternion(quaternion_from_rotation(rotation))
    np.testing.assert_allclose(came, rotation, atol=1e-6)


def test_the_quaternion_is_in_the_order_of_ros():
    half = np.sqrt(0.5)
    rotation = rotation_from_vector(np.array((np.pi / 2, 0.0, 0.0)))
    np.testing.assert_allclose(quaternion_from_rotation(rotation), (half, 0.0, 0.0, half))


@given(vectors, vectors)
def test_skew_is_the_cross_product(first, second):
    np.testing.assert_allclose(skew(first) @ second, np.cross(first, second), atol=1e-12)


def test_random_rotations_are_uniform():
    generator = np.random.default_rng(0)
    rotations = np.array([random_rotation(generator) for _ in range(4000)])
    np.testing.assert_allclose(rotations.mean(axis=0), 0.0, atol=0.05)
    # Under the Haar measure the trace has mean 0 and variance 1.
    traces = np.trace(rotations, axis1=1, axis2=2)
    assert traces.var() == pytest.approx(1.0, abs=0.1)
