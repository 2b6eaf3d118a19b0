"""Every transition between the controller's modes, and what the arm does meanwhile."""

import numpy as np
from perl_sim.ur_controller.arm_model import SafetyLimits
from perl_sim.ur_controller.controller import (
    POWER_SEQUENCE,
    UNLOCK_DELAY_TICKS,
    RuntimeState,
    SafetyMode,
)
from perl_sim.ur_controller.modes import SAFETY_STATUS_BITS, JointMode, RobotMode
from program_bench import HOME_RAD, ProgramBench
import pytest

MOVE = 'def f():\n  while True:\n    speedj([0.5, 0, 0, 0, 0, 0], 5.0, 1)\n  end\nend\n'
FULL_START_TICKS = sum(ticks for _, ticks in POWER_SEQUENCE.values()) + len(POWER_SEQUENCE) + 1
STOPPED_BIT = 1 << 10


@pytest.fixture
def bench():
    """A controller whose arm moves at 0.5 rad/s under a program."""
    bench = ProgramBench()
    bench.send(MOVE)
    bench.tick(200)
    assert bench.arm.velocity_rad_s[0] == pytest.approx(0.5, abs=0.01)
    return bench


def stands_still(bench):
    begin_rad = bench.arm.position_rad
    bench.tick(100)
    still = np.abs(bench.arm.velocity_rad_s).max() < 1e-3
    return still and np.abs(bench.arm.position_rad - begin_rad).max() < 1e-4


def restart(bench):
    """Bring an arm that is off back to RUNNING."""
    assert bench.controller.brake_release()
    bench.tick(FULL_START_TICKS)
    assert bench.controller.robot_mode == RobotMode.RUNNING


def test_normal_running(bench):
    controller = bench.controller
    assert (controller.safety_status_bits, controller.robot_status_bits) == (1, 3)
    assert controller.joint_modes == (JointMode.RUNNING,) * 6


def test_a_protective_stop_pauses_and_goes_on_after_unlock_and_play(bench):
    bench.controller.protective_stop('a test')
    bench.tick(100)
    assert bench.state == RuntimeState.PAUSED
    assert bench.controller.safety_status_bits == 1 << 2 | STOPPED_BIT
    assert stands_still(bench)
    assert not bench.controller.unlock()
    assert not bench.controller.resume_program()
    bench.tick(UNLOCK_DELAY_TICKS)
    assert bench.controller.unlock()
    assert stands_still(bench)
    assert bench.controller.resume_program()
    bench.tick(300)
    assert bench.arm.velocity_rad_s[0] == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize('mode', [
    SafetyMode.SAFEGUARD_STOP, SafetyMode.AUTOMATIC_MODE_SAFEGUARD_STOP,
    SafetyMode.SYSTEM_THREE_POSITION_ENABLING_STOP])
def test_a_safeguard_stop_keeps_the_power_and_pauses(bench, mode):
    bench.controller.safeguard_stop('the gate is open', mode)
    bench.tick(100)
    assert bench.state == RuntimeState.PAUSED
    assert bench.controller.safety_mode == mode
    assert bench.controller.safety_status_bits == SAFETY_STATUS_BITS[mode]
    assert bench.controller.robot_mode == RobotMode.RUNNING
    assert stands_still(bench)
    assert not bench.controller.resume_program()
    bench.controller.end_safeguard_stop()
    assert bench.controller.safety_mode == SafetyMode.NORMAL
    assert stands_still(bench)
    assert bench.controller.resume_program()
    bench.tick(300)
    assert bench.arm.velocity_rad_s[0] == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(('mode', 'bits'), [
    (SafetyMode.ROBOT_EMERGENCY_STOP, 1 << 6 | 1 << 7 | STOPPED_BIT),
    (SafetyMode.SYSTEM_EMERGENCY_STOP, 1 << 5 | 1 << 7 | STOPPED_BIT)])
def test_an_emergency_stop_ends_the_program_then_takes_the_power(bench, mode, bits):
    controller = bench.controller
    controller.emergency_stop('the button', mode)
    bench.tick(1)
    assert bench.state == RuntimeState.STOPPED
    assert controller.safety_status_bits == bits
    assert controller.robot_mode == RobotMode.RUNNING
    bench.tick(200)
    assert controller.robot_mode == RobotMode.POWER_OFF
    assert controller.robot_status_bits == 0
    assert controller.joint_modes == (JointMode.POWER_OFF,) * 6
    assert stands_still(bench)
    assert not controller.power_on()
    controller.release_emergency_stop()
    assert controller.safety_mode == SafetyMode.NORMAL
    assert controller.robot_mode == RobotMode.POWER_OFF
    assert bench.send('sleep(1)\n') == [False]
    restart(bench)
    assert stands_still(bench)
    assert bench.send(MOVE) == [True]


def test_the_way_up_passes_all_modes_in_order(bench):
    controller = bench.controller
    controller.power_off()
    bench.tick(2)
    assert controller.robot_mode == RobotMode.POWER_OFF
    assert controller.power_on()
    seen = []
    for _ in range(FULL_START_TICKS):
        bench.tick()
        if controller.robot_mode not in seen:
            seen.append(controller.robot_mode)
    assert seen == [RobotMode.POWER_OFF, RobotMode.BOOTING, RobotMode.POWER_ON, RobotMode.IDLE]
    assert controller.joint_modes == (JointMode.IDLE,) * 6
    assert controller.robot_status_bits == 1
    assert bench.send(MOVE) == [False]
    assert controller.brake_release()
    bench.tick(FULL_START_TICKS)
    assert controller.robot_mode == RobotMode.RUNNING


def test_power_off_interrupts_the_way_up(bench):
    controller = bench.controller
    controller.power_off()
    bench.tick(2)
    controller.brake_release()
    bench.tick(100)
    controller.power_off()
    bench.tick(FULL_START_TICKS)
    assert controller.robot_mode == RobotMode.POWER_OFF


@pytest.mark.parametrize(('cause', 'mode'), [
    (lambda controller: controller.violate('a plane'), SafetyMode.VIOLATION),
    (lambda controller: controller.fail('a joint', joint=2), SafetyMode.FAULT)])
def test_violations_and_faults_last_until_the_safety_is_restarted(bench, cause, mode):
    controller = bench.controller
    cause(controller)
    bench.tick(100)
    assert bench.state == RuntimeState.STOPPED
    assert controller.safety_mode == mode
    assert controller.robot_mode == RobotMode.POWER_OFF
    assert (controller.joint_modes[2] == JointMode.FAULT) == (mode == SafetyMode.FAULT)
    assert stands_still(bench)
    assert not controller.brake_release()
    bench.tick(FULL_START_TICKS)
    assert controller.robot_mode == RobotMode.POWER_OFF
    controller.restart_safety()
    assert controller.safety_mode == SafetyMode.NORMAL
    assert JointMode.FAULT not in controller.joint_modes
    restart(bench)


def test_lost_power_stops_the_arm_and_it_can_be_switched_on_again(bench):
    bench.controller.lose_power('the supply')
    bench.tick(100)
    assert bench.controller.robot_mode == RobotMode.POWER_OFF
    assert bench.state == RuntimeState.STOPPED
    assert stands_still(bench)
    restart(bench)


def test_reduced_mode_is_reported_and_its_limits_hold():
    bench = ProgramBench(reduced_limits=SafetyLimits(joint_speed_rad_s=0.3))
    bench.controller.reduce(True)
    assert bench.controller.safety_mode == SafetyMode.REDUCED
    assert bench.controller.safety_status_bits == 1 << 1
    target = (HOME_RAD + np.array((0.5, 0, 0, 0, 0, 0))).tolist()
    assert bench.send(f'movej({target}, v=1)\n') == [True]
    fastest = 0.0
    while bench.state == RuntimeState.PLAYING:
        bench.tick()
        fastest = max(fastest, np.abs(bench.arm.velocity_rad_s).max())
    assert fastest < 0.35
    bench.controller.reduce(False)
    assert bench.controller.safety_mode == SafetyMode.NORMAL
    assert bench.send(MOVE) == [True]


def test_the_worst_cause_is_shown_and_the_others_remain(bench):
    controller = bench.controller
    controller.reduce(True)
    controller.safeguard_stop('the gate')
    controller.protective_stop('a test')
    assert controller.safety_mode == SafetyMode.PROTECTIVE_STOP
    assert controller.safety_status_bits == 1 << 1 | 1 << 2 | 1 << 4 | STOPPED_BIT
    controller.emergency_stop('the button')
    assert controller.safety_mode == SafetyMode.ROBOT_EMERGENCY_STOP
    controller.release_emergency_stop()
    assert controller.safety_mode == SafetyMode.PROTECTIVE_STOP
    bench.tick(UNLOCK_DELAY_TICKS)
    assert controller.unlock()
    assert controller.safety_mode == SafetyMode.SAFEGUARD_STOP
    controller.end_safeguard_stop()
    assert controller.safety_mode == SafetyMode.REDUCED


def test_freedrive_shows_the_teach_button_and_ends_with_a_stop():
    bench = ProgramBench()
    bench.send('def f():\nfreedrive_mode()\nsleep(10)\nend\n')
    bench.tick(5)
    assert bench.controller.robot_status_bits == 1 | 1 << 1 | 1 << 2
    bench.controller.protective_stop('a test')
    assert bench.controller.robot_status_bits == 1


@pytest.mark.parametrize('stop', [
    lambda controller: controller.protective_stop('x'),
    lambda controller: controller.safeguard_stop('x'),
    lambda controller: controller.emergency_stop('x'),
    lambda controller: controller.violate('x'),
    lambda controller: controller.fail('x'),
    lambda controller: controller.lose_power('x'),
    lambda controller: controller.stop_program('x'),
    lambda controller: controller.pause_program(),
])
def test_every_stop_stops_a_fast_arm_without_a_jump(stop):
    bench = ProgramBench()
    bench.send('speedj([2.0, 0, 0, 0, 0, 1.0], 10.0, 9)\n')
    bench.tick(200)
    stop(bench.controller)
    accelerations = []
    for _ in range(600):
        bench.tick()
        accelerations.append(np.abs(bench.arm.reference_acceleration_rad_s2).max())
    assert stands_still(bench)
    # The first tick goes from the commanded to the measured speed.
    assert max(accelerations[1:]) <= 20.0 * 1.01
