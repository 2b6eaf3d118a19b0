"""The arm's physics against what can be computed by hand, and what must stop it."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st
import mujoco
import numpy as np
from perl_core.contract import Contract
from perl_core.errors import ConfigError
from perl_core.kinematics import UR5E_NOMINAL, DHParameters, Kinematics
from perl_core.rotation import rotation_from_vector
from perl_sim.obstacles import Box
from perl_sim.robots.ur5e import DRIVE_STIFFNESS_N_M_RAD
from perl_sim.servo import ServoTraits
from perl_sim.ur_controller.arm import Arm
from perl_sim.ur_controller.arm_model import (
    GRAVITY_M_S2,
    ArmConfig,
    ArmKinematics,
    SafetyLimits,
    SafetyPlane,
    build_model,
)
from perl_sim.ur_controller.motions import TICK_S, Reference
from perl_sim.ur_controller.tool import Tool, pose_from_vector
from perl_sim.ur_controller.tool_motions import ServoC, SpeedL
from perl_sim.ur_controller.ways import Leg, Pace, Travel, joint_leg, tool_leg
import pytest

HOME_RAD = np.array(Contract().home_rad)
TURN_RAD = np.array((0.8, 0.0, 0.0, 0.0, 0.0, 0.0))
STIFFNESS = np.array(DRIVE_STIFFNESS_N_M_RAD)
ANGLES = st.lists(st.floats(-3.0, 3.0), min_size=6, max_size=6).map(np.array)
# MuJoCo takes an offset below a micrometre or a microradian for none.
SMALL = st.lists(st.integers(-100, 100), min_size=6, max_size=6).map(lambda n: 1e-5 * np.array(n))


def settled(ticks=1000, **config):
    arm = Arm(HOME_RAD, ArmConfig(**config))
    run(arm, ticks)
    return arm


def run(arm, ticks, slider=1.0):
    """Step and return what called for a stop first, or None."""
    for _ in range(ticks):
        reason = arm.step(slider)
        if reason:
            return reason
    return None


def jacobian_at(arm, offset=(0.0, 0.0, 0.0)):
    tool = Tool()
    tool.mount(np.array((*offset, 0.0, 0.0, 0.0)))
    return tool.pose_and_jacobian(arm.position_rad)[1]


@settings(max_examples=20)
@given(theta=SMALL, length=SMALL, twist=SMALL, shift=st.floats(-300.0, 300.0), joints=ANGLES)
def test_a_calibrated_arm_moves_as_its_dh_parameters_say(theta, length, twist, shift, joints):
    # Factory calibrations hold hundreds of metres that cancel in the nearly parallel axes.
    nominal = UR5E_NOMINAL
    parallel = np.array((0.0, shift, -0.4 * shift, -0.6 * shift, 0.0, 0.0))
    parameters = DHParameters(nominal.theta_rad + theta, nominal.d_m + parallel,
                              nominal.a_m + length, nominal.alpha_rad + twist * (shift == 0.0))
    kinematics = ArmKinematics(build_model(ArmConfig(dh_parameters=parameters)))
    expected, expected_jacobian = Kinematics(parameters).tool_pose_and_jacobian(joints)
    pose, jacobian = kinematics.tool_pose_and_jacobian(joints)
    np.testing.assert_allclose(pose.position_m, expected.position_m, atol=1e-9)
    np.testing.assert_allclose(pose.rotation, expected.rotation, atol=1e-9)
    np.testing.assert_allclose(jacobian, expected_jacobian, atol=1e-9)


def test_a_calibrated_arm_is_elsewhere_than_a_nominal_one():
    parameters = UR5E_NOMINAL._replace(a_m=UR5E_NOMINAL.a_m + np.array((0, 0.002, 0, 0, 0, 0)))
    calibrated = Arm(HOME_RAD, ArmConfig(dh_parameters=parameters))
    way_m = calibrated.tool.pose(HOME_RAD)[:3] - Tool().pose(HOME_RAD)[:3]
    assert np.linalg.norm(way_m) == pytest.approx(0.002, rel=1e-6)


def test_an_undeclared_payload_bends_the_joints_by_torque_over_stiffness():
    arm = settled(payload_kg=2.0)
    torque = jacobian_at(arm, (0, 0, 0.05))[:3].T @ (0, 0, -2.0 * GRAVITY_M_S2)
    np.testing.assert_allclose(arm.position_rad - HOME_RAD, torque / STIFFNESS, atol=1e-5)


@pytest.mark.parametrize('centre', [(0.0, 0.0, 0.05), (0.03, -0.02, 0.1)])
def test_a_declared_payload_bends_nothing_wherever_its_centre_is(centre):
    arm = Arm(HOME_RAD, ArmConfig(payload_kg=2.0, payload_centre_m=centre))
    arm.load.declare(2.0, np.array(centre))
    run(arm, 1000)
    np.testing.assert_allclose(arm.position_rad, HOME_RAD, atol=1e-5)
    np.testing.assert_allclose(arm.tool_wrench(), 0.0, atol=1e-6)


def test_a_payload_declared_at_the_wrong_place_leaves_a_torque_on_the_sensor():
    arm = Arm(HOME_RAD, ArmConfig(payload_kg=1.0, payload_centre_m=(0.0, 0.0, 0.05)))
    arm.load.declare(1.0, np.array((0.02, 0.0, 0.05)))
    run(arm, 500)
    wrench = arm.sensor.in_flange()
    np.testing.assert_allclose(wrench[:3], 0.0, atol=1e-6)
    assert np.linalg.norm(wrench[3:]) == pytest.approx(0.02 * GRAVITY_M_S2, rel=0.05)


def test_the_force_of_an_undeclared_payload_is_its_weight_and_can_be_zeroed():
    arm = settled(payload_kg=1.5)
    np.testing.assert_allclose(arm.tool_wrench()[:3], (0, 0, -1.5 * GRAVITY_M_S2), atol=1e-3)
    raw = arm.sensor.raw_in_flange()
    assert np.linalg.norm(raw[:3]) == pytest.approx(1.5 * GRAVITY_M_S2, rel=1e-6)
    arm.sensor.zero()
    np.testing.assert_allclose(arm.tool_wrench(), 0.0, atol=1e-9)


def test_a_push_is_felt_and_bends_the_joints():
    arm = settled()
    arm.sensor.push = np.array((20.0, -10.0, 5.0, 0.5, 0.0, -0.5))
    run(arm, 1000)
    np.testing.assert_allclose(arm.tool_wrench(), arm.sensor.push, atol=1e-9)
    torque = jacobian_at(arm).T @ arm.sensor.push
    np.testing.assert_allclose(arm.position_rad - HOME_RAD, torque / STIFFNESS, atol=2e-5)
    arm.sensor.push = np.zeros(6)
    run(arm, 1000)
    np.testing.assert_allclose(arm.position_rad, HOME_RAD, atol=1e-5)


def test_a_push_is_felt_with_its_lever_at_a_mounted_tool():
    arm = settled()
    arm.tool.mount(np.array((0.0, 0.0, 0.2, 0.0, 0.0, 0.0)))
    arm.sensor.push = np.array((20.0, 0.0, 0.0, 0.0, 0.0, 0.0))
    run(arm, 10)
    lever_m = arm.tool.flange_pose(arm.position_rad)[:3] - arm.tool.pose(arm.position_rad)[:3]
    np.testing.assert_allclose(
        arm.tool_wrench()[3:], np.cross(lever_m, arm.sensor.push[:3]), atol=0.02)


def test_a_bias_of_the_sensor_is_reported_and_moves_nothing():
    arm = settled()
    arm.sensor.bias = np.array((0.0, 0.0, 7.0, 0.0, 0.0, 0.0))
    run(arm, 100)
    assert np.linalg.norm(arm.tool_wrench()[:3]) == pytest.approx(7.0)
    np.testing.assert_allclose(arm.position_rad, HOME_RAD, atol=1e-6)


def test_a_tilted_base_sags_until_gravity_is_set():
    tilt = 0.3
    arm = settled(base_tilt_rad=(tilt, 0.0), payload_kg=0.0)
    assert np.abs(arm.position_rad - HOME_RAD).max() > 1e-4
    true = rotation_from_vector(np.array((tilt, 0.0, 0.0))).T @ (0, 0, -GRAVITY_M_S2)
    arm.load.believe(true)
    run(arm, 1500)
    np.testing.assert_allclose(arm.position_rad, HOME_RAD, atol=1e-5)


def test_coulomb_friction_delays_a_slow_start_and_is_overcome():
    ideal, rough = settled(), settled(coulomb_friction_n_m=(8.0,) * 6)
    for arm in (ideal, rough):
        arm.begin(Travel(arm.tool, [joint_leg(HOME_RAD + 0.2, Pace(0.2, 0.5))]))
        run(arm, 60)
    assert (rough.position_rad < ideal.position_rad - 1e-4).all()
    for arm in (ideal, rough):
        run(arm, 2000)
    # Friction holds where the drive's torque is below it.
    bound = 8.0 / STIFFNESS + 1e-4
    assert (np.abs(rough.position_rad - HOME_RAD - 0.2) <= bound).all()


def test_viscous_friction_leaves_a_lag_in_proportion_to_the_speed():
    arm = settled(viscous_friction_n_m_s_rad=(0, 0, 0, 0, 0, 2.0))
    arm.speed_j(np.array((0, 0, 0, 0, 0, 0.5)), 2.0)
    run(arm, 1000)
    # The position is that of the tick after the reference.
    lag = arm.reference.position_rad[5] + 0.5 * TICK_S - arm.position_rad[5]
    assert lag == pytest.approx(2.0 * 0.5 / STIFFNESS[5], rel=0.02)


def test_a_drive_gives_no_more_than_its_torque():
    arm = settled(payload_kg=5.0)
    assert (np.abs(arm.drive_torque_n_m) <= (150, 150, 150, 28, 28, 28)).all()
    arm.sensor.push = np.array((0.0, 0.0, -1000.0, 0.0, 0.0, 0.0))
    reason = run(arm, 500)
    assert 'deviation' in reason or 'speed' in reason
    assert (np.abs(arm.drive_torque_n_m) <= (150.1, 150.1, 150.1, 28.1, 28.1, 28.1)).all()


def test_direct_torque_accelerates_a_joint_as_newton_says():
    arm = settled()
    for _ in range(50):
        arm.drives.command_torque(np.array((0, 0, 0, 0, 0, 0.1)), np.zeros(6), np.zeros(6))
        arm.step()
    mass, _ = arm.kinematics.dynamics(arm.position_rad, np.zeros(6))
    expected = np.linalg.solve(mass, (0, 0, 0, 0, 0, 0.1))[5] * 50 * TICK_S
    assert arm.velocity_rad_s[5] == pytest.approx(expected, rel=0.02)
    run(arm, 300)
    assert np.abs(arm.velocity_rad_s).max() < 1e-3


def test_mass_matrix_and_coriolis_torques_make_up_the_inverse_dynamics():
    model, generator = build_model(ArmConfig()), np.random.default_rng(0)
    kinematics = ArmKinematics(model)
    model.opt.gravity[:] = 0.0
    model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_CONSTRAINT
    data = mujoco.MjData(model)
    for _ in range(10):
        data.qpos[:], data.qvel[:], data.qacc[:] = generator.uniform(-2, 2, (3, 6))
        mass, coriolis = kinematics.dynamics(data.qpos, data.qvel)
        mujoco.mj_inverse(model, data)
        # Without a command the drives damp: that is no part of either.
        damping = data.qfrc_inverse - mass @ data.qacc - coriolis
        np.testing.assert_allclose(damping, 0.0, atol=1e-9)


def profile(arm, motion, limit=5000):
    """Run a motion to its end; return the reference velocities."""
    arm.begin(motion)
    speeds = []
    for _ in range(limit):
        assert arm.step() is None
        speeds.append(arm.reference.velocity_rad_s)
        if motion.done:
            return np.array(speeds)
    raise AssertionError('the motion did not end')


@settings(max_examples=15)
@given(change=st.lists(st.floats(-0.8, 0.8), min_size=6, max_size=6).map(np.array),
       speed=st.floats(0.2, 2.5), acceleration=st.floats(0.5, 10.0))
def test_move_j_keeps_its_speed_and_acceleration_and_takes_its_time(
    change, speed, acceleration
):
    length, target_rad = np.abs(change).max(), HOME_RAD + change
    motion = Travel(Tool(), [joint_leg(target_rad, Pace(speed, acceleration))])
    reference, speeds = Reference(HOME_RAD, np.zeros(6)), [np.zeros(6)]
    while not motion.done:
        reference = motion.step(reference, 1.0)
        speeds.append(reference.velocity_rad_s)
    assert np.abs(speeds).max() <= speed + 1e-9
    # The last tick may be shorter than a tick.
    assert np.abs(np.diff(speeds[:-1], axis=0)).max(initial=0) <= acceleration * TICK_S + 1e-6
    top = min(speed, math.sqrt(length * acceleration))
    expected_s = length / top + top / acceleration if top > 0.0 else 0.0
    assert len(speeds) * TICK_S == pytest.approx(expected_s, abs=3 * TICK_S)
    np.testing.assert_allclose(reference.position_rad, target_rad, atol=1e-12)


def test_move_l_keeps_tool_speed_and_acceleration_on_a_straight_line():
    arm = Arm(HOME_RAD)
    start = arm.tool.pose(HOME_RAD)
    target = start + np.array((0.0, 0.15, -0.1, 0.0, 0.0, 0.0))
    arm.begin(Travel(arm.tool, [tool_leg(arm.tool, target, Pace(0.2, 0.8))]))
    speeds, direction = [], (target - start)[:3] / np.linalg.norm((target - start)[:3])
    while not arm.motion.done:
        assert arm.step() is None
        pose, speed = arm.tool.pose_and_speed(*arm.reference)
        way_m = pose[:3] - start[:3]
        assert np.linalg.norm(way_m - (way_m @ direction) * direction) < 1e-5
        speeds.append(speed[:3] @ direction)
    assert max(speeds) == pytest.approx(0.2, rel=0.01)
    assert np.abs(np.diff(speeds[:-1])).max() / TICK_S <= 0.8 * 1.1
    np.testing.assert_allclose(arm.tool.pose(arm.reference.position_rad), target, atol=1e-6)


def test_a_blend_passes_the_corner_within_its_radius_without_stopping():
    arm = Arm(HOME_RAD)
    start = arm.tool.pose(HOME_RAD)
    corner, end = start.copy(), start.copy()
    corner[1] += 0.15
    end[:3] += (0.0, 0.15, -0.15)
    pace = Pace(0.2, 1.0)
    motion = Travel(arm.tool, [tool_leg(arm.tool, corner, pace, 0.05),
                               tool_leg(arm.tool, end, pace)])
    arm.begin(motion)
    nearest_m, speeds = 1.0, []
    while not motion.done:
        assert arm.step() is None
        pose, speed = arm.tool.pose_and_speed(*arm.reference)
        nearest_m = min(nearest_m, math.dist(pose[:3], corner[:3]))
        speeds.append(np.linalg.norm(speed[:3]))
    assert 0.001 < nearest_m < 0.05
    assert min(speeds[200:-200]) > 0.05
    assert max(speeds) < 0.2 * 1.05
    np.testing.assert_allclose(arm.tool.pose(arm.reference.position_rad), end, atol=1e-6)


def test_servo_c_does_not_overshoot():
    arm = Arm(HOME_RAD)
    start = arm.tool.pose(HOME_RAD)
    motion = ServoC(arm.tool, 0.25, 1.0)
    motion.target = start + np.array((0.0, 0.1, 0.0, 0.0, 0.0, 0.3))
    arm.begin(motion)
    farthest = 0.0
    for _ in range(1500):
        assert arm.step() is None
        farthest = max(farthest, arm.tool.pose(arm.reference.position_rad)[1] - start[1])
    assert farthest < 0.1 + 1e-4
    reached = pose_from_vector(arm.tool.pose(arm.reference.position_rad))
    goal = pose_from_vector(motion.target)
    np.testing.assert_allclose(reached.position_m, goal.position_m, atol=1e-4)
    np.testing.assert_allclose(reached.rotation, goal.rotation, atol=1e-3)


def test_the_slider_slows_moves_and_speeds_and_ramps():
    arm = Arm(HOME_RAD)
    arm.speed_j(np.array((0.5, 0, 0, 0, 0, 0)), 5.0)
    run(arm, 300, slider=0.5)
    assert arm.reference.velocity_rad_s[0] == pytest.approx(0.25, rel=1e-3)
    moving = Arm(HOME_RAD)
    moving.begin(Travel(moving.tool, [joint_leg(HOME_RAD + 1.0, Pace(1.0, 5.0))]))
    run(moving, 200)
    before = moving.reference.velocity_rad_s[0]
    changes = []
    for _ in range(200):
        moving.step(0.2)
        changes.append(before - moving.reference.velocity_rad_s[0])
        before = moving.reference.velocity_rad_s[0]
    assert before == pytest.approx(0.2, rel=0.02)
    assert max(changes) < 0.011
    run(moving, 200, slider=0.0)
    assert not moving.reference.velocity_rad_s.any()


@pytest.mark.parametrize('traits', [
    ServoTraits(), ServoTraits(delay_ticks=6), ServoTraits(lookahead_scale=2.0)])
def test_servo_j_lags_by_its_delay_and_time_constant(traits):
    arm, speed = Arm(HOME_RAD, ArmConfig(servo=traits)), 0.5
    for tick in range(600):
        arm.servo_j(HOME_RAD + speed * TICK_S * (tick + 1), 0.05, 300.0)
        arm.step()
    lag_s = (speed * TICK_S * 600 - (arm.reference.position_rad[0] - HOME_RAD[0])) / speed
    expected_s = traits.delay_ticks * TICK_S + traits.lookahead_scale * 0.05
    assert lag_s == pytest.approx(expected_s, abs=2e-4)


@pytest.mark.parametrize(('slows', 'share'), [(False, 1.0), (True, 0.0)])
def test_the_slider_slows_servo_j_where_the_firmware_does(slows, share):
    arm = Arm(HOME_RAD, ArmConfig(servo=ServoTraits(slider_slows=slows)))
    run(arm, 200, slider=0.0)
    arm.servo_j(HOME_RAD + 0.02, 0.05, 300.0)
    run(arm, 300, slider=0.0)
    np.testing.assert_allclose(
        arm.reference.position_rad - HOME_RAD, 0.02 * share, atol=1e-4)
    run(arm, 800, slider=1.0)
    np.testing.assert_allclose(arm.reference.position_rad - HOME_RAD, 0.02, atol=1e-4)


def test_reduced_mode_slows_a_move_and_stops_a_speed():
    limits = SafetyLimits(joint_speed_rad_s=0.5)
    arm = Arm(HOME_RAD, ArmConfig(reduced_limits=limits))
    arm.reduced = True
    speeds = profile(arm, Travel(arm.tool, [joint_leg(HOME_RAD + TURN_RAD, Pace(2.0, 4.0))]))
    assert np.abs(speeds).max() < 0.5 * 1.1
    assert np.abs(speeds).max() > 0.45
    arm.speed_j(np.array((1.0, 0, 0, 0, 0, 0)), 5.0)
    assert 'commanded speed' in run(arm, 300)


def test_a_tool_speed_limit_slows_a_straight_move():
    arm = Arm(HOME_RAD, ArmConfig(limits=SafetyLimits(tool_speed_m_s=0.1)))
    target = arm.tool.pose(HOME_RAD) + np.array((0.0, 0.15, 0.0, 0.0, 0.0, 0.0))
    arm.begin(Travel(arm.tool, [tool_leg(arm.tool, target, Pace(1.0, 1.0))]))
    fastest, slowest_scaling = 0.0, 1.0
    while not arm.motion.done:
        assert arm.step() is None
        fastest = max(fastest, np.linalg.norm(arm.tool.pose_and_speed(*arm.reference)[1][:3]))
        slowest_scaling = min(slowest_scaling, arm.speed_scaling)
    assert 0.09 < fastest < 0.11
    assert slowest_scaling < 0.5


def test_a_safety_plane_stops_the_tool():
    lowest_m = Tool().pose(HOME_RAD)[2] - 0.05
    arm = Arm(HOME_RAD, ArmConfig(planes=(
        SafetyPlane(normal_base=(0.0, 0.0, -2.0), offset_m=-lowest_m),)))
    arm.begin(SpeedL(arm.tool, np.array((0, 0, -0.1, 0, 0, 0)), 1.0))
    assert 'safety plane' in run(arm, 1000)
    assert arm.tool.pose(arm.position_rad)[2] == pytest.approx(lowest_m, abs=0.005)


def test_a_box_in_the_way_is_a_collision_and_is_felt_first():
    start = Tool().pose(HOME_RAD)
    box = Box(name='block', centre_base_m=(start[0], start[1] + 0.2, start[2] - 0.07),
              half_size_m=(0.1, 0.1, 0.1))
    arm = Arm(HOME_RAD, ArmConfig(boxes=(box,), limits=SafetyLimits(force_n=100.0)))
    arm.begin(SpeedL(arm.tool, np.array((0.0, 0.05, 0.0, 0, 0, 0)), 1.0))
    detected = 0
    for _ in range(3000):
        detected = detected or arm.touch.ticks(np.array((0.0, 1.0, 0.0)))
        reason = arm.step()
        if reason:
            break
    assert detected
    assert 'collision' in reason
    assert arm.tool_wrench()[1] < -50.0
    assert not arm.touch.ticks(np.array((0.0, -1.0, 0.0)))


@pytest.mark.parametrize(('deceleration', 'speed'), [(2.0, 1.0), (10.0, 2.0)])
def test_a_stop_takes_the_way_that_its_deceleration_says(deceleration, speed):
    arm = Arm(HOME_RAD)
    arm.speed_j(np.array((speed, 0, 0, 0, 0, 0)), 10.0)
    run(arm, 300)
    begin_rad = arm.reference.position_rad[0]
    arm.stop_j(deceleration)
    run(arm, 1000)
    way_rad = arm.reference.position_rad[0] - begin_rad
    assert way_rad == pytest.approx(speed**2 / (2 * deceleration), rel=0.02)
    assert arm.is_steady


def test_a_protective_stop_is_shorter_than_a_program_stop():
    arm = Arm(HOME_RAD)
    arm.speed_j(np.array((2.0, 0, 0, 0, 0, 0)), 10.0)
    run(arm, 300)
    begin_rad = arm.position_rad[0]
    arm.stop_where_it_is(20.0)
    run(arm, 300)
    assert arm.position_rad[0] - begin_rad == pytest.approx(2.0**2 / 40.0, rel=0.1)
    assert np.abs(arm.velocity_rad_s).max() < 1e-3


@pytest.mark.parametrize('config', [
    {'payload_kg': 5.1}, {'payload_kg': math.nan}, {'base_tilt_rad': (4.0, 0.0)},
    {'coulomb_friction_n_m': (1.0,)}, {'viscous_friction_n_m_s_rad': (-1.0,) * 6},
])
def test_an_arm_that_cannot_be_is_refused(config):
    with pytest.raises(ConfigError):
        ArmConfig(**config)


def test_limits_and_planes_that_cannot_be_are_refused():
    with pytest.raises(ConfigError, match='force_n'):
        SafetyLimits(force_n=0.0)
    with pytest.raises(ConfigError, match='normal'):
        SafetyPlane(normal_base=(0.0, 0.0, 0.0), offset_m=1.0)


def test_no_leg_leads_out_of_reach_without_saying_so():
    arm = Arm(HOME_RAD)
    target = arm.tool.pose(HOME_RAD) + np.array((-2.0, 0, 0, 0, 0, 0))
    leg: Leg = tool_leg(arm.tool, target, Pace(2.0, 10.0))
    arm.begin(Travel(arm.tool, [leg]))
    reason = run(arm, 3000)
    assert 'out of reach' in reason or 'speed' in reason
