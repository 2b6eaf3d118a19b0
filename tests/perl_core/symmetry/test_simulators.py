"""Representations held against the simulators that they are declared for, in one step.

A wrong representation must fail here: it looks like a broken symmetry everywhere else.
"""

import gymnasium
import mujoco
import numpy as np
from perl_core.kinematics import Kinematics
from perl_core.symmetry import (
    Space,
    equivariance_error,
    group_named,
    sign,
    spatial_vector,
    step_errors,
    trivial,
)
import pytest
import torch

SAMPLES = 40


def errors(step, state, action, states, actions):
    """Return the error of each sample, turned by an element of its own."""
    elements = state.group.elements()[1:]
    drawn = elements[torch.arange(len(states)) % len(elements)]
    rows = (torch.as_tensor(states), torch.as_tensor(actions), drawn)
    return step_errors(step, (state.representation, action.representation), *rows)


def one_by_one(step):
    """Return a step of a batch made of single steps in numpy."""

    def batched(states, actions):
        rows = [step(*row) for row in zip(states.numpy(), actions.numpy(), strict=True)]
        return torch.as_tensor(np.stack(rows))

    return batched


class Planar:
    """A gymnasium environment whose state is all of qpos but x, and all of qvel."""

    def __init__(self, name, hidden):
        self.env = gymnasium.make(name).unwrapped
        self.env.reset(seed=0)
        self.hidden = hidden

    def step(self, state, action):
        model, data = self.env.model, self.env.data
        mujoco.mj_resetData(model, data)
        seen = model.nq - self.hidden
        data.qpos[self.hidden:], data.qvel[:] = state[:seen], state[seen:]
        self.env.do_simulation(action, self.env.frame_skip)
        return np.concatenate((data.qpos[self.hidden:], data.qvel))

    def samples(self, centre, spread):
        random = np.random.default_rng(0)
        states = centre + spread * random.uniform(-1.0, 1.0, (SAMPLES, len(centre)))
        return states, random.uniform(-1.0, 1.0, (SAMPLES, self.env.model.nu))


SWIMMER = {
    'heading': 'sign', 'joints': '2 sign', 'velocity': 'vector', 'turn_rate': 'sign',
    'joint_rates': '2 sign',
}  # fmt: skip


def swimmer_errors(parts):
    swimmer = Planar('Swimmer-v5', hidden=2)
    states, actions = swimmer.samples(np.zeros(8), np.array([1, 1, 1, 1, 1, 2, 2, 2]))
    torques = Space('Z2', {'torques': '2 sign'})
    return errors(one_by_one(swimmer.step), Space('Z2', parts), torques, states, actions)


def test_swimmer_has_a_left_right_symmetry():
    # Measured for the method page: 0.
    assert swimmer_errors(SWIMMER).max() < 1e-12


def test_swimmer_with_the_sideways_velocity_as_a_scalar_is_wrong():
    # Measured for the method page: 0.48 in median.
    assert swimmer_errors(SWIMMER | {'velocity': '2 trivial'}).median() > 0.2


def test_hopper_front_back_flip_is_broken():
    hopper = Planar('Hopper-v5', hidden=1)
    parts = {
        'height': 'trivial', 'pitch': 'sign', 'joints': '3 sign',
        'rates': 'sign + trivial + 4 sign',
    }  # fmt: skip
    centre = np.array([1.25, 0, -0.3, -0.3, 0, 0, 0, 0, 0, 0, 0])
    states, actions = hopper.samples(centre, np.array([0.02, 0.1, *[0.3] * 9]))
    torques = Space('Z2', {'torques': '3 sign'})
    error = errors(one_by_one(hopper.step), Space('Z2', parts), torques, states, actions)
    # Measured for the method page: 1.9 in median.
    assert error.median() > 0.3


class Ant:
    """Ant-v5 with its torso's orientation as a rotation matrix, torques in the order of legs."""

    def __init__(self):
        self.env = gymnasium.make('Ant-v5').unwrapped
        self.env.reset(seed=0)

    def step(self, state, action):
        model, data = self.env.model, self.env.data
        mujoco.mj_resetData(model, data)
        # Nothing but the state may enter: no distance from the origin of the world.
        data.qpos[:3] = 0.0, 0.0, state[0]
        mujoco.mju_mat2Quat(data.qpos[3:7], state[1:10])
        data.qpos[7:], data.qvel[:] = state[10:18], state[18:]
        self.env.do_simulation(action, self.env.frame_skip)
        rotation = np.empty(9)
        mujoco.mju_quat2Mat(rotation, data.qpos[3:7])
        return np.concatenate((data.qpos[2:3], rotation, data.qpos[7:], data.qvel))

    def samples(self):
        random = np.random.default_rng(0)
        states = np.zeros((SAMPLES, 32))
        for state in states:
            turn = random.normal(size=4) * 0.2 + (1.0, 0.0, 0.0, 0.0)
            mujoco.mju_quat2Mat(state[1:10], turn / np.linalg.norm(turn))
            state[0] = random.uniform(0.3, 0.7)
        lower, upper = self.env.model.jnt_range[1:].T
        states[:, 10:18] = random.uniform(lower, upper, (SAMPLES, 8))
        states[:, 18:] = random.normal(size=(SAMPLES, 14))
        return states, random.uniform(-1.0, 1.0, (SAMPLES, 8))


HIPS = {'permutation': [[1, 2, 3, 0], [3, 2, 1, 0]], 'signs': [[1] * 4, [-1] * 4]}
ANKLES = {'permutation': HIPS['permutation'], 'signs': [[-1, 1, -1, 1], [1] * 4]}


def ant_errors(ankles, angular_velocity):
    ant = Ant()
    # Legs 1 to 4 stand at 45, 135, 225 and 315 degrees: a quarter turn takes each to the next.
    # Entries alternate hip, ankle; torques come in the order of legs 4, 1, 2, 3.
    state = Space('D4', {
        'height': 'trivial',
        'orientation': 'spatial_vector * spatial_vector',
        'hips': {'representation': HIPS, 'at': [10, 12, 14, 16]},
        'ankles': {'representation': ankles, 'at': [11, 13, 15, 17]},
        'velocity': 'spatial_vector',
        'angular_velocity': angular_velocity,
        'hip_rates': {'representation': HIPS, 'at': [24, 26, 28, 30]},
        'ankle_rates': {'representation': ankles, 'at': [25, 27, 29, 31]},
    })  # fmt: skip
    torques = Space('D4', {
        'hips': {'representation': HIPS, 'at': [2, 4, 6, 0]},
        'ankles': {'representation': ankles, 'at': [3, 5, 7, 1]},
    })  # fmt: skip
    return errors(one_by_one(ant.step), state, torques, *ant.samples())


def test_ant_has_the_symmetry_of_the_square():
    # Measured for the method page: 1e-16 for turns and for the mirror, contacts included.
    assert ant_errors(ANKLES, 'spatial_pseudovector').max() < 1e-8


@pytest.mark.parametrize(('ankles', 'angular_velocity'), [
    (HIPS, 'spatial_pseudovector'), (ANKLES, 'spatial_vector'),
])  # fmt: skip
def test_ant_with_other_signs_is_wrong(ankles, angular_velocity):
    assert ant_errors(ankles, angular_velocity).median() > 0.1


def tool_poses(joints):
    """Map cosine and sine of q1, ..., q6 to position [m] and orientation, row by row."""
    kinematics = Kinematics()
    angles_rad = torch.atan2(joints[:, 1::2], joints[:, ::2]).numpy()
    poses = [kinematics.tool_pose(row) for row in angles_rad]
    rows = [np.concatenate((pose.position_m, pose.rotation.ravel())) for pose in poses]
    return torch.as_tensor(np.stack(rows))


def joint_samples():
    generator = torch.Generator().manual_seed(0)
    angles_rad = 6.28 * torch.rand(SAMPLES, 6, generator=generator, dtype=torch.float64)
    return torch.stack((angles_rad.cos(), angles_rad.sin()), dim=-1).flatten(1)


def test_ur5e_turns_about_its_base():
    group = group_named('SO2')
    joints = Space(group, {'base': 'vector', 'others': '10 trivial'})
    tool = Space(group, {
        'position': 'spatial_vector', 'orientation': spatial_vector(group) * (3 * trivial(group)),
    })  # fmt: skip
    maps, generator = (joints.representation, tool.representation), torch.Generator()
    error = equivariance_error(tool_poses, maps, group, joint_samples(), generator)
    assert error.max() < 1e-12


Z2 = group_named('Z2')
MIRRORED_JOINTS = {
    # q' = (pi - q1, -pi - q2, -q3, -pi - q4, -q5, -q6): the other shoulder branch.
    'q1': 'sign + trivial', 'q2': 'sign + trivial', 'q3': 'vector', 'q4': 'sign + trivial',
    'q5': 'vector', 'q6': 'vector',
}  # fmt: skip
MIRRORED_TOOL = Space(Z2, {
    'position': 'spatial_vector',
    'orientation': spatial_vector(Z2) * (sign(Z2) + 2 * trivial(Z2)),
})  # fmt: skip


def mirrored_errors(parts):
    """Return the difference of mirrored poses and poses of mirrored joints, (SAMPLES, 12)."""
    mirror, inputs = Z2.elements()[1], joint_samples()
    expected = MIRRORED_TOOL.transform(mirror, tool_poses(inputs))
    return tool_poses(Space(Z2, parts).transform(mirror, inputs)) - expected


def test_ur5e_has_a_reflection_onto_the_other_shoulder_branch():
    assert mirrored_errors(MIRRORED_JOINTS).abs().max() < 1e-12


def test_ur5e_has_no_reflection_within_a_branch():
    naive = {'q1': 'vector', 'q2': '2 trivial', 'q3': '2 trivial', 'q4': '2 trivial'}
    # Measured for the method page: 0.268 m, about twice the offset d4 of the wrist.
    distance_m = mirrored_errors(MIRRORED_JOINTS | naive)[:, :3].norm(dim=1)
    assert 0.2 < distance_m.median() < 0.3
