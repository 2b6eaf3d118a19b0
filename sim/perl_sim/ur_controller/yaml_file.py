"""Reading a YAML file that a user wrote, of whatever content."""

from pathlib import Path

from perl_core.errors import ConfigError
import yaml

MAX_FILE_BYTES = 1 << 20
"""Own choice: thousands of faults."""


def read_yaml(path: str | Path, what: str) -> object:
    """Return the plain data of a file.

    Args:
        path: of the file.
        what: what the file is, for the messages, such as 'the scenario'.

    Raises:
        ConfigError: it cannot be read, is larger than ``MAX_FILE_BYTES``, or is no YAML.
    """
    try:
        with Path(path).open('rb') as file:
            text = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigError(f'cannot read {what} {path}: {error.strerror}') from error
    if len(text) > MAX_FILE_BYTES:
        raise ConfigError(f'{what} {path} is larger than {MAX_FILE_BYTES} bytes')
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f'{what} {path} is no YAML: {error}') from error
