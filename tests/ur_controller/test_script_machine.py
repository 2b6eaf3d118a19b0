"""The register machine tick by tick, without sockets."""

from hypothesis import example, given, settings
from hypothesis import strategies as st
import numpy as np
from perl_core.contract import Contract
from perl_sim.ur_controller.arm import Arm
from perl_sim.ur_controller.arm_model import ArmConfig
from perl_sim.ur_controller.controller import (
    UNLOCK_DELAY_TICKS,
    Controller,
    RuntimeState,
    SafetyMode,
)
from perl_sim.ur_controller.rtde_variables import resting_values
from perl_sim.ur_controller.script_machine import ScriptMachine
from perl_sim.ur_controller.script_table import ALL_COMMANDS
import pytest

HOME_RAD = np.array(Contract().home_rad)
SERVO = (0.5, 0.5, 0.002, 0.03, 300.0)
MOVE_J, SPEED_J, SERVO_J, SERVO_STOP, STOP_J, WATCHDOG, STOP_SCRIPT = 1, 9, 11, 16, 34, 35, 255
READY, DONE = 1, 2


class Bench:
    """A controller with its script, its registers at hand."""

    def __init__(self, payload_kg=0.0, offset=0, version=(99, 0)):
        self.values = resting_values()
        self.controller = Controller(Arm(HOME_RAD, ArmConfig(payload_kg=payload_kg)))
        self.arm = self.controller.arm
        self.script = ScriptMachine(self.controller, self.values, ALL_COMMANDS, version)
        self.offset = offset
        assert self.controller.start_program('rtde_control')
        self.script.start(offset)

    def write(self, command, *doubles, integer=0):
        """Write registers as one package would, and take one tick."""
        self.values[f'input_int_register_{self.offset}'] = (command,)
        self.values[f'input_int_register_{self.offset + 1}'] = (integer,)
        for index, number in enumerate(doubles):
            self.values[f'input_double_register_{self.offset + index}'] = (float(number),)
        self.tick(written={f'input_int_register_{self.offset}'})

    def tick(self, count=1, written=()):
        for _ in range(count):
            self.controller.tick += 1
            self.script.step(set(written))
            violation = self.arm.step()
            if violation:
                self.controller.protective_stop(violation)

    @property
    def handshake(self):
        return self.values[f'output_int_register_{self.offset}'][0]

    @property
    def state(self):
        return self.controller.runtime_state


@pytest.mark.parametrize('offset', [0, 24])
def test_a_blocking_command_goes_from_ready_to_done_to_ready(offset):
    bench = Bench(offset=offset)
    bench.write(0)
    assert bench.handshake == READY
    bench.write(MOVE_J, *(HOME_RAD + 0.1), 2.0, 10.0)
    seen = []
    for _ in range(500):
        seen.append(bench.handshake)
        bench.tick()
    assert seen[0] == READY
    assert bench.handshake == DONE
    np.testing.assert_allclose(bench.arm.position_rad, HOME_RAD + 0.1, atol=1e-3)
    bench.write(0)
    assert bench.handshake == READY


def test_a_command_left_in_its_register_runs_once():
    bench = Bench()
    bench.write(MOVE_J, *(HOME_RAD + 0.1), 2.0, 10.0)
    bench.tick(500)
    bench.write(MOVE_J, *(HOME_RAD - 0.1), 2.0, 10.0)
    bench.tick(500)
    np.testing.assert_allclose(bench.arm.position_rad, HOME_RAD + 0.1, atol=1e-3)


@settings(max_examples=20)
@given(rate_hz=st.sampled_from((5.0, 10.0, 50.0, 100.0)), pauses=st.lists(
    st.floats(0.0, 1.0), min_size=1, max_size=8))
def test_the_watchdog_waits_its_time_and_no_longer(rate_hz, pauses):
    bench = Bench()
    bench.write(WATCHDOG, rate_hz)
    limit = round(500.0 / rate_hz)
    for share in pauses:
        bench.tick(int(share * limit))
        assert bench.state == RuntimeState.PLAYING
        bench.write(0)
    bench.tick(limit)
    assert bench.state == RuntimeState.PLAYING
    bench.tick()
    assert bench.state == RuntimeState.STOPPED


def test_the_watchdog_stops_a_moving_arm_within_its_ramp():
    bench = Bench()
    bench.write(WATCHDOG, 10.0)
    bench.write(0)
    for _ in range(200):
        bench.write(SPEED_J, 1.0, 0, 0, 0, 0, 0, 4.0, 0.0)
    assert bench.arm.velocity_rad_s[0] == pytest.approx(1.0, abs=0.01)
    bench.tick(51)
    assert bench.state == RuntimeState.STOPPED
    bench.tick(125 + 50)
    assert np.abs(bench.arm.velocity_rad_s).max() < 1e-3


@given(target=st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=6, max_size=6))
@settings(max_examples=50)
def test_no_target_whatever_throws_the_arm_beyond_its_limits(target):
    bench = Bench()
    bench.write(SERVO_J, *target, *SERVO)
    bench.tick(60)
    assert np.isfinite(bench.arm.position_rad).all()
    assert np.abs(bench.arm.position_rad).max() < 2 * np.pi
    inside = np.isfinite(target).all() and np.abs(target).max() <= 2 * np.pi
    if not inside:
        assert bench.controller.safety_mode == SafetyMode.PROTECTIVE_STOP
        np.testing.assert_allclose(bench.arm.position_rad, HOME_RAD, atol=1e-9)


def test_stop_script_ends_the_program_and_the_motion():
    bench = Bench()
    for step in range(100):
        bench.write(SERVO_J, *(HOME_RAD + 0.002 * step), *SERVO)
    bench.write(STOP_SCRIPT)
    assert bench.state == RuntimeState.STOPPED
    bench.tick(300)
    assert np.abs(bench.arm.velocity_rad_s).max() < 1e-3


def test_stop_script_ends_a_speed_that_was_kept():
    bench = Bench()
    bench.write(SPEED_J, 0.2, 0, 0, 0, 0, 0, 2.0, 0.0)
    bench.tick(200)
    bench.write(STOP_SCRIPT)
    bench.tick(300)
    assert np.abs(bench.arm.velocity_rad_s).max() < 1e-3


def test_a_protective_stop_asked_for_ends_a_speed_that_was_kept():
    bench = Bench()
    bench.write(SPEED_J, 0.2, 0, 0, 0, 0, 0, 2.0, 0.0)
    bench.tick(200)
    bench.write(31)
    bench.tick(300)
    assert np.abs(bench.arm.velocity_rad_s).max() < 1e-3


def test_a_paused_program_resumes_its_old_target():
    # As on the robot, and the reason why clients must upload a new program instead.
    bench = Bench()
    for step in range(100):
        bench.write(SERVO_J, *(HOME_RAD + 0.001 * step), *SERVO)
    bench.controller.protective_stop('a test')
    bench.tick(UNLOCK_DELAY_TICKS)
    rest_rad = bench.arm.position_rad
    assert bench.controller.unlock()
    bench.tick(10)
    np.testing.assert_allclose(bench.arm.position_rad, rest_rad, atol=1e-6)
    assert bench.controller.resume_program()
    bench.tick(300)
    np.testing.assert_allclose(bench.arm.position_rad, HOME_RAD + 0.099, atol=1e-3)


def test_a_paused_move_j_goes_on_after_resuming():
    bench = Bench()
    bench.write(MOVE_J, *(HOME_RAD + 0.5), 1.0, 5.0)
    bench.tick(100)
    assert bench.controller.pause_program()
    bench.tick(300)
    assert bench.handshake == READY
    assert np.abs(bench.arm.velocity_rad_s).max() < 1e-3
    assert bench.controller.resume_program()
    bench.tick(600)
    assert bench.handshake == DONE
    np.testing.assert_allclose(bench.arm.position_rad, HOME_RAD + 0.5, atol=1e-3)


def test_stop_type_is_that_of_the_script():
    # stopJ is a stopj until the first asynchronous stop, and a stopl from then on.
    bench = Bench()
    assert not bench.script.stops_are_linear
    bench.write(STOP_J, 2.0, integer=1)
    assert bench.script.stops_are_linear


@pytest.mark.parametrize('command', [5, 13, 32, 200, -1])
def test_what_is_not_emulated_stops_the_program_and_names_itself(command, caplog):
    bench = Bench()
    with caplog.at_level('INFO'):
        bench.write(command)
    assert bench.state == RuntimeState.STOPPED
    assert f'command {command} is not emulated' in caplog.text


def test_a_declared_payload_is_carried_an_undeclared_one_bends_the_arm():
    bench = Bench(payload_kg=2.0)
    bench.tick(1000)
    bent_rad = np.abs(bench.arm.position_rad - HOME_RAD).max()
    bench.write(17, 2.0, 0.0, 0.0, 0.05)
    bench.tick(1000)
    assert bent_rad > 1e-4
    assert np.abs(bench.arm.position_rad - HOME_RAD).max() < 0.05 * bent_rad


def test_the_joint_limit_is_a_protective_stop():
    bench = Bench()
    for _ in range(1500):
        bench.write(SPEED_J, 0, 0, 0, 0, 0, 3.0, 10.0, 0.0)
    assert bench.controller.safety_mode == SafetyMode.PROTECTIVE_STOP
    assert bench.arm.position_rad[5] == pytest.approx(2 * np.pi, abs=0.3)


NUMBERS = st.floats(allow_nan=True, allow_infinity=True)


@given(numbers=st.lists(NUMBERS, min_size=8, max_size=8))
@settings(max_examples=50)
def test_no_speed_whatever_throws_the_arm_beyond_its_limits(numbers):
    bench = Bench()
    bench.write(SPEED_J, *numbers)
    bench.tick(100)
    assert np.isfinite(bench.arm.position_rad).all()
    assert np.abs(bench.arm.velocity_rad_s).max() < 1.3 * np.pi


@given(command=st.sampled_from(sorted(ALL_COMMANDS)),
       numbers=st.lists(NUMBERS, min_size=18, max_size=18), integer=st.integers(-2**31, 2**31 - 1))
@settings(max_examples=150)
@example(command=WATCHDOG, numbers=[5e-324] * 18, integer=0)
def test_no_arguments_whatever_break_the_emulator(command, numbers, integer):
    bench = Bench()
    bench.write(command, *numbers, integer=integer)
    bench.tick(20)
    assert np.isfinite(bench.arm.position_rad).all()
    assert np.isfinite(bench.arm.velocity_rad_s).all()


def test_a_commanded_speed_beyond_the_joints_is_a_protective_stop_without_motion():
    bench = Bench()
    bench.write(SPEED_J, 0, 0, 0, 0, 0, 50.0, 1e6, 0.0)
    bench.tick(100)
    assert bench.controller.safety_mode == SafetyMode.PROTECTIVE_STOP
    np.testing.assert_allclose(bench.arm.position_rad, HOME_RAD, atol=1e-6)
