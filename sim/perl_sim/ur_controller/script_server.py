"""Scripts that come in on the ports 30001, 30002 and 30003: programs cut out of the stream."""

import re
from typing import NamedTuple

from perl_sim.ur_controller.rtde_protocol import ProtocolError

CONTROL_SCRIPT_BEGIN = b'def rtde_control()'
CONTROL_SCRIPT_END = b'# NODE_CONTROL_LOOP_ENDS'
"""First line of the script that ur_rtde sends, and the line before its last ``end``; functions
inside it end with ``end`` too."""
MAX_SCRIPT_BYTES = 1 << 20
"""Own choice: twenty times ur_rtde's largest script."""
MAX_PROGRAMS_PER_READ = 64
"""More programs or single lines in one read are a flood. Own choice."""
_OFFSET = re.compile(rb'# int register offset\n(\d+)')
_NAME = re.compile(rb'\s*(?:def|sec)\s+(\w+)\s*\(')
_OPENING = re.compile(rb'\s*(?:def|sec|thread|if|while|for)\b')
_CLOSING = re.compile(rb'\s*end\b')


class Program(NamedTuple):
    """A program that arrived whole: one line, ``def ... end`` or ``sec ... end``."""

    name: str
    """Of its function, or its only line."""
    text: str
    """All of it."""
    is_control_script: bool
    """Whether it is the one of ur_rtde's control interface."""
    register_offset: int
    """First register that it uses, 0 or 24."""

    @property
    def is_secondary(self) -> bool:
        """Whether it runs beside the present program, without taking time (``sec``)."""
        return self.text.lstrip().startswith('sec ')


class ScriptReader:
    """Cuts a stream of bytes into programs; every line is looked at once."""

    def __init__(self) -> None:
        """Start with nothing received."""
        self._buffer = bytearray()
        self._seen = 0
        self._depth = 0
        self._is_control_script = False
        self._last_line = b''

    def feed(self, data: bytes) -> list[Program]:
        """Take what arrived, and return the programs that are now complete.

        Raises:
            ProtocolError: a program is longer than any real one, or there are too many.
        """
        self._buffer += data
        programs, start = [], 0
        while (newline := self._buffer.find(b'\n', self._seen)) >= 0:
            line = bytes(self._buffer[self._seen:newline])
            self._seen = newline + 1
            if self._ends_with(line):
                programs.append(whole_program(bytes(self._buffer[start:self._seen])))
                start = self._seen
                self._depth, self._is_control_script = 0, False
            if len(programs) > MAX_PROGRAMS_PER_READ:
                raise ProtocolError(f'more than {MAX_PROGRAMS_PER_READ} scripts at once')
        del self._buffer[:start]
        self._seen -= start
        if len(self._buffer) > MAX_SCRIPT_BYTES:
            raise ProtocolError(f'a script has at most {MAX_SCRIPT_BYTES} bytes and an end')
        return programs

    def _ends_with(self, line: bytes) -> bool:
        """Return whether a program ends with this line."""
        last_line, self._last_line = self._last_line, line.strip()
        if self._is_control_script:
            return last_line == CONTROL_SCRIPT_END and self._last_line == b'end'
        if self._depth == 0 and line.lstrip().startswith(CONTROL_SCRIPT_BEGIN):
            self._is_control_script = True
            return False
        self._depth += bool(_OPENING.match(line)) - bool(_CLOSING.match(line))
        return self._depth <= 0 and bool(self._last_line)


def whole_program(text: bytes) -> Program:
    """Return the program that this text is."""
    offset, name = _OFFSET.search(text), _NAME.match(text)
    return Program(
        name=(name.group(1) if name else text.strip().partition(b'\n')[0]).decode('latin-1')[:80],
        text=text.decode('latin-1'),
        is_control_script=text.lstrip().startswith(CONTROL_SCRIPT_BEGIN),
        register_offset=int(offset.group(1)) if offset else 0,
    )
