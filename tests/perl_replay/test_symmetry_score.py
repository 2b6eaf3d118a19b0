"""What is turned about the base axis is what the arm does, and what the networks take it for."""

import dataclasses
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
from perl_core.agents.pe_sac import PESAC, PESACConfig
from perl_core.arm_frames import ArmFrames
from perl_core.bundle.export import Description, export_bundle
from perl_core.bundle.manifest import TrainedCalibration, Training
from perl_core.bundle.runtime import Policy
from perl_core.contract import OBSERVATION, OBSERVATION_SIZE, VECTOR_SIZE, Contract, slice_bounds
from perl_core.kinematics import UR5E_NOMINAL, Kinematics, Pose
from perl_core.learned_gate import GateConfig
from perl_core.observation import build_observation
from perl_core.predictors import PredictorConfig
from perl_core.rotation import rotation_from_vector
from perl_replay.symmetry_score import SymmetryScore
from perl_replay.turns import Turns, group_elements
import pytest
import torch

SO2, SO3 = Contract(group='SO2'), Contract(group='SO3')
AT = slice_bounds(OBSERVATION)
PAN = AT['joint_position_rad'].start


def arm(seed, rotation=None):
    """Return the observation of a random arm and goal, all turned about the base."""
    random = np.random.default_rng(seed)
    joints, speeds = random.uniform(-2, 2, 6), random.uniform(-1, 1, 6)
    goal = Pose(random.uniform(-0.5, 0.5, 3), rotation_from_vector(random.uniform(-1, 1, 3)))
    if rotation is not None:
        joints[0] += np.arctan2(rotation[1, 0], rotation[0, 0])
        goal = Pose(rotation @ goal.position_m, rotation @ goal.rotation)
    return build_observation(joints, speeds, goal, Kinematics(), SO2)


@given(st.integers(0, 10_000))
def test_a_turn_about_the_base_is_what_the_arm_does(seed):
    turned = Turns(SO2).observations(arm(seed)[None].astype(np.float32))
    expected = np.array([arm(seed, element) for element in group_elements('SO2')])
    whole = (turned - expected)[:, PAN] / (2.0 * np.pi)
    np.testing.assert_allclose(whole, np.round(whole), atol=1e-6)
    assert np.abs(turned[:, PAN]).max() <= np.pi + 1e-6
    turned[:, PAN] = expected[:, PAN]
    np.testing.assert_allclose(turned, expected, atol=1e-5)


@given(st.integers(0, 10_000))
def test_a_turn_about_the_base_is_that_of_training(seed):
    rows = arm(seed)[None].astype(np.float32)
    frames = ArmFrames(SO2)
    for element, turned in zip(
        group_elements('SO2'), Turns(SO2).observations(rows), strict=True
    ):
        angle = (torch.tensor([element[0, 0]]).float(), torch.tensor([element[1, 0]]).float())
        expected = frames.about_base(torch.from_numpy(rows), angle)[0].numpy()
        expected[PAN] = turned[PAN]
        np.testing.assert_allclose(turned, expected, atol=1e-6)


def test_a_rotation_about_the_centre_turns_the_vectors_and_nothing_else():
    rows = np.random.default_rng(0).normal(size=(3, OBSERVATION_SIZE)).astype(np.float32)
    turned = Turns(SO3).observations(rows).reshape(4, 3, OBSERVATION_SIZE)
    for element, each in zip(group_elements('SO3'), turned, strict=True):
        for at in range(0, VECTOR_SIZE, 3):
            expected = rows[:, at : at + 3] @ element.T
            np.testing.assert_allclose(each[:, at : at + 3], expected, atol=1e-5)
        np.testing.assert_array_equal(each[:, VECTOR_SIZE:], rows[:, VECTOR_SIZE:])


@pytest.fixture(scope='module')
def bundle(tmp_path_factory):
    """Return the policy of an untrained agent for SO(2): its branch is equivariant exactly."""
    torch.set_num_threads(1)
    description = Description(
        contract=SO2,
        training=Training(
            agent='toy', agent_config={}, environment='toy/Reach-v0', environment_config={},
            seed=0, steps=0, git_hash='0' * 40, command='python train.py',
        ),
        calibration=TrainedCalibration(content_sha256='ab' * 32, dh_parameters=UR5E_NOMINAL),
        evaluation={},
    )
    small = {'predictors': PredictorConfig(width=8), 'gate': GateConfig(width=8)}
    config = PESACConfig(width=8, depth=1, standard_trunk='plain', **small)
    seen = np.array([arm(seed) for seed in range(8)], dtype=np.float32)
    folder = tmp_path_factory.mktemp('bundles') / 'so2'
    export_bundle(PESAC(config, SO2, seed=0).export_modules(), folder, description, seen)
    return Policy.load(folder)


def scored(policy):
    seen = np.array([arm(seed) for seed in range(40)], dtype=np.float32)
    record = SimpleNamespace(
        observation=seen, policy=SimpleNamespace(shadow=np.zeros(40, dtype=bool))
    )
    score = SymmetryScore(policy)
    return score.add(score.errors(record))


def test_an_equivariant_branch_for_so2_is_found_equivariant(bundle):
    figures = scored(bundle)
    assert (figures.group, figures.observations) == ('SO2', 160)
    assert figures.equivariant_error_max < 1e-4
    assert figures.standard_error_mean > 1e-2


def test_turned_about_the_centre_it_is_not(bundle):
    """The error of turning about another axis is far above that of rounding."""
    elsewhere = dataclasses.replace(SO2, workspace_centre_base_m=(0.0, 0.0, 0.49))
    figures = scored(SimpleNamespace(contract=elsewhere, act_batch=bundle.act_batch))
    assert figures.equivariant_error_max > 1e-2
