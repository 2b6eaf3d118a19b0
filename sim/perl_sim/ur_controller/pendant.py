"""What the teach pendant holds and shows beside the controller's state, as plain data."""

from collections import deque
import dataclasses
import pathlib
from typing import NamedTuple

SERIAL_NUMBER = '20195500001'
"""Digits only, as ur_rtde wants; no robot has this number."""
PROGRAMS = pathlib.PurePosixPath('/programs')
"""Where a robot keeps its programs."""
UNNAMED = '<unnamed>'
"""What PolyScope calls a program that was never saved."""
LOG_LINES = 1000
"""Kept of the log. Own choice."""


class ProgramFile(NamedTuple):
    """A program that is loaded."""

    path: pathlib.PurePosixPath
    """On the robot, below /programs."""
    script: str
    """URScript that it stands for."""

    @property
    def name(self) -> str:
        """Without its folder."""
        return self.path.name


@dataclasses.dataclass
class Pendant:
    """The state of PolyScope, as far as it can be seen from outside."""

    serial_number: str = SERIAL_NUMBER
    """Of the robot."""
    programs_folder: pathlib.Path | None = None
    """Where ``load`` looks for programs; None: there are none."""
    program: ProgramFile | None = None
    """The program that is loaded."""
    installation: str = 'default.installation'
    """The installation that is loaded."""
    operational_mode: str = 'NONE'
    """NONE, MANUAL or AUTOMATIC."""
    popup: str = ''
    """Text of the popup that is open, or ''."""
    shut_down: bool = False
    """Whether the controller was told to switch itself off."""
    reports: int = 0
    """Flight reports made."""
    log: deque[str] = dataclasses.field(default_factory=lambda: deque(maxlen=LOG_LINES))
    """What clients wrote to it."""

    def find(self, name: str) -> pathlib.Path | None:
        """Return the file of this name in the programs' folder, or None.

        Args:
            name: like ``x.urp``, ``folder/x.urp`` or ``/programs/x.urp``.
        """
        if self.programs_folder is None or '\0' in name:
            return None
        try:
            folder = self.programs_folder.resolve()
            path = (folder / robot_path(name).relative_to(PROGRAMS)).resolve()
            # A name with .. leads out of the folder: no robot's business.
            return path if path.is_relative_to(folder) and path.is_file() else None
        except OSError:  # The name is too long for a file.
            return None


def robot_path(name: str) -> pathlib.PurePosixPath:
    """Return the path on the robot that a name given to ``load`` means."""
    path = pathlib.PurePosixPath('/', name.lstrip('/'))
    return path if path.is_relative_to(PROGRAMS) else PROGRAMS / path.relative_to('/')
