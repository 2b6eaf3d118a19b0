"""The command line and what runs beside the emulator: status, clocks, faults, pictures."""

import json
import os
from pathlib import Path
import pty
import signal
import subprocess
import sys
import time

from emulator import emulator
import numpy as np
from perl_core.errors import ConfigError
from perl_sim.ur_controller import fault, status
from perl_sim.ur_controller.command_line import config_from, parser
from perl_sim.ur_controller.control_server import ask
from perl_sim.ur_controller.fault_table import KINDS
from perl_sim.ur_controller.pacing import ClientClock
from perl_sim.ur_controller.rendering import require_file_type, write_film
from perl_sim.ur_controller.rtde_client import RtdeClient
from PIL import Image
import pytest

ADDRESS = '127.0.1.95'
MODULE = [sys.executable, '-m', 'perl_sim.ur_controller']


@pytest.fixture(scope='module')
def robot():
    with emulator(ADDRESS, '--clock', 'client', '--log-level', 'ERROR') as process:
        yield process


def test_options_become_the_robot():
    config = config_from(parser().parse_args([
        '--payload', '1.5', '--payload-centre', '0', '0', '0.1', '--base-tilt', '0.1', '0',
        '--viscous-friction', '1', '2', '3', '4', '5', '6', '--servo-delay', '3',
        '--servo-lookahead-scale', '1.2', '--powered-off', '--version', '5.9.1']))
    assert config.arm.payload_kg == 1.5
    assert config.arm.payload_centre_m == (0.0, 0.0, 0.1)
    assert config.arm.base_tilt_rad == (0.1, 0.0)
    assert config.arm.viscous_friction_n_m_s_rad == (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
    assert (config.arm.servo.delay_ticks, config.arm.servo.lookahead_scale) == (3, 1.2)
    assert config.powered_off
    assert config.version[:3] == (5, 9, 1)


def test_the_defaults_of_the_options_are_those_of_the_robot():
    assert config_from(parser().parse_args([])).address == '127.0.0.2'
    text = parser().format_help()
    assert 'fault --help' in text
    assert '--allow-non-loopback' in text


def test_time_passes_only_when_a_client_asks(robot):
    before = ask(ADDRESS, {'do': 'status'})['time_s']
    time.sleep(0.1)
    assert ask(ADDRESS, {'do': 'status'})['time_s'] == before
    assert ask(ADDRESS, {'do': 'step', 'ticks': 250})['ticks'] >= 250
    assert ask(ADDRESS, {'do': 'status'})['time_s'] == pytest.approx(before + 0.5)


def test_packages_come_with_the_ticks_that_were_asked_for(robot):
    client = RtdeClient(ADDRESS)
    client.stream(['timestamp'])
    ask(ADDRESS, {'do': 'step', 'ticks': 20})
    packages = client.packages()
    times_s = [next(packages)[0] for _ in range(20)]
    assert times_s == pytest.approx([times_s[0] + 0.002 * i for i in range(20)])
    client.socket.settimeout(0.1)
    with pytest.raises(Exception, match='timed out'):
        next(packages)
    client.close()


def test_a_client_clock_pays_in_order_what_it_owes():
    clock, done = ClientClock(), []
    assert not clock.wait()
    clock.ask(2, lambda: done.append('first'))
    clock.ask(1, lambda: done.append('second'))
    assert [clock.wait() for _ in range(3)] == [True] * 3
    assert done == ['first']
    assert not clock.wait()
    assert done == ['first', 'second']


def test_a_fast_clock_runs_ahead_of_real_time():
    address = '127.0.1.96'
    with emulator(address, '--clock', 'fast', '--log-level', 'ERROR'):
        begin_s, before_s = time.monotonic(), ask(address, {'do': 'status'})['time_s']
        while (passed_s := ask(address, {'do': 'status'})['time_s'] - before_s) < 3.0:
            assert time.monotonic() < begin_s + 10.0
        assert passed_s > 1.5 * (time.monotonic() - begin_s)


def test_the_status_of_a_robot(robot, capsys):
    assert status.main(['--address', ADDRESS, '--json']) == 0
    assert json.loads(capsys.readouterr().out)['robot_mode'] == 'RUNNING'
    assert status.main(['--address', ADDRESS]) == 0
    assert f'{ADDRESS} RUNNING NORMAL STOPPED' in capsys.readouterr().out
    assert status.main(['--address', '127.0.1.249']) == 1
    assert 'no emulated controller answers at 127.0.1.249' in capsys.readouterr().err


def test_faults_from_the_command_line(robot, capsys):
    def say(*words):
        code = fault.main(['--address', ADDRESS, *words])
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    assert say('list') == (0, 'no fault is on\n')
    assert say('delay_packages', '--delay', '0.1') == (
        0, 'began delay_packages delay_s=0.1 jitter_s=0.0\n')
    assert say('contact', '--force', '0', '0', '-20', '--for', '9')[0] == 0
    code, text = say('list')
    assert (code, text.count('\n')) == (0, 2)
    assert say('clear', 'contact')[1].startswith('ended contact for_s=9.0 force_n=(0.0,')
    assert say('clear') == (0, 'ended delay_packages delay_s=0.1 jitter_s=0.0\n')
    assert say('clear') == (0, 'nothing to end\n')
    code, text = say('drop_packages', '--share', '3')
    assert (code, text) == (1, 'fault: control socket: drop_packages: share must be a finite '
                               'number within [0, 1]; it is 3.0.\n')


@pytest.mark.parametrize('kind', sorted(KINDS))
def test_every_fault_explains_itself(kind, capsys):
    with pytest.raises(SystemExit) as ended:
        fault.main([kind, '--help'])
    assert ended.value.code == 0
    assert 'usage: fault' in capsys.readouterr().out


def test_a_status_line_only_on_a_terminal_and_a_quick_end():
    address = '127.0.1.97'
    terminal, inside = pty.openpty()
    process = subprocess.Popen(
        [*MODULE, '--address', address], stdout=subprocess.PIPE, stderr=inside)
    os.close(inside)
    try:
        assert process.stdout.readline().decode() == f'ready {address}\n'
        shown, end_s = b'', time.monotonic() + 15.0
        while b'RUNNING' not in shown:
            assert time.monotonic() < end_s
            shown += os.read(terminal, 4096)
        process.send_signal(signal.SIGTERM)
        begin_s = time.monotonic()
        assert process.wait(5.0) == 0
        assert time.monotonic() - begin_s < 2.0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        os.close(terminal)


def test_a_picture_of_the_arm(tmp_path):
    address, picture = '127.0.1.98', tmp_path / 'arm.png'
    with emulator(address, '--log-level', 'ERROR'):
        made = subprocess.run(
            [sys.executable, '-m', 'perl_sim.ur_controller.view', str(picture), '--address',
             address], capture_output=True, text=True, timeout=60)
    if made.returncode and 'GL' in made.stderr:
        pytest.skip(f'no way to render here: {made.stderr.strip().splitlines()[-1]}')
    assert (made.returncode, made.stdout) == (0, f'{picture}: 1 pictures\n')
    image = Image.open(picture)
    assert image.size == (480, 360)
    # An arm, a table and a dark background: not one colour.
    assert len(image.getcolors(1 << 20)) > 100


def test_a_film_is_an_animation(tmp_path):
    frames = [Image.new('RGB', (8, 8), colour) for colour in ('red', 'green', 'blue')]
    for name in ('arm.webp', 'arm.gif'):
        write_film(tmp_path / name, frames, np.array((0.1, 0.2, 0.1)))
        assert Image.open(tmp_path / name).n_frames == 3


def test_other_kinds_of_files_are_refused():
    with pytest.raises(ConfigError, match=r"a picture ends in .png or .jpg, .*; got 'a.txt'"):
        require_file_type(Path('a.txt'))
