"""Checks a file of node parameters, because rclpy ignores a misspelt one without a word."""

from pathlib import Path
from typing import Any

from perl_core.errors import ConfigError
import yaml

from perl_bringup import paths

KEY = 'ros__parameters'


def read_file(path: Path) -> dict[str, dict[str, Any]]:
    """Return the parameters of each node in a YAML file.

    Raises:
        ConfigError: the file cannot be read, or has not the form node, ros__parameters, name.
    """
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f'cannot read parameters from {path}: {error}') from error
    if not isinstance(content, dict) or not all(_is_section(s) for s in content.values()):
        raise ConfigError(
            f'a file of parameters has the form <node>: {{{KEY}: {{<name>: <value>}}}}; '
            f'{path} has not'
        )
    return {node: section[KEY] for node, section in content.items()}


def require_valid_file(path: Path) -> None:
    """Raise ConfigError unless every node and parameter in the file is one of ours.

    Args:
        path: the user's file; the shipped one names everything that may be set.
    """
    known = read_file(paths.default_parameters())
    for node, parameters in read_file(path).items():
        _require(node, known, f'node {node!r} in {path}')
        for name in parameters:
            _require(name, known[node], f'parameter {name!r} of {node} in {path}')


def _require(name: str, known: dict[str, Any], what: str) -> None:
    if name not in known:
        raise ConfigError(f'unknown {what}. Known: {", ".join(map(str, known))}')


def _is_section(section: object) -> bool:
    return isinstance(section, dict) and isinstance(section.get(KEY), dict) and len(section) == 1
