"""The process: one ready line, clear refusals, a quick end."""

import re
import signal
import subprocess
import sys
import time

from emulator import emulator
import pytest

COMMAND = [sys.executable, '-m', 'perl_sim.ur_controller']


def run(*options):
    return subprocess.run([*COMMAND, *options], capture_output=True, text=True, timeout=30)


def test_it_ends_on_sigterm_and_says_how_it_went():
    process = subprocess.Popen(
        [*COMMAND, '--address', '127.0.1.50'], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True)
    try:
        assert process.stdout.readline() == 'ready 127.0.1.50\n'
        time.sleep(0.2)
        begin_s = time.monotonic()
        process.send_signal(signal.SIGTERM)
        out, error = process.communicate(timeout=5.0)
        assert time.monotonic() - begin_s < 2.0
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert out == ''
    assert re.fullmatch(r'ur_controller: 127\.0\.1\.50: \d+ ticks of 2 ms; lateness .*\n', error)


def test_a_second_start_on_an_address_is_refused_in_one_sentence():
    with emulator('127.0.1.51'):
        second = run('--address', '127.0.1.51')
    assert second.returncode == 1
    assert second.stdout == ''
    assert second.stderr.count('\n') == 1
    assert 'cannot listen on 127.0.1.51 port 30004' in second.stderr


def test_an_address_can_be_used_again_at_once():
    for _ in range(2):
        with emulator('127.0.1.52'):
            pass


@pytest.mark.parametrize(('options', 'message'), [
    (['--address', '192.0.2.1'], '--allow-non-loopback'),
    (['--address', 'robot'], 'is an IP address like 127.0.0.2'),
    (['--address', '127.0.1.53', '--version', '5.11'], 'a PolyScope version is like 5.11.5'),
    (['--address', '127.0.1.53', '--initial-joints', '9', '0', '0', '0', '0', '0'],
     'beyond the joint limit: shoulder_pan_joint'),
    (['--address', '127.0.1.53', '--payload', '50'], 'carries 0 to 5.0 kg; got 50.0'),
])
def test_bad_options_are_refused_in_one_sentence(options, message):
    result = run(*options)
    assert result.returncode == 1
    assert message in result.stderr
    assert result.stderr.count('\n') == 1


def test_an_unknown_option_and_help():
    assert run('--fly').returncode == 2
    text = run('--help').stdout
    for option in ('--address', '--version', '--initial-joints', '--payload', '--local-mode',
                   '--protective-stop', '--allow-non-loopback'):
        assert option in text
