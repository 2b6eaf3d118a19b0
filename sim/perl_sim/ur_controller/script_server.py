"""The script port, 30003: programs come in, in pieces; nothing goes out."""

from collections.abc import Callable
import logging
import re
from typing import NamedTuple

from perl_sim.ur_controller.network import Connection
from perl_sim.ur_controller.rtde_protocol import ProtocolError

PORT = 30003
"""Source: UR client interfaces; the port is fixed in ur_rtde."""
CONTROL_SCRIPT_BEGIN = b'def rtde_control()'
CONTROL_SCRIPT_END = b'# NODE_CONTROL_LOOP_ENDS\nend\n'
"""First and last words of the script that ur_rtde sends; functions inside it end with ``end``
too."""
MAX_SCRIPT_BYTES = 1 << 20
"""Own choice: twenty times ur_rtde's largest script."""
_OFFSET = re.compile(rb'# int register offset\n(\d+)')
_OPENING = re.compile(rb'\s*(?:def|sec|thread|if|while|for)\b')
_CLOSING = re.compile(rb'\s*end\b')

_LOG = logging.getLogger(__name__)


class Program(NamedTuple):
    """A program that arrived whole."""

    name: str
    """Its first line."""
    is_control_script: bool
    """Whether it is the one of ur_rtde's control interface."""
    register_offset: int
    """First register that it uses, 0 or 24."""


class ScriptReader:
    """Cuts a stream of bytes into programs."""

    def __init__(self) -> None:
        """Start with nothing received."""
        self._buffer = b''

    def feed(self, data: bytes) -> list[Program]:
        """Take what arrived, and return the programs that are now complete.

        Raises:
            ProtocolError: a program is longer than any real one.
        """
        self._buffer += data
        programs = []
        while (end := self._end()) is not None:
            text, self._buffer = self._buffer[:end], self._buffer[end:]
            if text.strip():
                programs.append(_program(text))
        if len(self._buffer) > MAX_SCRIPT_BYTES:
            raise ProtocolError(f'a script has at most {MAX_SCRIPT_BYTES} bytes and an end')
        return programs

    def _end(self) -> int | None:
        if self._buffer.lstrip().startswith(CONTROL_SCRIPT_BEGIN):
            found = self._buffer.find(CONTROL_SCRIPT_END)
            return None if found < 0 else found + len(CONTROL_SCRIPT_END)
        return _end_of_block(self._buffer)


def _end_of_block(text: bytes) -> int | None:
    """Return where the first line or block of URScript ends, or None if it goes on."""
    depth, position = 0, 0
    for line in text.splitlines(keepends=True):
        position += len(line)
        if not line.endswith(b'\n'):
            return None
        depth += bool(_OPENING.match(line)) - bool(_CLOSING.match(line))
        if depth <= 0 and line.strip():
            return position
    return None


def _program(text: bytes) -> Program:
    offset = _OFFSET.search(text)
    return Program(
        name=text.strip().splitlines()[0].decode('latin-1')[:80],
        is_control_script=text.lstrip().startswith(CONTROL_SCRIPT_BEGIN),
        register_offset=int(offset.group(1)) if offset else 0,
    )


class ScriptSession:
    """One client of the script port."""

    def __init__(self, connection: Connection, run: Callable[[Program], None]) -> None:
        """Hand every program that arrives to ``run``."""
        self._connection = connection
        self._run = run
        self._reader = ScriptReader()

    def receive(self, data: bytes) -> None:
        """Run each program that is complete."""
        for program in self._reader.feed(data):
            _LOG.info('%s sent the program %s', self._connection.name, program.name)
            self._run(program)

    def closed(self) -> None:
        """Let the program go on: on the robot, too, it does not need its sender."""
