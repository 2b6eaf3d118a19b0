"""A run of an experiment: what one process computes, and what made its figures."""

from abc import ABC, abstractmethod
import dataclasses
import hashlib
import json
from pathlib import Path
import shlex
import subprocess
import sys
from typing import Any, NamedTuple


class Run(ABC):
    """One piece of work; subclasses are frozen dataclasses whose fields define it."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Name of the run's files."""

    @property
    @abstractmethod
    def steps(self) -> int:
        """Environment steps until it is finished."""

    def described(self) -> dict[str, Any]:
        """Return everything that defines the run, as JSON types."""
        return json.loads(json.dumps(dataclasses.asdict(self)))  # type: ignore[call-overload]

    @property
    def digest(self) -> str:
        """Short hash of what defines the run."""
        text = json.dumps(self.described(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


class Origin(NamedTuple):
    """What made the figures."""

    git: str
    """Commit of the source, with '+changes' if files differ from it."""
    command: str
    """The command line."""


def present_origin() -> Origin:
    """Return the commit of this source and the command line of this process."""
    command = ['git', '-C', str(Path(__file__).parent), 'describe', '--always', '--abbrev=40']
    found = subprocess.run([*command, '--dirty=+changes'], capture_output=True, text=True)
    git = found.stdout.strip() if found.returncode == 0 else 'unknown'
    return Origin(git, shlex.join(['python', *sys.argv]))
