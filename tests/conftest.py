"""What all tests share."""

import contextlib
import importlib.util
from pathlib import Path
import sys
from types import ModuleType

from hypothesis import settings
import pytest


def load(name: str) -> ModuleType:
    """Import a module beside this file.

    With this folder on sys.path, its folder perl_sim would hide the package perl_sim.
    """
    specification = importlib.util.spec_from_file_location(
        name, Path(__file__).with_name(f'{name}.py')
    )
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    specification.loader.exec_module(module)
    return module


emulator = load('emulator').emulator

# Wall-clock time says nothing about our code on a machine that others share, and a test of a
# commit should say the same twice. `make test-search` draws new examples, and many of them.
settings.register_profile('perl', deadline=None, derandomize=True)
settings.register_profile('search', deadline=None, max_examples=1000)
settings.load_profile('perl')


@pytest.fixture
def start_emulator():
    """Return a function that starts an emulator and returns its process.

    ``start_emulator(address, *options)``; all that were started end with the test.
    """
    with contextlib.ExitStack() as running:
        yield lambda address, *options: running.enter_context(emulator(address, *options))
