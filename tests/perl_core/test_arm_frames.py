"""A turned arm, held against the arm's own kinematics."""

import dataclasses
import math

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
from perl_core.arm_frames import ArmFrames, CanonicalTrunk, about_z, turn_rows
from perl_core.arm_spaces import ArmSpaces
from perl_core.contract import Contract
from perl_core.kinematics import Kinematics, Pose
from perl_core.layers import TrunkShape
from perl_core.observation import build_observation
from perl_core.replay import Batch
from perl_core.rotation import rotation_from_vector
import torch

KINEMATICS = Kinematics()
CONTRACTS = {name: Contract(group=name) for name in ('SO2', 'SO3')}


def arm(seed, pan=0.0):
    """Return the observation of a random arm and goal, all turned by ``pan`` about the base."""
    random = np.random.default_rng(seed)
    joints, speeds = random.uniform(-2, 2, 6), random.uniform(-1, 1, 6)
    goal = Pose(random.uniform(-0.5, 0.5, 3), rotation_from_vector(random.uniform(-1, 1, 3)))
    turn = rotation_from_vector(np.array([0.0, 0.0, pan]))
    joints[0] += pan
    goal = Pose(turn @ goal.position_m, turn @ goal.rotation)
    return build_observation(joints, speeds, goal, KINEMATICS, CONTRACTS['SO2'])


def rows(*observations):
    return torch.from_numpy(np.stack(observations)).double()


@given(st.integers(0, 1000), st.floats(-3.0, 3.0))
def test_a_turn_about_the_base_is_what_the_arm_does(seed, pan):
    frames = ArmFrames(CONTRACTS['SO2']).double()
    angle = torch.tensor([pan], dtype=torch.float64)
    turned = frames.about_base(rows(arm(seed)), (angle.cos(), angle.sin()))
    expected = rows(arm(seed, pan))
    turned[:, frames._pan] += pan
    assert torch.allclose(turned, expected, atol=1e-5)


@given(st.integers(0, 1000), st.floats(-3.0, 3.0))
def test_what_is_canonical_does_not_depend_on_the_pan_joint(seed, pan):
    frames = ArmFrames(CONTRACTS['SO2']).double()
    (first, second), back = frames.to_pan_zero(rows(arm(seed), arm(seed, pan)))
    assert torch.allclose(first, second, atol=1e-5)
    turn = about_z(*(torch.tensor([f(pan)], dtype=torch.float64) for f in (math.cos, math.sin)))
    assert torch.allclose(back[1], turn[0] @ back[0], atol=1e-5)


@given(st.integers(0, 1000), st.floats(-3.0, 3.0))
def test_a_canonical_network_turns_with_the_arm(seed, pan):
    torch.manual_seed(seed)
    shape = TrunkShape(vectors=2, scalars=1, width=8)
    trunk = CanonicalTrunk(CONTRACTS['SO2'], True, shape).double()
    turn = about_z(*(torch.tensor([f(pan)], dtype=torch.float64) for f in (math.cos, math.sin)))
    action = torch.randn(1, 6).double()
    before = trunk(torch.cat((rows(arm(seed)), action), dim=1))
    after = trunk(torch.cat((rows(arm(seed, pan)), turn_rows(action, turn)), dim=1))
    assert torch.allclose(after.scalars, before.scalars, atol=1e-4)
    assert torch.allclose(after.vectors, before.vectors @ turn[0].T, atol=1e-4)


@given(st.integers(0, 1000), st.floats(-3.0, 3.0))
def test_the_strict_network_of_so2_turns_with_the_arm_about_its_base(seed, pan):
    torch.manual_seed(seed)
    spaces = ArmSpaces(CONTRACTS['SO2'])
    trunk = spaces.trunk('equivariant', 'pair', 'action', TrunkShape(scalars=1, width=8)).double()
    turn = about_z(*(torch.tensor([f(pan)], dtype=torch.float64) for f in (math.cos, math.sin)))
    action, size = torch.randn(1, 6).double(), spaces.seen_size
    before = trunk(torch.cat((rows(arm(seed))[:, :size], action), dim=1))
    turned = turn_rows(action, turn)
    after = trunk(torch.cat((rows(arm(seed, pan))[:, :size], turned), dim=1))
    assert torch.allclose(after.scalars, before.scalars, atol=1e-4)
    assert torch.allclose(after.vectors, before.vectors @ turn[0].T, atol=1e-4)


def batch_of(*observations):
    seen = rows(*observations).float()
    count = len(seen)
    return Batch(
        seen, torch.rand(count, 6) - 0.5, torch.randn(count), seen * 1.01, torch.zeros(count),
        torch.arange(count) % 4 == 0,
    )  # fmt: skip


def test_an_augmented_batch_is_a_turned_one_of_the_same_worth():
    batch = batch_of(*(arm(seed) for seed in range(40)))
    for contract in CONTRACTS.values():
        frames = ArmFrames(contract)
        turned = frames.drawn(batch, torch.Generator().manual_seed(0))
        assert torch.equal(turned.reward, batch.reward)
        assert torch.equal(turned.held_out, batch.held_out)
        assert (turned.action - batch.action).abs().max() > 0.1
        for before, after in zip(batch[:2], turned[:2], strict=True):
            errors = [rows[:, 3:6].norm(dim=1) for rows in (before, after)]
            assert torch.allclose(*errors, atol=1e-5)
        sines = [rows.observation[:, [15, 16]] for rows in (batch, turned)]
        assert torch.equal(sines[0][:, 1], sines[1][:, 1])
        assert torch.equal(*(s[:, 0] for s in sines)) == (contract.group == 'SO3')


def test_an_augmented_step_of_the_pan_joint_is_as_long_as_before():
    batch = batch_of(*(arm(seed) for seed in range(40)))
    frames = ArmFrames(dataclasses.replace(CONTRACTS['SO2']))
    turned = frames.drawn(batch, torch.Generator().manual_seed(0))
    pan = [rows.next_observation[:, 27] - rows.observation[:, 27] for rows in (batch, turned)]
    assert torch.allclose(*pan, atol=1e-5)
    assert turned.observation[:, 27].abs().max() <= math.pi + 1e-5
    sine, cosine = turned.observation[:, 15], turned.observation[:, 21]
    assert torch.allclose(turned.observation[:, 27].sin(), sine, atol=1e-4)
    assert torch.allclose(turned.observation[:, 27].cos(), cosine, atol=1e-4)
