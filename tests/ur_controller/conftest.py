"""Makes program_bench.py importable by the tests beside it."""

import importlib.util
from pathlib import Path
import sys

_FILE = Path(__file__).with_name('program_bench.py')
_specification = importlib.util.spec_from_file_location(_FILE.stem, _FILE)
_module = importlib.util.module_from_spec(_specification)
sys.modules[_FILE.stem] = _module
_specification.loader.exec_module(_module)
