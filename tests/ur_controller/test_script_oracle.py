"""The table of commands against ur_rtde's own script, run line by line by the interpreter.

A real client in a process of its own uploads its script; the emulator hands its text over.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time

import numpy as np
from perl_sim.ur_controller.emulator import Emulator
from perl_sim.ur_controller.emulator_config import EmulatorConfig
from perl_sim.ur_controller.known_scripts import is_known
from perl_sim.ur_controller.programs import Programs
from perl_sim.ur_controller.tool import Tool
from program_bench import HOME_RAD, ProgramBench
import pytest

ADDRESS = '127.0.5.9'
CLIENT = f'from rtde_control import RTDEControlInterface as C; C({ADDRESS!r}, 500.0, 1 | 128)'
OLD, NEW = (5, 4), (5, 26)
"""PolyScope versions; the script leaves out what the old one does not know."""
ASYNC, SYNC = (1,), (0,)
HOME = Tool().pose(HOME_RAD)
ASIDE = HOME + np.array((0.0, 0.05, -0.03, 0.0, 0.0, 0.0))
NEAR_RAD = HOME_RAD + 0.05
SERVO = (0.0, 0.0, 0.002, 0.1, 300.0)


def done(word, *doubles, integers=()):
    """Send a command and wait until it is done."""
    return lambda bench: bench.finish(word, *doubles, integers=integers)


def sent(word, *doubles, integers=(), ticks=3):
    """Send a command of those that are never acknowledged, let time pass, and clear it."""
    def send(bench):
        bench.command(word, *doubles, integers=integers)
        bench.tick(ticks)
        bench.command(0)
    return send


def wait(ticks):
    return lambda bench: bench.tick(ticks)


def push(*wrench):
    def begin(bench):
        bench.arm.sensor.push = np.array(wrench, dtype=float)
    return begin


NO_PUSH = push(0, 0, 0, 0, 0, 0)
SEQUENCES = {
    'moves': [done(1, *NEAR_RAD, 2, 4, integers=SYNC), done(3, *HOME, 0.5, 2, integers=SYNC),
              done(4, *NEAR_RAD, 0.5, 2, integers=SYNC), done(2, *HOME, 2, 4, integers=SYNC)],
    'asynchronous moves': [
        done(1, *(HOME_RAD + 0.3), 1, 2, integers=ASYNC), wait(50), done(34, 4, integers=SYNC),
        done(3, *HOME, 0.25, 1.2, integers=ASYNC), wait(50), done(33, 2, integers=ASYNC),
        wait(150), done(3, *HOME, 0.5, 2, integers=ASYNC), wait(400), done(34, 2, integers=SYNC)],
    'servoing': [sent(11, *NEAR_RAD, *SERVO, ticks=150), done(16, 10),
                 sent(24, *ASIDE, *SERVO, ticks=150), done(16, 10),
                 sent(12, *HOME, 0.2, 1.0, 0, ticks=400), done(16, 10)],
    'speeds': [sent(9, 0.1, 0.1, 0, 0, 0, 0, 0.5, 0, ticks=100), done(15, 2),
               sent(10, 0, 0.05, 0, 0, 0, 0, 0.5, 0, ticks=100), done(15, 2)],
    'jogging': [done(41, 0, 0.05, 0, 0, 0, 0, feature, 0.5, 0, 0, 0, 0, 0, 1) if feature >= 0
                else done(42) for feature in (0, -1, 1, -1, 2, -1)],
    'queries': [
        done(36, *HOME), done(37, *HOME_RAD), done(39, *HOME, *ASIDE), done(40), done(43),
        done(29, 0, 0, 0.1, 0, 0, 0), done(40), done(43), done(44, *NEAR_RAD, 0, 0, 0.1, 0, 0, 0),
        done(30, *HOME, *NEAR_RAD, 1e-6, 1e-6), done(46, *HOME), done(60, *HOME), done(28),
        done(61, *HOME, *NEAR_RAD, 1e-6, 1e-6), done(60, 3, 0, 0, 0, 0, 0), done(47), done(54),
        sent(26), sent(27, integers=(3,)), sent(38), sent(58)],
    'dynamics': [sent(9, 0.1, 0.1, 0, 0, 0, 0.3, 2.0, 0, ticks=100), sent(67), sent(68),
                 sent(69), sent(70), sent(71), done(15, 10)],
    'settings': [
        done(17, 1, 0, 0, 0.05), done(17, 2, 0, 0, 0), done(65, 1, 0, 0, 0.1, 0, 0, 0, 0, 0, 0),
        done(59, 0, 0, 9.80665, 0), done(8), done(20, 0.1), done(21, 1.0),
        done(56, *(0.0,) * 7, integers=(0,)), done(57, *(0.0,) * 7, integers=(0,)), done(55)],
    'forces': [sent(6, *(0.0,) * 6, 0, 0, -5, 0, 0, 0, *(0.1,) * 6,
                    integers=(2, 0, 0, 1, 0, 0, 0), ticks=200), done(7)],
    'guiding': [done(52, *(0.0,) * 6, integers=(1,) * 6), push(0, 10, 0, 0, 0, 0), wait(100),
                NO_PUSH, wait(50), done(53), done(18), done(19), wait(50)],
    'contacts': [sent(25, *(0.0,) * 6), push(0, 0, 20, 0, 0, 0), sent(25, *(0.0,) * 6), NO_PUSH,
                 done(62, *(0.0,) * 6), done(3, *ASIDE, 0.05, 0.5, integers=ASYNC), wait(100),
                 push(0, 0, 20, 0, 0, 0), wait(40), NO_PUSH, wait(300), done(64), done(63)],
    'watchdog': [done(35, 10.0), wait(60)],
    'the end': [sent(9, 0.1, 0.1, 0, 0, 0, 0, 0.5, 0, ticks=100), sent(255, ticks=200)],
}


def uploaded(version):
    """Return the script that a real client uploads to a controller of this version."""
    emulator, programs = Emulator(EmulatorConfig(address=ADDRESS, version=version)), []
    client = subprocess.Popen([sys.executable, '-c', CLIENT], start_new_session=True,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 30.0

    class Clock:
        def wait(self):
            time.sleep(0.002)
            return True

    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Programs, 'run', lambda _, program: programs.append(program))
            emulator.run(Clock(), lambda: bool(programs) or time.monotonic() > end)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(client.pid, signal.SIGKILL)
        client.wait()
    assert programs, 'no script came'
    return programs[0].text


@pytest.fixture(scope='module')
def scripts():
    return {version: uploaded((*version, 0, 1)) for version in (OLD, NEW)}


def test_the_uploaded_scripts_are_known_whatever_path_or_offset_they_have(scripts):
    for text in scripts.values():
        assert is_known(text)
        shifted = text.replace(' register offset\n0', ' register offset\n24')
        path = '# inject move path\n\tmovej([0,0,0,0,0,0],a=1,v=1,r=0)\n'
        assert is_known(shifted.replace('# inject move path\n', path))
        assert not is_known(text.replace('stopl(10)', 'stopl(11)'))


def test_a_changed_control_script_is_run_as_it_is_written(scripts, caplog):
    bench = ProgramBench(NEW)
    changed = scripts[NEW].replace('elif cmd == 47:', 'elif cmd == 200:\n'
                                   'write_output_integer_reg(1, 42)\nelif cmd == 47:', 1)
    assert bench.send(changed) == [True]
    bench.tick(3)
    bench.finish(200)
    assert bench.answer == 42
    assert 'is not that of ur_rtde' in caplog.text


def trace(version, text, sequence):
    bench = ProgramBench(version)
    assert bench.send(text) == [True]
    bench.tick(3)
    passed = []
    for step in sequence:
        step(bench)
        passed.append((
            (bench.state, bench.values['output_int_register_0'], bench.answer,
             bench.values['output_int_register_2']),
            np.concatenate((bench.doubles(48), bench.arm.position_rad,
                            bench.arm.tool_wrench())),
            bench.controller.tick,
        ))
    return passed


@pytest.mark.parametrize(('version', 'name'), [
    *((NEW, name) for name in SEQUENCES),
    *((OLD, name) for name in ('queries', 'dynamics', 'settings', 'guiding')),
])
def test_the_table_does_what_the_script_says(scripts, version, name):
    text = scripts[version]
    by_table = trace(version, text, SEQUENCES[name])
    by_text = trace(version, text.replace('def rtde_control()', 'def interpreted()', 1),
                    SEQUENCES[name])
    for step, (table, read) in enumerate(zip(by_table, by_text, strict=True)):
        assert table[0] == read[0], f'step {step} of {name}'
        np.testing.assert_allclose(table[1], read[1], atol=2e-3, err_msg=f'step {step}')
        assert abs(table[2] - read[2]) <= 8, f'step {step} of {name}'
