"""The compiled model against our kinematics and against the constants."""

import itertools

import mujoco
import numpy as np
from perl_core.contract import JOINT_NAMES, Contract
from perl_core.kinematics import Kinematics
from perl_sim.robots import ur5e
import pytest


@pytest.fixture(scope='module')
def model():
    return ur5e.load_ur5e()


@pytest.fixture
def data(model):
    return mujoco.MjData(model)


def random_joints(count, seed=0):
    return np.random.default_rng(seed).uniform(-2 * np.pi, 2 * np.pi, (count, 6))


def contacts(model, data, joints):
    data.qpos[:] = joints
    mujoco.mj_forward(model, data)
    return {frozenset((model.geom(c.geom1).name, model.geom(c.geom2).name)) for c in data.contact}


def test_forward_kinematics_agree(model, data):
    kinematics = Kinematics()
    for joints in random_joints(500):
        data.qpos[:] = joints
        mujoco.mj_kinematics(model, data)
        pose = kinematics.tool_pose(joints)
        site = data.site('tool0')
        np.testing.assert_allclose(site.xpos, pose.position_m, atol=1e-9)
        np.testing.assert_allclose(site.xmat.reshape(3, 3), pose.rotation, atol=1e-9)


def test_jacobians_agree(model, data):
    kinematics = Kinematics()
    jacobian = np.zeros((6, 6))
    for joints in random_joints(200, seed=1):
        data.qpos[:] = joints
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        mujoco.mj_jacSite(model, data, jacobian[:3], jacobian[3:], model.site('tool0').id)
        ours = kinematics.tool_pose_and_jacobian(joints)[1]
        np.testing.assert_allclose(jacobian, ours, atol=1e-9)


def test_names_and_order_are_the_contract_s(model):
    assert [model.joint(i).name for i in range(model.njnt)] == list(JOINT_NAMES)
    assert [model.actuator(i).name for i in range(model.nu)] == list(JOINT_NAMES)
    assert model.actuator_trnid[:, 0].tolist() == list(range(6))


def test_masses_and_inertias_are_the_constants(model):
    for index, name in enumerate(ur5e.LINK_NAMES):
        body = model.body(name)
        assert body.mass[0] == ur5e.LINK_MASS_KG[index]
        np.testing.assert_allclose(body.ipos, ur5e.LINK_CENTRE_OF_MASS_M[index], atol=1e-12)
        axes = np.zeros(9)
        mujoco.mju_quat2Mat(axes, body.iquat)
        axes = axes.reshape(3, 3)
        tensor = axes @ np.diag(body.inertia) @ axes.T
        xx, yy, zz, xy, xz, yz = ur5e.LINK_INERTIA_KG_M2[index]
        expected = np.array(((xx, xy, xz), (xy, yy, yz), (xz, yz, zz)))
        np.testing.assert_allclose(tensor, expected, atol=1e-9)


def test_limits_drives_and_options_are_the_constants(model):
    torque = np.array(ur5e.MAX_JOINT_TORQUE_N_M)
    np.testing.assert_array_equal(model.actuator_forcerange, np.stack((-torque, torque), 1))
    np.testing.assert_array_equal(model.actuator_gainprm[:, 0], ur5e.DRIVE_STIFFNESS_N_M_RAD)
    np.testing.assert_array_equal(-model.actuator_biasprm[:, 1], ur5e.DRIVE_STIFFNESS_N_M_RAD)
    np.testing.assert_array_equal(-model.actuator_biasprm[:, 2], ur5e.DRIVE_DAMPING_N_M_S_RAD)
    np.testing.assert_allclose(model.jnt_range[:, 1], ur5e.JOINT_RANGE_RAD)
    np.testing.assert_allclose(model.jnt_range[:, 0], -ur5e.JOINT_RANGE_RAD)
    assert (model.dof_armature == ur5e.ARMATURE_KG_M2).all()
    assert model.opt.timestep == ur5e.TIMESTEP_S == Contract().control_period_s
    assert model.opt.integrator == mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    assert model.opt.cone == mujoco.mjtCone.mjCONE_ELLIPTIC
    assert model.geom('base').size[0] == ur5e.BASE_RADIUS_M


def test_home_is_free_and_holds_without_sagging(model, data):
    home = np.array(Contract().home_rad)
    assert not contacts(model, data, home)
    data.ctrl[:] = home
    for _ in range(500):
        mujoco.mj_step(model, data)
    np.testing.assert_allclose(data.qpos, home, atol=1e-6)


@pytest.mark.parametrize(('joints', 'pair'), [
    ((0.0, -0.1, 1.0, 0.0, 0.0, 0.0), {'table', 'wrist_1'}),
    ((0.0, -1.57, 2.9, 1.4, -1.57, 0.0), {'forearm', 'shoulder'}),
])
def test_collisions_are_seen(model, data, joints, pair):
    assert frozenset(pair) in contacts(model, data, joints)


def test_links_that_share_a_joint_never_collide(model, data):
    links = ['base', *(name.removesuffix('_link') for name in ur5e.LINK_NAMES)]
    neighbours = set(map(frozenset, itertools.pairwise(links)))
    for joints in random_joints(300, seed=2):
        assert not contacts(model, data, joints) & neighbours


def test_drive_command_feeds_the_velocity_forward():
    ctrl = ur5e.drive_command(np.ones(6), np.full(6, 2.0))
    kp, kv = map(np.array, (ur5e.DRIVE_STIFFNESS_N_M_RAD, ur5e.DRIVE_DAMPING_N_M_S_RAD))
    np.testing.assert_allclose(kp * ctrl, kp + kv * 2.0)
