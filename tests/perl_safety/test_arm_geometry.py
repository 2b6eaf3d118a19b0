"""Capsules, distances and their bounds, against MuJoCo's model of the arm and differences."""

import dataclasses

from hypothesis import given, settings
from hypothesis import strategies as st
import mujoco
import numpy as np
from perl_core.contract import Contract
from perl_core.kinematics import Kinematics
from perl_safety.arm_shape import CAPSULES
from perl_safety.clearance import CapsuleBox, CapsulePair, Clearances, HalfSpace
from perl_safety.limits import Obstacle, load_limits
from perl_safety.rules import BORDERS
from perl_sim.obstacles import DIVIDER
from perl_sim.robots.ur5e import load_ur5e

LIMITS = dataclasses.replace(
    load_limits(),
    min_self_distance_m=0.0,
    obstacles=(
        Obstacle(name='divider', centre_base_m=DIVIDER.centre_base_m,
                 half_size_m=DIVIDER.half_size_m, min_distance_m=0.0),
    ),
)  # fmt: skip
CLEARANCES = Clearances(Kinematics(), [row for rule in BORDERS for row in rule(LIMITS)])
MODEL = load_ur5e((DIVIDER,))
DATA = mujoco.MjData(MODEL)
HOME = np.array(Contract().home_rad)
CYLINDER = 0
"""The base, which MuJoCo sees as a cylinder and we as the capsule around it."""

joints = st.integers(0, 2**32 - 1).map(
    lambda seed: np.random.default_rng(seed).uniform(-3.1, 3.1, 6)
)


def mujoco_distance(first, second):
    ends = np.zeros(6)
    return mujoco.mj_geomDistance(
        MODEL, DATA, MODEL.geom(first).id, MODEL.geom(second).id, 5.0, ends
    )


def test_our_capsules_are_those_of_the_simulated_arm():
    for capsule in CAPSULES:
        geom = MODEL.geom(capsule.name)
        assert geom.size[0] == capsule.radius_m
        half = 0.5 * np.linalg.norm(np.subtract(capsule.end_m, capsule.begin_m))
        assert np.isclose(geom.size[1], half)


@settings(deadline=None)
@given(joints)
def test_distances_are_mujocos_own(position_rad):
    DATA.qpos[:] = position_rad
    mujoco.mj_kinematics(MODEL, DATA)
    values = CLEARANCES.at(position_rad[None]).value[0]
    for row, value in zip(CLEARANCES.rows, values, strict=True):
        if isinstance(row, CapsulePair):
            theirs = mujoco_distance(CAPSULES[row.first].name, CAPSULES[row.second].name)
            if row.first == CYLINDER:
                assert value <= theirs + 1e-6, row.reason
                continue
        elif isinstance(row, CapsuleBox):
            theirs = mujoco_distance(CAPSULES[row.capsule].name, 'divider')
        else:
            continue
        # Where shapes overlap, only the sign is compared.
        assert np.isclose(value, theirs, atol=1e-6) if theirs > 0.0 else value <= 1e-6, row.reason


@settings(deadline=None)
@given(joints)
def test_where_no_row_is_violated_mujoco_sees_no_contact(position_rad):
    position_rad = HOME + 0.4 * (position_rad - HOME)
    if CLEARANCES.at(position_rad[None]).value.min() < 0.0:
        return
    DATA.qpos[:] = position_rad
    mujoco.mj_kinematics(MODEL, DATA)
    mujoco.mj_collision(MODEL, DATA)
    assert DATA.ncon == 0


@settings(deadline=None)
@given(joints, joints, st.floats(0.0, 0.5))
def test_no_row_changes_faster_than_its_bound(position_rad, other_rad, share):
    there = position_rad + share * (other_rad - position_rad)
    now, then = CLEARANCES.at(np.stack((position_rad, there))).value
    most = CLEARANCES.lipschitz @ np.abs(there - position_rad)
    assert (np.abs(then - now) <= most + 1e-9).all()


@settings(deadline=None, max_examples=50)
@given(joints)
def test_gradients_are_those_of_differences(position_rad):
    rows = np.arange(len(CLEARANCES.rows))
    places = CLEARANCES.at(position_rad[None])
    gradient = CLEARANCES.gradients(CLEARANCES.contacts(places), rows)
    step = 1e-6 * np.eye(6)
    up, down = CLEARANCES.at(position_rad + step).value, CLEARANCES.at(position_rad - step).value
    # Where two ends of a segment are equally near, the slope has a corner.
    smooth = np.abs(up + down - 2.0 * places.value).max(axis=0) < 1e-11
    numeric = ((up - down) / 2e-6).T
    assert np.allclose(gradient[smooth], numeric[smooth], atol=1e-4)


def test_rows_that_are_not_in_doubt_are_not_looked_at():
    doubtful = np.array([isinstance(row, HalfSpace) for row in CLEARANCES.rows])
    value = CLEARANCES.at(HOME[None], doubtful).value[0]
    unseen = [isinstance(row, CapsulePair | CapsuleBox) for row in CLEARANCES.rows]
    assert (np.isinf(value) == unseen).all()
