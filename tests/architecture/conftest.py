"""Reading imports from syntax trees, for the tests of the arrows and of the packages."""

import ast
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]


class Imported(NamedTuple):
    name: str
    line: int


def imports_in(source, package=''):
    """Return every import as a dotted name, wherever in the file it stands.

    ``from a import b`` is ``a.b``: b may be a module. ``package`` resolves relative imports.
    """
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [Imported(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ''
            if node.level:
                parents = package.split('.')[: len(package.split('.')) - node.level + 1]
                base = '.'.join([*parents, *([base] if base else [])])
            found += [Imported(f'{base}.{alias.name}', node.lineno) for alias in node.names]
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in ('importlib.import_module', 'import_module', '__import__'):
                argument = node.args[0]
                name = argument.value if isinstance(argument, ast.Constant) else '<computed>'
                found.append(Imported(str(name), node.lineno))
    return found


def python_files():
    """Return our own Python files, relative to the root; tests apart."""
    folders = ('perl_core', 'sim', 'calibration', 'ros2_ws/src', 'launch', 'tools')
    files = [file for folder in folders for file in (ROOT / folder).rglob('*.py')]
    built = {'build', 'install', '__pycache__'}
    return sorted(
        file.relative_to(ROOT) for file in files
        if not built & set(file.relative_to(ROOT).parts)
    )  # fmt: skip


@pytest.fixture(scope='session')
def read_imports():
    return imports_in


@pytest.fixture(scope='session')
def root():
    return ROOT


@pytest.fixture(scope='session')
def our_files():
    files = python_files()
    assert len(files) > 50
    return files
