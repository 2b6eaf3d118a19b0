"""The folder of a run: what defines it is written first and compared when the run goes on."""

import dataclasses
import json
from pathlib import Path
import shlex
import subprocess
import sys
from typing import Any

from perl_core.checkpoint import read_config, require_same_config
from perl_core.durable import cannot_write
from perl_core.errors import CheckpointError, ConfigError


def plain(config: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration as JSON types; dataclasses become mappings."""
    return json.loads(json.dumps(config, default=dataclasses.asdict))


def open_run(folder: Path, config: dict[str, Any], source: Path, *, resume: bool) -> None:
    """Write ``config.json`` of a new run, or compare it with that of a resumed one.

    Args:
        folder: of the run.
        config: everything that defines it, as JSON types.
        source: a file of the code that is run, to tell its commit.
        resume: whether the run goes on.

    Raises:
        ConfigError: a new run's folder already holds one.
        CheckpointError: a resumed run was made with another configuration, or the folder cannot
            be written.
    """
    path = folder / 'config.json'
    if resume:
        saved = read_config(folder)
        require_same_config({key: saved.get(key, {}) for key in config}, config)
        return
    if path.exists():
        raise ConfigError(
            f'{folder} already holds a run; choose another folder, or go on with --resume'
        )
    origin = {'git': git_hash(source), 'command': shlex.join(['python', *sys.argv])}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(
            json.dumps(config | {'origin': origin}, indent=2) + '\n', encoding='utf-8'
        )
    except OSError as error:
        raise CheckpointError(cannot_write(path, error)) from error


def git_hash(source: Path) -> str:
    """Return the commit of a source file's repository, '+changes' behind it if files differ."""
    command = ['git', '-C', str(source.parent), 'describe', '--always', '--abbrev=40']
    try:
        found = subprocess.run([*command, '--dirty=+changes'], capture_output=True, text=True)
    except OSError:
        return 'unknown'
    return found.stdout.strip() if found.returncode == 0 else 'unknown'
