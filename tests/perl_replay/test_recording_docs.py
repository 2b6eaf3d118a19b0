"""The commands of docs/recording.md: modules, options, arguments, services and files exist."""

from pathlib import Path
import re
import subprocess
import sys

from perl_bringup.arguments import ARGUMENTS
from perl_replay import recorder_node
import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / 'docs' / 'recording.md').read_text()
COMMANDS = [
    line.split('#')[0].strip()
    for block in re.findall(r'```\n(.*?)```', TEXT, re.DOTALL)
    for line in block.splitlines()
]
PYTHON = [command for command in COMMANDS if command.startswith('python -m ')]


@pytest.mark.parametrize(
    'command', [c for c in PYTHON if 'perl_replay repair' in c or 'perl_bringup.play' in c]
)
def test_options_are_known(command):
    words = command.split()
    verb = [words[3]] if words[2] == 'perl_replay' else []
    shown = subprocess.run(
        [sys.executable, '-m', words[2], *verb, '--help'],
        capture_output=True, text=True, timeout=60, check=True,
    )
    assert set(re.findall(r'--\w+', command)) <= set(re.findall(r'--\w+', shown.stdout))


def test_arguments_and_parameters_are_known():
    known = {spec.name for spec in ARGUMENTS}
    for command in COMMANDS:
        names = set(re.findall(r'(\w+):=', command))
        own = 'recorder_node' in command
        assert names <= (set(recorder_node._PARAMETERS) if own else known), command
    assert len(PYTHON) >= 6


def test_services_and_files_are_there():
    source = Path(recorder_node.__file__).read_text()
    for name in re.findall(r'/perl_recorder/(\w+) ', TEXT):
        assert f"'~/{name}'" in source
    for file in re.findall(r'ros2_ws/[\w./]+\w|tests/[\w./]+\w', TEXT):
        assert (ROOT / file).exists(), file
