"""Every command and program on the page about the emulator runs as it is written."""

import importlib
from pathlib import Path
import re
import shlex
import subprocess
import sys

from emulator import emulator
from perl_sim.ur_controller.command_line import parser
from perl_sim.ur_controller.fault_file import scenario_from_data
from perl_sim.ur_controller.fault_table import KINDS
import pytest
import yaml

PAGE = (Path(__file__).parents[2] / 'docs' / 'ursim_without_docker.md').read_text()
MAKEFILE = (Path(__file__).parents[2] / 'Makefile').read_text()
ADDRESS, OTHER_ADDRESS = '127.0.1.110', '127.0.1.111'


def here(text):
    """Return a text of the page with addresses that no other test uses."""
    return text.replace('127.0.0.2', ADDRESS).replace('127.0.0.3', OTHER_ADDRESS)


def blocks(language):
    return [here(text) for text in re.findall(rf'```{language}\n(.*?)```', PAGE, re.DOTALL)]


COMMANDS = [line for text in blocks('bash') for line in text.splitlines()]
BESIDE = [line for line in COMMANDS if 'ur_controller.' in line]


@pytest.fixture(scope='module')
def robot():
    with emulator(ADDRESS, '--log-level', 'ERROR') as process:
        yield process


@pytest.mark.parametrize('program', [text for text in blocks('python') if 'wait' in text])
def test_programs_run(robot, program):
    done = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(('joint 6 moved by 0.', "{'ticks': 250}"))


def test_the_lines_for_faults_run(robot):
    (program,) = [text for text in blocks('python') if 'drop_packages' in text]
    done = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True,
                          timeout=60)
    assert (done.returncode, done.stdout) == (0, 'NORMAL\n')


@pytest.mark.parametrize('line', [line for line in BESIDE if '.view' not in line])
def test_commands_beside_the_robot_run(robot, line):
    python, m, module, *arguments = shlex.split(line)
    assert (python, m) == ('python', '-m')
    assert importlib.import_module(module).main(arguments) == 0


@pytest.mark.parametrize('line', [line for line in BESIDE if '.view' in line][:1])
def test_pictures_are_made(robot, line, tmp_path):
    done = subprocess.run([sys.executable, *shlex.split(line)[1:]], capture_output=True,
                          text=True, timeout=60, cwd=tmp_path)
    if done.returncode and 'GL' in done.stderr:
        pytest.skip(f'no way to render here: {done.stderr.strip().splitlines()[-1]}')
    assert (done.returncode, done.stdout) == (0, 'arm.png: 1 pictures\n')


def test_the_robot_starts_as_written():
    (line,) = [line for line in COMMANDS if 'ur_controller ' in line]
    options = parser().parse_args(shlex.split(line)[3:])
    assert (options.address, options.model) == (ADDRESS, 'ur5e')


def test_the_targets_of_make_exist():
    targets = [line.split()[1] for line in COMMANDS if line.startswith('make ')]
    assert targets == ['bench-emulator', 'fuzz-emulator']
    assert all(f'\n{target}:' in MAKEFILE for target in targets)


def test_the_scenario_is_one():
    (text,) = blocks('yaml')
    assert [fault.name for fault in scenario_from_data(yaml.safe_load(text), 'page')] == [
        'freeze_stream', 'slow_replies', 'protective_stop']


def test_options_and_faults_that_are_named_exist():
    known = parser().format_help() + '--watch --json --window --for --force --seconds --seed'
    assert {option for option in re.findall(r'--[a-z][a-z-]+', PAGE) if option not in known} <= {
        '--delay', '--jitter', '--help'}
    table = PAGE[PAGE.index('| to see whether'):PAGE.index('The same as a scenario')]
    named = {name for row in table.strip().splitlines()[2:]
             for name in re.findall(r'`(\w+)`', row.split('|')[2])}
    assert named == set(KINDS) - {'reduced_mode'}
