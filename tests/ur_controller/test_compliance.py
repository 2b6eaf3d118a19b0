"""Force mode, freedrive and contact detection against forces that are known."""

import numpy as np
from perl_core.rotation import rotation_from_vector
from perl_sim.obstacles import Box
from perl_sim.ur_controller.compliance import VIRTUAL_MASS
from perl_sim.ur_controller.controller import SafetyMode
from perl_sim.ur_controller.motions import TICK_S
from perl_sim.ur_controller.tool import Tool
from program_bench import HOME_RAD, ProgramBench
import pytest

FORCE_MODE, FORCE_STOP, DAMPING, GAIN = 6, 7, 20, 21
HOME = Tool().pose(HOME_RAD)
Z_ONLY, ALL = (0, 0, 1, 0, 0, 0), (1,) * 6
LIMITS = (0.1,) * 6
FLOOR = Box(name='floor', centre_base_m=(HOME[0], HOME[1], HOME[2] - 0.32 - 0.03),
            half_size_m=(0.2, 0.2, 0.3))
"""Its top is 5 cm below the flange at home, which turns down."""


@pytest.fixture
def bench():
    return start()


def start(**config):
    bench = ProgramBench(**config)
    bench.start_control_script()
    return bench


def force_mode(bench, ticks, axes=Z_ONLY, wrench=(0.0,) * 6, kind=2, frame=(0.0,) * 6,
               limits=LIMITS):
    bench.command(FORCE_MODE, *frame, *wrench, *limits, integers=(kind, *axes))
    bench.tick(ticks)


def pose(bench):
    return bench.arm.tool.pose(bench.arm.position_rad)


def test_in_free_space_the_speed_settles_where_damping_balances_the_force(bench):
    bench.finish(DAMPING, 0.1)
    bench.finish(GAIN, 1.0)
    force_mode(bench, 200, wrench=(0, 0, 5.0, 0, 0, 0))
    before = pose(bench)[2]
    bench.tick(50)
    speed = (pose(bench)[2] - before) / (50 * TICK_S)
    assert speed == pytest.approx(5.0 * TICK_S / (VIRTUAL_MASS[2] * 0.1), rel=0.02)


def test_the_limit_of_an_axis_is_its_highest_speed(bench):
    bench.finish(DAMPING, 0.0)
    force_mode(bench, 300, wrench=(0, 0, 50.0, 0, 0, 0), limits=(0.1, 0.1, 0.02, 1, 1, 1))
    speed = bench.arm.tool.pose_and_speed(*bench.arm.reference)[1]
    assert speed[2] == pytest.approx(0.02, rel=1e-3)


def test_axes_that_do_not_give_way_stay(bench):
    bench.arm.sensor.push = np.array((30.0, -20.0, 0.0, 2.0, 0.0, 1.0))
    force_mode(bench, 500)
    reference = bench.arm.tool.pose(bench.arm.reference.position_rad)
    np.testing.assert_allclose(reference[[0, 1, 3, 4, 5]], HOME[[0, 1, 3, 4, 5]], atol=2e-5)


@pytest.mark.parametrize('force_n', [10.0, 40.0])
def test_in_contact_the_tool_presses_with_the_force_asked_for(force_n):
    bench = start(boxes=(FLOOR,))
    bench.finish(DAMPING, 0.1)
    bench.finish(GAIN, 2.0)
    force_mode(bench, 2500, wrench=(0, 0, -force_n, 0, 0, 0))
    assert bench.controller.safety_mode == SafetyMode.NORMAL
    forces = []
    for _ in range(200):
        bench.tick()
        forces.append(bench.arm.tool_wrench()[2])
    assert np.mean(forces) == pytest.approx(force_n, rel=0.05)
    assert np.ptp(forces) < 0.2 * force_n


def test_the_task_frame_turns_axes_and_force(bench):
    frame = (0.0, 0.0, 0.0, 0.0, 0.0, 0.7)
    force_mode(bench, 400, axes=(1, 0, 0, 0, 0, 0), wrench=(20.0, 0, 0, 0, 0, 0), frame=frame)
    way_m = pose(bench)[:3] - HOME[:3]
    direction = rotation_from_vector(np.array(frame[3:]))[:, 0]
    assert way_m @ direction > 0.01
    assert np.linalg.norm(way_m - (way_m @ direction) * direction) < 1e-3


def test_type_1_pulls_towards_the_origin_of_its_frame(bench):
    origin = HOME[:3] + np.array((0.0, 0.3, 0.0))
    force_mode(bench, 300, axes=(0, 1, 0, 0, 0, 0), wrench=(0, 20.0, 0, 0, 0, 0), kind=1,
               frame=(*origin, 0, 0, 0))
    way_m = pose(bench)[:3] - HOME[:3]
    assert way_m[1] > 0.01
    assert np.abs(way_m[[0, 2]]).max() < 1e-3


def test_a_move_goes_on_along_the_other_axes():
    bench = start(boxes=(FLOOR,))
    target = HOME + np.array((0.0, 0.1, 0.0, 0.0, 0.0, 0.0))
    bench.send(f"""def f():
  force_mode_set_damping(0.1)
  force_mode_set_gain_scaling(2)
  force_mode(p[0,0,0,0,0,0], {list(Z_ONLY)}, [0,0,-20,0,0,0], 2, [0.1,0.1,0.1,0.1,0.1,0.1])
  sleep(2)
  movel(p{target.tolist()}, v=0.1)
  sleep(1)
  end_force_mode()
end
""")
    bench.tick(2400)
    now = pose(bench)
    np.testing.assert_allclose(now[:2], target[:2], atol=2e-3)
    assert now[2] < HOME[2] - 0.04
    assert bench.controller.safety_mode == SafetyMode.NORMAL


def test_force_mode_ends_with_a_stop_and_the_arm_holds_again(bench):
    force_mode(bench, 300, wrench=(0, 0, 20.0, 0, 0, 0))
    bench.command(0)
    bench.finish(FORCE_STOP)
    before = pose(bench)
    bench.arm.sensor.push = np.array((0.0, 0.0, 30.0, 0.0, 0.0, 0.0))
    bench.tick(500)
    np.testing.assert_allclose(pose(bench)[:3], before[:3], atol=2e-3)


def test_a_protective_stop_ends_giving_way(bench):
    force_mode(bench, 300, wrench=(0, 0, 20.0, 0, 0, 0))
    bench.controller.protective_stop('a test')
    bench.tick(100)
    before = pose(bench)
    bench.tick(300)
    np.testing.assert_allclose(pose(bench)[:3], before[:3], atol=1e-5)


def test_freedrive_follows_a_push_along_its_free_axes_only(bench):
    bench.finish(52, *(0.0,) * 6, integers=(1, 0, 0, 0, 0, 0))
    bench.arm.sensor.push = np.array((10.0, 10.0, 0.0, 0.0, 0.0, 0.0))
    bench.tick(300)
    bench.arm.sensor.push = np.zeros(6)
    bench.tick(300)
    way_m = pose(bench)[:3] - HOME[:3]
    assert way_m[0] > 0.02
    assert np.abs(way_m[1:]).max() < 1e-3
    before = pose(bench)
    bench.tick(100)
    np.testing.assert_allclose(pose(bench)[:3], before[:3], atol=1e-4)
    bench.finish(53)
    assert bench.controller.robot_status_bits >> 2 & 1 == 0


def test_a_freely_guided_arm_sinks_under_a_payload_that_nobody_declared():
    bench = start(payload_kg=1.0)
    bench.finish(18)
    bench.tick(100)
    assert pose(bench)[2] < HOME[2] - 0.01


def test_tool_contact_tells_since_when_and_from_where(bench):
    bench.command(25, *(0.0,) * 6)
    assert bench.answer == 0
    bench.arm.sensor.push = np.array((0.0, 0.0, 30.0, 0.0, 0.0, 0.0))
    bench.tick(10)
    assert 9 <= bench.answer <= 11
    bench.command(25, 0, 0, -1, 0, 0, 0)
    assert bench.answer > 0
    bench.command(25, 0, 0, 1, 0, 0, 0)
    assert bench.answer == 0


def test_move_until_contact_stops_there_and_returns_to_it():
    bench = start(boxes=(FLOOR,))
    bench.finish(51, 0, 0, -0.05, 0, 0, 0, *(0.0,) * 6, 1.0)
    assert bench.controller.safety_mode == SafetyMode.NORMAL
    top_m = FLOOR.centre_base_m[2] + FLOOR.half_size_m[2]
    assert pose(bench)[2] == pytest.approx(top_m, abs=2e-3)
    assert np.linalg.norm(bench.arm.tool_wrench()[:3]) < 30.0


def test_contact_detection_stops_an_asynchronous_move():
    bench = start(boxes=(FLOOR,))
    bench.finish(62, 0, 0, -1, 0, 0, 0)
    target = HOME - np.array((0.0, 0.0, 0.1, 0.0, 0.0, 0.0))
    bench.finish(3, *target, 0.05, 0.5, integers=(1,))
    bench.finish(64)
    assert bench.answer == 0
    bench.tick(2000)
    bench.finish(64)
    assert bench.answer > 0
    bench.finish(63)
    assert bench.answer > 0
    assert bench.controller.safety_mode == SafetyMode.NORMAL
    assert pose(bench)[2] > target[2] + 0.04


def test_an_external_sensor_takes_the_place_of_the_own(bench):
    bench.finish(57, *(0.0,) * 7, integers=(1,))
    bench.values['external_force_torque'] = (0.0, 0.0, 12.0, 0.0, 0.0, 0.0)
    bench.tick(2)
    assert np.linalg.norm(bench.arm.tool_wrench()[:3]) == pytest.approx(12.0)
    bench.finish(57, *(0.0,) * 7, integers=(0,))
    np.testing.assert_allclose(bench.arm.tool_wrench(), 0.0, atol=1e-6)
