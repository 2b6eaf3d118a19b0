"""What all tests share."""

import contextlib
from pathlib import Path
import sys

from hypothesis import settings
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from emulator import emulator

# Wall-clock time says nothing about our code on a machine that others share.
settings.register_profile('perl', deadline=None)
settings.load_profile('perl')


@pytest.fixture
def start_emulator():
    """Return a function that starts an emulator and returns its process.

    ``start_emulator(address, *options)``; all that were started end with the test.
    """
    with contextlib.ExitStack() as running:
        yield lambda address, *options: running.enter_context(emulator(address, *options))
